"""Dates and times made of numbers or of text with a pattern: MAKE_*, FORMAT_*, PARSE_*.

Patterns are those of strftime; a text that does not match its pattern and parts that make no date give NULL. What
depends on a pattern is computed once for each distinct value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import numpy as np

from penstock.data.batch import Column
from penstock.data.types import BIGINT, DATE, NUMERIC, STRINGS, TIME, TIMESTAMP, VARCHAR, Kind, SqlType
from penstock.sql.functions import civil
from penstock.sql.functions.civil import DAY_MICROS
from penstock.sql.functions.coercion import any_nullable, expect_count, mismatch
from penstock.sql.functions.decimals import loader, rounded, scale_of
from penstock.sql.functions.distinct import by_value, over_distinct_values, runs
from penstock.sql.functions.registry import (
    Context,
    Kernel,
    Resolve,
    Signature,
    TypeMismatch,
    prepared,
)

_SECONDS = SqlType(Kind.DECIMAL, precision=18, scale=6)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone
_MICROSECOND = dt.timedelta(microseconds=1)


# ------------------------------------------------------------------------------------------------------- patterns


def _resolve_format(name: str, kind: SqlType) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 2)
        pattern, value = types
        if pattern.kind not in STRINGS or not _takes(kind.kind, value.kind):
            raise mismatch(name, types)
        return Signature((pattern, kind.with_nullable(value.nullable)), VARCHAR.with_nullable(any_nullable(types)))

    return resolve


def _takes(wanted: Kind, given: Kind) -> bool:
    if wanted is Kind.TIME:
        return given in (Kind.TIME, Kind.NULL)
    return given in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.NULL)


_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%e": "%d", "%h": "%b", "%n": "\n"}
_DIRECTIVE = re.compile(r"%(?:\.?\d?f|.)", re.DOTALL)


def _write(pattern: str, moment: dt.datetime) -> str:
    """Write a moment; the directives that differ between platforms are written here."""

    def one(found: re.Match[str]) -> str:
        directive = found[0]
        if directive.endswith("f"):
            return _write_fraction(directive, moment.microsecond)
        match directive:
            case "%Y":
                return f"{moment.year:04}"
            case "%e":
                return f"{moment.day:2}"
            case "%s":
                return str((moment - _EPOCH) // dt.timedelta(seconds=1))
        known = _SHORT.get(directive)
        return _write(known, moment) if known is not None else moment.strftime(directive)

    return _DIRECTIVE.sub(one, pattern)


def _write_fraction(directive: str, micros: int) -> str:
    """%f is nanoseconds; %.f the fraction as short as it goes, %3f and %.3f that many digits."""
    nanos = f"{micros * 1000:09}"
    point = "." if "." in directive else ""
    digits = re.sub(r"\D", "", directive)
    if digits:
        return point + nanos[: int(digits)]
    if not point:
        return nanos
    if not micros:
        return ""
    return point + (nanos[:3] if micros % 1000 == 0 else nanos[:6])


def _format(pattern: str, value: object) -> str:
    if isinstance(value, dt.datetime):
        return _write(pattern, value.replace(tzinfo=None))
    if isinstance(value, dt.date):
        return _write(pattern, dt.datetime.combine(value, dt.time()))
    if isinstance(value, dt.time):
        return _write(pattern, dt.datetime.combine(_EPOCH.date(), value))
    assert isinstance(value, int)
    return _write(pattern, _EPOCH + dt.timedelta(microseconds=value // 1000))


_UNITS = {
    **dict.fromkeys("YyCGgVUWujmdeaAbBhFDwn%", DAY_MICROS),
    **dict.fromkeys("HIpPkl", DAY_MICROS // 24),
    **dict.fromkeys("MR", 60_000_000),
    **dict.fromkeys("STs", 1_000_000),
}
"""By directive: what writes the same within each unit of time."""


def _unit(pattern: str, kind: Kind) -> int:
    """Return a number of the kind's units (1 if none is known) within which all moments are written alike."""
    if kind is Kind.DATE:
        return 1
    units = [_UNITS.get(found[0][1:], 1) for found in _DIRECTIVE.finditer(pattern)]
    unit = min([DAY_MICROS, *units])
    return unit * 1000 if kind is Kind.TIME and unit > 1 else unit


