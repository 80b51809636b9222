"""`DateTimeFormatter.ofPattern`: reading and printing dates and times by a pattern, strictly. Pure.

A text fits a pattern wholly or not at all. Days that a month does not have are its last day as long as they are at most
31. Names are English.
Source: `java.time.format.DateTimeFormatterBuilder.appendPattern`, Java SE 8.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.kernel.datepatterns import DAYS, MONTHS, Field, Optional, PatternRefused, tokens
from penstock.kernel.simple_dates import DateUnreadable, print_zone, week_of_year

__all__ = ["DateFormat", "date_format", "zone_of"]

_LETTERS: Final = "GuyDMLdQqYwWEecFahKkHmsSAnNVzOXxZp"
_WIDTHS: Final = {"D": 3, "d": 2, "F": 1, "h": 2, "K": 2, "k": 2, "H": 2, "m": 2, "s": 2, "w": 2, "W": 1}
_TIME: Final = frozenset("hKkHmsSAnNa")


def zone_of(name: str) -> tzinfo:
    """Return a zone by its id. Raises: DateUnreadable."""
    if name in ("UTC", "GMT", "Z", "UT"):
        return UTC
    found = re.fullmatch(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?", name)
    if found:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise DateUnreadable(f"Unknown time-zone ID: {name}") from None


@lru_cache(maxsize=256)
def date_format(pattern: str) -> DateFormat:
    """Return the format of a pattern. Raises: PatternRefused."""
    return DateFormat(pattern)


class DateFormat:
    """One pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._parts = tokens(pattern, _LETTERS, sections=True)
        self._expressions: dict[str, Field] = {}
        _check(self._parts)
        self._matcher = re.compile(self._expression(self._parts))

    def format(self, value: date | datetime | time) -> str:
        """Print a value. Raises: DateUnreadable if it lacks a field of the pattern."""
        return "".join(self._printed(self._parts, value))

    def _printed(self, parts: tuple[Any, ...], value: Any) -> Iterator[str]:
        for part in parts:
            if isinstance(part, str):
                yield part
            elif isinstance(part, Optional):
                try:
                    yield "".join(self._printed(part.parts, value))
                except DateUnreadable:
                    continue
            else:
                yield _print(part, value)

    def parse(self, text: str) -> dict[str, Any]:
        """Read the fields of a text, by letter. Raises: DateUnreadable."""
        found = self._matcher.fullmatch(text)
        if found is None:
            raise DateUnreadable(f"Text '{text}' could not be parsed at index 0")
        values: dict[str, Any] = {}
        for name, field in self._expressions.items():
            if found[name] is not None:
                _read(field, found[name], values)
        return values

    def parse_local(self, text: str) -> datetime:
        """Read a date with a time of day. Raises: DateUnreadable."""
        values = self.parse(text)
        return datetime.combine(_date_of(values, text), _time_of(values, text))

    def parse_date(self, text: str) -> date:
        """Read a date. Raises: DateUnreadable."""
        return _date_of(self.parse(text), text)

    def parse_time(self, text: str) -> time:
        """Read a time of day. Raises: DateUnreadable."""
        return _time_of(self.parse(text), text)

    def parse_zoned(self, text: str) -> datetime:
        """Read an instant with its zone. Raises: DateUnreadable."""
        values = self.parse(text)
        if "zone" not in values:
            raise DateUnreadable(f"Text '{text}' could not be parsed: Unable to obtain ZonedDateTime")
        return datetime.combine(_date_of(values, text), _time_of(values, text), values["zone"])

    def _expression(self, parts: tuple[Any, ...]) -> str:
        out: list[str] = []
        for i, part in enumerate(parts):
            if isinstance(part, str):
                out.append(re.escape(part))
            elif isinstance(part, Optional):
                out.append(f"(?:{self._expression(part.parts)})?")
            elif part.letter != "p":
                name = f"f{len(self._expressions)}"
                self._expressions[name] = part
                out.append(f"(?P<{name}>{_field_expression(part, parts[i + 1] if i + 1 < len(parts) else None)})")
        return "".join(out)


