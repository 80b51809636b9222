"""LEFT ASOF JOIN against a scan for the latest row."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from penstock.circuit.operators.asof import AsofJoin
from penstock.data.pool import Pool
from penstock.sql.plan import nodes
from tests.unit.circuit.operators.following import INT, Bag, Delta, Wiring, column, deltas, follow, ints, schema

LEFT = schema(INT, INT)
RIGHT = schema(INT, INT, INT)


def node(null_safe: bool) -> nodes.AsofJoin:
    key = nodes.JoinKey(column(0, LEFT), column(0, RIGHT), null_safe)
    left, right = nodes.Scan("l", LEFT), nodes.Scan("r", RIGHT)
    return nodes.AsofJoin(left, right, (key,), column(1, LEFT), column(1, RIGHT), (*LEFT, *RIGHT))


def build(pool: Pool) -> Wiring:
    wiring = Wiring([LEFT, RIGHT], (*LEFT, *RIGHT), pool)
    wiring.add(AsofJoin(node(False), pool), 0, 1)
    return wiring


@given(deltas(ints, ints), deltas(ints, ints, ints))
@settings(max_examples=40, deadline=None)
def test_each_left_row_meets_the_latest_right_row_of_its_key(left: list[Delta], right: list[Delta]) -> None:
    def naive(lefts: Bag, rights: Bag) -> Bag:
        result: Bag = Counter()
        for row, weight in lefts.items():
            found = [
                r
                for r, w in rights.items()
                if w and None not in (row[0], row[1], r[0], r[1]) and r[0] == row[0] and r[1] <= row[1]
            ]
            # Among rows of one time the greatest is taken, NULL being the least.
            best = max(found, key=lambda r: (r[1], r[2] is not None, r[2] or 0), default=(None, None, None))
            result[(*row, *best)] += weight
        return result

    follow(build, [list(s) for s in zip(left, right, strict=False)], naive)


def test_a_right_row_that_comes_late_replaces_the_one_before_it() -> None:
    wiring = build(Pool())
    wiring.step([[((1, 10), 1)], [((1, 5, 50), 1)]])

    later = wiring.step([[], [((1, 8, 80), 1)]])
    too_late = wiring.step([[], [((1, 11, 110), 1)]])

    assert dict(later) == {(1, 10, 1, 5, 50): -1, (1, 10, 1, 8, 80): 1}
    assert dict(too_late) == {}


def test_equal_left_rows_meet_the_same_row() -> None:
    wiring = build(Pool())

    assert dict(wiring.step([[((1, 10), 3)], [((1, 10, 1), 2)]])) == {(1, 10, 1, 10, 1): 3}
