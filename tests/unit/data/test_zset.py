"""Algebra of Z-sets."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.data.batch import Batch, Column
from penstock.data.match import match_rows
from penstock.data.rows import RowLayout
from penstock.data.types import BIGINT
from penstock.data.zset import Contents, consolidate

LAYOUT = RowLayout([BIGINT.with_nullable(True), BIGINT])
ROWS = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 2)), st.integers(0, 2), st.integers(-2, 2)), max_size=40)


def batch(rows) -> Batch:
    first = Column(np.array([r[0] or 0 for r in rows], np.int64), np.array([r[0] is None for r in rows], np.bool_))
    return Batch([first, Column(np.array([r[1] for r in rows], np.int64))], np.array([r[2] for r in rows], np.int64))


def counted(rows) -> dict:
    counter: Counter = Counter()
    for a, b, weight in rows:
        counter[(a, b)] += weight
    return {row: weight for row, weight in counter.items() if weight}


def of(b: Batch) -> list:
    nulls = b.columns[0].nulls
    return [
        (None if nulls is not None and nulls[i] else int(b.columns[0].words[i]), int(b.columns[1].words[i]), int(w))
        for i, w in enumerate(b.weights)
    ]


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_consolidate_leaves_each_row_once_with_its_summed_weight(rows):
    result = of(consolidate(batch(rows), LAYOUT))

    assert counted(rows) == {(a, b): w for a, b, w in result}
    assert len(result) == len(counted(rows))


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=5))
def test_contents_are_the_sum_of_what_was_added(batches):
    contents = Contents(LAYOUT)
    for rows in batches:
        if rows:
            contents.add(batch(rows))

    assert counted([r for rows in batches for r in rows]) == {(a, b): w for a, b, w in of(contents.batch())}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.lists(st.integers(0, 5), max_size=30))
def test_match_rows_finds_every_pair_of_equal_rows(left, right):
    i, j = match_rows(np.array(left, np.int64).reshape(-1, 1), np.array(right, np.int64).reshape(-1, 1))

    expected = {(a, b) for a, x in enumerate(left) for b, y in enumerate(right) if x == y}
    assert expected == set(zip(i.tolist(), j.tolist(), strict=True))
    assert len(expected) == len(i)
