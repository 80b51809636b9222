"""Dates, times and timestamps as text, one value at a time: ISO forms as the dialect reads and writes them."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_DATE = re.compile(r"\s*(\d{1,4})-(\d{1,2})-(\d{1,2})\s*")
_TIME = re.compile(r"\s*(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9})\d*)?\s*")
_ZONE = re.compile(r"(.*?\d)\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?|[A-Za-z]+/[A-Za-z_/+-]+)", re.DOTALL)
_DAY_MICROS = 86_400_000_000

INVALID = "input contains invalid characters"
OUT_OF_RANGE = "input is out of range"


class Unreadable(ValueError):
    """A text that is no value of the type; the message says why."""


def read_date(text: str) -> int:
    """Return days since 1970-01-01 of YYYY-MM-DD."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise Unreadable(INVALID)
    try:
        return dt.date(int(found[1]), int(found[2]), int(found[3])).toordinal() - _EPOCH_DAY
    except ValueError:
        raise Unreadable(OUT_OF_RANGE) from None


def read_time(text: str) -> int:
    """Return nanoseconds since midnight of HH:MM:SS[.fffffffff]."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise Unreadable(INVALID)
    hour, minute, second = int(found[1]), int(found[2]), int(found[3])
    if hour > 23 or minute > 59 or second > 59:
        raise Unreadable(OUT_OF_RANGE)
    return ((hour * 60 + minute) * 60 + second) * 1_000_000_000 + int((found[4] or "0").ljust(9, "0"))


def read_timestamp(text: str) -> int:
    """Return microseconds since 1970-01-01 of YYYY-MM-DD[( |T)HH:MM:SS[.ffffff]]."""
    stripped = text.strip()
    day, separator, clock = stripped.partition("T" if "T" in stripped else " ")
    micros = read_date(day) * _DAY_MICROS
    return micros + read_time(clock) // 1000 if separator else micros


def read_zoned(text: str) -> int:
    """Return microseconds since 1970-01-01 UTC of a timestamp with an offset or zone behind it; UTC without one."""
    stripped = text.strip()
    found = _ZONE.fullmatch(stripped) if len(stripped) > 10 else None
    if found is None:
        return read_timestamp(stripped)
    return to_utc(read_timestamp(found[1]), found[2])


def to_utc(micros: int, zone: str) -> int:
    """Return the instant of a wall-clock time in a zone, given as an offset (+02:00) or a name."""
    if zone in ("Z", "UTC", "GMT"):
        return micros
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000
        return micros - offset if zone[0] == "+" else micros + offset
    wall = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)  # noqa: DTZ001 - wall-clock time
    offset_of = wall.replace(tzinfo=zone_named(zone)).utcoffset()
    assert offset_of is not None
    return micros - offset_of // dt.timedelta(microseconds=1)


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone of the IANA data base.

    Raises: Unreadable if there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Unreadable(f"unknown time zone {name!r}") from None


def show_date(days: int) -> str:
    """Return YYYY-MM-DD."""
    return dt.date.fromordinal(days + _EPOCH_DAY).isoformat()


def show_time(nanos: int) -> str:
    """Return HH:MM:SS with 3, 6 or 9 fraction digits if there is a fraction."""
    seconds, fraction = divmod(nanos, 1_000_000_000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{_fraction(fraction)}"


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03}"
    return f".{nanos // 1000:06}" if nanos % 1000 == 0 else f".{nanos:09}"


def show_timestamp(micros: int) -> str:
    """Return YYYY-MM-DD HH:MM:SS with 3 or 6 fraction digits if there is a fraction."""
    days, rest = divmod(micros, _DAY_MICROS)
    return f"{show_date(days)} {show_time(rest * 1000)}"


def show_zoned(micros: int) -> str:
    """Return the timestamp in UTC with its offset."""
    return show_timestamp(micros) + "+00:00"