def _check(parts: tuple[Any, ...]) -> None:
    for part in parts:
        if isinstance(part, Optional):
            _check(part.parts)
        elif isinstance(part, Field):
            limit = _WIDTHS.get(part.letter, 19)
            limit = {"V": 2, "X": 5, "x": 5, "Z": 5, "z": 4, "E": 5, "a": 1, "M": 5, "L": 5, "G": 5, "O": 4}.get(
                part.letter, limit
            )
            if part.count > limit or (part.letter == "V" and part.count != 2):
                raise PatternRefused(f"Too many pattern letters: {part.letter}")


def _is_text(field: Field) -> bool:
    return field.letter in "GaVzOXxZ" or (field.letter in "MLEecQq" and field.count >= 3) or field.letter == "E"


def _field_expression(field: Field, following: Any) -> str:
    letter, count = field.letter, field.count
    if letter in "ML" and count >= 3:
        return "|".join(MONTHS if count == 4 else [month[:3] for month in MONTHS])
    if letter in "Eec" and (count >= 3 or letter == "E"):
        return "|".join(DAYS if count == 4 else [day[:3] for day in DAYS])
    match letter:
        case "a":
            return "AM|PM"
        case "G":
            return "Anno Domini|Before Christ" if count == 4 else "AD|BC"
        case "V" | "z":
            return r"[A-Za-z][A-Za-z0-9_+\-/:]*|[+-]\d{2}:?\d{2}|Z"
        case "O":
            return r"GMT(?:[+-]\d{1,2}(?::\d{2})?)?"
        case "X" | "x" | "Z":
            shapes = (r"[+-]\d{2}(?:\d{2})?", r"[+-]\d{4}", r"[+-]\d{2}:\d{2}", r"[+-]\d{4}", r"[+-]\d{2}:\d{2}")
            shape = r"[+-]\d{4}" if letter == "Z" and count <= 3 else shapes[count - 1]
            return f"Z|{shape}" if letter == "X" or (letter == "Z" and count == 5) else shape
        case "S":
            return rf"\d{{{count}}}"
        case "u" | "y" | "Y":
            if count == 2:
                return r"\d{2}"
            if isinstance(following, Field) and not _is_text(following):
                return rf"\d{{{count}}}"
            return r"-?\d{4}|[+-]\d{5,10}" if count == 4 else rf"-?\d{{{count},19}}"
    if count == 1 and not (isinstance(following, Field) and not _is_text(following)):
        return r"\d{1,19}"
    return rf"\d{{{count}}}"


def _read(field: Field, piece: str, values: dict[str, Any]) -> None:
    letter = field.letter
    if letter in "ML":
        names = [name[:3] for name in MONTHS]
        values["M"] = names.index(piece[:3]) + 1 if field.count >= 3 else int(piece)
    elif letter in "Eec" and not piece.isdigit():
        values["E"] = piece
    elif letter == "a":
        values["a"] = piece
    elif letter == "G":
        values["G"] = piece[0]
    elif letter in "VzOXxZ":
        values["zone"] = zone_of(piece)
    elif letter in "uyY":
        values["y"] = int(piece) + (2000 if field.count == 2 else 0)
    elif letter == "S":
        values["n"] = int(piece.ljust(9, "0")[:9])
    else:
        values["n" if letter in "nN" else letter] = int(piece)


def _date_of(values: dict[str, Any], text: str) -> date:
    try:
        if "D" in values and "M" not in values:
            made = date(values["y"], 1, 1) + timedelta(days=values["D"] - 1)
            if made.year != values["y"]:
                raise ValueError("the year has fewer days")
            return made
        year, month, day = values["y"], values["M"], values["d"]
        if values.get("G") == "B":
            raise ValueError("years before our era are out of range")
        if not 1 <= day <= 31:
            raise ValueError(f"Invalid value for DayOfMonth (valid values 1 - 28/31): {day}")
        if not 1 <= month <= 12:
            raise ValueError(f"Invalid value for MonthOfYear (valid values 1 - 12): {month}")
        return date(year, month, min(day, calendar.monthrange(year, month)[1]))
    except KeyError:
        raise DateUnreadable(
            f"Text '{text}' could not be parsed: Unable to obtain LocalDateTime from TemporalAccessor"
        ) from None
    except (ValueError, OverflowError) as error:
        raise DateUnreadable(f"Text '{text}' could not be parsed: {error}") from None


