"""What workers of pools wrote: bounded logs in the log book, found again by time.

A pool's log is a row of segments; when the last one is full the next one begins, and beyond `SEGMENTS_KEPT` the oldest
is removed. Which segment is the last one is a fact in the store, so a restarted server goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import msgspec
import structlog

from penstock.kernel.errors import PenstockError
from penstock.kernel.events import LogEvent
from penstock.kernel.instants import unix_us
from penstock.kernel.records import Append, DropStream
from penstock.ports.clock import Clock
from penstock.ports.logbook import LogBook, LogLine
from penstock.ports.metadata import MetadataStore
from penstock.ports.workers import Line

__all__ = ["WorkerLogs"]

SEGMENT_BYTES: Final = 4 << 20
SEGMENTS_KEPT: Final = 16
WAITING_LINES: Final = 20_000
"""Lines of a pool that wait to be written; the oldest are dropped when more come than the disk takes."""
_PAGE: Final = 10_000
_ATTEMPT: Final = "lines"

_log = structlog.get_logger("penstock.serving")


class _Stored(msgspec.Struct, omit_defaults=True):
    """A line as it is stored, beside its time and stream."""

    text: str
    request: str | None = None
    run: str | None = None


_decoder = msgspec.json.Decoder(_Stored)


class WorkerLogs:
    """Logs by pool. Lines are written in the background; `settled` waits for those that have come."""

    def __init__(self, store: MetadataStore, clock: Clock, book: LogBook) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._segments: dict[str, _Segment] = {}
        self._waiting: dict[str, deque[Line]] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def say(self, pool: str, text: str, *, request: str | None = None, run: str | None = None) -> None:
        """Write lines of the server's own."""
        at_us = unix_us(self._clock.now())
        self.write(pool, [Line(at_us, "sys", line, request, run) for line in text.splitlines()])

    def write(self, pool: str, lines: list[Line]) -> None:
        """Take lines in; returns at once."""
        self._waiting.setdefault(pool, deque(maxlen=WAITING_LINES)).extend(lines)
        if pool not in self._writing:
            self._writing[pool] = asyncio.create_task(self._drain(pool))

    async def read(
        self, pool: str, *, start_us: int = 0, end_us: int | None = None, limit: int = 1000, newest_first: bool = False
    ) -> list[Line]:
        """Return lines with `start_us <= at_us < end_us`: the first `limit` of them, or the last, newest first."""
        await self._settled(pool)
        last = (await self._segment(pool)).number
        numbers = range(max(1, last - SEGMENTS_KEPT + 1), last + 1)
        found: list[Line] = []
        for number in reversed(numbers) if newest_first else numbers:
            page = await asyncio.to_thread(self._within, pool, number, start_us, end_us)
            found.extend(reversed(page) if newest_first else page)
            if len(found) >= limit:
                break
        return found[:limit]

    async def forget(self, pool: str) -> None:
        """Remove a pool's log."""
        await self._settled(pool)
        last = (await self._segment(pool)).number
        for number in range(max(1, last - SEGMENTS_KEPT), last + 1):
            await asyncio.to_thread(self._book.delete, _name(pool, number))
        await self._store.commit(DropStream(_stream(pool)))
        self._segments.pop(pool, None)
        self._waiting.pop(pool, None)

    async def close(self) -> None:
        """Finish writing."""
        await asyncio.gather(*self._writing.values(), return_exceptions=True)

    async def _settled(self, pool: str) -> None:
        while (task := self._writing.get(pool)) is not None:
            await asyncio.shield(task)

    async def _drain(self, pool: str) -> None:
        waiting = self._waiting[pool]
        try:
            while waiting:
                lines = list(waiting)
                waiting.clear()
                segment = await self._segment(pool)
                if segment.size_bytes >= SEGMENT_BYTES:
                    segment = await self._next(pool, segment)
                encoded = [_encode(line) for line in lines]
                segment.size_bytes += sum(len(line.text) + 24 for line in encoded)
                await asyncio.to_thread(self._book.append, _name(pool, segment.number), _ATTEMPT, encoded)
        except (PenstockError, OSError) as error:
            _log.warning(LogEvent.WORKER_LOG_FAILED, pool=pool, exc_info=error)
        finally:
            del self._writing[pool]

    async def _segment(self, pool: str) -> _Segment:
        found = self._segments.get(pool)
        if found is None:
            facts = await self._store.facts(_stream(pool), limit=1, newest_first=True)
            number = facts[0].position + 1 if facts else 1
            path = self._book.path(_name(pool, number), _ATTEMPT)
            size_bytes = path.stat().st_size if path.exists() else 0
            found = self._segments.setdefault(pool, _Segment(number, size_bytes))
        return found

    async def _next(self, pool: str, segment: _Segment) -> _Segment:
        await self._store.commit(Append(_stream(pool), self._clock.now(), "full", b""))
        self._segments[pool] = following = _Segment(segment.number + 1, 0)
        if following.number > SEGMENTS_KEPT:
            await asyncio.to_thread(self._book.delete, _name(pool, following.number - SEGMENTS_KEPT))
        return following

    def _within(self, pool: str, number: int, start_us: int, end_us: int | None) -> list[Line]:
        found: list[Line] = []
        position = 0
        while page := self._book.read(_name(pool, number), _ATTEMPT, after=position, limit=_PAGE):
            position = page[-1].end
            found.extend(
                _decode(line) for line in page if line.at_us >= start_us and (end_us is None or line.at_us < end_us)
            )
        return found


class _Segment:
    """The segment that is being written, from 1."""

    __slots__ = ("number", "size_bytes")

    def __init__(self, number: int, size_bytes: int) -> None:
        self.number, self.size_bytes = number, size_bytes


def _name(pool: str, number: int) -> str:
    return f"pool-{pool}-{number}"


def _stream(pool: str) -> str:
    return f"serving/{pool}/log"


def _encode(line: Line) -> LogLine:
    return LogLine(line.at_us, line.stream, msgspec.json.encode(_Stored(line.text, line.request, line.run)).decode())


def _decode(line: LogLine) -> Line:
    try:
        stored = _decoder.decode(line.text)
    except msgspec.DecodeError:
        stored = _Stored(line.text)
    return Line(line.at_us, line.stream, stored.text, stored.request, stored.run)
