"""Functions of numbers: rounding, signs, powers, logarithms, circular and hyperbolic functions."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import BIGINT, INTEGER, VARCHAR, apply, on_rows

from penstock.data.types import Kind, SqlType, decimal
from penstock.sql.functions.registry import FUNCTIONS, EvaluationError, TypeMismatch

DOUBLE = SqlType(Kind.DOUBLE)
REAL = SqlType(Kind.REAL)
MONEY = decimal(12, 4, True)
CENTS = st.decimals(-(10**7), 10**7, places=4)


@given(st.lists(st.tuples(CENTS, st.integers(-3, 6)), min_size=1, max_size=6))
def test_rounding_of_decimals(rows: list[tuple[Decimal, int]]) -> None:
    def rounded(value: Decimal, digits: int, mode: str) -> Decimal:
        return value.quantize(Decimal(1).scaleb(-digits), mode) if digits < 4 else value

    for name, mode in (("ROUND", ROUND_HALF_UP), ("BROUND", ROUND_HALF_EVEN), ("TRUNCATE", ROUND_DOWN)):
        assert on_rows(name, [MONEY, INTEGER], rows) == [rounded(v, d, mode) for v, d in rows]


@given(st.lists(CENTS, min_size=1, max_size=6))
def test_whole_parts_of_decimals(values: list[Decimal]) -> None:
    rows = [(v,) for v in values]

    assert on_rows("CEIL", [MONEY], rows) == [math.ceil(v) for v in values]
    assert on_rows("FLOOR", [MONEY], rows) == [math.floor(v) for v in values]
    assert on_rows("ROUND", [MONEY], rows) == [v.quantize(Decimal(1), ROUND_HALF_UP) for v in values]
    assert on_rows("ABS", [MONEY], rows) == [abs(v) for v in values]
    assert on_rows("SIGN", [MONEY], rows) == [(v > 0) - (v < 0) for v in values]


def test_rounding_of_integers_and_floats() -> None:
    assert apply("ROUND", (15, INTEGER), (-1, INTEGER)) == 20
    assert apply("BROUND", (25, INTEGER), (-1, INTEGER)) == 20
    assert apply("TRUNC", (-19, INTEGER), (-1, INTEGER)) == -10
    assert apply("ROUND", (7, INTEGER), (5, INTEGER)) == 7
    assert apply("ROUND", (-2.5, DOUBLE)) == -3.0
    assert apply("BROUND", (2.25, DOUBLE), (1, INTEGER)) == 2.2
    assert apply("TRUNCATE", (-38.2711, DOUBLE), (2, INTEGER)) == -38.27
    assert apply("ROUND", (1234.5, DOUBLE), (-2, INTEGER)) == 1200.0
    assert apply("ROUND", (1.5, DOUBLE), (400, INTEGER)) == 1.5
    assert apply("ROUND", (1.5, DOUBLE), (-400, INTEGER)) == 0.0
    assert apply("ROUND", (math.inf, DOUBLE), (2, INTEGER)) == math.inf
    assert apply("CEIL", (-38.27, DOUBLE)) == -38.0
    assert apply("FLOOR", (-0.5, REAL)) == -1.0
    assert apply("CEILING", (3, BIGINT)) == 3
    assert apply("FLOOR", ("-0.14", VARCHAR)) == -1


def test_the_absolute_value_of_the_least_integer_is_out_of_range() -> None:
    assert apply("ABS", (-5, INTEGER)) == 5
    assert apply("ABS", (2**64 - 1, SqlType(Kind.UBIGINT))) == 2**64 - 1
    with pytest.raises(EvaluationError, match="to BIGINT: out of range integral type conversion attempted"):
        apply("ABS", (-(2**63), BIGINT))


@pytest.mark.parametrize(
    "name,value,expected",
    [
        ("SQRT", 2.25, 1.5),
        ("CBRT", -27.0, -3.0),
        ("EXP", 1.0, math.e),
        ("LN", 10.0, math.log(10)),
        ("LOG", 10.0, math.log(10)),
        ("LOG10", 0.001, math.log10(0.001)),
        ("SIN", 0.7, math.sin(0.7)),
        ("COS", 0.7, math.cos(0.7)),
        ("TAN", 0.7, math.tan(0.7)),
        ("SEC", 0.7, 1 / math.cos(0.7)),
        ("CSC", 0.7, 1 / math.sin(0.7)),
        ("COT", 0.7, 1 / math.tan(0.7)),
        ("ASIN", 0.7, math.asin(0.7)),
        ("ACOS", 0.7, math.acos(0.7)),
        ("ATAN", 0.7, math.atan(0.7)),
        ("SINH", 9.0, math.sinh(9)),
        ("COSH", 9.0, math.cosh(9)),
        ("TANH", 0.7, math.tanh(0.7)),
        ("SECH", 9.0, 1 / math.cosh(9)),
        ("CSCH", 9.0, 1 / math.sinh(9)),
        ("COTH", 9.0, 1 / math.tanh(9)),
        ("ASINH", -0.7, math.asinh(-0.7)),
        ("ACOSH", 14.0, math.acosh(14)),
        ("ATANH", 0.7, math.atanh(0.7)),
        ("DEGREES", -1.0, math.degrees(-1)),
        ("RADIANS", 90.0, math.radians(90)),
    ],
)
def test_functions_of_doubles(name: str, value: float, expected: float) -> None:
    assert apply(name, (value, DOUBLE)) == pytest.approx(expected, rel=3e-16)
    assert apply(name, (None, DOUBLE)) is None
    with pytest.raises(TypeMismatch, match=rf"Cannot apply '{name}' to arguments of type '{name}\(<BOOLEAN>\)'"):
        FUNCTIONS[name].resolve([SqlType(Kind.BOOLEAN)])


def test_where_there_is_no_value_there_is_nan_or_infinity() -> None:
    for name, value in (("SQRT", -1.0), ("LN", -1.0), ("ACOS", 2.0), ("ACOSH", 0.5), ("ATANH", 2.0)):
        assert math.isnan(apply(name, (value, DOUBLE))), name
    assert apply("LN", (0.0, DOUBLE)) == -math.inf
    assert apply("EXP", (1000.0, DOUBLE)) == math.inf
    assert apply("ASINH", (0.0, DOUBLE)) == 0.0


def test_functions_of_two_doubles() -> None:
    assert apply("POWER", (2, INTEGER), (10, INTEGER)) == 1024.0
    assert apply("ATAN2", (1, INTEGER), (-1, INTEGER)) == math.atan2(1, -1)
    assert apply("LOG", (12, INTEGER), (10, INTEGER)) == math.log10(12)
    assert apply("LOG", (8.0, DOUBLE), (2.0, DOUBLE)) == 3.0
    assert apply("PI") == math.pi


def test_tests_of_floats() -> None:
    for value in (math.inf, -math.inf, math.nan, 1.5):
        assert apply("IS_INF", (value, DOUBLE)) is math.isinf(value)
        assert apply("IS_NAN", (value, DOUBLE)) is math.isnan(value)
        expected: Any = value if math.isfinite(value) else None
        assert apply("FINITE_OR_NULL", (value, DOUBLE)) == expected


@pytest.mark.parametrize("name", ["ABS", "CEIL", "FLOOR", "ROUND", "SIGN", "TRUNCATE", "TRUNC"])
def test_a_boolean_is_no_number(name: str) -> None:
    with pytest.raises(TypeMismatch, match=f"Cannot apply '{name}' to arguments of type"):
        FUNCTIONS[name].resolve([SqlType(Kind.BOOLEAN)])


def test_bround_takes_no_string() -> None:
    with pytest.raises(TypeMismatch, match="Cannot apply 'BROUND' to arguments of type"):
        FUNCTIONS["BROUND"].resolve([VARCHAR, INTEGER])
