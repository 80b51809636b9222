"""`SimpleDateFormat`: reading and printing instants by a pattern, leniently. Pure.

Numbers may be longer or shorter than their letters and roll over (month 13 is January); text behind the pattern is
ignored. The calendar is Gregorian throughout, names are English, the zone is UTC unless the text tells another.
Source: `java.text.SimpleDateFormat`, Java SE 8.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.kernel.datepatterns import DAYS, MONTHS, Field, PatternRefused, tokens

__all__ = ["DateUnreadable", "SimpleDates", "print_zone", "simple_dates", "week_of_year", "zone_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS: Final = "GyYMLwWDdFEuaHkKhmsSzZX"
_NUMBERS: Final = "yYMLwWDdFuHkKhmsS"
_CENTURY_BACK: Final = 80
_OFFSET: Final = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
_PLACES: Final = {
    "PST": "America/Los_Angeles",
    "MST": "America/Denver",
    "CST": "America/Chicago",
    "EST": "America/New_York",
    "BST": "Europe/London",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
}
_ZONES: Final = {"PST": -8, "PDT": -7, "MST": -7, "MDT": -6, "CST": -6, "CDT": -5, "EST": -5, "EDT": -4}


class DateUnreadable(ValueError):
    """A text that does not fit a pattern."""


@lru_cache(maxsize=256)
def simple_dates(pattern: str) -> SimpleDates:
    """Return the format of a pattern. Raises: PatternRefused."""
    return SimpleDates(pattern)


def zone_of(name: str) -> tzinfo:
    """Return a zone by its name, `GMT+2` or `-08:30`; an unknown name is UTC, as the JVM has it."""
    if _OFFSET.fullmatch(name):
        return timezone(timedelta(seconds=_offset_s(name, name)))
    try:
        return ZoneInfo(_PLACES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


class SimpleDates:
    """One pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._parts = [part for part in tokens(pattern, _LETTERS, sections=False) if isinstance(part, Field | str)]
        for part in self._parts:
            if isinstance(part, Field) and part.letter == "X" and part.count > 3:
                raise PatternRefused(f"invalid ISO 8601 format: length={part.count}")
        self._matcher = re.compile(self._expression(), re.IGNORECASE)

    @property
    def strptime(self) -> str | None:
        """The pattern in C's letters where numbers alone are read and both mean the same, else None."""
        known = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
        shown = ""
        for part in self._parts:
            if isinstance(part, str):
                if "%" in part or " " in part * (len(part) > 1):
                    return None
                shown += part
            elif (code := known.get(part.letter * part.count)) is None:
                return None
            else:
                shown += code
        return shown if "%Y" in shown and "%m" in shown and "%d" in shown else None

    def parse_ms(self, text: str) -> int:
        """Read an instant, in milliseconds since 1970. Raises: DateUnreadable."""
        found = self._matcher.match(text)
        if found is None:
            raise DateUnreadable(f'Unparseable date: "{text}"')
        values: dict[str, int] = {}
        offset_s = 0
        for i, part in enumerate(self._parts):
            if not isinstance(part, Field):
                continue
            piece = found[f"f{i}"]
            if part.letter in "zZX":
                offset_s = _offset_s(piece, text)
            else:
                self._read(part, piece, values)
        return _instant_ms(values) - offset_s * 1000

    def format(self, value: datetime) -> str:
        """Print an instant in its zone."""
        return "".join(part if isinstance(part, str) else print_field(part, value) for part in self._parts)

    def format_ms(self, millis: int, zone: tzinfo = UTC) -> str:
        """Print milliseconds since 1970 in a zone."""
        return self.format((_EPOCH + timedelta(milliseconds=millis)).astimezone(zone))

    def _expression(self) -> str:
        out: list[str] = []
        for i, part in enumerate(self._parts):
            if isinstance(part, str):
                out.append(re.escape(part))
                continue
            out.append(f"(?P<f{i}>{self._field_expression(i, part)})")
        return "".join(out)

    def _field_expression(self, i: int, part: Field) -> str:
        if part.letter in "ML" and part.count >= 3:
            return "|".join([*MONTHS, *(month[:3] for month in MONTHS)])
        if part.letter == "E":
            return "|".join([*DAYS, *(day[:3] for day in DAYS)])
        if part.letter == "a":
            return "AM|PM"
        if part.letter == "G":
            return "AD|BC"
        if part.letter == "z":
            return r"(?:GMT|UTC)[+-]\d{1,2}:\d{2}|[+-]\d{4}|[A-Za-z]+(?:/[A-Za-z_]+)*"
        if part.letter == "Z":
            return r"[+-]\d{4}|GMT[+-]\d{1,2}:\d{2}|[A-Za-z]+"
        if part.letter == "X":
            return ("Z|[+-]\\d{2}", "Z|[+-]\\d{4}", "Z|[+-]\\d{2}:\\d{2}")[part.count - 1]
        following = self._parts[i + 1] if i + 1 < len(self._parts) else None
        abutting = isinstance(following, Field) and (
            following.letter in _NUMBERS and not (following.letter in "ML" and following.count >= 3)
        )
        if abutting:
            return rf"[ \t]*\d{{{part.count}}}"
        return r"[ \t]*-?\d+" if part.letter in "yY" else r"[ \t]*\d+"

    def _read(self, part: Field, piece: str, values: dict[str, int]) -> None:
        letter = part.letter
        if letter in "ML":
            values["M"] = _named(piece, MONTHS) + 1 if part.count >= 3 else int(piece)
        elif letter == "E":
            values["E"] = _named(piece, DAYS)
        elif letter == "a":
            values["a"] = piece.upper() == "PM"
        elif letter == "G":
            values["G"] = piece.upper() == "BC"
        elif letter in "yY":
            digits = piece.strip()
            year = int(digits)
            if part.count <= 2 and len(digits) == 2:
                year = _century(year)
            values["y"] = year
        else:
            values[letter] = int(piece)


