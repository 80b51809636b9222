"""The first rows of each group, from all rows and from those that can still matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Literal as Word

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.operators.leaders import MOST, Leaders
from penstock.circuit.operators.standings import Standings
from penstock.circuit.operators.topk import TopK
from penstock.data.pool import Pool
from penstock.data.types import BIGINT, Field
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import SortKey
from tests.unit.circuit.operators.following import (
    INT,
    TEXT,
    Bag,
    Delta,
    Row,
    Wiring,
    column,
    deltas,
    elements,
    follow,
    in_order,
    ints,
    schema,
    texts,
)

ROW = schema(INT, INT, TEXT)
SCAN = nodes.Scan("t", ROW)
Rank = Word["row_number", "rank", "dense_rank"]


def node(
    limit: int | None, offset: int, rank: Rank, with_rank: bool, descending: bool, nulls_first: bool
) -> nodes.TopK:
    out = (*ROW, Field("rn", BIGINT)) if with_rank else ROW
    order = (SortKey(column(1, ROW), descending, nulls_first),)
    return nodes.TopK(SCAN, (column(0, ROW),), order, limit, offset, rank, with_rank, out)


NODES = st.builds(
    node,
    st.sampled_from([1, 2, 3]),
    st.sampled_from([0, 0, 1]),
    st.sampled_from(["row_number", "rank", "dense_rank"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def ranked(of: nodes.TopK) -> Callable[[Bag], Bag]:
    """The definition: sort the rows of each group by the key, then by their own values, and count."""
    [key] = of.order

    def sort_key(row: Row) -> tuple[object, ...]:
        own = [in_order(v, nulls_first=True) if not isinstance(v, str) else (0, v) for v in row]
        return (in_order(row[1], key.descending, key.nulls_first), *own)

    def naive(rows: Bag) -> Bag:
        result: Bag = Counter()
        groups: dict[object, list[Row]] = {}
        for row in elements(rows):
            groups.setdefault(row[0], []).append(row)
        for members in groups.values():
            members.sort(key=sort_key)
            keys = [row[1] for row in members]
            for n, row in enumerate(members, 1):
                distinct = list(dict.fromkeys(keys))
                rank = {"row_number": n, "rank": keys.index(row[1]) + 1, "dense_rank": distinct.index(row[1]) + 1}
                place = rank[of.rank]
                if place > of.offset and (of.limit is None or place <= of.offset + of.limit):
                    result[(*row, place) if of.with_rank else row] += 1
        return result

    return naive


@given(NODES, deltas(st.sampled_from([None, 1]), ints, texts))
@settings(deadline=None)
def test_the_first_rows_of_groups_by_any_rank(of: nodes.TopK, steps: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], of.schema, pool)
        wiring.add(TopK(of, False, pool), 0)
        return wiring

    follow(build, [[s] for s in steps], ranked(of))


@given(NODES, deltas(st.sampled_from([None, 1]), ints, texts))
@settings(max_examples=200, deadline=None)
def test_rows_in_a_search_tree(of: nodes.TopK, steps: list[Delta]) -> None:
    of = replace(of, rank="row_number")
    assert Standings.serves(of)

    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], of.schema, pool)
        wiring.add(Standings(of, pool), 0)
        return wiring

    follow(build, [[s] for s in steps], ranked(of))


@pytest.mark.parametrize("operator", ["rows that can matter", "leaders"])
@given(of=NODES, steps=deltas(st.sampled_from([None, 1]), ints, texts, grows=True))
@settings(deadline=None)
def test_rows_that_are_only_added(operator: str, of: nodes.TopK, steps: list[Delta]) -> None:
    if operator == "leaders":
        of = replace(of, rank="row_number")
        assert Leaders.serves(of)

    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], of.schema, pool)
        wiring.add(Leaders(of, pool) if operator == "leaders" else TopK(of, True, pool), 0)
        return wiring

    follow(build, [[s] for s in steps], ranked(of), grows=True)


@pytest.mark.parametrize("operator", ["rows that can matter", "leaders"])
def test_beaten_rows_are_forgotten(operator: str) -> None:
    of = node(3, 0, "row_number", False, True, False)
    wiring = Wiring([ROW], of.schema, Pool())
    pool = wiring.circuit.pool
    wiring.add(Leaders(of, pool) if operator == "leaders" else TopK(of, True, pool), 0)
    for i in range(10):
        wiring.step([[((1, 10 * i + j, "a"), 1) for j in range(10)]])

    # A group's record beside the rows.
    assert wiring.state_rows() == (4 if operator == "leaders" else 3)


def test_without_a_limit_all_rows_have_their_rank() -> None:
    of = node(None, 1, "rank", True, False, True)
    wiring = Wiring([ROW], of.schema, Pool())
    wiring.add(TopK(of, False, wiring.circuit.pool), 0)

    shown = wiring.step([[((1, v, None), 1) for v in (None, 5, 5, 7)]])

    assert dict(shown) == {(1, 5, None, 2): 2, (1, 7, None, 4): 1}


@pytest.mark.parametrize(
    ("limit", "offset", "rank", "serves"),
    [
        (MOST, 0, "row_number", True),
        (MOST, 1, "row_number", False),
        (None, 0, "row_number", False),
        (1, 0, "rank", False),
    ],
)
def test_lists_are_kept_for_few_rows_counted_one_by_one(
    limit: int | None, offset: int, rank: Rank, serves: bool
) -> None:
    assert serves == Leaders.serves(node(limit, offset, rank, False, False, False))
