"""Functions of arrays, maps and rows, by value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sql.functions.calls import (
    BIGINT,
    BINARY,
    INTEGER,
    POOL,
    VARCHAR,
    apply,
    array,
    bound,
    evaluate,
    mapping,
    on_rows,
)

from penstock.data.types import Field, Kind, SqlType, decimal
from penstock.data.values import encode_values
from penstock.sql.functions.registry import FUNCTIONS, EvaluationError, TypeMismatch
from penstock.sql.plan.expr import Call, Cast, ColumnRef, Lambda, Literal

BOOLEAN = SqlType(Kind.BOOLEAN)
DOUBLE = SqlType(Kind.DOUBLE)
ROW = SqlType(Kind.STRUCT, fields=(Field("i", INTEGER), Field("v", VARCHAR)))
MAP = mapping(VARCHAR, INTEGER)
NUMBERS = array(INTEGER)
WORDS = array(VARCHAR)


def A(*numbers: int | None) -> tuple[Any, SqlType]:
    return list(numbers), NUMBERS


def I(number: int | None) -> tuple[Any, SqlType]:  # noqa: E743
    return number, INTEGER


def S(text: str | None) -> tuple[Any, SqlType]:
    return text, VARCHAR


NONE = (None, NUMBERS)


@pytest.mark.parametrize(
    "name,arguments,expected",
    [
        ("ARRAY", [I(1), I(None)], [1, None]),
        ("ARRAY", [], []),
        ("ARRAY", [I(1), (2**40, BIGINT)], [1, 2**40]),
        ("ITEM", [A(2, 3), I(2)], 3),
        ("ITEM", [A(2, 3), I(0)], None),
        ("ITEM", [A(2, 3), I(3)], None),
        ("ITEM", [A(2), I(None)], None),
        ("ITEM", [({"x": 4}, MAP), S("x")], 4),
        ("ITEM", [({"x": 4}, MAP), S("y")], None),
        ("SAFE_OFFSET", [I(0)], 1),
        ("CARDINALITY", [A(2, 3)], 2),
        ("CARDINALITY", [({"x": 4}, MAP)], 1),
        ("ARRAY_LENGTH", [A()], 0),
        ("ARRAY_SIZE", [NONE], None),
        ("ELEMENT", [A(2)], 2),
        ("ELEMENT", [A()], None),
        ("ARRAY_MAX", [A(9, 1, None)], 9),
        ("ARRAY_MIN", [A(9, None, 1)], 1),
        ("ARRAY_MIN", [A(None)], None),
        ("ARRAY_MAX", [([1.0, float("inf"), -2.0], array(DOUBLE))], float("inf")),
        ("ARRAY_COMPACT", [A(1, None, 2)], [1, 2]),
        ("ARRAY_REVERSE", [A(1, None, 2)], [2, None, 1]),
        ("ARRAY_DISTINCT", [A(2, None, 2, None, 1)], [2, None, 1]),
        ("SORT_ARRAY", [A(4, 7, None, 1)], [None, 1, 4, 7]),
        ("SORT_ARRAY", [A(4, 7, None, 1), (False, BOOLEAN)], [7, 4, 1, None]),
        ("SORT_ARRAY", [(["b", "é", "a", ""], WORDS)], ["", "a", "b", "é"]),
        ("ARRAY_APPEND", [A(1), I(None)], [1, None]),
        ("ARRAY_APPEND", [NONE, I(1)], None),
        ("ARRAY_PREPEND", [A(1), I(2)], [2, 1]),
        ("ARRAY_CONTAINS", [A(1, None), I(1)], True),
        ("ARRAY_CONTAINS", [A(1), I(None)], None),
        ("ARRAY_CONTAINS", [([{"i": 4, "v": "cat"}], array(ROW)), ((4, "cat"), ROW)], True),
        ("ARRAY_POSITION", [A(1, 3, 4), I(4)], 3),
        ("ARRAY_POSITION", [A(1), I(4)], 0),
        ("ARRAY_REMOVE", [A(2, None, 2, 6), I(2)], [None, 6]),
        ("ARRAY_INSERT", [A(1, 2, 3), I(3), I(4)], [1, 2, 4, 3]),
        ("ARRAY_INSERT", [A(1), I(4), I(None)], [1, None, None, None]),
        ("ARRAY_INSERT", [A(1, 2, 3), I(-3), I(4)], [1, 4, 2, 3]),
        ("ARRAY_INSERT", [A(1, 2, 3), I(-1), I(4)], [1, 2, 3, 4]),
        ("ARRAY_INSERT", [A(1, 2, 3), I(-6), I(4)], [4, None, None, 1, 2, 3]),
        ("ARRAY_INSERT", [A(1), I(None), I(4)], None),
        ("ARRAY_CONCAT", [A(1), A(), A(None, 2)], [1, None, 2]),
        ("ARRAY_UNION", [A(3, None, 1), A(1, 2)], [None, 1, 2, 3]),
        ("ARRAY_INTERSECT", [A(3, 1, None, 3), A(None, 3, 4)], [None, 3]),
        ("ARRAY_EXCEPT", [A(3, 2, 2, 1), A(3)], [1, 2]),
        ("ARRAYS_OVERLAP", [A(1, 2), A(2, 3)], True),
        ("ARRAYS_OVERLAP", [A(1), A()], False),
        ("ARRAY_TO_STRING", [(["a", None, "b"], WORDS), S(","), S("*")], "a,*,b"),
        ("ARRAY_TO_STRING", [(["a", None, "b"], WORDS), S(","), S(None)], "a,b"),
        ("ARRAY_JOIN", [A(1, None, 2), S("-")], "1-2"),
        ("ARRAY_REPEAT", [I(None), I(2)], [None, None]),
        ("ARRAY_REPEAT", [I(1), I(-2)], []),
        ("ARRAY_REPEAT", [I(1), I(None)], None),
        ("SEQUENCE", [I(12), I(14)], [12, 13, 14]),
        ("SEQUENCE", [S("3"), I(2)], []),
        ("MAP_KEYS", [({"y": 5, "x": 4}, MAP)], ["x", "y"]),
        ("MAP_VALUES", [({"y": 5, "x": None}, MAP)], [None, 5]),
        ("MAP_CONTAINS_KEY", [({"x": None}, MAP), S("x")], True),
        ("MAP_CONTAINS_KEY", [({"x": 1}, MAP), S(None)], None),
        ("MAP_CONCAT", [({"x": 1, "y": 2}, MAP), ({"x": 3}, MAP)], {"x": 3, "y": 2}),
        ("ROW", [I(1), S(None)], {"EXPR$0": 1, "EXPR$1": None}),
    ],
)
def test_results(name: str, arguments: list[tuple[Any, SqlType]], expected: Any) -> None:
    assert apply(name, *arguments) == expected


@pytest.mark.parametrize(
    "name,arguments",
    [
        ("ELEMENT", [A(1, 2)]),
        ("ARRAY_INSERT", [A(1), I(0), I(4)]),
        ("ARRAY_INSERT", [A(1), I(2**31 - 1), I(4)]),
        ("ARRAY_REPEAT", [I(1), I(2**31 - 1)]),
        ("MAP", [S(None), I(4)]),
    ],
)
def test_values_without_a_result_stop_the_pipeline(name: str, arguments: list[tuple[Any, SqlType]]) -> None:
    with pytest.raises(EvaluationError):
        apply(name, *arguments)


@pytest.mark.parametrize(
    "name,types,message",
    [
        ("ARRAY_APPEND", [WORDS, INTEGER], "VARCHAR is not comparable to INTEGER"),
        ("ARRAY_INSERT", [WORDS, INTEGER, INTEGER], "VARCHAR is not comparable to INTEGER"),
        ("ARRAY", [WORDS, SqlType(Kind.UUID)], "Parameters must be of the same type"),
        ("CARDINALITY", [BINARY], "Cannot apply 'CARDINALITY' to arguments of type 'CARDINALITY(<VARBINARY>)'"),
        ("ARRAY_CONCAT", [VARCHAR, VARCHAR], "Cannot apply 'ARRAY_CONCAT' to arguments of type"),
        ("ARRAY_EXCEPT", [WORDS, VARCHAR], "Cannot apply 'ARRAY_EXCEPT' to arguments of type"),
        ("ARRAY_UNION", [WORDS, array(BINARY)], "Cannot apply 'ARRAY_UNION' to arguments of type"),
        ("ARRAY_JOIN", [array(ROW), VARCHAR, VARCHAR], "Cannot apply 'ARRAY_JOIN' to arguments of type"),
        ("ARRAY_REPEAT", [VARCHAR, BOOLEAN], "'ARRAY_REPEAT(<VARCHAR>, <BOOLEAN>)'"),
        ("SORT_ARRAY", [ROW], "Cannot apply 'SORT_ARRAY' to arguments of type"),
        ("SEQUENCE", [BOOLEAN, INTEGER], "Cannot apply 'SEQUENCE' to arguments of type"),
        ("TRANSFORM", [VARCHAR, VARCHAR], "Cannot apply 'TRANSFORM' to arguments of type"),
        ("ARRAY_EXISTS", [WORDS, INTEGER], "Cannot apply 'ARRAY_EXISTS' to arguments of type"),
        ("ITEM", [BINARY, INTEGER], "Cannot apply indexing to arguments of type"),
        ("ITEM", [MAP, array(VARCHAR)], "Cannot apply indexing to arguments of type"),
        ("MAP_KEYS", [SqlType(Kind.UUID)], "Cannot apply 'MAP_KEYS' to arguments of type"),
        ("MAP", [VARCHAR], "even number of arguments"),
    ],
)
def test_types_that_a_function_does_not_take(name: str, types: list[SqlType], message: str) -> None:
    with pytest.raises(TypeMismatch) as caught:
        FUNCTIONS[name].resolve(types)

    assert message in str(caught.value)


def test_constructor_reads_scalars_beside_strings_as_strings() -> None:
    signature = FUNCTIONS["ARRAY"].resolve([INTEGER, decimal(6, 2), VARCHAR])

    assert [t.kind for t in signature.arguments] == [Kind.VARCHAR] * 3
    assert apply("ARRAY", I(1), (Decimal("1.50"), decimal(6, 2)), S("x")) == ["1", "1.50", "x"]


def test_a_map_keeps_the_later_value_of_a_key() -> None:
    types = [VARCHAR, INTEGER] * 3

    assert on_rows("MAP", types, [["b", 1, "a", None, "b", 3]]) == [{"a": None, "b": 3}]


def test_field_of_a_row() -> None:
    rows = encode_values([{"i": 1, "v": "a"}, None, {"i": None, "v": "b"}], ROW, POOL)
    field = Call("FIELD", (ColumnRef(0, ROW), Literal(1, INTEGER.with_nullable(False))), VARCHAR)

    assert evaluate(field, [rows], 3) == ["a", None, "b"]


def test_transform_runs_the_lambda_over_elements_and_outer_columns() -> None:
    arrays = encode_values([[1, None, 3], None, [], [10]], NUMBERS, POOL)
    outer = encode_values([100, 200, 300, None], INTEGER, POOL)
    body = Call("+", (ColumnRef(2, INTEGER), ColumnRef(1, INTEGER)), INTEGER)
    call = bound("TRANSFORM", [ColumnRef(0, NUMBERS), Lambda((INTEGER,), body, 2, INTEGER)])

    assert evaluate(call, [arrays, outer], 4) == [[101, None, 103], None, [], [None]]


def test_array_exists_is_null_when_unknown() -> None:
    arrays = encode_values([[1, None], [None, 5], [1], [], None], NUMBERS, POOL)
    body = Call(">", (ColumnRef(1, INTEGER), Literal(3, INTEGER.with_nullable(False))), BOOLEAN)
    call = bound("ARRAY_EXISTS", [ColumnRef(0, NUMBERS), Lambda((INTEGER,), body, 1, BOOLEAN)])

    assert evaluate(call, [arrays], 5) == [None, True, False, False, None]


def test_functions_of_equal_rows_give_equal_rows() -> None:
    rows = [([1, 2], 1), ([1, 2], 2), (None, 1), ([1, 2], 1), ([], None)]

    assert on_rows("ITEM", [NUMBERS, INTEGER], rows) == [1, 2, None, 1, None]


@pytest.mark.parametrize(
    "value,source,target,expected",
    [
        ([1, None], NUMBERS, WORDS, ["1", None]),
        ([[1], None], array(NUMBERS), array(array(DOUBLE)), [[1.0], None]),
        ({"1": 2}, MAP, mapping(INTEGER, VARCHAR), {1: "2"}),
        (
            {"i": 1, "v": "2"},
            ROW,
            SqlType(Kind.STRUCT, fields=(Field("a", VARCHAR), Field("b", INTEGER))),
            {"a": "1", "b": 2},
        ),
        ("0b", BINARY, VARCHAR, None),
    ],
)
def test_casts_of_parts(value: Any, source: SqlType, target: SqlType, expected: Any) -> None:
    if source == BINARY:
        value, expected = b"\x0b", "0b"
    column = encode_values([value, None, value], source, POOL)

    assert evaluate(Cast(ColumnRef(0, source), target), [column], 3) == [expected, None, expected]


def test_cast_of_a_bad_part_stops_the_pipeline_unless_safe() -> None:
    column = encode_values([["1", "x"]], WORDS, POOL)

    with pytest.raises(EvaluationError):
        evaluate(Cast(ColumnRef(0, WORDS), NUMBERS), [column], 1)
    assert evaluate(Cast(ColumnRef(0, WORDS), NUMBERS, True), [column], 1) == [[1, None]]