def _century(two_digits: int) -> int:
    """Put a year of two digits within 80 years before and 20 years after now."""
    start = datetime.now(UTC).year - _CENTURY_BACK  # the rule is about the present
    year = start - start % 100 + two_digits
    return year if year >= start else year + 100


def _named(piece: str, names: tuple[str, ...]) -> int:
    return next(i for i, name in enumerate(names) if name.lower().startswith(piece.lower()[:3]))


def _instant_ms(values: dict[str, int]) -> int:
    year = values.get("y", 1970)
    if values.get("G"):
        year = 1 - year
    month = values.get("M", 1)
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    if not 1 <= year <= 9999:
        raise DateUnreadable(f"year {year} is out of range")
    moment = datetime(year, month, 1, tzinfo=UTC)
    if "D" in values and "d" not in values and "M" not in values:
        day = values["D"]
    else:
        day = values.get("d", 1)
    hour = values.get("H", values.get("k", 0) % 24)
    if "h" in values or "K" in values:
        hour = values.get("h", values.get("K", 0)) % 12 + (12 if values.get("a") else 0)
    elif "a" in values and "H" not in values and "k" not in values:
        hour = 12 if values["a"] else 0
    seconds = hour * 3600 + values.get("m", 0) * 60 + values.get("s", 0)
    try:
        moment += timedelta(days=day - 1, seconds=seconds, milliseconds=values.get("S", 0))
    except OverflowError:
        raise DateUnreadable("the date is out of range") from None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _offset_s(piece: str, text: str) -> int:
    found = _OFFSET.fullmatch(piece)
    if found:
        seconds = int(found[2]) * 3600 + int(found[3] or 0) * 60
        return -seconds if found[1] == "-" else seconds
    upper = piece.upper()
    if upper in ("Z", "UTC", "GMT", "UT"):
        return 0
    if upper in _ZONES:
        return _ZONES[upper] * 3600
    try:
        offset = datetime.now(ZoneInfo(piece)).utcoffset()  # names without a date mean today's offset
    except (ZoneInfoNotFoundError, ValueError):
        raise DateUnreadable(f'Unparseable date: "{text}"') from None
    return int(offset.total_seconds()) if offset else 0


def print_field(field: Field, value: datetime) -> str:
    """Print one field as `SimpleDateFormat` does."""
    letter, count = field.letter, field.count
    numbers: dict[str, int] = {
        "M": value.month,
        "L": value.month,
        "w": week_of_year(value)[1],
        "W": (value.day + (value.replace(day=1).isoweekday() % 7) - 1) // 7 + 1,
        "D": value.timetuple().tm_yday,
        "d": value.day,
        "F": (value.day - 1) // 7 + 1,
        "u": value.isoweekday(),
        "H": value.hour,
        "k": value.hour or 24,
        "K": value.hour % 12,
        "h": value.hour % 12 or 12,
        "m": value.minute,
        "s": value.second,
        "S": value.microsecond // 1000,
    }
    if letter in "yY":
        year = value.year if letter == "y" else week_of_year(value)[0]
        return f"{year % 100:02}" if count == 2 else str(year).rjust(count, "0")
    if letter in "ML" and count >= 3:
        return MONTHS[value.month - 1] if count >= 4 else MONTHS[value.month - 1][:3]
    if letter in numbers:
        return str(numbers[letter]).rjust(count, "0")
    if letter == "E":
        return DAYS[value.weekday()] if count >= 4 else DAYS[value.weekday()][:3]
    if letter == "a":
        return "PM" if value.hour >= 12 else "AM"
    if letter == "G":
        return "AD"
    return print_zone(letter, count, value)


def print_zone(letter: str, count: int, value: datetime) -> str:
    """Print the zone of an instant."""
    offset = value.utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    hour, minute = divmod(minutes, 60)
    if letter == "z":
        if isinstance(value.tzinfo, timezone) and value.tzinfo is not UTC:
            return f"GMT{sign}{hour:02}:{minute:02}"
        if count >= 4 and not minutes:
            return "Coordinated Universal Time"
        return value.tzname() or "UTC"
    if letter == "Z":
        return f"{sign}{hour:02}{minute:02}"
    if letter == "X" and not minutes:
        return "Z"
    if count == 1:
        return f"{sign}{hour:02}" + (f"{minute:02}" if minute else "")
    return f"{sign}{hour:02}{':' if count in (3, 5) else ''}{minute:02}"


def week_of_year(value: Any) -> tuple[int, int]:
    """Return the week-based year and the week: weeks begin on Sunday, the first is the one with January 1st."""
    first = value.replace(month=1, day=1)
    lead = first.isoweekday() % 7
    week = (value.timetuple().tm_yday - 1 + lead) // 7 + 1
    last = value.replace(month=12, day=31)
    if value.month == 12 and value.day > 31 - (last.isoweekday() % 7) - 1 and last.isoweekday() % 7 != 6:
        return value.year + 1, 1
    return value.year, week
