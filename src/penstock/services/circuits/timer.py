"""The clock of NOW(): real time rounded to a resolution, or time that moves only when it is told to."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})\Z")
_LATEST_US = 253_402_300_799_999_999
"""The last microsecond of the year 9999, where timestamps end."""


class Timer:
    """Says what time NOW() is and when the next tick is due. Times are epoch microseconds.

    settings: clock_resolution_usecs (None: NOW() stands still after the start), clock_timezone_offset, clock_driven,
    clock_start (RFC 3339). Raises: ValueError for a start or an offset that cannot be read.
    """

    def __init__(self, settings: Mapping[str, Any], now_s: Callable[[], float] = time.time) -> None:
        resolution = settings.get("clock_resolution_usecs")
        self.resolution = int(resolution) if resolution else None
        self.is_driven = bool(settings.get("clock_driven"))
        self._shift = _shift(settings.get("clock_timezone_offset"))
        self._now_s = now_s
        self._ticked: int | None = None
        start = settings.get("clock_start")
        began = int(now_s() * 1_000_000) if start is None else _micros(str(start))
        self._lead = began - int(now_s() * 1_000_000)
        self._driven = self._rounded(began)

    def now(self) -> int:
        """Return the time that the program shall see, rounded down to the resolution, and count it as ticked."""
        if self.is_driven:
            self._ticked = self._driven
        elif self.resolution is not None or self._ticked is None:
            self._ticked = self._rounded(self._real())
        return self._ticked + self._shift

    def go_on(self, clock_us: int) -> None:
        """Have a driven clock go on from what a program saw last, and no clock go back behind it."""
        if self.is_driven:
            self._driven = self._ticked = clock_us - self._shift
        elif self.resolution is None:
            self._ticked = clock_us - self._shift

    def due_s(self) -> float | None:
        """Return in how many seconds the next tick is due; None: not before somebody moves the clock."""
        if self.is_driven:
            return 0.0 if self._ticked != self._driven else None
        if self._ticked is None:
            return 0.0
        if self.resolution is None:
            return None
        return max((self._ticked + self.resolution - self._real()) / 1_000_000, 0.0)

    def advance(self, delta_ms: int | None) -> int:
        """Move a driven clock and return its time as epoch milliseconds. Raises: ValueError."""
        if not self.is_driven:
            raise ValueError("the clock follows real time; set dev_tweaks.now_http_driven to move it by hand")
        if delta_ms is not None and delta_ms < 0:
            raise ValueError(f"the clock cannot go back by {-delta_ms} ms")
        step = (self.resolution or 1000) if delta_ms is None else delta_ms * 1000
        if self._driven + step > _LATEST_US:
            raise ValueError(f"the clock cannot go {step // 1000} ms further, that would be beyond the year 9999")
        self._driven = self._rounded(self._driven + step)
        return self._driven // 1000

    def _real(self) -> int:
        return int(self._now_s() * 1_000_000) + self._lead

    def _rounded(self, micros: int) -> int:
        return micros if not self.resolution else micros // self.resolution * self.resolution


def _micros(text: str) -> int:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _shift(offset: object) -> int:
    if offset is None:
        return 0
    match = _OFFSET.match(str(offset).strip())
    if match is None:
        raise ValueError(f"clock_timezone_offset {offset!r} is not of the form +HH:MM")
    minutes = int(match[2]) * 60 + int(match[3])
    return (-minutes if match[1] == "-" else minutes) * 60_000_000
