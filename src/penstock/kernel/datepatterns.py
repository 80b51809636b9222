"""Times printed and read by patterns of letters: `yyyy-MM-dd HH:mm:ss`, as the JVM's older formatter has them. Pure.

Letters: G y Y M L w W D d F E u a H k K h m s S z Z X; quoted text, `''` for a quote. Names are English.
Source: `java.text.SimpleDateFormat` of the Java SE documentation; lenient reading, as it is by default.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["DatePattern", "PatternInvalid", "date_pattern", "zone_of"]

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LETTERS = frozenset("GyYMLwWDdFEuaHkKhmsSzZX")
_NUMERIC = frozenset("yYwWDdFuHkKhmsS")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PatternInvalid(ValueError):
    """A pattern that is none. The message names the letter or the missing quote."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of one letter, or literal text (letter is empty)."""

    letter: str
    count: int
    text: str = ""


class DatePattern:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        """Compile. Raises: PatternInvalid."""
        self.pattern = pattern
        self._parts = tuple(_split(pattern))

    @property
    def has_zone(self) -> bool:
        """Whether texts of this pattern carry a zone."""
        return any(part.letter in ("z", "Z", "X") for part in self._parts if part.letter)

    @property
    def has_time(self) -> bool:
        """Whether there is an hour, or anything finer, in it."""
        return any(part.letter in "aHkKhmsS" for part in self._parts if part.letter)

    def print(self, at: datetime) -> str:
        """Print an aware instant in its own zone."""
        return "".join(part.text if not part.letter else _PRINTERS[part.letter](at, part.count) for part in self._parts)

    def print_millis(self, millis: int, zone: tzinfo = UTC) -> str:
        """Print milliseconds since 1970 in a zone."""
        return self.print((_EPOCH + timedelta(milliseconds=millis)).astimezone(zone))

    def read(self, text: str, zone: tzinfo = UTC) -> datetime:
        """Read a text from its beginning; what follows is ignored. Times without a zone are in `zone`.

        Returns: an aware instant. Raises: ValueError if the text does not have that form.
        """
        found: dict[str, int] = {}
        at = 0
        read_zone: tzinfo | None = None
        for i, part in enumerate(self._parts):
            if not part.letter:
                if not text.startswith(part.text, at):
                    raise _unreadable(text)
                at += len(part.text)
                continue
            while at < len(text) and text[at] in " \t":
                at += 1
            if part.letter in "zZX":
                read_zone, at = _read_zone(text, at)
                continue
            follows = i + 1 < len(self._parts) and _is_numeric(self._parts[i + 1])
            at = _read_part(part, text, at, follows, found)
        return _assemble(found, read_zone or zone, text)


@lru_cache(maxsize=1024)
def date_pattern(pattern: str) -> DatePattern:
    """Return the compiled form of a pattern. Raises: PatternInvalid."""
    return DatePattern(pattern)


def zone_of(name: str) -> tzinfo:
    """Return a zone by its name; unknown names are UTC, as the JVM has it.

    `GMT+2`, `GMT-08:30` are offsets.
    """
    match = re.fullmatch(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?", name)
    if match:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    try:
        return ZoneInfo(_SHORT_ZONES.get(name, name))
    except (KeyError, ValueError, OSError):
        return UTC


_SHORT_ZONES = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "BST": "Europe/London",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "GMT": "UTC",
    "Z": "UTC",
}


def _split(pattern: str) -> list[_Part]:
    parts: list[_Part] = []
    i = 0
    while i < len(pattern):
        char = pattern[i]
        if char == "'":
            literal, i = _quoted(pattern, i)
            parts.append(_Part("", 0, literal))
        elif char.isascii() and char.isalpha():
            if char not in _LETTERS:
                raise PatternInvalid(f"Illegal pattern character '{char}'")
            end = i
            while end < len(pattern) and pattern[end] == char:
                end += 1
            parts.append(_Part(char, end - i))
            i = end
        else:
            parts.append(_Part("", 0, char))
            i += 1
    return parts


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    """Return the text of a quotation and the position behind it."""
    if pattern.startswith("''", start):
        return "'", start + 2
    literal, i = "", start + 1
    while i < len(pattern):
        if pattern.startswith("''", i):
            literal, i = literal + "'", i + 2
        elif pattern[i] == "'":
            return literal, i + 1
        else:
            literal, i = literal + pattern[i], i + 1
    raise PatternInvalid("Unterminated quote")


