"""Arithmetic against Python integers and decimals: values, limits, result types, wording of errors."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import BIGINT, INTEGER, VARCHAR, apply, on_rows

from penstock.data import decimal128
from penstock.data.types import INTEGERS, Kind, SqlType, decimal
from penstock.data.values_scalars import integer_range
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.registry import FUNCTIONS, EvaluationError, TypeMismatch

DOUBLE = SqlType(Kind.DOUBLE)
REAL = SqlType(Kind.REAL)
EXACT = Context(prec=200)


def truncated(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def integer(operator: str, a: int, b: int) -> int | None:
    """The exact result, None where there is none."""
    if operator in "/%" and b == 0:
        return None
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return truncated(a, b)
        case _:
            return a - truncated(a, b) * b


@st.composite
def operands(draw: st.DrawFn) -> tuple[SqlType, int, int]:
    kind = draw(st.sampled_from(INTEGERS))
    low, high = integer_range(kind)
    edge = st.sampled_from([low, low + 1, 0, 1, high - 1, high, math.isqrt(high), math.isqrt(high) + 1])
    values = st.one_of(edge, st.integers(low, high), st.integers(max(low, -100), 100))
    return SqlType(kind), draw(values), draw(values)


@given(operands(), st.sampled_from("+-*/%"))
@settings(max_examples=400)
def test_integers_are_exact_or_fail(case: tuple[SqlType, int, int], operator: str) -> None:
    kind, a, b = case
    exact = integer(operator, a, b)
    low, high = integer_range(kind.kind)
    if exact is not None and low <= exact <= high:
        assert on_rows(operator, [kind, kind], [(a, b)] * 3) == [exact] * 3
        return

    with pytest.raises(EvaluationError) as error:
        on_rows(operator, [kind, kind], [(1, 1), (a, b)])

    if operator == "%":
        assert str(error.value) == "attempt to calculate the remainder with a divisor of zero"
    else:
        assert str(error.value) == f"'{a} {operator} {b}' causes overflow for type {describe(kind)}"


def test_types_of_results() -> None:
    def result(operator: str, a: SqlType, b: SqlType) -> SqlType:
        return FUNCTIONS[operator].resolve([a, b]).result

    small, tiny, unsigned = SqlType(Kind.SMALLINT, False), SqlType(Kind.TINYINT), SqlType(Kind.UINTEGER)

    assert result("+", small, tiny) == SqlType(Kind.SMALLINT, True)
    assert result("+", unsigned, INTEGER) == BIGINT
    assert result("*", INTEGER, REAL) == REAL
    assert result("*", decimal(5, 2), REAL) == SqlType(Kind.DOUBLE, True)
    assert result("+", decimal(5, 2), decimal(7, 4)) == decimal(8, 4)
    assert result("-", decimal(5, 2), small) == decimal(8, 2)
    assert result("*", decimal(5, 2), decimal(7, 4)) == decimal(12, 6)
    assert result("*", decimal(30, 10), decimal(30, 10)) == decimal(38, 20)
    assert result("/", decimal(5, 2), decimal(7, 4)) == decimal(17, 10)
    assert result("%", decimal(5, 2), INTEGER) == decimal(5, 2, True)
    with pytest.raises(TypeMismatch, match=r"Cannot apply '\+' to arguments of type '<INTEGER> \+ <BOOLEAN>'"):
        result("+", INTEGER, SqlType(Kind.BOOLEAN))
    with pytest.raises(TypeMismatch, match=r"Cannot apply 'MOD' to arguments of type 'MOD\(<BOOLEAN>, <INTEGER>\)'"):
        result("MOD", SqlType(Kind.BOOLEAN), INTEGER)


@st.composite
def decimals(draw: st.DrawFn) -> tuple[SqlType, Decimal]:
    precision = draw(st.integers(1, 38))
    scale = draw(st.integers(0, precision))
    digits = draw(st.integers(1, precision))
    unscaled = draw(st.integers(-(10**digits) + 1, 10**digits - 1))
    return decimal(precision, scale, True), EXACT.scaleb(Decimal(unscaled), -scale)


def decimal_exact(operator: str, a: Decimal, b: Decimal) -> Decimal | None:
    if operator in "/%" and b == 0:
        return None
    match operator:
        case "+":
            return EXACT.add(a, b)
        case "-":
            return EXACT.subtract(a, b)
        case "*":
            return EXACT.multiply(a, b)
        case "/":
            return EXACT.divide(a, b)
        case _:
            return EXACT.remainder(a, b)


@given(decimals(), decimals(), st.sampled_from("+-*/%"))
@settings(max_examples=500)
def test_decimals_are_exact_up_to_the_scale_of_the_result(
    left: tuple[SqlType, Decimal], right: tuple[SqlType, Decimal], operator: str
) -> None:
    (left_type, a), (right_type, b) = left, right
    result = FUNCTIONS[operator].resolve([left_type, right_type]).result
    exact = decimal_exact(operator, a, b)
    scale, precision = result.scale or 0, result.precision or 0
    if exact is None:
        with pytest.raises(EvaluationError):
            on_rows(operator, [left_type, right_type], [(a, b)])
        return
    expected = exact.quantize(Decimal(1).scaleb(-scale, EXACT), ROUND_DOWN, EXACT)
    if abs(int(EXACT.scaleb(expected, scale))) >= 10**precision:
        with pytest.raises(EvaluationError, match=r"Error converting .* to DECIMAL\(\d+, \d+\): Value out of range"):
            on_rows(operator, [left_type, right_type], [(a, b)])
        return

    assert on_rows(operator, [left_type, right_type], [(a, b), (None, b), (a, b)]) == [expected, None, expected]


def test_a_batch_may_mix_numbers_that_fit_a_word_with_others() -> None:
    wide = decimal(38, 2, True)
    rows = [(Decimal("1.25"), Decimal("2.00")), (Decimal("9e30"), Decimal("-0.01")), (None, Decimal(1))]

    assert on_rows("+", [wide, wide], rows) == [Decimal("3.25"), EXACT.add(*rows[1]), None]


def test_floats_have_no_errors() -> None:
    assert apply("/", (1.0, DOUBLE), (0.0, DOUBLE)) == math.inf
    assert math.isnan(apply("%", (1.0, DOUBLE), (0.0, DOUBLE)))
    assert apply("*", (0.1, REAL), (3.0, REAL)) == 0.30000001192092896
    assert math.copysign(1.0, apply("*", (-1.0, DOUBLE), (0.0, DOUBLE))) == 1.0


def test_the_unary_minus() -> None:
    assert apply("NEGATE", (5, INTEGER)) == -5
    assert apply("NEGATE", (Decimal("-1.5"), decimal(3, 1, True))) == Decimal("1.5")
    assert apply("NEGATE", (1.5, DOUBLE)) == -1.5
    assert apply("NEGATE", (90, SqlType(Kind.INTERVAL_MICROS, qualifier="SECOND"))) == -90
    with pytest.raises(EvaluationError, match="'0 - -2147483648' causes overflow for type INTEGER"):
        apply("NEGATE", (-(2**31), INTEGER))
    with pytest.raises(EvaluationError, match="'0 - 1' causes overflow for type TINYINT UNSIGNED"):
        apply("NEGATE", (1, SqlType(Kind.UTINYINT)))


def test_strings_count_as_decimals() -> None:
    assert apply("+", ("1.5", VARCHAR), (2, INTEGER)) == Decimal("3.5")
    with pytest.raises(EvaluationError, match=r"Cannot parse x into a DECIMAL\(38, 19\)"):
        apply("+", ("x", VARCHAR), (2, INTEGER))


def test_div_null_is_null_for_zero() -> None:
    assert apply("DIV_NULL", (7, INTEGER), (2, INTEGER)) == 3
    assert apply("DIV_NULL", (7, INTEGER), (0, INTEGER)) is None
    assert on_rows("DIV_NULL", [INTEGER, INTEGER], [(7, 0), (8, 2), (None, 1)]) == [None, 4, None]
    assert apply("DIV_NULL", (Decimal(1), decimal(4, 0, True)), (Decimal(0), decimal(4, 0, True))) is None


def test_numbers_of_all_magnitudes_divide_towards_zero() -> None:
    import numpy as np

    sizes: list[Any] = [1, 3, 10**9, 10**18, 10**19, 10**30]
    for a in (s * f for s in sizes for f in (1, -1)):
        for b in (s * f for s in sizes for f in (1, -1)):
            both = [np.array([v], object if abs(v) > 2**62 else np.int64) for v in (a, b)]
            quotient, rest = decimal128.divide(both[0], both[1])

            assert (int(quotient[0]), int(rest[0])) == (truncated(a, b), a - truncated(a, b) * b)