def _prepare_format(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """Under a constant pattern the moments that are written alike are written once, at the beginning of their unit."""
    write = over_distinct_values(_format)(context, signature, constants)
    pattern = constants[0]
    if pattern is None or pattern.nulls is not None:
        return write
    unit = _unit(context.pool.value(int(pattern.words[0])).decode(), signature.arguments[1].kind)
    if unit == 1:
        return write

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        moment = arguments[1]
        if moment.nulls is not None or row_count < 2:
            return write([arguments[0], Column(moment.words // unit * unit, moment.nulls)], row_count)
        starts, run = np.empty(row_count, np.int64), np.empty(row_count, np.int64)
        count = runs(moment.words, unit, starts, run)
        return write([Column(arguments[0].words[:count]), Column(starts[:count])], count).take(run)

    return kernel


for _name, _kind in (
    ("FORMAT_DATE", DATE),
    ("FORMAT_TIME", TIME),
    ("FORMAT_TIMESTAMP", TIMESTAMP),
    ("FORMAT_DATETIME", TIMESTAMP),
):
    prepared(_name, resolve=_resolve_format(_name, _kind))(_prepare_format)


def _resolve_parse(name: str, kind: SqlType) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 2)
        if any(t.kind not in (*STRINGS, Kind.NULL) for t in types):
            raise mismatch(name, types)
        arguments = tuple(VARCHAR.with_nullable(t.nullable) for t in types)
        return Signature(arguments, kind.with_nullable(True))

    return resolve


def _read(pattern: str, text: str) -> dt.datetime | None:
    for short, full in _SHORT.items():
        pattern = pattern.replace(short, full)
    pattern = re.sub(r"%\.\d?f", ".%f", pattern)
    if ".%f" in pattern and "." not in text:
        pattern = pattern.replace(".%f", "")
    try:
        return dt.datetime.strptime(text, pattern)  # noqa: DTZ007 - a TIMESTAMP has no zone
    except ValueError:
        return None


def _parse_date(pattern: str, text: str) -> dt.date | None:
    moment = _read(pattern, text)
    return None if moment is None else moment.date()


def _parse_time(pattern: str, text: str) -> dt.time | None:
    moment = _read(pattern, text)
    return None if moment is None else moment.time()


def _parse_timestamp(pattern: str, text: str) -> dt.datetime | None:
    moment = _read(pattern, text)
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


by_value("PARSE_DATE", resolve=_resolve_parse("PARSE_DATE", DATE))(_parse_date)
by_value("PARSE_TIME", resolve=_resolve_parse("PARSE_TIME", TIME))(_parse_time)
by_value("PARSE_TIMESTAMP", resolve=_resolve_parse("PARSE_TIMESTAMP", TIMESTAMP))(_parse_timestamp)


# ----------------------------------------------------------------------------------------------------------- parts


def _resolve_make(name: str, counts: tuple[int, ...], result: SqlType) -> Resolve:
    """Typing of a function of whole numbers, of which the last may be seconds with a fraction."""
    fractional = result.kind is not Kind.DATE

    def resolve(types: Sequence[SqlType]) -> Signature:
        if len(types) not in counts:
            wanted = " or ".join(map(str, counts))
            raise TypeMismatch(f"Invalid number of arguments to function '{name}'. Was expecting {wanted} arguments")
        if any(t.kind not in NUMERIC and t.kind is not Kind.NULL for t in types):
            raise mismatch(name, types)
        arguments = [BIGINT.with_nullable(t.nullable) for t in types]
        if fractional:
            arguments[-1] = _SECONDS.with_nullable(types[-1].nullable)
        return Signature(tuple(arguments), result.with_nullable(True))

    return resolve


def _micros_of_seconds(kind: SqlType, context: Context) -> Kernel:
    load, scale = loader(kind, context.pool), scale_of(kind)
    return lambda arguments, row_count: Column(rounded(load(arguments[0]), scale - 6, "down"))


@prepared("MAKE_DATE", resolve=_resolve_make("MAKE_DATE", (3,), DATE))
def _make_date(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """The date of year, month and day; NULL if there is none."""

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        year, month, day = (a.words for a in arguments)
        safe_month = np.clip(month, 1, 12)
        wrong = (year < 1) | (year > 9999) | (month != safe_month) | (day < 1)
        wrong |= day > civil.month_length(year, safe_month)
        days = civil.days_from_civil(
            np.where(wrong, 1970, year), np.where(wrong, 1, safe_month), np.where(wrong, 1, day)
        )
        return Column(np.where(wrong, 0, days), wrong if wrong.any() else None)

    return kernel


@prepared("MAKE_TIME", resolve=_resolve_make("MAKE_TIME", (3,), TIME))
def _make_time(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """The time of hour, minute and second; NULL if there is none."""
    micros_of = _micros_of_seconds(signature.arguments[2], context)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        hour, minute = arguments[0].words, arguments[1].words
        micros = micros_of(arguments[2:], row_count).words
        wrong = (hour < 0) | (hour > 23) | (minute < 0) | (minute > 59) | (micros < 0) | (micros >= 60_000_000)
        nanos = ((hour * 60 + minute) * 60_000_000 + micros) * 1000
        return Column(np.where(wrong, 0, nanos), wrong if wrong.any() else None)

    return kernel


@prepared("MAKE_TIMESTAMP", resolve=_resolve_make("MAKE_TIMESTAMP", (1, 6), TIMESTAMP))
def _make_timestamp(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """The timestamp of its six parts, or of seconds since 1970-01-01; NULL if there is none."""
    micros_of = _micros_of_seconds(signature.arguments[-1], context)
    if len(signature.arguments) == 1:
        return _checked(micros_of)
    of_date = _make_date(context, signature, constants)
    of_time = _make_time(context, Signature(signature.arguments[3:], TIME), constants[3:])

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        day, clock = of_date(arguments[:3], row_count), of_time(arguments[3:], row_count)
        words = day.words * DAY_MICROS + clock.words // 1000
        if day.nulls is None and clock.nulls is None:
            return Column(words)
        nulls = np.zeros(row_count, np.bool_)
        for part in (day, clock):
            if part.nulls is not None:
                nulls |= part.nulls
        return Column(np.where(nulls, 0, words), nulls)

    return kernel


def _checked(micros_of: Kernel) -> Kernel:
    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        words = micros_of(arguments, row_count).words
        wrong = (words < civil.MIN_DAY * DAY_MICROS) | (words >= (civil.MAX_DAY + 1) * DAY_MICROS)
        return Column(np.where(wrong, 0, words), wrong) if wrong.any() else Column(words)

    return kernel
