"""Both stores in memory. The reference: what it answers is what the others must answer.

Everything is done between two awaits, so that a commit is atomic without a lock. Nothing survives the process.
"""

import hashlib
from collections.abc import AsyncIterator, Set
from datetime import UTC, datetime

import msgspec

from penstock.kernel.errors import AlreadyExists, Conflict, NotFound, Unavailable
from penstock.kernel.instants import unix_us
from penstock.kernel.query import Cursor, Query, matches, sort_key
from penstock.kernel.records import (
    Append,
    Delete,
    DropStream,
    Fact,
    Insert,
    Page,
    Record,
    Replace,
    Write,
    fields_of,
)
from penstock.kernel.scope import Scope
from penstock.ports.blobs import Blob
from penstock.store.digest import check_digest, digests_in

__all__ = ["MemoryBlobs", "MemoryStore"]

CHUNK_BYTES = 1 << 20

_Key = tuple[str, str]


class MemoryStore:
    """The metadata store as two dictionaries."""

    def __init__(self) -> None:
        self._records: dict[_Key, Record] = {}
        self._streams: dict[str, tuple[Fact, ...]] = {}
        self._is_closed = False

    async def commit(self, *writes: Write) -> tuple[int, ...]:
        """Apply all writes to copies, and keep the copies if none failed."""
        self._check_open()
        records, streams = self._records, self._streams
        self._records, self._streams = dict(records), dict(streams)
        try:
            return tuple(self._apply(write) for write in writes)
        except BaseException:
            self._records, self._streams = records, streams
            raise

    async def get(self, kind: str, id: str) -> Record | None:
        """Return the record with that id, or None."""
        self._check_open()
        return self._records.get((kind, id))

    async def find(self, kind: str, scope: Scope, name: str) -> Record | None:
        """Return the record with that name in exactly that scope, or None."""
        self._check_open()
        return next((record for record in self._of(kind, scope) if record.name == name), None)

    async def select(self, query: Query) -> Page:
        """Return one page of records."""
        self._check_open()
        order = query.order

        def place(record: Record) -> tuple[tuple[int, int | str], int, str]:
            return sort_key(fields_of(record).get(order.field)), unix_us(record.created_at), record.id

        found = sorted(self._matching(query), key=place, reverse=order.descending)
        if query.after:
            start = (sort_key(query.after.value), query.after.created_at_us, query.after.id)
            found = [
                record for record in found if (place(record) < start if order.descending else place(record) > start)
            ]
        found = found[query.offset :]
        page = tuple(found[: query.limit])
        if len(found) <= query.limit:
            return Page(page, None)
        last = page[-1]
        return Page(page, Cursor(fields_of(last).get(order.field), unix_us(last.created_at), last.id))

    async def count(self, query: Query) -> int:
        """Return how many records satisfy the predicate."""
        self._check_open()
        return len(self._matching(query))

    async def facts(
        self, stream: str, *, after: int = 0, limit: int = 1000, newest_first: bool = False
    ) -> tuple[Fact, ...]:
        """Return facts of a stream after a position."""
        self._check_open()
        found = self._streams.get(stream, ())[after:]
        return (found[::-1] if newest_first else found)[:limit]

    async def digests(self) -> frozenset[str]:
        """Return every run of 64 hexadecimal digits in a record or a fact."""
        self._check_open()
        records = digests_in(msgspec.json.encode(dict(each.index)) + each.body for each in self._records.values())
        return records | digests_in(fact.body for facts in self._streams.values() for fact in facts)

    async def close(self) -> None:
        """Refuse every later call."""
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable("the metadata store is closed", retryable=False)

    def _of(self, kind: str, scope: Scope) -> list[Record]:
        return [record for record in self._records.values() if record.kind == kind and record.scope == scope]

    def _matching(self, query: Query) -> list[Record]:
        return [record for record in self._of(query.kind, query.scope) if matches(query.where, fields_of(record))]

    def _apply(self, write: Write) -> int:
        match write:
            case Insert():
                return self._insert(write)
            case Replace():
                return self._replace(write)
            case Delete(kind, id, expected):
                self._present(kind, id, expected)
                del self._records[kind, id]
                return 0
            case Append():
                return self._append(write)
            case DropStream(stream):
                self._streams.pop(stream, None)
                return 0

    def _insert(self, write: Insert) -> int:
        if (write.kind, write.id) in self._records:
            raise AlreadyExists(f"there is a {write.kind} with id {write.id!r} already")
        self._check_name(write.kind, write.scope, write.name)
        self._records[write.kind, write.id] = Record(
            write.kind, write.id, write.scope, write.name, 1, write.at, write.at, dict(write.index), write.body
        )
        return 1

    def _replace(self, write: Replace) -> int:
        old = self._present(write.kind, write.id, write.expected_revision)
        if write.name != old.name:
            self._check_name(write.kind, old.scope, write.name)
        revision = old.revision + 1
        self._records[write.kind, write.id] = Record(
            old.kind, old.id, old.scope, write.name, revision, old.created_at, write.at, dict(write.index), write.body
        )
        return revision

    def _append(self, write: Append) -> int:
        facts = self._streams.get(write.stream, ())
        if write.expected_position is not None and write.expected_position != len(facts):
            raise Conflict(
                f"stream {write.stream!r} has {len(facts)} facts, not {write.expected_position}; read it again"
            )
        position = len(facts) + 1
        self._streams[write.stream] = (*facts, Fact(write.stream, position, write.at, write.name, write.body))
        return position

    def _present(self, kind: str, id: str, expected_revision: int | None) -> Record:
        record = self._records.get((kind, id))
        if record is None:
            raise NotFound(f"there is no {kind} with id {id!r}")
        if expected_revision is not None and expected_revision != record.revision:
            raise Conflict(f"{kind} {id!r} is at revision {record.revision}, not {expected_revision}; read it again")
        return record

    def _check_name(self, kind: str, scope: Scope, name: str | None) -> None:
        if name is not None and any(record.name == name for record in self._of(kind, scope)):
            raise AlreadyExists(f"there is a {kind} named {name!r} in {str(scope)!r} already; choose another name")


class MemoryBlobs:
    """The blob store as a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._stored_at: dict[str, datetime] = {}

    async def put(self, chunks: AsyncIterator[bytes]) -> Blob:
        """Store a stream."""
        content = b"".join([chunk async for chunk in chunks])
        sha256 = hashlib.sha256(content).hexdigest()
        self._blobs[sha256] = content
        self._stored_at[sha256] = datetime.now(UTC)
        return Blob(sha256, len(content))

    async def stat(self, sha256: str) -> Blob:
        """Return address and length."""
        return Blob(sha256, len(self._content(sha256)))

    async def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read bytes from `start` up to `end`."""
        content = self._content(sha256)[start:end]
        for offset in range(0, len(content), CHUNK_BYTES):
            yield content[offset : offset + CHUNK_BYTES]

    async def delete(self, sha256: str) -> None:
        """Remove a blob."""
        self._blobs.pop(check_digest(sha256), None)

    async def sweep(self, keep: Set[str], stored_before: datetime) -> int:
        """Remove all blobs but those of `keep` and those that were put since an instant."""
        gone = [each for each in self._blobs if each not in keep and self._stored_at[each] < stored_before]
        for sha256 in gone:
            del self._blobs[sha256]
        return len(gone)

    def _content(self, sha256: str) -> bytes:
        content = self._blobs.get(check_digest(sha256))
        if content is None:
            raise NotFound(f"there is no blob {sha256!r}")
        return content
