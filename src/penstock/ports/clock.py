"""Time and new ids, so that nothing below the services asks the machine for either."""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Where time and ids come from. Tests use one that stands still until told."""

    def now(self) -> datetime:
        """Return the present instant, aware and UTC, whole microseconds."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never goes back; only differences mean anything."""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Return after that many seconds."""
        ...

    def new_id(self) -> str:
        """Return a new UUID version 7 in text form; ids of one clock sort in the order of their making."""
        ...
