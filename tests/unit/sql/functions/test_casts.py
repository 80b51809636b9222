"""CAST and SAFE_CAST between scalars: values, texts both ways, limits, wording of errors."""

# ruff: noqa: DTZ001 - a TIMESTAMP has no zone

from __future__ import annotations

import datetime as dt
import itertools
import math
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import BIGINT, INTEGER, POOL, VARCHAR

from penstock.data.types import FLOATS, INTEGERS, INTERVALS, STRINGS, TEMPORAL, Kind, SqlType, decimal
from penstock.data.values import decode_column, encode_values
from penstock.data.values_scalars import integer_range
from penstock.sql.evaluate import compile_expr
from penstock.sql.functions.casts import CASTS, castable
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.registry import EvaluationError, TypeMismatch
from penstock.sql.plan.expr import Cast, ColumnRef

BOOLEAN = SqlType(Kind.BOOLEAN)
DOUBLE, REAL = SqlType(Kind.DOUBLE), SqlType(Kind.REAL)
TINYINT, UBIGINT = SqlType(Kind.TINYINT), SqlType(Kind.UBIGINT)
DATE, TIME = SqlType(Kind.DATE), SqlType(Kind.TIME, precision=9)
TIMESTAMP, ZONED = SqlType(Kind.TIMESTAMP, precision=6), SqlType(Kind.TIMESTAMP_TZ, precision=6)


def char(length: int) -> SqlType:
    return SqlType(Kind.CHAR, precision=length)


def interval(qualifier: str) -> SqlType:
    months = qualifier.split()[0] in ("YEAR", "MONTH")
    return SqlType(Kind.INTERVAL_MONTHS if months else Kind.INTERVAL_MICROS, qualifier=qualifier)


def many(values: list[Any], source: SqlType, target: SqlType, safe: bool = False) -> list[Any]:
    column = compile_expr(Cast(ColumnRef(0, source), target, safe), POOL)(
        [encode_values(values, source, POOL)], len(values)
    )
    if column.nulls is not None:
        assert not column.words[column.nulls].any()
    return decode_column(column, target, POOL)


def cast(value: Any, source: SqlType, target: SqlType, safe: bool = False) -> Any:
    results = many([value, None, value], source, target, safe)

    assert results[1] is None
    assert results[0] == results[2] or results[0] != results[0]
    return results[0]


def fails(value: Any, source: SqlType, target: SqlType, message: str) -> None:
    with pytest.raises(EvaluationError) as error:
        cast(value, source, target)
    assert str(error.value) == message
    assert cast(value, source, target, safe=True) is None


@given(st.sampled_from(INTEGERS), st.sampled_from(INTEGERS), st.data())
def test_integers_are_checked_against_the_target(source: Kind, target: Kind, data: st.DataObject) -> None:
    low, high = integer_range(source)
    value = data.draw(st.integers(low, high) | st.sampled_from([low, high]))
    least, most = integer_range(target)
    if least <= value <= most:
        assert cast(value, SqlType(source), SqlType(target)) == value
    else:
        name = describe(SqlType(target))
        fails(
            value,
            SqlType(source),
            SqlType(target),
            f"Error converting {value} to {name}: out of range integral type conversion attempted",
        )


@given(st.decimals(-(10**12), 10**12, places=5), st.integers(1, 38), st.data())
def test_decimals_lose_digits_by_cutting(value: Decimal, precision: int, data: st.DataObject) -> None:
    scale = data.draw(st.integers(0, min(precision, 12)))
    target = decimal(precision, scale, True)
    expected = value.quantize(Decimal(1).scaleb(-scale), ROUND_DOWN)
    for source in (decimal(18, 5, True), decimal(30, 5, True)):
        if abs(int(expected.scaleb(scale))) < 10**precision:
            assert cast(value, source, target) == expected
        else:
            assert cast(value, source, target, safe=True) is None
            with pytest.raises(EvaluationError, match="Value out of range"):
                cast(value, source, target)


