"""Sources and sinks of bounded data phases: where batches of records come from, and where they go to as a whole.

A sink makes nothing visible until it is committed. Both are described like transforms (`ports.transform`): all
findings at once, schema as far as it is known. They run in the engine's processes only.

Adapters: `connect/records`, by name in `boot/phases.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol, runtime_checkable

import pyarrow as pa

from penstock.ports.transform import Described, Finding, Surroundings

__all__ = ["ReadFailed", "RecordSink", "RecordSinkKind", "RecordSourceKind", "Sized", "WriteFailed"]


class ReadFailed(Exception):
    """An input that is not there, cannot be reached, or holds what does not fit its schema. The message says where."""


class WriteFailed(Exception):
    """An output that is there already, cannot be reached, or does not take a record."""


class RecordSourceKind(Protocol):
    """A source by name."""

    @property
    def name(self) -> str: ...

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Check a configuration; its schema is that of port MAIN, read from the data if it is not configured."""
        ...

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of the described schema, some ten thousands of records each; bounded memory.

        Closing the iterator lets go of files and connections. Raises: ReadFailed.
        """
        ...


@runtime_checkable
class Sized(Protocol):
    """A source that knows how much it would read. Small ones are read first: what comes after streams past them."""

    def size_bytes(self, properties: Mapping[str, str]) -> int:
        """Return about how many bytes there are; never raises."""
        ...


class RecordSink(Protocol):
    """One opened sink. Used from one thread at a time."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch. Raises: WriteFailed."""
        ...

    def commit(self) -> None:
        """Make everything visible, at once as far as the place allows, and let go. Raises: WriteFailed."""
        ...

    def abort(self) -> None:
        """Leave nothing behind, and let go. Never raises."""
        ...


class RecordSinkKind(Protocol):
    """A sink by name."""

    @property
    def name(self) -> str: ...

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> tuple[Finding, ...]:
        """Check a configuration against the schema of what comes in; None if it is not known."""
        ...

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Get ready; nothing is visible yet. Raises: WriteFailed, also if there is something in its way."""
        ...
