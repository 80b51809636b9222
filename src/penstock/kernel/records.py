"""What a metadata store holds, and the writes that change it.

A `Record` is the stored form of a document: opaque bytes, plus the columns by which it can be found. A `Fact` is one
entry of an append-only stream. Writes are values, so that a service can build several and commit them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from penstock.kernel.instants import unix_us
from penstock.kernel.query import Cursor, IndexValue
from penstock.kernel.scope import Scope

__all__ = [
    "BUILT_IN_FIELDS",
    "Append",
    "Delete",
    "DropStream",
    "Fact",
    "Insert",
    "Page",
    "Record",
    "Replace",
    "Write",
    "fields_of",
]

BUILT_IN_FIELDS = frozenset({"id", "name", "revision", "created_at", "updated_at"})
"""Fields every record can be filtered and ordered by; index columns must be named otherwise."""


@dataclass(frozen=True, slots=True)
class Record:
    """One stored document. `revision` starts at 1 and grows by 1 with every replacement."""

    kind: str
    id: str
    scope: Scope
    name: str | None
    revision: int
    created_at: datetime
    updated_at: datetime
    index: Mapping[str, IndexValue]
    body: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of a stream; `position` starts at 1 and has no gaps."""

    stream: str
    position: int
    at: datetime
    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Records in order, and where the next page starts; `next` is None on the last page."""

    records: tuple[Record, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Insert:
    """Add a record. AlreadyExists if the id is taken, or the name is, in this scope and kind."""

    kind: str
    id: str
    scope: Scope
    name: str | None
    at: datetime
    body: bytes
    index: Mapping[str, IndexValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replace:
    """Give a record a new name, index and body.

    NotFound if it is not there, Conflict if `expected_revision` is given and not the present one, AlreadyExists if the
    new name is taken.
    """

    kind: str
    id: str
    name: str | None
    at: datetime
    body: bytes
    index: Mapping[str, IndexValue] = field(default_factory=dict)
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a record. NotFound and Conflict as for `Replace`."""

    kind: str
    id: str
    expected_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """Add a fact to the end of a stream.

    Conflict if `expected_position` is given and is not the number of facts already there.
    """

    stream: str
    at: datetime
    name: str
    body: bytes
    expected_position: int | None = None


@dataclass(frozen=True, slots=True)
class DropStream:
    """Remove a whole stream; nothing happens if there is none."""

    stream: str


Write = Insert | Replace | Delete | Append | DropStream
"""One change; several are committed together or not at all."""


def fields_of(record: Record) -> dict[str, IndexValue]:
    """Return all fields a query may name: index columns and built-in fields."""
    return {
        **record.index,
        "id": record.id,
        "name": record.name,
        "revision": record.revision,
        "created_at": unix_us(record.created_at),
        "updated_at": unix_us(record.updated_at),
    }