def test_numbers_of_different_families() -> None:
    assert cast(Decimal("-2.9"), decimal(5, 1, True), INTEGER) == -2
    assert cast(-2.9, DOUBLE, INTEGER) == -2
    assert cast(300, INTEGER, decimal(20, 2, True)) == Decimal("300.00")
    assert cast(2**64 - 1, UBIGINT, decimal(20, 0, True)) == 2**64 - 1
    assert cast(2**64 - 1, UBIGINT, DOUBLE) == 2.0**64
    assert cast(Decimal("0.1"), decimal(20, 1, True), DOUBLE) == 0.1
    assert cast(Decimal("12345678901234567890.123"), decimal(38, 3, True), DOUBLE) == 12345678901234567890.123
    assert cast(0.1, DOUBLE, REAL) == float(np.float32(0.1))
    assert cast(1.999, DOUBLE, decimal(3, 2, True)) == Decimal("1.99")
    assert cast(float(np.float32(0.3)), REAL, decimal(9, 8, True)) == Decimal("0.3")
    assert cast(True, BOOLEAN, decimal(3, 1, True)) == 1
    assert cast(True, BOOLEAN, INTEGER) == 1
    assert cast(-0.5, DOUBLE, BOOLEAN) is True
    assert cast(Decimal(0), decimal(25, 1, True), BOOLEAN) is False
    fails(300, INTEGER, decimal(3, 1, True), "Error converting 300.0 to DECIMAL(3, 1): Value out of range")
    fails(math.nan, DOUBLE, decimal(3, 1, True), "Error converting NaN to DECIMAL(3, 1): Value out of range")
    overflow = "out of range integral type conversion attempted"
    fails(1e19, DOUBLE, BIGINT, f"Error converting 1e19 to BIGINT: {overflow}")
    fails(Decimal("128.5"), decimal(5, 1, True), TINYINT, f"Error converting 128 to TINYINT: {overflow}")


@pytest.mark.parametrize(
    "value,expected",
    [
        (1.0, "1.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e16"),
        (0.00001, "0.00001"),
        (1.6631e-6, "1.6631e-6"),
        (4.78731782390219e-17, "4.78731782390219e-17"),
        (-2.088852331899055e16, "-2.088852331899055e16"),
        (601302.1420819727, "601302.1420819727"),
        (65670807080.68737, "65670807080.68737"),
        (4.00874003085199e20, "4.00874003085199e20"),
        (0.0, "0.0"),
        (math.nan, "NaN"),
        (-math.inf, "-inf"),
    ],
)
def test_floats_are_written_with_as_few_digits_as_read_back(value: float, expected: str) -> None:
    assert cast(value, DOUBLE, VARCHAR) == expected


def test_other_values_as_text() -> None:
    assert cast(float(np.float32(57681.18)), REAL, VARCHAR) == "57681.18"
    assert cast(float(np.float32(57681.18)), DOUBLE, VARCHAR) == "57681.1796875"
    assert cast(True, BOOLEAN, VARCHAR) == "TRUE"
    assert cast(2**64 - 1, UBIGINT, VARCHAR) == "18446744073709551615"
    assert cast(Decimal("-0.50"), decimal(4, 2, True), VARCHAR) == "-0.50"
    assert cast(Decimal("1e20"), decimal(30, 3, True), VARCHAR) == "100000000000000000000.000"
    assert cast(dt.date(987, 6, 5), DATE, VARCHAR) == "0987-06-05"
    assert cast(dt.datetime(2020, 6, 21, 14, 23, 44, 123654), TIMESTAMP, VARCHAR) == "2020-06-21 14:23:44.123654"
    assert cast(dt.datetime(2020, 6, 21, 14, 23, 44, 120000), TIMESTAMP, VARCHAR) == "2020-06-21 14:23:44.120"
    assert cast(dt.datetime(1969, 12, 31, 23), TIMESTAMP, VARCHAR) == "1969-12-31 23:00:00"
    assert cast(dt.datetime(2020, 6, 21, tzinfo=dt.UTC), ZONED, VARCHAR) == "2020-06-21 00:00:00+00:00"
    assert cast(dt.time(8, 5), TIME, VARCHAR) == "08:05:00"
    assert cast(12345, INTEGER, SqlType(Kind.VARCHAR, precision=3)) == "123"
    assert cast(7, INTEGER, char(3)) == "7  "
    assert cast("héllo", VARCHAR, char(3)) == "hél"
    assert cast("a", VARCHAR, char(3)) == "a  "
    assert cast("a  ", char(3), VARCHAR) == "a  "


