"""Dates, times, timestamps and intervals against the standard library."""

# ruff: noqa: DTZ001 - a TIMESTAMP has no zone

from __future__ import annotations

import calendar
import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import BIGINT, INTEGER, POOL, VARCHAR, apply, bound, evaluate, on_rows

from penstock.data.types import Kind, SqlType, decimal
from penstock.data.values import encode_values
from penstock.sql.functions.registry import FUNCTIONS, EvaluationError, TypeMismatch
from penstock.sql.plan.expr import ColumnRef, Literal

DATE, TIME = SqlType(Kind.DATE), SqlType(Kind.TIME, precision=9)
TIMESTAMP, ZONED = SqlType(Kind.TIMESTAMP, precision=6), SqlType(Kind.TIMESTAMP_TZ, precision=6)
MONTHS = SqlType(Kind.INTERVAL_MONTHS, qualifier="MONTH")
MICROS = SqlType(Kind.INTERVAL_MICROS, qualifier="SECOND")
DOUBLE = SqlType(Kind.DOUBLE)
EPOCH = dt.datetime(1970, 1, 1)
MICROSECOND = dt.timedelta(microseconds=1)


def unit_first(name: str, unit: str, kind: SqlType, values: list[Any]) -> list[Any]:
    """name(unit, value) on a column."""
    literal = Literal(unit, SqlType(Kind.CHAR, False, precision=len(unit)))
    return evaluate(bound(name, [literal, ColumnRef(0, kind)]), [encode_values(values, kind, POOL)], len(values))


def unit_last(name: str, unit: str, kind: SqlType, values: list[Any]) -> list[Any]:
    """name(value, unit) on a column."""
    literal = Literal(unit, SqlType(Kind.CHAR, False, precision=len(unit)))
    return evaluate(bound(name, [ColumnRef(0, kind), literal]), [encode_values(values, kind, POOL)], len(values))


PARTS: dict[str, Any] = {
    "YEAR": lambda t: t.year,
    "QUARTER": lambda t: (t.month + 2) // 3,
    "MONTH": lambda t: t.month,
    "WEEK": lambda t: t.isocalendar().week,
    "ISOYEAR": lambda t: t.isocalendar().year,
    "DAY": lambda t: t.day,
    "DOW": lambda t: t.isoweekday() % 7 + 1,
    "ISODOW": lambda t: t.isoweekday(),
    "DOY": lambda t: t.timetuple().tm_yday,
    "DECADE": lambda t: t.year // 10,
    "CENTURY": lambda t: (t.year + 99) // 100,
    "MILLENNIUM": lambda t: (t.year + 999) // 1000,
    "HOUR": lambda t: t.hour,
    "MINUTE": lambda t: t.minute,
    "SECOND": lambda t: t.second,
    "MILLISECOND": lambda t: t.second * 1000 + t.microsecond // 1000,
    "MICROSECOND": lambda t: t.second * 1_000_000 + t.microsecond,
    "EPOCH": lambda t: (t - EPOCH) // dt.timedelta(seconds=1),
}

STAMPS = st.lists(st.datetimes(min_value=dt.datetime(1, 1, 8)), min_size=1, max_size=8)


@given(STAMPS)
def test_parts_of_timestamps_and_dates(stamps: list[dt.datetime]) -> None:
    for unit, part in PARTS.items():
        assert unit_first("EXTRACT", unit, TIMESTAMP, stamps) == [part(t) for t in stamps], unit
        midnights = [dt.datetime.combine(t.date(), dt.time()) for t in stamps]
        dates = [t.date() for t in stamps]
        assert unit_first("EXTRACT", unit, DATE, dates) == [part(t) for t in midnights], unit


@given(st.lists(st.times(), min_size=1, max_size=5))
def test_parts_of_times(times: list[dt.time]) -> None:
    for unit in ("HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"):
        assert unit_first("DATE_PART", unit, TIME, times) == [PARTS[unit](t) for t in times]


def test_functions_named_after_a_unit() -> None:
    stamp = dt.datetime(2024, 12, 30, 23, 5, 7, 250000)
    expected = {"YEAR": 2024, "QUARTER": 4, "WEEK": 1, "DAYOFMONTH": 30, "DOW": 2, "DOY": 365, "HOUR": 23, "SECOND": 7}
    for name, value in expected.items():
        assert apply(name, (stamp, TIMESTAMP)) == value
    with pytest.raises(TypeMismatch, match="Cannot apply 'YEAR' to arguments of type"):
        FUNCTIONS["YEAR"].resolve([TIME])


