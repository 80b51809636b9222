"""Comparison of every type, three-valued logic, and the conditional functions."""

# ruff: noqa: DTZ001 - a TIMESTAMP has no zone

from __future__ import annotations

import datetime as dt
import itertools
import operator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import BIGINT, BINARY, INTEGER, POOL, VARCHAR, apply, bound, evaluate, on_rows

from penstock.data.types import Field, Kind, SqlType, decimal
from penstock.data.values import encode_values
from penstock.sql.functions.registry import FUNCTIONS, TypeMismatch
from penstock.sql.plan.expr import ColumnRef, Literal

BOOLEAN = SqlType(Kind.BOOLEAN)
DOUBLE = SqlType(Kind.DOUBLE)
REAL = SqlType(Kind.REAL)
UBIGINT = SqlType(Kind.UBIGINT)
DATE = SqlType(Kind.DATE)
TIMESTAMP = SqlType(Kind.TIMESTAMP)
WIDE = decimal(30, 4, True)
NARROW = decimal(10, 2, True)
OPERATORS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NAN, INF = float("nan"), float("inf")


def check(left: SqlType, right: SqlType, pairs: list[tuple[Any, Any]], key: Any = lambda v: v) -> None:
    for name, compare in OPERATORS.items():
        expected = [compare(key(a), key(b)) for a, b in pairs]

        assert on_rows(name, [left, right], pairs) == expected, name


@pytest.mark.parametrize(
    "left,right,values,others",
    [
        (INTEGER, BIGINT, [-5, 0, 7], [-(2**63), 0, 7, 2**40]),
        (UBIGINT, UBIGINT, [0, 5, 2**63, 2**64 - 1], [0, 5, 2**63, 2**64 - 1]),
        (UBIGINT, BIGINT, [0, 5, 2**63, 2**64 - 1], [-(2**63), -1, 0, 5, 2**63 - 1]),
        (BIGINT, UBIGINT, [-(2**63), -1, 0, 5, 2**63 - 1], [0, 5, 2**63, 2**64 - 1]),
        (VARCHAR, VARCHAR, ["", "a", "ab", "b", "é", "A"], ["", "a", "ab", "b", "é", "A"]),
        (BINARY, BINARY, [b"", b"\x00", b"\xff", b"\x00\x01"], [b"", b"\x00", b"\xff"]),
        (DATE, DATE, [dt.date(1, 1, 1), dt.date(2024, 2, 29)], [dt.date(1969, 12, 31), dt.date(2024, 2, 29)]),
        (BOOLEAN, BOOLEAN, [False, True], [False, True]),
        (NARROW, NARROW, [Decimal("-1.50"), Decimal("2.00")], [Decimal("-1.50"), Decimal("2.01")]),
        (NARROW, decimal(8, 4, True), [Decimal("-1.50"), Decimal("2.00")], [Decimal("-1.5000"), Decimal("2.0001")]),
        (WIDE, WIDE, [Decimal("-1e25"), Decimal(0), Decimal("1e25")], [Decimal("-1e25"), Decimal(0), Decimal("2e25")]),
        (WIDE, INTEGER, [Decimal("-1e25"), Decimal("3.0000"), Decimal("3.0001")], [-3, 3]),
        (WIDE, NARROW, [Decimal("-1e25"), Decimal("3.0000"), Decimal("3.0001")], [Decimal("3.00"), Decimal("3.01")]),
        (decimal(18, 0, True), UBIGINT, [Decimal(-1), Decimal(7)], [0, 7, 2**64 - 1]),
    ],
)
def test_values_compare_as_in_python(left: SqlType, right: SqlType, values: list[Any], others: list[Any]) -> None:
    check(left, right, list(itertools.product(values, others)))


def test_nan_equals_itself_and_is_greatest() -> None:
    values = [-INF, -1.0, 0.0, 1.5, INF, NAN]

    check(DOUBLE, DOUBLE, list(itertools.product(values, values)), key=lambda v: (v != v, 0.0 if v != v else v))


def test_numbers_of_different_families_compare_by_value() -> None:
    assert apply("=", (3, INTEGER), (3.0, DOUBLE)) is True
    assert apply("<", (Decimal("2.50"), NARROW), (2.75, REAL)) is True
    assert apply("=", ("3", VARCHAR), (3, INTEGER)) is True
    assert apply("<", ("2024-01-31", VARCHAR), (dt.date(2024, 2, 1), DATE)) is True
    assert apply("<", (dt.date(2024, 2, 1), DATE), (dt.datetime(2024, 2, 1, 1), TIMESTAMP)) is True


def test_null_makes_a_comparison_null_but_not_a_distinction() -> None:
    assert apply("=", (None, INTEGER), (3, INTEGER)) is None
    for a, b in itertools.product((None, 1, 2), repeat=2):
        pair = ((a, INTEGER), (b, INTEGER))

        assert apply("IS NOT DISTINCT FROM", *pair) is (a == b)
        assert apply("<=>", *pair) is (a == b)
        assert apply("IS DISTINCT FROM", *pair) is (a != b)


def test_rows_are_not_compared_with_equals() -> None:
    row = SqlType(Kind.STRUCT, fields=(Field("a", INTEGER),))

    with pytest.raises(TypeMismatch, match="ROW values cannot be compared using '='"):
        FUNCTIONS["="].resolve([row, row])
    with pytest.raises(TypeMismatch, match=r"Cannot apply '<' to arguments of type '<INTEGER> < <DATE>'"):
        FUNCTIONS["<"].resolve([INTEGER, DATE])


