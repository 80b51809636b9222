"""Logs of attempts: read them, and follow them while they grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from penstock.ports.logbook import LogBook, LogLine

__all__ = ["Logs"]

_PAGE = 1000


class Logs:
    """What attempts wrote, kept with their runs. Positions are opaque numbers that grow."""

    def __init__(self, book: LogBook) -> None:
        self._book = book
        self._followers: dict[tuple[str, str], set[asyncio.Event]] = {}

    async def read(self, run: str, attempt: str, *, after: int = 0, limit: int = _PAGE) -> list[LogLine]:
        """Return lines behind a position; none if there are none yet."""
        return await asyncio.to_thread(self._book.read, run, attempt, after=after, limit=limit)

    async def text(self, run: str, attempt: str) -> str:
        """Return the whole log as text."""
        lines: list[str] = []
        position = 0
        while page := await self.read(run, attempt, after=position):
            lines.extend(line.text for line in page)
            position = page[-1].end
        return "".join(f"{line}\n" for line in lines)

    async def follow(
        self, run: str, attempt: str, ended: asyncio.Event, *, after: int = 0
    ) -> AsyncIterator[list[LogLine]]:
        """Yield lines as they come, until `ended` is set and all is read. Woken by what comes; nothing is polled."""
        moved = asyncio.Event()
        key = (run, attempt)
        self._followers.setdefault(key, set()).add(moved)
        waiting_for_end = asyncio.create_task(ended.wait())
        try:
            while True:
                was_ended = ended.is_set()
                moved.clear()
                while page := await self.read(run, attempt, after=after):
                    after = page[-1].end
                    yield page
                if was_ended:
                    return
                waiting = asyncio.create_task(moved.wait())
                await asyncio.wait((waiting, waiting_for_end), return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        finally:
            waiting_for_end.cancel()
            followers = self._followers[key]
            followers.discard(moved)
            if not followers:
                del self._followers[key]

    def logged(self, run: str, attempt: str) -> None:
        """Wake those who follow a log."""
        for moved in self._followers.get((run, attempt), ()):
            moved.set()

    async def forget(self, run: str) -> None:
        """Remove the logs of a run."""
        await asyncio.to_thread(self._book.delete, run)
