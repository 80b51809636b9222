"""Inner, semi- and anti-joins of arranged relations against nested loops."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.operator import batch_of
from penstock.circuit.operators.arrange import Arrange
from penstock.circuit.operators.join import Join
from penstock.circuit.operators.linear import Linear
from penstock.circuit.operators.semijoin import SemiJoin
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.data.types import BOOLEAN
from penstock.sql.plan.expr import Call, ColumnRef
from tests.unit.circuit.operators.following import (
    INT,
    TEXT,
    Bag,
    Delta,
    Wiring,
    bag_of,
    batch,
    deltas,
    follow,
    ints,
    schema,
    texts,
)

LEFT = schema(INT, TEXT)
RIGHT = schema(INT, INT)
BOTH = RowLayout([f.type for f in (*LEFT, *RIGHT)])
STEPS = st.lists(st.tuples(deltas(ints, texts), deltas(ints, ints)), min_size=1, max_size=3)


def together(pairs: list[tuple[list[Delta], list[Delta]]]) -> list[list[Delta]]:
    """Steps in which one side changes, or both."""
    steps: list[list[Delta]] = []
    for left, right in pairs:
        for i in range(max(len(left), len(right))):
            steps.append([left[i] if i < len(left) else [], right[i] if i < len(right) else []])
    return steps


def pairs(left: Bag, right: Bag) -> Bag:
    result: Bag = Counter()
    for a, v in left.items():
        for b, w in right.items():
            if a[0] is not None and a[0] == b[0]:
                result[(*a, *b)] += v * w
    return result


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_a_join_gives_the_pairs_with_equal_keys(sides: list[tuple[list[Delta], list[Delta]]]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([LEFT, RIGHT], (*LEFT, *RIGHT), pool)
        left, right = wiring.arrange(0, [0], drop_null=True), wiring.arrange(1, [0], drop_null=True)
        wiring.add(Join(left, right, None, BOTH), 2, 3)
        return wiring

    follow(build, together(sides), pairs)


def test_what_came_and_went_in_one_step_is_not_handed_on_pair_by_pair() -> None:
    wiring = Wiring([LEFT, RIGHT], (*LEFT, *RIGHT), Pool())
    left, right = wiring.arrange(0, [0], drop_null=True), wiring.arrange(1, [0], drop_null=True)
    there_and_back = [1, -1] * 100 + [1]
    a = left.step([batch([((1, "a"), weight) for weight in there_and_back], LEFT, wiring.circuit.pool)])
    b = right.step([batch([((1, 2), weight) for weight in there_and_back], RIGHT, wiring.circuit.pool)])

    made = batch_of(Join(left, right, None, BOTH).step([a, b]))

    assert made is not None
    assert len(made) == 1
    assert bag_of(made, (*LEFT, *RIGHT), wiring.circuit.pool) == {(1, "a", 1, 2): 1}


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_a_join_filters_and_projects_its_pairs(sides: list[tuple[list[Delta], list[Delta]]]) -> None:
    wide = (*LEFT, *RIGHT)
    same = Call("<>", (ColumnRef(0, INT), ColumnRef(3, INT)), BOOLEAN.with_nullable(True))

    def build(pool: Pool) -> Wiring:
        wiring = Wiring([LEFT, RIGHT], schema(INT, TEXT), pool)
        left, right = wiring.arrange(0, [0], drop_null=True), wiring.arrange(1, [0], drop_null=True)
        then = Linear(same, [ColumnRef(3, wide[3].type), ColumnRef(1, wide[1].type)], pool)
        wiring.add(Join(left, right, then, RowLayout([INT, TEXT])), 2, 3)
        return wiring

    def naive(left: Bag, right: Bag) -> Bag:
        result: Bag = Counter()
        for row, weight in pairs(left, right).items():
            if row[3] is not None and row[0] != row[3]:
                result[(row[3], row[1])] += weight
        return result

    follow(build, together(sides), naive)


@pytest.mark.parametrize("anti", [False, True])
@pytest.mark.parametrize("keys_only", [False, True])
@given(sides=STEPS)
@settings(max_examples=40, deadline=None)
def test_a_semi_join_asks_only_whether_the_key_is_there(
    anti: bool, keys_only: bool, sides: list[tuple[list[Delta], list[Delta]]]
) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([LEFT, RIGHT], LEFT, pool)
        left = wiring.arrange(0, [0], drop_null=False)
        right = wiring.arrange(1, [0], drop_null=True, keys_only=keys_only)
        wiring.add(SemiJoin(left, right, anti), 2, 3)
        return wiring

    def naive(left: Bag, right: Bag) -> Bag:
        present = {row[0] for row, weight in right.items() if weight and row[0] is not None}
        return Counter({row: w for row, w in left.items() if (row[0] in present) != anti})

    follow(build, together(sides), naive)


def test_an_arrangement_is_the_same_for_all_that_share_it() -> None:
    """A self-join reads one arrangement from both sides, as it was before the step."""

    def build(pool: Pool) -> Wiring:
        wiring = Wiring([RIGHT], (*RIGHT, *RIGHT), pool)
        arranged: Arrange = wiring.arrange(0, [0], drop_null=True)
        wiring.add(Join(arranged, arranged, None, RowLayout([f.type for f in (*LEFT, *LEFT)])), 1, 1)
        return wiring

    steps = [[[((1, 1), 1), ((1, 2), 2)]], [[((1, 1), -1), ((2, 1), 1)]], [[((1, 3), 1), ((1, 2), -1)]]]
    follow(build, steps, lambda rows: pairs(rows, rows))
