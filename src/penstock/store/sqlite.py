"""The metadata store on disk: one SQLite file in WAL mode, one writing thread, a few reading ones.

Through apsw, because it brings its own SQLite: Python's bundled one may predate 3.51.3, which mended a corruption of
the write-ahead log (ADR 0002).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import msgspec
import structlog

from penstock.kernel.errors import Unavailable
from penstock.kernel.events import LogEvent
from penstock.kernel.instants import from_unix_us
from penstock.kernel.query import Cursor, IndexValue, Predicate, Query
from penstock.kernel.records import Fact, Page, Record, Write
from penstock.kernel.scope import Scope
from penstock.store.migrations import migrate, read_migrations
from penstock.store.predicates import Statement, choose_rare, count_statement, estimates, select_statement
from penstock.store.queries import query as named
from penstock.store.reader import Readers, Row
from penstock.store.writer import Writer

__all__ = ["SqliteStore"]

WAITING_LIMIT = 4096
"""Most transactions waiting for the writer; the next caller waits until there is room."""

_log = structlog.get_logger("penstock.store")
_columns = msgspec.json.Decoder(dict[str, int | str | None])


class SqliteStore:
    """The metadata store over one file. Open it with `open`; one process at a time (see `lock`)."""

    def __init__(self, file: Path, writer: Writer) -> None:
        self._writer = writer
        self._readers = Readers(file)
        self._room = asyncio.Semaphore(WAITING_LIMIT)
        self._is_closed = False

    @classmethod
    async def open(cls, file: Path) -> "SqliteStore":
        """Open or create the database, and bring its tables up to date.

        Raises: Unsupported if it was written by a newer release; Unavailable if it cannot be opened.
        """
        writer = Writer(lambda: _connect(file))
        try:
            await asyncio.to_thread(writer.start)
        except apsw.Error as error:
            raise Unavailable(f"the database {str(file)!r} cannot be opened: {error}", retryable=False) from error
        return cls(file, writer)

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
        rows = await self._fetch_by(query, select_statement)
        records = tuple(_record(row) for row in rows[: query.limit])
        if len(rows) <= query.limit:
            return Page(records, None)
        place: Any = rows[query.limit - 1][-1]
        return Page(records, Cursor(place, records[-1].id))

    async def count(self, query: Query) -> int:
        """Return how many records satisfy the predicate."""
        rows: list[Any] = await self._fetch_by(query, count_statement, is_count=True)
        return int(rows[0][0])

    async def facts(
        self, stream: str, *, after: int = 0, limit: int = 1000, newest_first: bool = False
    ) -> tuple[Fact, ...]:
        """Return facts of a stream after a position."""
        sql = named("facts_newest_first" if newest_first else "facts_oldest_first")
        rows = await self._fetch(sql, {"stream": stream, "after": after, "limit": limit})
        return tuple(_fact(row) for row in rows)

    async def close(self) -> None:
        """Finish what was accepted, then close all connections."""
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.stop)
        _log.debug(LogEvent.STORE_CLOSED)

    async def _fetch(self, sql: str, values: dict[str, object] | tuple[IndexValue, ...]) -> list[Row]:
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers.executor, self._readers.fetch, sql, values)

    async def _fetch_by(
        self, query: Query, build: Callable[[Query, Predicate | None], Statement], *, is_count: bool = False
    ) -> list[Row]:
        """Ask how rare the values are that a query asks for, then ask the query itself, in one go."""
        self._check_open()

        def fetch() -> list[Row]:
            counts: list[tuple[Predicate, int]] = []
            for predicate, statement in estimates(query):
                found: Any = self._readers.fetch(*statement)
                counts.append((predicate, int(found[0][0])))
            return self._readers.fetch(*build(query, choose_rare(counts, is_count=is_count)))

        return await asyncio.get_running_loop().run_in_executor(self._readers.executor, fetch)

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
