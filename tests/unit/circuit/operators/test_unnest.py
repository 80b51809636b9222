"""UNNEST: a row for each element of a collection."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.operators.linear import Linear
from penstock.circuit.operators.unnest import Unnest
from penstock.data.pool import Pool
from penstock.data.types import BIGINT, VARCHAR, Field, Kind, SqlType
from penstock.sql.plan.expr import ColumnRef
from tests.unit.circuit.operators.following import INT, TEXT, Wiring, batch, schema

ARRAY = SqlType(Kind.ARRAY, True, element=INT)
MAP = SqlType(Kind.MAP, True, key=VARCHAR, element=INT)
PAIR = SqlType(Kind.STRUCT, True, fields=(Field("a", INT), Field("b", TEXT)))
PAIRS = SqlType(Kind.ARRAY, True, element=PAIR)
MAYBE = BIGINT.with_nullable(True)


def wired(collection: SqlType, added: list[SqlType], ordinality: bool, outer: bool) -> Wiring:
    pool = Pool()
    row = schema(INT, collection)
    # The collection itself cannot be counted as it is: only the first column and what was added are shown.
    out = schema(INT, *added)
    wiring = Wiring([row], out, pool)
    wiring.add(Unnest(ColumnRef(1, collection), added, ordinality, outer, pool), 0)
    refs = [ColumnRef(0, INT), *(ColumnRef(2 + i, t) for i, t in enumerate(added))]
    wiring.add(Linear(None, refs, pool), 1)
    return wiring


def rows_of(wiring: Wiring, rows: list[tuple[tuple[Any, ...], int]]) -> dict[tuple[Any, ...], int]:
    return {row: weight for row, weight in wiring.step([rows]).items() if weight}


LISTS = st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=3))


@given(st.lists(st.tuples(st.tuples(st.integers(0, 2), LISTS), st.sampled_from([1, 2, -1])), max_size=6))
@settings(deadline=None)
def test_elements_carry_the_weight_of_their_row(rows: list[tuple[tuple[int, list[int | None] | None], int]]) -> None:
    expected: dict[tuple[Any, ...], int] = {}
    for (k, items), weight in rows:
        for n, item in enumerate(items or [], 1):
            expected[(k, item, n)] = expected.get((k, item, n), 0) + weight

    found = rows_of(wired(ARRAY, [INT, MAYBE], True, False), rows)

    assert found == {row: weight for row, weight in expected.items() if weight}


@pytest.mark.parametrize("outer", [False, True])
def test_rows_without_elements_remain_only_in_an_outer_unnest(outer: bool) -> None:
    found = rows_of(wired(ARRAY, [INT], False, outer), [((1, []), 1), ((2, None), 1), ((3, [None]), 1)])

    assert found == {(3, None): 1} | ({(1, None): 1, (2, None): 1} if outer else {})


def test_entries_of_maps_and_fields_of_rows_are_spread_out() -> None:
    of_map = rows_of(wired(MAP, [VARCHAR, INT], False, False), [((1, {"x": 5, "y": None}), 2)])
    of_rows = rows_of(wired(PAIRS, [INT, TEXT], False, False), [((1, [{"a": 1, "b": "p"}, None]), 1)])

    assert of_map == {(1, "x", 5): 2, (1, "y", None): 2}
    assert of_rows == {(1, 1, "p"): 1, (1, None, None): 1}


def test_nothing_comes_of_nothing() -> None:
    wiring = wired(ARRAY, [INT], False, False)
    operator = wiring.circuit.operators[1].operator

    assert operator.step([batch([((1, []), 1)], wiring.schemas[0], wiring.circuit.pool)]) is None
    assert operator.step([None]) is None