def _offset(at: datetime, colon: bool, minutes: bool = True) -> str:
    total = int((at.utcoffset() or timedelta()).total_seconds() // 60)
    sign, total = ("-", -total) if total < 0 else ("+", total)
    text = f"{sign}{total // 60:02}"
    return text + (f"{':' if colon else ''}{total % 60:02}" if minutes else "")


def _iso_zone(at: datetime, count: int) -> str:
    if not at.utcoffset():
        return "Z"
    return _offset(at, count == 3, count > 1)


def _padded(value: int, count: int) -> str:
    return str(value).zfill(count)


def _year(year: int, count: int) -> str:
    return f"{year % 100:02}" if count == 2 else str(year).zfill(count)


def _month(at: datetime, count: int) -> str:
    if count >= 4:
        return _MONTHS[at.month - 1]
    return _MONTHS[at.month - 1][:3] if count == 3 else _padded(at.month, count)


def _week_of_year(at: datetime) -> tuple[int, int]:
    """Year and week as in the US: weeks begin on Sunday, the first one has 1 January."""
    first = at.replace(month=1, day=1)
    lead = (first.weekday() + 1) % 7
    week = (at.timetuple().tm_yday - 1 + lead) // 7 + 1
    next_first = at.replace(year=at.year + 1, month=1, day=1) if at.year < 9999 else at
    if at.month == 12 and (next_first - at).days <= (next_first.weekday() + 1) % 7:
        return at.year + 1, 1
    return at.year, week


def _week_of_month(at: datetime) -> int:
    lead = (at.replace(day=1).weekday() + 1) % 7
    return (at.day - 1 + lead) // 7 + 1


_PRINTERS: dict[str, Callable[[datetime, int], str]] = {
    "G": lambda at, count: "AD",
    "y": lambda at, count: _year(at.year, count),
    "Y": lambda at, count: _year(_week_of_year(at)[0], count),
    "M": _month,
    "L": _month,
    "w": lambda at, count: _padded(_week_of_year(at)[1], count),
    "W": lambda at, count: _padded(_week_of_month(at), count),
    "D": lambda at, count: _padded(at.timetuple().tm_yday, count),
    "d": lambda at, count: _padded(at.day, count),
    "F": lambda at, count: _padded((at.day - 1) // 7 + 1, count),
    "E": lambda at, count: _DAYS[at.weekday()] if count >= 4 else _DAYS[at.weekday()][:3],
    "u": lambda at, count: _padded(at.isoweekday(), count),
    "a": lambda at, count: "AM" if at.hour < 12 else "PM",
    "H": lambda at, count: _padded(at.hour, count),
    "k": lambda at, count: _padded(at.hour or 24, count),
    "K": lambda at, count: _padded(at.hour % 12, count),
    "h": lambda at, count: _padded(at.hour % 12 or 12, count),
    "m": lambda at, count: _padded(at.minute, count),
    "s": lambda at, count: _padded(at.second, count),
    "S": lambda at, count: _padded(at.microsecond // 1000, count),
    "z": lambda at, count: at.tzname() or "UTC",
    "Z": lambda at, count: _offset(at, False),
    "X": _iso_zone,
}


def _is_numeric(part: _Part) -> bool:
    return part.letter != "" and (part.letter in _NUMERIC or (part.letter in "ML" and part.count < 3))


def _unreadable(text: str) -> ValueError:
    return ValueError(f'Unparseable date: "{text}"')


def _read_part(part: _Part, text: str, at: int, follows: bool, found: dict[str, int]) -> int:
    letter, count = part.letter, part.count
    if letter in "ML" and count >= 3:
        index, end = _read_name(text, at, _MONTHS)
        found["M"] = index + 1
        return end
    if letter == "E":
        found["E"], end = _read_name(text, at, _DAYS)
        return end
    if letter == "a":
        found["a"], end = _read_name(text, at, ("AM", "PM"))
        return end
    if letter == "G":
        found["G"], end = _read_name(text, at, ("BC", "AD"))
        return end
    match = re.compile(rf"-?\d{{1,{count}}}" if follows else r"-?\d+").match(text, at)
    if match is None:
        raise _unreadable(text)
    value = int(match[0])
    if letter in "yY" and count <= 2 and len(match[0]) == 2:
        # A year of two digits lies within 80 years before now and 20 after it.
        value += 2000 if value < 47 else 1900
    found["M" if letter == "L" else letter] = value
    return match.end()


def _read_name(text: str, at: int, names: tuple[str, ...]) -> tuple[int, int]:
    rest = text[at:].lower()
    for whole in (True, False):
        for i, name in enumerate(names):
            shown = name.lower() if whole else name[:3].lower()
            if rest.startswith(shown):
                return i, at + len(shown)
    raise _unreadable(text)


def _read_zone(text: str, at: int) -> tuple[tzinfo, int]:
    match = re.compile(r"(?:GMT|UTC)?([+-])(\d{2}):?(\d{2})?").match(text, at)
    if match:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes)), match.end()
    name = re.compile(r"[A-Za-z]+(?:/[A-Za-z_]+)*").match(text, at)
    if name is None:
        raise _unreadable(text)
    return zone_of(name[0]), name.end()


def _assemble(found: dict[str, int], zone: tzinfo, text: str) -> datetime:
    """Put fields together; those out of range run over into the next, as lenient reading does."""
    year = found.get("y", found.get("Y", 1970))
    month = found.get("M", 1)
    hour = found.get("H", found["k"] % 24 if "k" in found else None)
    if hour is None:
        twelve = found.get("K", found["h"] % 12 if "h" in found else 0)
        hour = twelve + 12 * found.get("a", 0)
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    days = found["D"] - 1 if "D" in found and "M" not in found else found.get("d", 1) - 1
    try:
        start = datetime(year, month, 1, tzinfo=UTC) + timedelta(
            days=days,
            hours=hour,
            minutes=found.get("m", 0),
            seconds=found.get("s", 0),
            milliseconds=found.get("S", 0),
        )
        return start.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        raise _unreadable(text) from None