def test_reading_numbers() -> None:
    assert cast(" -12 ", VARCHAR, INTEGER) == -12
    assert cast("18446744073709551615", VARCHAR, UBIGINT) == 2**64 - 1
    assert cast("1e2", VARCHAR, DOUBLE) == 100.0
    assert cast("inf", VARCHAR, DOUBLE) == math.inf
    assert cast("TRUE", VARCHAR, BOOLEAN) is True
    for text in ("0.125", "0.135", "-0.125", "2.5e-1"):
        expected = Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        assert cast(text, VARCHAR, decimal(20, 2, True)) == expected
    fails("12.5", VARCHAR, INTEGER, "Error converting 12.5 to INTEGER: invalid digit found in string")
    fails("300", VARCHAR, TINYINT, "Error converting 300 to TINYINT: number too large to fit in target type")
    fails("1_0", VARCHAR, DOUBLE, "Error converting 1_0 to DOUBLE: invalid float literal")
    fails("x", VARCHAR, decimal(5, 2, True), "Cannot parse x into a DECIMAL(5, 2)")
    fails("1234.5", VARCHAR, decimal(5, 2, True), "Error converting 1234.5 to DECIMAL(5, 2): Value out of range")
    fails("perhaps", VARCHAR, BOOLEAN, "Error converting perhaps to BOOLEAN: provided string was not `true` or `false`")


def test_reading_moments() -> None:
    assert cast("2024-2-29", VARCHAR, DATE) == dt.date(2024, 2, 29)
    assert cast("23:59:59.5", VARCHAR, TIME) == dt.time(23, 59, 59, 500000)
    assert cast("2024-02-29 01:02:03.25", VARCHAR, TIMESTAMP) == dt.datetime(2024, 2, 29, 1, 2, 3, 250000)
    assert cast("2024-02-29T01:02:03", VARCHAR, TIMESTAMP) == dt.datetime(2024, 2, 29, 1, 2, 3)
    assert cast("2024-02-29", VARCHAR, TIMESTAMP) == dt.datetime(2024, 2, 29)
    noon = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)
    for text in ("12:00:00", "12:00:00Z", "12:00:00 UTC", "14:00:00+02:00", "07:00:00-0500", "13:00:00 Europe/Paris"):
        assert cast(f"2024-02-29 {text}", VARCHAR, ZONED) == noon, text
    fails("2023-02-29", VARCHAR, DATE, "Error converting 2023-02-29 to DATE: input is out of range")
    fails("14:x", VARCHAR, TIME, "Error converting 14:x to TIME: input contains invalid characters")


def test_moments_and_numbers() -> None:
    stamp = dt.datetime(2024, 2, 29, 1, 2, 3)
    assert cast(stamp, TIMESTAMP, DATE) == dt.date(2024, 2, 29)
    assert cast(stamp, TIMESTAMP, TIME) == dt.time(1, 2, 3)
    assert cast(dt.date(1969, 12, 31), DATE, TIMESTAMP) == dt.datetime(1969, 12, 31)
    assert cast(1500, INTEGER, TIMESTAMP) == dt.datetime(1970, 1, 1, 0, 0, 1, 500000)
    assert cast(-1, BIGINT, TIMESTAMP) == dt.datetime(1969, 12, 31, 23, 59, 59, 999000)
    assert cast(dt.datetime(1970, 1, 1, 0, 0, 1, 500000), TIMESTAMP, BIGINT) == 1500
    assert cast(2**62, BIGINT, TIMESTAMP, safe=True) is None


