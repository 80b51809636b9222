"""The one thread that writes: takes what is waiting, commits it as a group, tells everybody at once.

While one group is being synced, the next one gathers, so that a hundred concurrent writers share an fsync. A write is
acknowledged only after the commit that holds it has been synced (`synchronous=FULL` in WAL mode). The write-ahead log
is moved into the database by this thread too, after the acknowledgements, so that nobody waits for it.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import apsw
import structlog

from penstock.kernel.errors import Exhausted, PenstockError, Unavailable
from penstock.kernel.events import LogEvent
from penstock.store.counts import Counts
from penstock.store.writes import Applier, StoreWrite

__all__ = ["Writer"]

GROUP_LIMIT = 512
"""Most transactions in one group."""
CHECKPOINT_PAGES = 1000
"""Length of the write-ahead log, in pages of 4 KiB, from which on it is moved into the database."""

_log = structlog.get_logger("penstock.store")


@dataclass(slots=True)
class _Request:
    writes: tuple[StoreWrite, ...]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[tuple[int, ...]]"
    outcome: tuple[int, ...] | BaseException | None = None


class Writer:
    """Owns the writing connection from `start` to `stop`.

    After a failed sync the thread refuses everything until the server is restarted: what the disk then holds is
    unknown, and writing on could bury it (the "fsyncgate" lesson: a second fsync may succeed without having written).
    """

    def __init__(self, connect: Callable[[], apsw.Connection], counts: Counts | None = None) -> None:
        self._connect = connect
        self._counts = counts or Counts()
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="penstock-writer", daemon=True)
        self._failure: PenstockError | None = None
        self._wal_pages = 0
        self._started: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Open the connection in the thread; return when it is open.

        Raises: whatever opening raises.
        """
        self._thread.start()
        failure = self._started.get()
        if failure is not None:
            raise failure

    def submit(self, writes: tuple[StoreWrite, ...]) -> "asyncio.Future[tuple[int, ...]]":
        """Queue a transaction; the future resolves when it is durable."""
        loop = asyncio.get_running_loop()
        request = _Request(writes, loop, loop.create_future())
        self._requests.put(request)
        return request.future

    def stop(self) -> None:
        """Commit what was queued, close the connection, end the thread. Blocks; call it off the event loop."""
        self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            connection = self._connect()
            connection.set_wal_hook(self._note_wal)
            applier = Applier(connection)
        except BaseException as error:
            self._started.put(error)
            return
        self._started.put(None)
        while (group := self._next_group()) is not None:
            self._counts.begin()
            self._commit(connection, applier, group)
            self._counts.end(applier.changes)
            applier.changes.clear()
            _acknowledge(group)
            self._checkpoint(connection)
        self._close(connection)

    def _next_group(self) -> list[_Request] | None:
        request = self._requests.get()
        if request is None:
            return None
        group = [request]
        while len(group) < GROUP_LIMIT:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._requests.put(None)
                break
            group.append(request)
        return group

    def _commit(self, connection: apsw.Connection, applier: Applier, group: list[_Request]) -> None:
        if self._failure is None:
            try:
                connection.execute("BEGIN IMMEDIATE")
                for request in group:
                    self._apply(connection, applier, request)
                connection.execute("COMMIT")
                return
            except BaseException as error:
                applier.rolled_back(0)
                self._counts.forget()
                self._failure = self._fail(connection, error)
            refusal, self._failure = self._failure, _lasting(self._failure)
        else:
            refusal = self._failure
        for request in group:
            request.outcome = refusal

    def _apply(self, connection: apsw.Connection, applier: Applier, request: _Request) -> None:
        connection.execute("SAVEPOINT request")
        count = len(applier.changes)
        try:
            request.outcome = tuple([applier.apply(write) for write in request.writes])
        except (PenstockError, TypeError, ValueError, OverflowError) as error:
            # A value that cannot be stored spoils its own transaction and no other.
            connection.execute("ROLLBACK TO request")
            applier.rolled_back(count)
            request.outcome = error
        connection.execute("RELEASE request")

    def _fail(self, connection: apsw.Connection, error: BaseException) -> PenstockError:
        _log.error(LogEvent.STORE_WRITE_FAILED, exc_info=error)
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, apsw.FullError):
            return Exhausted("the disk with the data directory is full; nothing was stored: free some space")
        return Unavailable(
            f"the metadata store failed ({error}); whether the write survived is known after a restart", retryable=False
        )

    def _note_wal(self, connection: apsw.Connection, database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self, connection: apsw.Connection) -> None:
        if self._wal_pages < CHECKPOINT_PAGES:
            return
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            # The log only grows; the next commit tries again.
            _log.warning(LogEvent.STORE_CHECKPOINT_FAILED, exc_info=error)
        self._wal_pages = 0

    def _close(self, connection: apsw.Connection) -> None:
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            _log.warning(LogEvent.STORE_CHECKPOINT_FAILED, exc_info=error)
        connection.close()


def _lasting(failure: PenstockError) -> PenstockError | None:
    """A full disk can be emptied; any other failure lasts until the restart."""
    return None if isinstance(failure, Exhausted) else failure


def _acknowledge(group: list[_Request]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Request]] = {}
    for request in group:
        by_loop.setdefault(request.loop, []).append(request)
    for loop, requests in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, requests)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            continue


def _resolve(requests: list[_Request]) -> None:
    for request in requests:
        if request.future.done():
            continue
        if isinstance(request.outcome, BaseException):
            request.future.set_exception(request.outcome)
        elif request.outcome is not None:
            request.future.set_result(request.outcome)
