"""Rows that wait in the order of a word."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np

from penstock.data.batch import Batch, Column
from penstock.data.ordered import OrderedRows
from penstock.data.rows import RowLayout
from penstock.data.types import BIGINT


def batch(rows: list[tuple[int, int]], weights: list[int]) -> Batch:
    columns = [Column(np.array([r[i] for r in rows], np.int64)) for i in range(2)]
    return Batch(columns, np.array(weights, np.int64))


def test_rows_come_out_by_their_word_whatever_came_and_went() -> None:
    rng = random.Random(1)
    waiting = OrderedRows(RowLayout([BIGINT, BIGINT]))
    there: Counter[tuple[int, int]] = Counter()
    for turn in range(300):
        rows = [(rng.randrange(6), rng.randrange(8)) for _ in range(rng.randrange(1, 8))]
        weights = [rng.choice((-1, 1, 2)) for _ in rows]
        waiting.add(batch(rows, weights), np.array([word for word, _ in rows]))
        for row, weight in zip(rows, weights, strict=True):
            there[row] += weight
        if turn % 7 == 0:
            bound = rng.randrange(7)
            out = waiting.take_below(bound)
            found = (
                {}
                if out is None
                else dict(
                    zip(zip(*(c.words.tolist() for c in out.columns), strict=True), out.weights.tolist(), strict=True)
                )
            )
            assert found == {row: n for row, n in there.items() if n and row[0] < bound}
            there = Counter({row: n for row, n in there.items() if row[0] >= bound})
        assert len(waiting) == sum(n != 0 for n in there.values())
