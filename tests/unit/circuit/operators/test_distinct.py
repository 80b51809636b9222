"""DISTINCT, UNION ALL, INTERSECT and EXCEPT as functions of weights."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from penstock.circuit.operators.distinct import Distinct
from penstock.circuit.operators.setops import SetOperation
from penstock.circuit.operators.union import Union
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from tests.unit.circuit.operators.following import INT, TEXT, Bag, Delta, Wiring, deltas, follow, ints, schema, texts

ROW = schema(INT, TEXT)
LAYOUT = RowLayout([INT, TEXT])


@given(deltas(ints, texts))
@settings(max_examples=40, deadline=None)
def test_distinct_gives_each_row_that_is_there_once(steps: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], ROW, pool)
        wiring.add(Distinct(LAYOUT), 0)
        return wiring

    follow(build, [[s] for s in steps], lambda rows: Counter({r: 1 for r, w in rows.items() if w}))


@given(deltas(ints, texts), deltas(ints, texts))
@settings(max_examples=40, deadline=None)
def test_union_adds_up(left: list[Delta], right: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW, ROW], ROW, pool)
        wiring.add(Union(), 0, 1)
        return wiring

    follow(build, [list(s) for s in zip(left, right, strict=False)], lambda a, b: a + b)


@pytest.mark.parametrize("all", [False, True])
@pytest.mark.parametrize("kind", ["intersect", "except"])
@given(left=deltas(ints, texts), right=deltas(ints, texts))
@settings(max_examples=40, deadline=None)
def test_intersect_and_except_of_sets_and_of_bags(kind: str, all: bool, left: list[Delta], right: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW, ROW], ROW, pool)
        wiring.add(SetOperation(LAYOUT, kind, all), 0, 1)
        return wiring

    def naive(a: Bag, b: Bag) -> Bag:
        if not all:
            a, b = (Counter({row: 1 for row, weight in bag.items() if weight}) for bag in (a, b))
        return a & b if kind == "intersect" else a - b

    follow(build, [list(s) for s in zip(left, right, strict=False)], naive)