@pytest.mark.parametrize(
    "qualifier,value,text",
    [
        ("SECOND", 318_211_200_000_000, "+318211200.000000"),
        ("MINUTE", -20_733_000_000, "-345"),
        ("HOUR", 20_733_000_000, "+5"),
        ("DAY", -318_211_200_000_000, "-3683"),
        ("MONTH", -121, "-121"),
        ("YEAR", 121, "+10"),
        ("YEAR TO MONTH", -32, "-2-08"),
        ("DAY TO HOUR", 84_686_400_000_000, "+980 04"),
        ("DAY TO MINUTE", 84_686_400_000_000, "+980 04:00"),
        ("DAY TO SECOND", 84_686_400_000_000, "+980 04:00:00"),
        ("HOUR TO MINUTE", 20_733_000_000, "+5:45"),
        ("HOUR TO SECOND", 20_733_000_000, "+5:45:33.000000"),
        ("MINUTE TO SECOND", -20_733_000_000, "-345:33.000000"),
    ],
)
def test_intervals_as_text_and_back(qualifier: str, value: int, text: str) -> None:
    kind = interval(qualifier)
    assert cast(value, kind, VARCHAR) == text
    back = cast(text, VARCHAR, kind)
    assert cast(back, kind, VARCHAR) == text


def test_intervals_and_numbers() -> None:
    assert cast(-20_733_000_000, interval("MINUTE"), BIGINT) == -345
    assert cast(-121, interval("YEAR"), BIGINT) == -10
    assert cast(3, INTEGER, interval("HOUR")) == 10_800_000_000
    assert cast(3, INTEGER, interval("YEAR")) == 36
    assert cast(Decimal("1.5"), decimal(3, 1, True), interval("SECOND")) == 1_500_000
    assert cast(20_733_500_000, interval("SECOND"), decimal(10, 3, True)) == Decimal("20733.500")
    fails(
        "5:45",
        VARCHAR,
        interval("MINUTE"),
        "Error converting 5:45 to INTERVAL MINUTE: input contains invalid characters",
    )


ROUND_TRIPS: list[tuple[SqlType, st.SearchStrategy[Any]]] = [
    (BIGINT, st.integers(-(2**63), 2**63 - 1)),
    (DOUBLE, st.floats(allow_nan=False)),
    (REAL, st.floats(width=32, allow_nan=False)),
    (decimal(38, 6, True), st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(f"{n}e-6"))),
    (DATE, st.dates()),
    (TIMESTAMP, st.datetimes()),
    (TIME, st.times()),
]


@pytest.mark.parametrize("kind,values", ROUND_TRIPS)
def test_text_reads_back_as_the_value(kind: SqlType, values: st.SearchStrategy[Any]) -> None:
    @given(st.lists(values, min_size=1, max_size=5))
    def check(drawn: list[Any]) -> None:
        assert many(many(drawn, kind, VARCHAR), VARCHAR, kind) == drawn

    check()


def test_every_scalar_converts_to_and_from_text() -> None:
    scalars = (Kind.BOOLEAN, *INTEGERS, *FLOATS, Kind.DECIMAL, *TEMPORAL, *INTERVALS)
    for kind, text in itertools.product(scalars, STRINGS):
        assert (kind, text) in CASTS
        assert (text, kind) in CASTS


def test_what_has_no_conversion_is_refused() -> None:
    assert not castable(DATE, INTEGER)
    assert castable(SqlType(Kind.NULL), DATE)
    with pytest.raises(TypeMismatch, match="Cast function cannot convert value of type DATE to type INTEGER"):
        cast(dt.date(2024, 1, 1), DATE, INTEGER)
