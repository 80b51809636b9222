"""Intervals as text: "+5:45", "-980 04:00:00", "+10-01"; read and written by their qualifier ("HOUR TO MINUTE")."""

from __future__ import annotations

import re
from decimal import Decimal

UNIT_MICROS = {
    "WEEK": 604_800_000_000,
    "DAY": 86_400_000_000,
    "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000,
    "SECOND": 1_000_000,
    "MILLISECOND": 1_000,
    "MICROSECOND": 1,
}
UNIT_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}

_CLOCK = ("DAY", "HOUR", "MINUTE", "SECOND")
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")


def units(qualifier: str | None, default: str) -> tuple[str, str]:
    """Return the first and the last field of a qualifier; they are the same if there is one."""
    first, _, last = (qualifier or default).upper().partition(" TO ")
    return first, last or first


def show_months(months: int, qualifier: str | None) -> str:
    """Return the text of an interval of months, signed."""
    first, last = units(qualifier, "MONTH")
    sign, size = ("-", -months) if months < 0 else ("+", months)
    if first != last:
        return f"{sign}{size // 12}-{size % 12:02}"
    return f"{sign}{size // UNIT_MONTHS[first]}"


def show_micros(micros: int, qualifier: str | None) -> str:
    """Return the text of an interval of microseconds, signed; fields below the last one are cut off.

    Source: observed in the dialect: seconds have six fraction digits, except in DAY TO SECOND, where only a fraction
    that is not zero is shown.
    """
    first, last = units(qualifier, "SECOND")
    sign, size = ("-", -micros) if micros < 0 else ("+", micros)
    if first == last and first != "SECOND":
        return f"{sign}{size // UNIT_MICROS[first]}"
    fields = _CLOCK[_CLOCK.index(first) : _CLOCK.index(last) + 1]
    text = ""
    for at, unit in enumerate(fields):
        count, size = divmod(size, UNIT_MICROS[unit])
        before = "" if at == 0 else " " if fields[at - 1] == "DAY" else ":"
        text += f"{before}{count}" if at == 0 else f"{before}{count:02}"
    if last == "SECOND" and (first != "DAY" or size):
        text += f".{size:06}"
    return sign + text


def read_interval(text: str, qualifier: str | None, in_months: bool) -> int:
    """Return months or microseconds of an interval's text.

    Raises: ValueError if the text does not have the qualifier's fields.
    """
    stripped = text.strip()
    sign = -1 if stripped.startswith("-") else 1
    body = stripped[1:].strip() if stripped[:1] in ("-", "+") else stripped
    first, last = units(qualifier, "MONTH" if in_months else "SECOND")
    if in_months:
        if first == last:
            return sign * int(_digits(body)) * UNIT_MONTHS[first]
        years, months = body.split("-")
        return sign * (int(_digits(years)) * 12 + int(_digits(months)))
    if first == last:
        return sign * int(Decimal(_number(body)) * UNIT_MICROS[first])
    fields = _CLOCK[_CLOCK.index(first) : _CLOCK.index(last) + 1]
    pieces = re.split(r"[ :]+", body)
    if len(pieces) != len(fields):
        raise ValueError(text)
    total = sum(int(Decimal(_number(p)) * UNIT_MICROS[u]) for p, u in zip(pieces, fields, strict=True))
    return sign * total


def _digits(text: str) -> str:
    if not re.fullmatch(r"\d+", text):
        raise ValueError(text)
    return text


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return text
