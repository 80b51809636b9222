"""Record-wise transforms: batches of records in, batches of records out of one or more ports, and records refused.

A transform is configured once, from text properties and the schema of its input, and then sees each batch once, in
order. It keeps no more than a bounded number of records. It is pure as far as the pipeline can see: it reads no source
and writes no sink, and the same batches in the same order give the same output.

Records are Arrow: a field is nullable or not, and values of a field that is not are never null. `data.record_schema`
reads and writes the JSON form of schemas and says which Arrow type stands for what.

Contract suite: `tests/contracts/transform.py`. Adapters: `transform`, by name in `boot/transforms.py`.
Runs in the engine's processes only, never in the server's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

__all__ = [
    "MAIN",
    "Described",
    "Emitted",
    "Finding",
    "Rejected",
    "Surroundings",
    "Transform",
    "TransformFailed",
    "TransformKind",
    "element_of",
]

MAIN = ""
"""The port of the normal output. Splitters name theirs and leave this one out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a configuration.

    Attributes:
        message: what is wrong. correction: what would be right; both are whole sentences that the user sees.
        property: the property at fault; None if it is none's, or `others` has more.
        element: the one member of a list property that is at fault (`fname:Max` of `filterOperation`).
        others: further (property, element) pairs at fault together with the first.
        input_field, output_field: a field of the input or output schema at fault.
        input_stage: whose schema it is, in what has several inputs.
    """

    message: str
    correction: str | None = None
    property: str | None = None
    element: str | None = None
    others: tuple[tuple[str, str | None], ...] = ()
    input_field: str | None = None
    output_field: str | None = None
    input_stage: str | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What a configuration means, as far as it can be known without data.

    Attributes:
        outputs: schema by port; None for a schema that cannot be known yet (a hidden property, an unknown input).
            Ports that exist only once the input is known are missing until then.
        findings: all that is wrong, not only the first. With any, `open` is not called.
        rejected: the schema of refused records when it is not the input's.
    """

    outputs: Mapping[str, pa.Schema | None]
    findings: tuple[Finding, ...] = ()
    rejected: pa.Schema | None = None


@dataclass(slots=True)
class Rejected:
    """Records that went out of the error port; each kept its place in `records`.

    records: the invalid records, of the schema in `Described.rejected` or else the input's.
    codes: int32, may hold nulls. messages: string, may hold nulls. All three have the same length.
    Which stage refused them is added by whoever runs the transform.
    """

    records: pa.RecordBatch
    codes: pa.Array
    messages: pa.Array

    @classmethod
    def of(cls, records: pa.RecordBatch, codes: Sequence[int | None], messages: Sequence[str | None]) -> Rejected:
        """Make one from Python values."""
        return cls(records, pa.array(codes, pa.int32()), pa.array(messages, pa.string()))


@dataclass(slots=True)
class Emitted:
    """What came of one call.

    Attributes:
        batches: (port, batch) in order, each batch of exactly the schema described for its port; empty ones left out.
            One call may give many: what explodes records gives them in batches of bounded size.
        rejected: what went out of the error port.
        alerts: messages for alert publishers.
    """

    batches: list[tuple[str, pa.RecordBatch]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    alerts: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def main(cls, batch: pa.RecordBatch) -> Emitted:
        """Return one batch from the main port."""
        return cls([(MAIN, batch)] if batch.num_rows else [])


class TransformFailed(Exception):
    """A record that fails the whole run. The message is shown as the run's; it says which record or field, and why."""


def _drop(*_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a transform may know of the run it is part of.

    Attributes:
        stage: what its step of the pipeline is called; some messages name it.
        arguments: the run's arguments, as text. logical_start_ms: the run's nominal time, in milliseconds since 1970.
        namespace, pipeline: where it runs.
        datasets: where named look-up tables lie, as a directory of `<name>.csv` or `<name>.json`; None if nowhere.
        log: (level, message), level one of DEBUG, INFO, WARN, ERROR. Lines appear in the run's log.
        count: (name, increment) adds to a metric of the stage.
        is_preview: nobody wants more than a few records.
        token: unlike that of any other attempt; goes into names of what is not whole yet.
        will_make: told of a path before it is made, so that it goes away if the process dies.
    """

    stage: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    logical_start_ms: int = 0
    namespace: str = "default"
    pipeline: str = ""
    datasets: str | None = None
    log: Callable[[str, str], None] = _drop
    count: Callable[[str, int], None] = _drop
    is_preview: bool = False
    token: str = "run"
    will_make: Callable[[str], None] = _drop


class Transform(Protocol):
    """One configured transform of one run. Used from one thread."""

    def apply(self, batch: pa.RecordBatch) -> Emitted:
        """Take the next batch: 1 to some ten thousands of records of the input's schema.

        Raises: TransformFailed.
        """
        ...

    def finish(self) -> Emitted:
        """Take the end of the input: give what was held back. Called once, after the last batch."""
        ...

    def close(self) -> None:
        """Let go of processes and files. Called once, whatever happened before."""
        ...


class TransformKind(Protocol):
    """A transform by name. Properties are text, their names this transform's own."""

    @property
    def name(self) -> str: ...

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check a configuration and tell its output schemas. Never raises for what it is given.

        schema: the input's; None if it is not known yet, then what depends on it is not checked.
        hidden: names of properties that have a value which is not known yet; they are missing in `properties`, must not
            be reported as missing, and make what depends on them unknown.
        """
        ...

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Transform:
        """Return the transform. Its configuration was described without findings, and hides nothing."""
        ...


def element_of(property: str, element: str, message: str, correction: str | None = None) -> Finding:
    """Return a finding about one member of a list property."""
    return Finding(message, correction, property, element)
