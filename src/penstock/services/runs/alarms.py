"""Timers of all runs: one heap, one task that sleeps until the next of them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from penstock.kernel.instants import unix_us
from penstock.ports.clock import Clock

__all__ = ["Alarms"]

LONGEST_SLEEP_S = 3600.0
"""The clock may be set while we sleep; look at it at least this often."""


class Alarms:
    """Calls back at a time. An alarm is named by owner and name; setting it again moves it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[tuple[str, str], tuple[int, Callable[[], None]]] = {}
        self._heap: list[tuple[int, tuple[str, str]]] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def set(self, owner: str, name: str, at_us: int, ring: Callable[[], None]) -> None:
        """Call `ring` at that time, in microseconds since 1970; at once if it has passed."""
        key = (owner, name)
        self._due[key] = (at_us, ring)
        heapq.heappush(self._heap, (at_us, key))
        if self._heap[0][1] == key:
            self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._ring_all())

    def clear(self, owner: str, name: str) -> None:
        """Forget an alarm."""
        self._due.pop((owner, name), None)

    async def close(self) -> None:
        """Forget all."""
        self._due.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ring_all(self) -> None:
        while True:
            self._changed.clear()
            now_us = unix_us(self._clock.now())
            while self._heap and self._heap[0][0] <= now_us:
                at_us, key = heapq.heappop(self._heap)
                if key in self._due and self._due[key][0] == at_us:
                    self._due.pop(key)[1]()
            delay_s = min(LONGEST_SLEEP_S, (self._heap[0][0] - now_us) / 1e6) if self._heap else LONGEST_SLEEP_S
            await self._sleep(delay_s)

    async def _sleep(self, delay_s: float) -> None:
        waits = [asyncio.create_task(self._clock.sleep(delay_s)), asyncio.create_task(self._changed.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
