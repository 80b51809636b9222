"""The machine's clock behind the clock port."""

import asyncio
import os
import time
from datetime import datetime
from uuid import UUID

from penstock.kernel.ids import uuid7
from penstock.kernel.instants import from_unix_us

__all__ = ["SystemClock"]

_LOW_BITS = (1 << 62) - 1


class SystemClock:
    """Time of the operating system, ids from its random source. Not for use from several threads at once."""

    def __init__(self) -> None:
        self._last = UUID(int=0)

    def now(self) -> datetime:
        """Return the present instant, UTC, whole microseconds."""
        return from_unix_us(time.time_ns() // 1000)

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, duration_s: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(duration_s)

    def new_id(self) -> str:
        """Return a new id, greater than all that this clock made before.

        Within a millisecond, or when the system's clock is set back, the last id is counted up.
        Source: RFC 9562 §6.2, monotonic random counter.
        """
        fresh = uuid7(time.time_ns() // 1_000_000, os.urandom(10))
        if fresh <= self._last:
            if self._last.int & _LOW_BITS == _LOW_BITS:
                fresh = uuid7((self._last.int >> 80) + 1, bytes(10))
            else:
                fresh = UUID(int=self._last.int + 1)
        self._last = fresh
        return str(fresh)
