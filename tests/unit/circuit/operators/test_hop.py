"""TUMBLE and HOP: the windows of a time by their definition."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.operators.hop import Hop
from penstock.data.pool import Pool
from penstock.data.types import BIGINT, Field
from tests.unit.circuit.operators.following import INT, Bag, Delta, Wiring, column, deltas, follow, schema

ROW = schema(INT, INT)
OUT = (*ROW, Field("window_start", BIGINT), Field("window_end", BIGINT))
TIMES = st.one_of(st.none(), st.integers(-12, 12))


@pytest.mark.parametrize(
    ("slide", "size", "offset"),
    [(5, 5, 0), (5, 5, 2), (5, 5, -1), (2, 6, 0), (5, 7, 1), (3, 10, 0), (7, 3, 0)],
    ids=["tumble", "offset", "offset back", "hop", "hop with offset", "uneven", "gaps"],
)
@given(steps=deltas(TIMES, st.integers(0, 1)))
@settings(max_examples=40, deadline=None)
def test_a_row_is_in_every_window_that_holds_its_time(slide: int, size: int, offset: int, steps: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], OUT, pool)
        wiring.add(Hop(column(0, ROW), slide, size, offset, pool), 0)
        return wiring

    def naive(rows: Bag) -> Bag:
        result: Bag = Counter()
        for (time, value), weight in rows.items():
            for start in range(-60 * slide + offset, 60 * slide, slide):
                if time is not None and start <= time < start + size:
                    result[(time, value, start, start + size)] += weight
        return result

    follow(build, [[s] for s in steps], naive)