def both(*parts: bool | None) -> bool | None:
    return False if False in parts else None if None in parts else True


def either(*parts: bool | None) -> bool | None:
    return True if True in parts else None if None in parts else False


@pytest.mark.parametrize("name,expected", [("AND", both), ("OR", either)])
def test_connectives_follow_the_truth_table(name: str, expected: Any) -> None:
    for a, b in itertools.product((True, False, None), repeat=2):
        assert apply(name, (a, BOOLEAN), (b, BOOLEAN)) is expected(a, b)


def test_truth_tests_are_never_null() -> None:
    for value in (True, False, None):
        argument = (value, BOOLEAN)

        assert apply("IS TRUE", argument) is (value is True)
        assert apply("IS NOT TRUE", argument) is (value is not True)
        assert apply("IS FALSE", argument) is (value is False)
        assert apply("IS NOT FALSE", argument) is (value is not False)
        assert apply("IS UNKNOWN", argument) is (value is None)
        assert apply("IS NOT UNKNOWN", argument) is (value is not None)
        assert apply("IS NULL", argument) is (value is None)
        assert apply("IS NOT NULL", argument) is (value is not None)
        assert apply("NOT", argument) is (None if value is None else not value)
    with pytest.raises(TypeMismatch, match="Cannot apply 'IS NOT FALSE' to arguments of type"):
        FUNCTIONS["IS NOT FALSE"].resolve([INTEGER])


SMALL = st.none() | st.integers(0, 4)


@given(st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=8))
def test_between_and_in_are_made_of_comparisons(rows: list[tuple[int | None, ...]]) -> None:
    def ge(a: int | None, b: int | None) -> bool | None:
        return None if a is None or b is None else a >= b

    def eq(a: int | None, b: int | None) -> bool | None:
        return None if a is None or b is None else a == b

    types = [INTEGER] * 3

    assert on_rows("BETWEEN", types, rows) == [both(ge(x, a), ge(b, x)) for x, a, b in rows]
    assert on_rows("IN", types, rows) == [either(eq(x, a), eq(x, b)) for x, a, b in rows]
    assert on_rows("BETWEEN SYMMETRIC", types, rows) == [
        either(both(ge(x, a), ge(b, x)), both(ge(x, b), ge(a, x))) for x, a, b in rows
    ]


@given(st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=8))
def test_extremes_and_first_known_values(rows: list[tuple[int | None, ...]]) -> None:
    types = [INTEGER] * 3

    def known(row: tuple[int | None, ...]) -> list[int]:
        return [v for v in row if v is not None]

    assert on_rows("GREATEST", types, rows) == [None if None in r else max(known(r)) for r in rows]
    assert on_rows("LEAST", types, rows) == [None if None in r else min(known(r)) for r in rows]
    assert on_rows("GREATEST_IGNORE_NULLS", types, rows) == [max(known(r), default=None) for r in rows]
    assert on_rows("LEAST_IGNORE_NULLS", types, rows) == [min(known(r), default=None) for r in rows]
    assert on_rows("COALESCE", types, rows) == [next(iter(known(r)), None) for r in rows]


def test_nullif_and_mixed_types() -> None:
    assert apply("NULLIF", (3, INTEGER), (3, BIGINT)) is None
    assert apply("NULLIF", (3, INTEGER), (None, BIGINT)) == 3
    assert apply("NULLIF", ("a", VARCHAR), ("b", VARCHAR)) == "a"
    assert apply("GREATEST", ("a", VARCHAR), ("b", VARCHAR)) == "b"
    assert apply("LEAST", (NAN, DOUBLE), (1.0, DOUBLE)) == 1.0
    assert apply("COALESCE", (None, INTEGER), (Decimal("1.50"), NARROW)) == Decimal("1.50")
    assert apply("IF", (None, BOOLEAN), ("yes", VARCHAR), ("no", VARCHAR)) == "no"
    assert apply("IFNULL", (None, VARCHAR), ("x", VARCHAR)) == "x"


def test_in_a_list_of_constants() -> None:
    def among(value: Any, kind: SqlType, *choices: tuple[Any, SqlType]) -> Any:
        arguments = [ColumnRef(0, kind), *(Literal(v, t.with_nullable(v is None)) for v, t in choices)]
        return evaluate(bound("IN", arguments), [encode_values([value], kind, POOL)], 1)[0]

    for value, expected in ((1, True), (5, True), (9, True), (0, False), (6, False), (10, False), (None, None)):
        assert among(value, INTEGER, (5, BIGINT), (1, INTEGER), (9, INTEGER)) is expected
    assert among("b", VARCHAR, ("a", VARCHAR), ("b", VARCHAR)) is True
    assert among("c", VARCHAR, ("a", VARCHAR), (None, VARCHAR)) is None
    assert among(2**64 - 1, UBIGINT, (-1, BIGINT), (3, BIGINT)) is False
    assert among(Decimal("1.50"), NARROW, (Decimal("1.5"), decimal(2, 1)), (3, INTEGER)) is True
    assert among(Decimal("3.00"), NARROW, (Decimal("1.50"), NARROW), (Decimal("3.00"), NARROW)) is True
