"""VARIANT: JSON text, members, and casts in both directions."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import (
    BIGINT,
    BINARY,
    INTEGER,
    POOL,
    VARCHAR,
    VARIANT,
    apply,
    array,
    evaluate,
    mapping,
    on_rows,
)

from penstock.data.jsontext import BadJson, parse_variant, variant_text
from penstock.data.types import Field, Kind, SqlType, decimal
from penstock.data.values import VARIANT_NULL, Variant, encode_values
from penstock.sql.functions.registry import EvaluationError
from penstock.sql.plan.expr import Cast, ColumnRef

DATE = SqlType(Kind.DATE)
ROW = SqlType(Kind.STRUCT, fields=(Field("int", INTEGER), Field("var", VARCHAR)))
UUID = SqlType(Kind.UUID)


def J(text: str) -> tuple[Any, SqlType]:
    return parse_variant(text), VARIANT


def V(kind: Kind, value: object) -> Variant:
    return Variant(kind, value)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("null", VARIANT_NULL),
        ("1", V(Kind.UBIGINT, 1)),
        ("-1", V(Kind.BIGINT, -1)),
        ("18446744073709551616", V(Kind.DECIMAL, Decimal("18446744073709551616"))),
        ("1.50", V(Kind.DECIMAL, Decimal("1.50"))),
        ("1e3", V(Kind.DECIMAL, Decimal("1000"))),
        ("1e300", V(Kind.DOUBLE, 1e300)),
        ('"é\\n"', V(Kind.VARCHAR, "é\n")),
        ("[1, null]", V(Kind.ARRAY, [V(Kind.UBIGINT, 1), VARIANT_NULL])),
        (
            '{"b": 1, "a": 2, "b": 3}',
            V(Kind.MAP, {V(Kind.VARCHAR, "a"): V(Kind.UBIGINT, 2), V(Kind.VARCHAR, "b"): V(Kind.UBIGINT, 3)}),
        ),
    ],
)
def test_documents_keep_their_structure(text: str, expected: Variant) -> None:
    assert parse_variant(text) == expected
    assert apply("PARSE_JSON", (text, VARCHAR)) == expected


@pytest.mark.parametrize("text", ["", "x", "[1", "NaN", "Infinity", "1e400000", "[" * 100_000])
def test_a_text_that_is_no_document_is_null(text: str) -> None:
    with pytest.raises(BadJson):
        parse_variant(text)
    assert apply("PARSE_JSON", (text, VARCHAR)) is None


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=4))
def test_numbers_survive_as_text(number: Decimal) -> None:
    assert parse_variant(variant_text(V(Kind.DECIMAL, number))) in (
        V(Kind.DECIMAL, number),
        V(Kind.DECIMAL, abs(number)),
    )


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS.map(lambda d: __import__("json").dumps(d)))
def test_text_of_a_document_reads_back_the_same(text: str) -> None:
    first = parse_variant(text)

    assert parse_variant(variant_text(first)) == first


@pytest.mark.parametrize(
    "value,type,text",
    [
        (57681.1796875, SqlType(Kind.REAL), "57681.18"),
        (-38.2711234601246, SqlType(Kind.DOUBLE), "-38.2711234601246"),
        (1e16, SqlType(Kind.DOUBLE), "1e16"),
        (1e-5, SqlType(Kind.DOUBLE), "0.00001"),
        (1.5e-7, SqlType(Kind.DOUBLE), "1.5e-7"),
        (2.0, SqlType(Kind.DOUBLE), "2.0"),
        (float("nan"), SqlType(Kind.DOUBLE), "null"),
        (Decimal("1111.50"), decimal(6, 2), "1111.50"),
        (True, SqlType(Kind.BOOLEAN), "true"),
        ('bye, "mate"!', VARCHAR, '"bye, \\"mate\\"!"'),
        (b"\x0c\x16", BINARY, "[12,22]"),
        (dt.date(2024, 12, 5), DATE, '"2024-12-05"'),
        (dt.time(18, 30, 45), SqlType(Kind.TIME), '"18:30:45"'),
        (dt.datetime(2020, 6, 21, 14, 23, 44, 500_000), SqlType(Kind.TIMESTAMP), '"2020-06-21 14:23:44.500"'),  # noqa: DTZ001
        (
            dt.datetime(2020, 6, 21, 14, 23, 44, tzinfo=dt.UTC),
            SqlType(Kind.TIMESTAMP_TZ),
            '"2020-06-21 14:23:44+00:00"',
        ),
        (uuid.UUID(int=1), UUID, '"00000000-0000-0000-0000-000000000001"'),
        ([12, None], array(INTEGER), "[12,null]"),
        ({"2": 44, "1": 22}, mapping(VARCHAR, INTEGER), '{"1":22,"2":44}'),
        ({"int": 20, "var": "bye"}, ROW, '{"int":20,"var":"bye"}'),
    ],
)
def test_a_value_goes_into_a_variant_and_back(value: Any, type: SqlType, text: str) -> None:
    column = encode_values([value, None], type, POOL)
    into = Cast(ColumnRef(0, type), VARIANT)
    made, null = evaluate(into, [column], 2)

    assert variant_text(made) == text
    assert null == VARIANT_NULL if type is not ROW else variant_text(null) == '{"int":null,"var":null}'
    back = evaluate(Cast(into, type), [column], 2)
    assert back[0] == value or value != value
    assert back[1] is None or type is ROW


@pytest.mark.parametrize(
    "variant,target,expected",
    [
        (V(Kind.BIGINT, 300), SqlType(Kind.TINYINT), None),
        (V(Kind.BIGINT, -1), SqlType(Kind.UINTEGER), None),
        (V(Kind.DECIMAL, Decimal("2.9")), INTEGER, 2),
        (V(Kind.DECIMAL, Decimal("1111.52")), decimal(6, 1), Decimal("1111.5")),
        (V(Kind.UBIGINT, 2**64 - 1), SqlType(Kind.DOUBLE), float(2**64)),
        (V(Kind.VARCHAR, "7"), INTEGER, None),
        (V(Kind.VARCHAR, "2024-01-01"), DATE, dt.date(2024, 1, 1)),
        (V(Kind.VARCHAR, "nonsense"), DATE, None),
        (V(Kind.VARCHAR, "hello"), SqlType(Kind.CHAR, precision=2), "he"),
        (V(Kind.BIGINT, 7), VARCHAR, "7"),
        (V(Kind.BOOLEAN, True), INTEGER, None),
        (V(Kind.VARBINARY, b"\x0c"), SqlType(Kind.BINARY, precision=3), b"\x0c\x00\x00"),
        (parse_variant('[1, null, "x"]'), array(INTEGER), [1, None, None]),
        (parse_variant('{"int": 1, "more": 2}'), ROW, {"int": 1, "var": None}),
        (parse_variant('{"int": "s"}'), ROW, {"int": None, "var": None}),
        (parse_variant("[1]"), ROW, None),
        (VARIANT_NULL, BIGINT, None),
    ],
)
def test_casts_from_variant_never_fail(variant: Variant, target: SqlType, expected: Any) -> None:
    column = encode_values([variant, None, variant], VARIANT, POOL)

    assert evaluate(Cast(ColumnRef(0, VARIANT), target), [column], 3) == [expected, None, expected]


@pytest.mark.parametrize(
    "name,arguments,expected",
    [
        ("ITEM", [J("[1, 2]"), (2, INTEGER)], V(Kind.UBIGINT, 2)),
        ("ITEM", [J("[1, 2]"), (3, INTEGER)], None),
        ("ITEM", [J('{"a": null}'), ("a", VARCHAR)], VARIANT_NULL),
        ("ITEM", [J('{"a": 1}'), ("b", VARCHAR)], None),
        ("ITEM", [J("5"), (1, INTEGER)], None),
        ("TO_JSON", [J('{"a": [1, 2.50]}')], '{"a":[1,2.50]}'),
        ("TO_JSON", [(None, VARIANT)], None),
        ("TYPEOF", [J("1")], "BIGINT UNSIGNED"),
        ("TYPEOF", [J("null")], "VARIANT"),
        ("TYPEOF", [J("1.5")], "DECIMAL"),
        ("TYPEOF", [(None, VARIANT)], "NULL"),
        ("TYPEOF", [(V(Kind.INTEGER, 1), VARIANT)], "INTEGER"),
        ("JSON_OBJECT_KEYS", [J('{"d": null, "a": {"b": 1}}')], ["a", "d"]),
        ("JSON_OBJECT_KEYS", [J("[1]")], []),
        (
            "JSON_KEYS",
            [J('{"a": {"b": 1, "c": {"d": 2}}, "e": [{"f": 3}], "x.y": 4}')],
            ['"x.y"', "a", "a.b", "a.c", "a.c.d", "e"],
        ),
        ("JSON_EACH_BIGINT", [J('{"a": 1, "b": 2.5, "c": "7", "d": 2.0, "e": null}')], {"a": 1, "d": 2}),
        ("JSON_EACH_STRING", [J('{"a": 1, "c": "7"}')], {"c": "7"}),
        ("JSON_EACH_BOOLEAN", [J("[true]")], {}),
        ("JSON_EACH_DATE", [J('{"a": "2024-01-01", "b": "no", "c": 1}')], {"a": dt.date(2024, 1, 1)}),
        (
            "VARIANT_MERGE",
            [J('{"a": {"b": 1, "c": 2}}'), J('{"a": {"c": 3}, "d": 4}')],
            parse_variant('{"a":{"b":1,"c":3},"d":4}'),
        ),
    ],
)
def test_results(name: str, arguments: list[tuple[Any, SqlType]], expected: Any) -> None:
    assert apply(name, *arguments) == expected


def test_variantnull_is_a_value() -> None:
    assert on_rows("VARIANTNULL", [], [[], []]) == [VARIANT_NULL, VARIANT_NULL]


@pytest.mark.parametrize(
    "text",
    [
        "123e4567-e89b-12d3-a456-426655440000",
        "123E4567E89B12D3A456426655440000",
        "{123e4567-e89b-12d3-a456-426655440000}",
        "123e-4567-e89b-12d3-a456-4266-5544-0000",
    ],
)
def test_spellings_of_a_uuid(text: str) -> None:
    column = encode_values([text], VARCHAR, POOL)

    (made,) = evaluate(Cast(ColumnRef(0, VARCHAR), UUID), [column], 1)
    assert str(made) == "123e4567-e89b-12d3-a456-426655440000"


@pytest.mark.parametrize(
    "text", ["hello ", " 123e4567-e89b-12d3-a456-426655440000", "{123e4567e89b12d3a456426655440000"]
)
def test_a_text_that_is_no_uuid_stops_the_pipeline(text: str) -> None:
    column = encode_values([text], VARCHAR, POOL)

    with pytest.raises(EvaluationError, match="Invalid UUID string"):
        evaluate(Cast(ColumnRef(0, VARCHAR), UUID), [column], 1)
    assert evaluate(Cast(ColumnRef(0, VARCHAR), UUID, True), [column], 1) == [None]
