"""Filter and project: each row by itself."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from penstock.circuit.operators.linear import Linear
from penstock.data.pool import Pool
from penstock.data.types import BOOLEAN
from penstock.sql.plan.expr import Call, Literal
from tests.unit.circuit.operators.following import INT, Bag, Delta, Wiring, column, deltas, follow, ints, schema

ROW = schema(INT, INT)
SUM = Call("+", (column(0, ROW), column(1, ROW)), INT)
POSITIVE = Call(">", (column(0, ROW), Literal(0, INT)), BOOLEAN.with_nullable(True))


@given(deltas(ints, ints))
@settings(max_examples=40, deadline=None)
def test_rows_for_which_the_predicate_is_true_are_projected(steps: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], schema(INT), pool)
        wiring.add(Linear(POSITIVE, [SUM], pool), 0)
        return wiring

    def naive(rows: Bag) -> Bag:
        result: Bag = Counter()
        for (x, y), weight in rows.items():
            if x is not None and x > 0:
                result[(None if y is None else x + y,)] += weight
        return result

    follow(build, [[s] for s in steps], naive)


@given(deltas(ints, ints))
@settings(max_examples=40, deadline=None)
def test_a_filter_without_a_projection_gives_the_row_as_it_is(steps: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], ROW, pool)
        wiring.add(Linear(POSITIVE, None, pool), 0)
        return wiring

    follow(build, [[s] for s in steps], lambda rows: Counter({r: w for r, w in rows.items() if (r[0] or 0) > 0}))