def test_parts_of_intervals_carry_the_sign() -> None:
    assert unit_first("EXTRACT", "YEAR", MONTHS, [-32, 32]) == [-2, 2]
    assert unit_first("EXTRACT", "MONTH", MONTHS, [-32, 32]) == [-8, 8]
    value = ((2 * 24 + 5) * 60 + 7) * 60_000_000
    assert unit_first("EXTRACT", "DAY", MICROS, [value, -value]) == [2, -2]
    assert unit_first("EXTRACT", "HOUR", MICROS, [value, -value]) == [5, -5]


def first_day(day: dt.date, unit: str) -> dt.date:
    match unit:
        case "YEAR":
            return day.replace(month=1, day=1)
        case "QUARTER":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "MONTH":
            return day.replace(day=1)
        case "WEEK" | "WEEK(SUNDAY)":
            return day - dt.timedelta(days=day.isoweekday() % 7)
        case "ISOWEEK" | "WEEK(MONDAY)":
            return day - dt.timedelta(days=day.weekday())
        case "DECADE":
            return dt.date(max(day.year // 10 * 10, 1), 1, 1)
        case "CENTURY":
            return dt.date((day.year - 1) // 100 * 100 + 1, 1, 1)
        case _:
            return day


@given(STAMPS)
def test_rounding_down_to_a_unit(stamps: list[dt.datetime]) -> None:
    dates = [t.date() for t in stamps]
    for unit in ("YEAR", "QUARTER", "MONTH", "WEEK", "WEEK(MONDAY)", "ISOWEEK", "DECADE", "CENTURY", "DAY"):
        expected = [first_day(d, unit) for d in dates]
        assert unit_last("DATE_TRUNC", unit, DATE, dates) == expected, unit
        assert unit_last("TIMESTAMP_TRUNC", unit, TIMESTAMP, stamps) == [
            dt.datetime.combine(d, dt.time()) for d in expected
        ]
    hours = [t.replace(minute=0, second=0, microsecond=0) for t in stamps]
    assert unit_last("FLOOR", "HOUR", TIMESTAMP, stamps) == hours
    assert unit_last("TIME_TRUNC", "HOUR", TIME, [t.time() for t in stamps]) == [t.time() for t in hours]


def test_rounding_up_to_a_unit() -> None:
    stamp = dt.datetime(2024, 2, 29, 13, 30)
    assert unit_last("CEIL", "MONTH", TIMESTAMP, [stamp, dt.datetime(2024, 2, 1)]) == [
        dt.datetime(2024, 3, 1),
        dt.datetime(2024, 2, 1),
    ]
    assert unit_last("CEIL", "HOUR", TIMESTAMP, [stamp]) == [dt.datetime(2024, 2, 29, 14)]
    assert unit_last("CEIL", "WEEK", DATE, [dt.date(2024, 2, 29)]) == [dt.date(2024, 3, 3)]
    assert unit_last("CEIL", "YEAR", DATE, [dt.date(2024, 2, 29)]) == [dt.date(2025, 1, 1)]
    with pytest.raises(EvaluationError, match="causes overflow for type DATE"):
        unit_last("CEIL", "YEAR", DATE, [dt.date(9999, 2, 1)])


def plus_months(day: dt.date, months: int) -> dt.date:
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


MIDDLE = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(3000, 1, 1))


@given(st.lists(st.tuples(MIDDLE, st.integers(-5000, 5000)), min_size=1, max_size=5))
def test_adding_months_keeps_to_the_end_of_the_month(rows: list[tuple[dt.datetime, int]]) -> None:
    dates = [(t.date(), m) for t, m in rows]

    assert on_rows("+", [DATE, MONTHS], dates) == [plus_months(d, m) for d, m in dates]
    assert on_rows("-", [DATE, MONTHS], dates) == [plus_months(d, -m) for d, m in dates]
    assert on_rows("+", [TIMESTAMP, MONTHS], rows) == [
        dt.datetime.combine(plus_months(t.date(), m), t.time()) for t, m in rows
    ]


@given(st.lists(st.tuples(MIDDLE, st.integers(-(10**15), 10**15)), min_size=1, max_size=5))
def test_adding_a_duration(rows: list[tuple[dt.datetime, int]]) -> None:
    flipped = [(m, t) for t, m in rows]

    assert on_rows("+", [TIMESTAMP, MICROS], rows) == [t + m * MICROSECOND for t, m in rows]
    assert on_rows("+", [MICROS, TIMESTAMP], flipped) == [t + m * MICROSECOND for t, m in rows]
    assert on_rows("DATE_SUB", [TIMESTAMP, MICROS], rows) == [t - m * MICROSECOND for t, m in rows]
    times = [(t.time(), m) for t, m in rows]
    assert on_rows("+", [TIME, MICROS], times) == [
        (dt.datetime.combine(dt.date(2000, 1, 1), t) + m % 86_400_000_000 * MICROSECOND).time() for t, m in times
    ]


def test_a_date_moves_by_whole_days() -> None:
    day = 86_400_000_000
    assert apply("+", (dt.date(2024, 2, 28), DATE), (day * 2 - 1, MICROS)) == dt.date(2024, 2, 29)
    assert apply("-", (dt.date(2024, 3, 1), DATE), (day, MICROS)) == dt.date(2024, 2, 29)
    with pytest.raises(EvaluationError, match="causes overflow for type TIMESTAMP"):
        apply("+", (dt.datetime(9999, 12, 31), TIMESTAMP), (day, MICROS))


@given(st.lists(st.tuples(MIDDLE, MIDDLE), min_size=1, max_size=5))
def test_differences(rows: list[tuple[dt.datetime, dt.datetime]]) -> None:
    micros = [(a - b) // MICROSECOND for a, b in rows]
    dates = [(a.date(), b.date()) for a, b in rows]

    assert on_rows("-", [TIMESTAMP, TIMESTAMP], rows) == micros
    assert on_rows("-", [DATE, DATE], dates) == [(a - b) // MICROSECOND for a, b in dates]
    month = Literal("MONTH", SqlType(Kind.CHAR, False, precision=5))
    expr = bound("TIMESTAMPDIFF", [month, ColumnRef(1, TIMESTAMP), ColumnRef(0, TIMESTAMP)])
    columns = [encode_values([row[i] for row in rows], TIMESTAMP, POOL) for i in range(2)]
    months = evaluate(expr, columns, len(rows))
    for (a, b), m in zip(rows, months, strict=True):
        step = 1 if a >= b else -1
        same_side = (a - dt.datetime.combine(plus_months(b.date(), m), b.time())) / step
        assert m * step >= 0
        assert same_side >= dt.timedelta(0) or b.day > 28 or a.day > 28
        beyond = dt.datetime.combine(plus_months(b.date(), m + step), b.time())
        assert (beyond - a) / step > dt.timedelta(0) or b.day > 28 or a.day > 28


def test_differences_in_units_are_cut_off_towards_zero() -> None:
    def diff(unit: str, a: Any, b: Any, kind: SqlType = TIMESTAMP) -> Any:
        return apply("TIMESTAMPDIFF", (unit, VARCHAR), (a, kind), (b, kind))

    pair = (dt.datetime(2024, 1, 31, 12), dt.datetime(2024, 2, 29, 11, 59, 59))
    with pytest.raises(TypeMismatch, match="must be a constant"):
        diff("DAY", *pair)

    def constant(unit: str, kind: SqlType, a: Any, b: Any, name: str = "TIMESTAMPDIFF") -> Any:
        literal = Literal(unit, SqlType(Kind.CHAR, False, precision=len(unit)))
        expr = bound(name, [literal, ColumnRef(0, kind), ColumnRef(1, kind)])
        return evaluate(expr, [encode_values([v], kind, POOL) for v in (a, b)], 1)[0]

    assert constant("DAY", TIMESTAMP, *pair) == 28
    assert constant("DAY", TIMESTAMP, *pair[::-1]) == -28
    assert constant("MONTH", TIMESTAMP, *pair) == 0
    assert constant("HOUR", TIMESTAMP, *pair) == 28 * 24 + 23
    assert constant("YEAR", DATE, dt.date(2020, 2, 29), dt.date(2024, 2, 28)) == 3
    assert constant("QUARTER", DATE, dt.date(2020, 1, 1), dt.date(2024, 1, 1)) == 16
    assert constant("WEEK", DATE, dt.date(2024, 1, 1), dt.date(2024, 1, 14), "DATEDIFF") == 1
    assert constant("MINUTE", TIME, dt.time(10), dt.time(9, 0, 30)) == -59


def test_adding_units() -> None:
    def add(unit: str, count: int, kind: SqlType, value: Any) -> Any:
        literal = Literal(unit, SqlType(Kind.CHAR, False, precision=len(unit)))
        expr = bound("TIMESTAMPADD", [literal, ColumnRef(0, INTEGER), ColumnRef(1, kind)])
        columns = [encode_values([count], INTEGER, POOL), encode_values([value], kind, POOL)]
        return evaluate(expr, columns, 1)[0]

    assert add("MONTH", 1, DATE, dt.date(2024, 1, 31)) == dt.date(2024, 2, 29)
    assert add("YEAR", -1, TIMESTAMP, dt.datetime(2024, 2, 29, 5)) == dt.datetime(2023, 2, 28, 5)
    assert add("QUARTER", 2, DATE, dt.date(2024, 1, 31)) == dt.date(2024, 7, 31)
    assert add("HOUR", 30, TIMESTAMP, dt.datetime(2024, 2, 28)) == dt.datetime(2024, 2, 29, 6)
    assert add("WEEK", 1, DATE, dt.date(2024, 2, 28)) == dt.date(2024, 3, 6)
    assert add("SECOND", 5, TIME, dt.time(23, 59, 58)) == dt.time(0, 0, 3)


def test_arithmetic_of_intervals() -> None:
    assert apply("+", (5, MONTHS), (7, MONTHS)) == 12
    assert apply("-", (5, MICROS), (7, MICROS)) == -2
    assert apply("*", (7, MICROS), (-3, INTEGER)) == -21
    assert apply("*", (2, BIGINT), (7, MONTHS)) == 14
    assert apply("/", (-7, MICROS), (2, INTEGER)) == -3
    assert apply("*", (7, MICROS), (1.5, DOUBLE)) == 10
    assert apply("*", (7, MICROS), (Decimal("1.5"), decimal(3, 1, True))) == 10
    assert apply("<", (5, MICROS), (7, MICROS)) is True
    with pytest.raises(TypeMismatch, match=r"Cannot apply '\+' to arguments of type"):
        FUNCTIONS["+"].resolve([MONTHS, MICROS])
    with pytest.raises(TypeMismatch, match=r"Cannot apply '\+' to arguments of type"):
        FUNCTIONS["+"].resolve([TIME, MONTHS])


def test_moments_made_of_parts() -> None:
    def parts(*numbers: int) -> list[tuple[Any, SqlType]]:
        return [(n, INTEGER) for n in numbers]

    assert apply("MAKE_DATE", *parts(2024, 2, 29)) == dt.date(2024, 2, 29)
    assert apply("MAKE_DATE", *parts(2023, 2, 29)) is None
    assert apply("MAKE_DATE", *parts(0, 1, 1)) is None
    assert apply("MAKE_TIME", *parts(23, 59), (1.5, DOUBLE)) == dt.time(23, 59, 1, 500000)
    assert apply("MAKE_TIME", *parts(24, 0, 0)) is None
    assert apply("MAKE_TIMESTAMP", *parts(2024, 2, 29, 1, 2, 3)) == dt.datetime(2024, 2, 29, 1, 2, 3)
    assert apply("MAKE_TIMESTAMP", *parts(-1)) == dt.datetime(1969, 12, 31, 23, 59, 59)


def test_patterns() -> None:
    stamp = dt.datetime(987, 6, 5, 4, 3, 2, 120000)
    assert (
        apply("FORMAT_TIMESTAMP", ("%Y/%m/%d %T%.f %j", VARCHAR), (stamp, TIMESTAMP)) == "0987/06/05 04:03:02.120 156"
    )
    assert apply("FORMAT_DATE", ("%e %b %Y", VARCHAR), (dt.date(2024, 2, 9), DATE)) == " 9 Feb 2024"
    assert apply("FORMAT_TIME", ("%H.%M.%S.%3f", VARCHAR), (dt.time(4, 3, 2, 120000), TIME)) == "04.03.02.120"
    assert apply("PARSE_DATE", ("%d.%m.%Y", VARCHAR), ("29.02.2024", VARCHAR)) == dt.date(2024, 2, 29)
    assert apply("PARSE_DATE", ("%d.%m.%Y", VARCHAR), ("30.02.2024", VARCHAR)) is None
    assert apply("PARSE_TIME", ("%T%.f", VARCHAR), ("04:03:02.5", VARCHAR)) == dt.time(4, 3, 2, 500000)
    assert apply("PARSE_TIMESTAMP", ("%F %T", VARCHAR), ("2024-02-29 01:02:03", VARCHAR)) == dt.datetime(
        2024, 2, 29, 1, 2, 3
    )


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%H", "%R", "%T", "%Y %j %H:%M:%S", "%S%.3f", "%c", "%s"])
def test_moments_that_a_pattern_writes_alike_are_written_once_and_right(pattern: str) -> None:
    start = dt.datetime(1969, 12, 31, 22, 59, 58, 900_000)
    moments = [start + dt.timedelta(milliseconds=137 * i * i) for i in range(300)] + [None]
    literal = Literal(pattern, SqlType(Kind.CHAR, False, precision=len(pattern)))

    together = evaluate(
        bound("FORMAT_TIMESTAMP", [literal, ColumnRef(0, TIMESTAMP)]),
        [encode_values(moments, TIMESTAMP, POOL)],
        len(moments),
    )

    assert [apply("FORMAT_TIMESTAMP", (pattern, VARCHAR), (m, TIMESTAMP)) for m in moments[:40]] == together[:40]
    texts = [m.strftime(pattern) for m in moments[:300] if m] if "%s" not in pattern and "f" not in pattern else []
    assert not texts or texts == together[:300]
    assert together[300] is None


@given(MIDDLE)
def test_time_zones(moment: dt.datetime) -> None:
    def convert(source: str, target: str) -> Any:
        return apply("CONVERT_TIMEZONE", (source, VARCHAR), (target, VARCHAR), (moment, TIMESTAMP))

    expected = moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)

    assert convert("UTC", "Asia/Tokyo") == expected
    assert convert("+02:00", "UTC") == moment - dt.timedelta(hours=2)
    assert convert("UTC", "-05:30") == moment - dt.timedelta(hours=5, minutes=30)


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="unknown time zone 'Mars/Base'"):
        apply("CONVERT_TIMEZONE", ("UTC", VARCHAR), ("Mars/Base", VARCHAR), (EPOCH, TIMESTAMP))


@pytest.mark.parametrize(
    "name,kinds,values,message",
    [
        ("EXTRACT", [VARCHAR, TIME], ["YEAR", ...], "Cannot apply 'EXTRACT' to extract YEAR from a value of type TIME"),
        ("EXTRACT", [VARCHAR, DATE], [..., ...], "the unit of 'EXTRACT' must be a constant"),
        (
            "DATE_TRUNC",
            [DATE, VARCHAR],
            [..., "FORTNIGHT"],
            "Cannot apply 'DATE_TRUNC' to the unit FORTNIGHT of a value of",
        ),
        ("FLOOR", [TIME, VARCHAR], [..., "YEAR"], "Cannot apply 'FLOOR' to the unit YEAR of a value of type TIME"),
        (
            "TIMESTAMPADD",
            [VARCHAR, INTEGER, TIME],
            ["MONTH", ..., ...],
            "Cannot apply 'TIMESTAMPADD' to add months to a TIME",
        ),
        ("TIMESTAMPDIFF", [VARCHAR, DATE, DATE], ["DOW", ..., ...], "Cannot apply 'TIMESTAMPDIFF' to the unit DOW"),
    ],
)
def test_a_wrong_unit_is_found_before_anything_runs(
    name: str, kinds: list[SqlType], values: list[object], message: str
) -> None:
    function = FUNCTIONS[name]
    assert function.check is not None

    with pytest.raises(TypeMismatch) as error:
        function.check(function.resolve(kinds), values)

    assert str(error.value).startswith(message)
