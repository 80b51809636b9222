"""What is stored of a run, and what is shown of it.

One record of kind `run` for each run, with columns by which it is listed. The graph is a record of its own by its
digest, shared by all runs of the same graph. Events are the stream `run/<id>`. When a run has ended the records of its
steps are written once, as one record; while it is open they are taken from its machine. A record of kind `run.open`
marks each run that has not ended, whatever its scope, so that a restart finds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from penstock.kernel.graph import Graph, encode_graph
from penstock.kernel.ids import RunId
from penstock.kernel.instants import unix_us
from penstock.kernel.policies import Durability, Keep
from penstock.kernel.query import Cursor, IndexValue
from penstock.kernel.records import Append, Delete, Insert, Record, Replace, Write
from penstock.kernel.runs import Event, RunState, StepRecord, encode_event
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.values import Value

__all__ = [
    "EXPIRY_KIND",
    "GRAPH_KIND",
    "OPEN_KIND",
    "RUN_KIND",
    "STEPS_KIND",
    "Run",
    "RunBody",
    "RunPage",
    "append_event",
    "check_columns",
    "close_run",
    "decode_steps",
    "graph_digest",
    "insert_run",
    "micros",
    "open_marker",
    "read_run",
    "reopen_run",
    "replace_run",
    "stream_of",
]

RUN_KIND = "run"
GRAPH_KIND = "run.graph"
OPEN_KIND = "run.open"
STEPS_KIND = "run.steps"
EXPIRY_KIND = "run.expiry"
OWN_COLUMNS = frozenset({"state", "title", "origin", "group", "started_at", "finished_at", "scheduled_at"})
"""Columns every run has; times in microseconds since 1970."""


class RunBody(msgspec.Struct, omit_defaults=True):
    """The stored form of a run, beside the columns it is found by.

    keep, steps: of runs that are written as a whole (`brief`), which have their steps with them.
    """

    title: str
    origin: str
    graph: str
    state: RunState = RunState.QUEUED
    message: str | None = None
    group: str | None = None
    inputs: dict[str, Value] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Value] = msgspec.field(default_factory=dict)
    facts: dict[str, Value] = msgspec.field(default_factory=dict)
    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    output_artifacts: dict[str, Value] = msgspec.field(default_factory=dict)
    scheduled_at_us: int | None = None
    started_at_us: int | None = None
    finished_at_us: int | None = None
    done_count: int = 0
    step_count: int = 0
    durability: Durability = Durability.EVENT
    retention_s: float | None = None
    labels: dict[str, Value] = msgspec.field(default_factory=dict)
    columns: dict[str, IndexValue] = msgspec.field(default_factory=dict)
    keep: Keep = Keep.ALL
    steps: msgspec.Raw = msgspec.Raw(b"")


@dataclass(slots=True)
class Run:
    """One run as read from the store.

    Attributes:
        key: what the submitter named it by, to submit it once only.
        body: everything else; body.columns are those the submitter lists runs by.
    """

    id: RunId
    scope: Scope
    key: str | None
    created_at: datetime
    updated_at: datetime
    body: RunBody

    @property
    def state(self) -> RunState:
        """Where it is."""
        return self.body.state

    def columns(self) -> dict[str, IndexValue]:
        """Return all that it can be listed by."""
        body = self.body
        return {
            **body.columns,
            "state": body.state.value,
            "title": body.title,
            "origin": body.origin,
            "group": body.group,
            "started_at": body.started_at_us,
            "finished_at": body.finished_at_us,
            "scheduled_at": body.scheduled_at_us,
        }


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs in order, and where the next page starts; None on the last page."""

    runs: tuple[Run, ...]
    next: Cursor | None


_body_decoder = msgspec.json.Decoder(RunBody)
_steps_decoder = msgspec.json.Decoder(tuple[StepRecord, ...])


def read_run(record: Record) -> Run:
    """Read a record of kind `run`."""
    body = _body_decoder.decode(record.body)
    return Run(RunId(record.id), record.scope, record.name, record.created_at, record.updated_at, body)


def insert_run(run: Run) -> list[Write]:
    """Return the writes that store a new run, open."""
    body = msgspec.json.encode(run.body)
    writes: list[Write] = [Insert(RUN_KIND, run.id, run.scope, run.key, run.created_at, body, run.columns())]
    if not run.state.is_final:
        writes.append(open_marker(run))
    return writes


def open_marker(run: Run) -> Insert:
    """Return the write that marks a run as open."""
    return Insert(OPEN_KIND, run.id, DEFAULT_SCOPE, None, run.updated_at, b"")


def replace_run(run: Run, at: datetime) -> Replace:
    """Return the write that stores a run's present body."""
    return Replace(RUN_KIND, run.id, run.key, at, msgspec.json.encode(run.body), run.columns())


def close_run(run: Run, steps: list[StepRecord], at: datetime) -> list[Write]:
    """Return the writes that store the steps of a run that has ended, and take its mark away."""
    encoded = msgspec.json.encode(steps)
    writes: list[Write] = [
        Insert(STEPS_KIND, run.id, run.scope, None, at, encoded),
        Delete(OPEN_KIND, run.id),
    ]
    if run.body.retention_s is not None:
        expires_us = unix_us(at) + round(run.body.retention_s * 1e6)
        writes.append(Insert(EXPIRY_KIND, run.id, DEFAULT_SCOPE, None, at, b"", {"expires_at": expires_us}))
    return writes


def reopen_run(run: Run) -> list[Write]:
    """Return the writes that undo `close_run`."""
    writes: list[Write] = [Delete(STEPS_KIND, run.id), open_marker(run)]
    if run.body.retention_s is not None:
        writes.append(Delete(EXPIRY_KIND, run.id))
    return writes


def append_event(run_id: str, event: Event, at: datetime) -> Append:
    """Return the write that adds an event to a run's stream."""
    return Append(stream_of(run_id), at, type(event).__name__, encode_event(event))


def stream_of(run_id: str) -> str:
    """Return the name of the stream of a run's events."""
    return f"run/{run_id}"


def decode_steps(encoded: bytes) -> tuple[StepRecord, ...]:
    """Read the records of steps back."""
    return _steps_decoder.decode(encoded)


def graph_digest(graph: Graph) -> tuple[str, bytes]:
    """Return a graph's digest and stored form."""
    encoded = encode_graph(graph)
    return hashlib.sha256(encoded).hexdigest(), encoded


def check_columns(columns: Mapping[str, IndexValue]) -> None:
    """Refuse names that every run has already. Raises: ValueError; a defect of the caller."""
    if clash := OWN_COLUMNS.intersection(columns):
        raise ValueError(f"every run has the columns {sorted(clash)!r} already; name yours otherwise")


def micros(at: datetime | None) -> int | None:
    """Return microseconds since 1970, or None."""
    return None if at is None else unix_us(at)
