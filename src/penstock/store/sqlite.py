"""The metadata store on disk: one SQLite file in WAL mode, one writing thread, a few reading ones.

Through apsw, because it brings its own SQLite: Python's bundled one may predate 3.51.3, which mended a corruption of
the write-ahead log (ADR 0002).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec
import structlog

from penstock.kernel.errors import PenstockError, Unavailable
from penstock.kernel.events import LogEvent
from penstock.kernel.instants import from_unix_us, unix_us
from penstock.kernel.query import Cursor, Query
from penstock.kernel.records import Fact, Page, Record, Write
from penstock.kernel.scope import Scope
from penstock.store.counts import Counts
from penstock.store.digest import digests_in
from penstock.store.lists import Lists, place_of
from penstock.store.migrations import migrate, read_migrations
from penstock.store.queries import query as named
from penstock.store.reader import Readers, Row
from penstock.store.texts import CHUNK, IndexTexts
from penstock.store.writer import Writer

__all__ = ["SqliteStore"]

WAITING_LIMIT = 4096
"""Most transactions waiting for the writer; the next caller waits until there is room."""

Answer = TypeVar("Answer")

_log = structlog.get_logger("penstock.store")
_columns = msgspec.json.Decoder(dict[str, int | str | None])


class SqliteStore:
    """The metadata store over one file. Open it with `open`; one process at a time (see `lock`)."""

    def __init__(self, file: Path, writer: Writer, counts: Counts) -> None:
        self._writer = writer
        self._readers = Readers(file)
        self._lists = Lists(self._readers, counts)
        self._indexing: asyncio.Task[None] | None = None
        self._room = asyncio.Semaphore(WAITING_LIMIT)
        self._is_closed = False

    @classmethod
    async def open(cls, file: Path) -> "SqliteStore":
        """Open or create the database, and bring its tables up to date.

        Raises: Unsupported if it was written by a newer release; Unavailable if it cannot be opened.
        """
        counts = Counts()
        writer = Writer(lambda: _connect(file), counts)
        try:
            await asyncio.to_thread(writer.start)
        except apsw.Error as error:
            raise Unavailable(f"the database {str(file)!r} cannot be opened: {error}", retryable=False) from error
        return cls(file, writer, counts)

    async def commit(self, *writes: Write) -> tuple[int, ...]:
        """Apply all writes or none; return when they are on disk."""
        self._check_open()
        async with self._room:
            self._check_open()
            return await self._writer.submit(writes)

    async def get(self, kind: str, id: str) -> Record | None:
        """Return the record with that id, or None."""
        rows = await self._fetch(named("record_by_id"), {"kind": kind, "id": id})
        return _record(rows[0]) if rows else None

    async def find(self, kind: str, scope: Scope, name: str) -> Record | None:
        """Return the record with that name in exactly that scope, or None."""
        rows = await self._fetch(named("record_by_name"), {"kind": kind, "scope": str(scope), "name": name})
        return _record(rows[0]) if rows else None

    async def select(self, query: Query) -> Page:
        """Return one page of records."""
        rows = await self._read(self._lists.select, query)
        if self._lists.wanted_texts and self._indexing is None:
            self._indexing = asyncio.create_task(self._index_texts())
        records = tuple(_record(row) for row in rows[: query.limit])
        if len(rows) <= query.limit:
            return Page(records, None)
        place = place_of(rows[query.limit - 1][-1])
        return Page(records, Cursor(place, unix_us(records[-1].created_at), records[-1].id))

    async def count(self, query: Query) -> int:
        """Return how many records satisfy the predicate."""
        return await self._read(self._lists.count, query)

    async def facts(
        self, stream: str, *, after: int = 0, limit: int = 1000, newest_first: bool = False
    ) -> tuple[Fact, ...]:
        """Return facts of a stream after a position."""
        sql = named("facts_newest_first" if newest_first else "facts_oldest_first")
        rows = await self._fetch(sql, {"stream": stream, "after": after, "limit": limit})
        return tuple(_fact(row) for row in rows)

    async def digests(self) -> frozenset[str]:
        """Return every run of 64 hexadecimal digits in a record or a fact."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers.executor, self._digests)

    def _digests(self) -> frozenset[str]:
        texts: Any = (text for (text,) in self._readers.stream(named("texts")))
        return digests_in(text.encode() if isinstance(text, str) else text for text in texts)

    async def close(self) -> None:
        """Finish what was accepted, then close all connections."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._indexing is not None:
            self._indexing.cancel()
            await asyncio.gather(self._indexing, return_exceptions=True)
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.stop)
        _log.debug(LogEvent.STORE_CLOSED)

    async def _fetch(self, sql: str, values: dict[str, object]) -> list[Row]:
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers.executor, self._readers.fetch, sql, values)

    async def _read(self, answer: Callable[[Query], Answer], query: Query) -> Answer:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers.executor, answer, query)

    async def _index_texts(self) -> None:
        """Index the texts of columns in which parts were looked for, a few records at a time."""
        try:
            while wanted := self._lists.wanted_texts:
                place = wanted.pop()
                await self._commit_own(IndexTexts(*place))  # from now on, writes are indexed as they come
                key: dict[str, object] = dict(zip(("kind", "scope", "name"), place, strict=True))
                number: Any = (await self._fetch(named("field"), key))[0][0]
                found: Any = await self._fetch(named("records_of_field"), {"field": number})
                records = [record for (record,) in found]
                for start in range(0, len(records), CHUNK):
                    await self._commit_own(IndexTexts(*place, tuple(records[start : start + CHUNK])))
                await self._commit_own(IndexTexts(*place, is_last=True))
                wanted.discard(place)
        except PenstockError as error:
            _log.warning(LogEvent.STORE_WRITE_FAILED, exc_info=error)
        finally:
            self._indexing = None

    async def _commit_own(self, write: IndexTexts) -> None:
        """Apply a write of the store's own, when it is its turn."""
        async with self._room:
            await self._writer.submit((write,))

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable("the metadata store is closed", retryable=False)


def _connect(file: Path) -> apsw.Connection:
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    applied = migrate(connection, read_migrations())
    if applied:
        _log.info(LogEvent.STORE_MIGRATED, file=str(file), migration=applied[-1].number)
    return connection


def _record(row: Any) -> Record:
    kind, id, scope, name, revision, created_at, updated_at, columns, body = row[:9]
    return Record(
        kind=kind,
        id=id,
        scope=Scope.parse(scope),
        name=name,
        revision=revision,
        created_at=from_unix_us(created_at),
        updated_at=from_unix_us(updated_at),
        index=_columns.decode(columns),
        body=body,
    )


def _fact(row: Any) -> Fact:
    stream, position, at, name, body = row
    return Fact(stream, position, from_unix_us(at), name, body)
