"""Constants as written to typed literals.

Source: literal types of the dialect: a number with an exponent is DOUBLE, with a point DECIMAL, else the first of
INTEGER, BIGINT and DECIMAL that holds it; a string is CHAR of its length.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from penstock.data.types import BOOLEAN, DATE, DOUBLE, NULL, TIME, TIMESTAMP, Kind, SqlType, decimal
from penstock.sql.binder.types import MONTH_UNITS, interval_type
from penstock.sql.diagnostics import SqlError
from penstock.sql.functions.moments import Unreadable, read_zoned
from penstock.sql.parser.ast import Constant
from penstock.sql.plan.expr import Literal, Span

MICROS = {
    "WEEK": 7 * 86_400_000_000,
    "DAY": 86_400_000_000,
    "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000,
    "SECOND": 1_000_000,
    "MILLISECOND": 1_000,
    "MICROSECOND": 1,
}
_MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
_UNITS = ("DAY", "HOUR", "MINUTE", "SECOND")


def bind_constant(constant: Constant) -> Literal:
    """Return the value and type of a constant."""
    text, span = constant.text, constant.span
    match constant.kind:
        case "null":
            return Literal(None, NULL, span)
        case "boolean":
            return Literal(text.upper() == "TRUE", BOOLEAN, span)
        case "string":
            return Literal(text, SqlType(Kind.CHAR, False, precision=len(text)), span)
        case "binary":
            return _binary(text, span)
        case "number":
            return _number(text, span)
        case "date":
            return Literal(_date(text, span), DATE, span)
        case "time":
            return Literal(_time(text, span), TIME, span)
        case "timestamp":
            return Literal(_timestamp(text, span), TIMESTAMP, span)
        case "timestamp_tz":
            return Literal(_zoned(text, span), SqlType(Kind.TIMESTAMP_TZ, False, precision=6), span)
        case "uuid":
            try:
                return Literal(UUID(text), SqlType(Kind.UUID, False), span)
            except ValueError:
                raise SqlError(f"Invalid UUID string '{text}'", span) from None
        case "interval":
            return _interval(text, constant.qualifier or "SECOND", span)


def _binary(text: str, span: Span | None) -> Literal:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise SqlError("Binary literal string must contain an even number of hexadecimal digits", span) from None
    return Literal(value, SqlType(Kind.BINARY, False, precision=len(value)), span)


def _number(text: str, span: Span | None) -> Literal:
    if "e" in text.lower():
        return Literal(float(text), DOUBLE, span)
    value = Decimal(text)
    _, digits, exponent = value.as_tuple()
    scale = -int(exponent)
    precision = max(len(digits), scale, 1)
    if precision > 38:
        raise SqlError(f"Numeric literal '{text}' out of range", span)
    if "." in text:
        return Literal(value, decimal(precision, max(scale, 0)), span)
    whole = int(text)
    if -(2**31) <= whole < 2**31:
        return Literal(whole, SqlType(Kind.INTEGER, False), span)
    if -(2**63) <= whole < 2**63:
        return Literal(whole, SqlType(Kind.BIGINT, False), span)
    return Literal(value, decimal(precision, 0), span)


def _date(text: str, span: Span | None) -> date:
    if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", text.strip()):
        year, month, day = (int(p) for p in text.strip().split("-"))
        try:
            return date(year, month, day)
        except ValueError:
            pass
    raise SqlError(f"Illegal DATE literal '{text}': not in format 'yyyy-MM-dd'", span)


def _time(text: str, span: Span | None) -> time:
    found = re.fullmatch(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?", text.strip())
    if found:
        hour, minute, second, fraction = found.groups()
        try:
            return time(int(hour), int(minute), int(second), int(((fraction or "") + "000000")[:6]))
        except ValueError:
            pass
    raise SqlError(f"Illegal TIME literal '{text}': not in format 'HH:mm:ss'", span)


def _timestamp(text: str, span: Span | None) -> datetime:
    head, _, tail = text.strip().replace("T", " ", 1).partition(" ")
    try:
        day = _date(head, span)
        return datetime.combine(day, _time(tail.strip(), span) if tail.strip() else time())
    except SqlError:
        raise SqlError(f"Illegal TIMESTAMP literal '{text}': not in format 'yyyy-MM-dd HH:mm:ss'", span) from None


def _zoned(text: str, span: Span | None) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=read_zoned(text))
    except (Unreadable, OverflowError) as error:
        raise SqlError(f"Illegal TIMESTAMP WITH TIME ZONE literal '{text}': {error}", span) from None


def _interval(text: str, qualifier: str, span: Span | None) -> Literal:
    kind = interval_type(qualifier, False)
    try:
        value = interval_value(text, qualifier.upper())
    except (ValueError, ArithmeticError):
        raise SqlError(f"Illegal interval literal format '{text}' for INTERVAL {qualifier}", span) from None
    return Literal(value, kind, span)


def interval_value(text: str, qualifier: str) -> int:
    """Return months or microseconds of an interval's text, as "1-2" YEAR TO MONTH or "-1 02:03:04.5" DAY TO SECOND.

    Raises:
        ValueError: the text does not have the fields.
    """
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-").strip()
    first, _, last = qualifier.partition(" TO ")
    first = first.split("(")[0].strip()
    last = last.split("(")[0].strip()
    if first in MONTH_UNITS:
        if last:
            years, months = text.split("-")
            return sign * (int(years) * 12 + int(months))
        return sign * int(text) * _MONTHS[first]
    if not last:
        return sign * int(Decimal(text) * MICROS[first])
    wanted = _UNITS[_UNITS.index(first) : _UNITS.index(last) + 1]
    pieces = re.split(r"[ :]+", text)
    if len(pieces) != len(wanted):
        raise ValueError(text)
    return sign * sum(int(Decimal(p) * MICROS[u]) for p, u in zip(pieces, wanted, strict=True))
