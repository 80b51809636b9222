"""The quick ways for constant arguments give what the functions of values give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import INTEGER, POOL, VARCHAR, bound, evaluate, on_rows

from penstock.data.types import SqlType
from penstock.data.values import encode_values
from penstock.sql.plan.expr import ColumnRef, Literal

TEXTS = st.text(st.sampled_from("ab-. é🐍"), max_size=6)
COUNTS = st.integers(-4, 8) | st.sampled_from([2**31 - 1, -(2**31)])


@pytest.mark.parametrize(
    "name,varying,others",
    [
        ("LEFT", 0, [COUNTS]),
        ("RIGHT", 0, [COUNTS]),
        ("SUBSTR", 0, [COUNTS]),
        ("SUBSTR", 0, [COUNTS, COUNTS]),
        ("SUBSTRING", 0, [COUNTS]),
        ("SUBSTRING", 0, [COUNTS, COUNTS]),
        ("REPLACE", 0, [TEXTS, TEXTS]),
        ("SPLIT_PART", 0, [TEXTS, COUNTS]),
        ("TRIM", 2, [st.sampled_from(["BOTH", "LEADING", "TRAILING"]), TEXTS]),
        ("REVERSE", 0, []),
        ("POSITION", 1, [TEXTS]),
        ("LIKE", 0, [st.text(st.sampled_from("ab-_%\\"), max_size=4)]),
        ("ILIKE", 0, [st.text(st.sampled_from("aB-_%"), max_size=4)]),
    ],
)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_constant_arguments_change_nothing(name: str, varying: int, others: list[Any], data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.none() | TEXTS, min_size=1, max_size=6))
    fixed = [data.draw(strategy) for strategy in others]
    rows = [[*fixed[:varying], text, *fixed[varying:]] for text in texts]
    types: list[SqlType] = [VARCHAR if isinstance(v, str | None) else INTEGER for v in rows[0]]
    args: list[Any] = [Literal(v, t.with_nullable(False)) for v, t in zip(rows[0], types, strict=True)]
    args[varying] = ColumnRef(0, VARCHAR)
    column = encode_values(texts, VARCHAR, POOL)

    assert evaluate(bound(name, args), [column], len(texts)) == on_rows(name, types, rows)


def text_of(value: str) -> Literal:
    return Literal(value, VARCHAR.with_nullable(False))


def test_text_between_functions_is_what_it_is_by_itself_and_is_not_put_into_the_pool() -> None:
    values = ["abcabc", "", None, "a-b-c", "ééc c", "abcabc"]
    text = ColumnRef(0, VARCHAR)
    replaced = bound("REPLACE", [text, text_of("c"), text_of("")])
    part = bound("SPLIT_PART", [bound("REPLACE", [text, text_of("-"), text_of("c")]), text_of("c"), number(2)])
    column = encode_values(values, VARCHAR, POOL)
    before = len(POOL)

    assert evaluate(bound("CHAR_LENGTH", [replaced]), [column], 6) == [4, 0, None, 4, 3, 4]
    assert len(POOL) <= before + 1  # the literal
    assert evaluate(part, [column], 6) == ["ab", "", None, "b", " ", "ab"]
    assert evaluate(bound("CHAR_LENGTH", [bound("REVERSE", [part])]), [column], 6) == [2, 0, None, 1, 1, 2]
    assert evaluate(bound("CHAR_LENGTH", [bound("REPLACE", [text, text, text_of("x")])]), [column], 6)[3] == 1


@given(st.lists(st.none() | st.text(max_size=8), min_size=1, max_size=12))
def test_characters_are_counted_where_the_text_stands(values: list[str | None]) -> None:
    column = encode_values(values, VARCHAR, POOL)
    texts = [None if v is None else v.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for v in values]

    counted = evaluate(bound("CHAR_LENGTH", [ColumnRef(0, VARCHAR)]), [column], len(values))
    assert counted == [None if t is None else len(t) for t in texts]


def number(value: int) -> Literal:
    return Literal(value, INTEGER.with_nullable(False))
