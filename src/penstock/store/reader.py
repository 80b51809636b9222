"""Read-only connections, one for each of a few threads, so that a slow list does not hold the event loop."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw

__all__ = ["Readers", "Row"]

Row = tuple[object, ...]

THREAD_COUNT = 4
BUSY_TIMEOUT_MS = 10_000
CACHE_KIB = 16_384
"""Most memory each connection keeps pages in."""


class Readers:
    """A pool of reading threads over one database file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._local = threading.local()
        self._connections: list[apsw.Connection] = []
        self._executor = ThreadPoolExecutor(THREAD_COUNT, thread_name_prefix="penstock-reader")

    @property
    def executor(self) -> ThreadPoolExecutor:
        """Where `fetch` is to be called."""
        return self._executor

    def fetch(self, sql: str, values: dict[str, object] | tuple[object, ...] = ()) -> list[Row]:
        """Run one statement and return all its rows. Called in a thread of `executor`."""
        return self._connection().execute(sql, values).fetchall()

    def stream(self, sql: str) -> Iterator[Row]:
        """Run one statement and yield its rows as they are read. Called in a thread of `executor`."""
        yield from self._connection().execute(sql)

    def pin(self) -> None:
        """Let this thread's statements see the database as it is now, until `unpin` or the next `pin`."""
        self.unpin()
        connection = self._connection()
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM fields LIMIT 1").fetchall()

    def unpin(self) -> None:
        """Let each of this thread's statements see the newest state again."""
        connection = self._connection()
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def close(self) -> None:
        """Wait for what runs, then close all connections. Blocks; call it off the event loop."""
        self._executor.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = apsw.Connection(str(self._file), flags=apsw.SQLITE_OPEN_READONLY)
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # Only the writer moves the log into the database.
            connection.wal_autocheckpoint(0)
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._local.connection = connection
            self._connections.append(connection)
        return connection
