"""Arrangements against a counter of rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.data.arrangement import Arrangement

ROW = st.tuples(st.integers(0, 4), st.integers(0, 4))
DELTAS = st.lists(st.lists(st.tuples(ROW, st.integers(-2, 3)), min_size=1, max_size=20), max_size=10)


@settings(max_examples=60, deadline=None)
@given(DELTAS, st.booleans())
def test_lookup_returns_the_rows_of_a_key_with_their_summed_weights(deltas, restore):
    state = Arrangement(1, 2)
    expected: Counter[tuple[int, int]] = Counter()

    for delta in deltas:
        rows = np.array([row for row, _ in delta], np.int64)
        weights = np.array([weight for _, weight in delta], np.int64)
        state.update(np.ascontiguousarray(rows[:, :1]), rows, weights)
        for row, weight in delta:
            expected[row] += weight
        if restore:
            other = Arrangement(1, 2)
            other.restore(state.snapshot())
            state = other

    keys = np.arange(5).reshape(-1, 1)
    source, rows, weights = state.lookup(keys)
    found = {tuple(row): weight for row, weight in zip(rows.tolist(), weights.tolist(), strict=True)}
    assert {row: weight for row, weight in expected.items() if weight} == found
    assert rows[:, 0].tolist() == source.tolist()
    totals = [sum(w for (k, _), w in expected.items() if k == key) for key in range(5)]
    assert totals == state.totals(keys).tolist()


def test_an_arrangement_of_nothing_holds_nothing():
    state = Arrangement(1, 2)
    rows = np.stack([np.arange(1000) % 10, np.arange(1000)], axis=1)
    ones = np.ones(1000, np.int64)
    state.update(np.ascontiguousarray(rows[:, :1]), rows, ones)
    state.update(np.ascontiguousarray(rows[::-1, :1]), np.ascontiguousarray(rows[::-1]), -ones)

    assert len(state) == 0
    assert len(state.keys) == 0