def _time_of(values: dict[str, Any], text: str) -> time:
    if "h" in values or "K" in values:
        if "a" not in values:
            raise DateUnreadable(f"Text '{text}' could not be parsed: Unable to obtain LocalDateTime")
        hour = values.get("h", values.get("K", 0)) % 12 + (12 if values["a"] == "PM" else 0)
    elif "k" in values:
        hour = values["k"] % 24
    elif "H" in values:
        hour = values["H"]
    elif "A" in values:
        return (datetime.combine(date.min, time.min) + timedelta(milliseconds=values["A"])).time()
    else:
        raise DateUnreadable(f"Text '{text}' could not be parsed: Unable to obtain LocalDateTime from TemporalAccessor")
    try:
        return time(hour, values.get("m", 0), values.get("s", 0), values.get("n", 0) // 1000)
    except ValueError as error:
        raise DateUnreadable(f"Text '{text}' could not be parsed: {error}") from None


def _print(field: Field, value: Any) -> str:
    letter, count = field.letter, field.count
    if letter in _TIME and not isinstance(value, datetime | time):
        raise DateUnreadable(f"Unsupported field: {letter}")
    if letter in "VzOXxZ":
        return _print_zone(letter, count, value)
    if letter not in _TIME and isinstance(value, time):
        raise DateUnreadable(f"Unsupported field: {letter}")
    return _print_time(field, value) if letter in _TIME else _print_date(field, value)


def _print_time(field: Field, value: datetime | time) -> str:
    letter, count = field.letter, field.count
    nanos = value.microsecond * 1000
    day_ms = ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000
    match letter:
        case "a":
            return "PM" if value.hour >= 12 else "AM"
        case "S":
            return f"{nanos:09}"[:count]
        case "n":
            return str(nanos).rjust(count, "0")
        case "A":
            return str(day_ms).rjust(count, "0")
        case "N":
            return str(day_ms * 1_000_000 + nanos % 1_000_000).rjust(count, "0")
    number = {
        "H": value.hour,
        "k": value.hour or 24,
        "K": value.hour % 12,
        "h": value.hour % 12 or 12,
        "m": value.minute,
        "s": value.second,
    }[letter]
    return str(number).rjust(count, "0")


def _print_date(field: Field, value: date) -> str:
    letter, count = field.letter, field.count
    if letter in "uyY":
        year = week_of_year(value)[0] if letter == "Y" else value.year
        return f"{year % 100:02}" if count == 2 else str(year).rjust(count, "0")
    if letter in "ML" and count >= 3:
        name = MONTHS[value.month - 1]
        return name if count == 4 else name[0] if count == 5 else name[:3]
    if letter in "Eec" and (count >= 3 or letter == "E"):
        name = DAYS[value.weekday()]
        return name if count == 4 else name[0] if count == 5 else name[:3]
    if letter in "Qq":
        quarter = (value.month + 2) // 3
        if count < 3:
            return str(quarter).rjust(count, "0")
        return f"Q{quarter}" if count == 3 else ("1st", "2nd", "3rd", "4th")[quarter - 1] + " quarter"
    if letter == "G":
        return "Anno Domini" if count == 4 else "A" if count == 5 else "AD"
    number = {
        "M": value.month,
        "L": value.month,
        "d": value.day,
        "D": value.timetuple().tm_yday,
        "w": week_of_year(value)[1],
        "W": (value.day + (value.replace(day=1).isoweekday() % 7) - 1) // 7 + 1,
        "e": value.isoweekday() % 7 + 1,
        "c": value.isoweekday() % 7 + 1,
        "F": (value.day - 1) % 7 + 1,
    }.get(letter)
    return "" if number is None else str(number).rjust(count, "0")


def _print_zone(letter: str, count: int, value: Any) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise DateUnreadable(f"Unable to extract zone from temporal {value}")
    if letter == "V":
        return "UTC" if value.tzinfo is UTC else str(value.tzinfo).removeprefix("UTC")
    if letter == "O":
        text = print_zone("x", 3, value)
        return "GMT" if text == "+00:00" else f"GMT{text}" if count == 4 else f"GMT{text[0]}{int(text[1:3])}"
    if letter == "Z" and count == 5:
        return print_zone("X", 3, value)
    if letter == "Z" and count == 4:
        return _print_zone("O", 4, value)
    return print_zone(letter, count, value)
