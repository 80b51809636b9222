"""The lines a circuit has to say: a ring of the newest, with numbers, that can be followed.

Lives as long as the server does, across the circuit's starts and stops. Reading never waits for writing nor the other
way round; a reader that falls behind the ring loses the lines in between and is told how many.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

__all__ = ["LogPlace", "Logbook"]

MAX_LINES = 50_000
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a reading starts: after line `number`; `gap` lines before it are gone."""

    epoch: str
    number: int
    gap: int


class Logbook:
    """A numbered ring of log lines. Lines are numbered from 1; `epoch` changes when the numbering starts anew."""

    def __init__(self, epoch: str, *, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self.epoch = epoch
        self._lines: deque[str] = deque()
        self._discarded = 0
        self._bytes = 0
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._more = asyncio.Event()
        self._closed = False

    @property
    def discarded(self) -> int:
        """How many lines the ring has lost."""
        return self._discarded

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines still held, oldest first."""
        return tuple(self._lines)

    def write(self, text: str) -> None:
        """Add the lines of a text."""
        for line in text.split("\n"):
            self._lines.append(line)
            self._bytes += len(line) + 1
        while len(self._lines) > self._max_lines or self._bytes > self._max_bytes:
            self._bytes -= len(self._lines.popleft()) + 1
            self._discarded += 1
        self._wake()

    def close(self) -> None:
        """End all readings; the circuit is gone."""
        self._closed = True
        self._wake()

    def place(self, epoch: str | None = None, number: int = 0) -> LogPlace:
        """Find where a reading after line `number` of `epoch` starts; from the oldest line if that epoch is over."""
        if epoch != self.epoch:
            return LogPlace(self.epoch, self._discarded, self._discarded)
        last = self._discarded + len(self._lines)
        start = min(max(number, self._discarded), last)
        return LogPlace(self.epoch, start, max(0, self._discarded - number))

    async def follow(self, after: int) -> AsyncGenerator[tuple[str, ...], None]:
        """Yield the lines after a number, and go on with new ones until the book is closed; several lines at a time."""
        while True:
            more = self._more
            after = max(after, self._discarded)
            skip = after - self._discarded
            if skip < len(self._lines):
                lines = tuple(self._lines)[skip:]
                after += len(lines)
                yield lines
                continue
            if self._closed:
                return
            await more.wait()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()
