"""The tree inside records, against a sorted list."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.data.comparing import row_modes
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.tree import delete, first, insert
from penstock.data.types import BIGINT

ORDER, WEIGHT, LEFT = 2, 3, 4
"""Words of a record with a key of one word: header, key, order word, weight, links."""


class Tree:
    """Rows of one BIGINT column, ordered by a word that descends."""

    def __init__(self) -> None:
        self.records = Records(1, 4)
        self.root = 0
        pool = Pool()
        modes = row_modes([0], [BIGINT])
        self.how = (LEFT, 1, ORDER, modes, np.array([-1]), 1, 0, *pool.arrays)

    def put(self, value: int) -> None:
        [i] = self.records.find_or_add(np.array([[value]]))
        self.records.records[i, ORDER] = value % 10
        self.records.records[i, WEIGHT] = 1
        self.root = insert(self.records.records, self.root, i, *self.how)

    def take(self, value: int) -> None:
        [i] = self.records.find(np.array([[value]]))
        self.root = delete(self.records.records, self.root, i, *self.how)
        self.records.remove(np.array([i]))

    def first(self, most: int) -> list[int]:
        ids, counts = np.empty(most, np.int64), np.empty(most, np.int64)
        n = first(self.records.records, self.root, LEFT, WEIGHT, most, ids, counts)
        return self.records.keys(ids[:n])[:, 0].tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=200), st.integers(1, 20))
def test_the_first_rows_are_those_of_the_sorted_list_whatever_came_and_went(values, most):
    tree = Tree()
    present: set[int] = set()

    for value in values:  # the second time a value is named it goes
        (tree.take if value in present else tree.put)(value)
        present ^= {value}
        expected = sorted(present, key=lambda v: (-(v % 10), v))
        assert tree.first(most) == expected[:most]


def test_a_hundred_thousand_rows_in_order_are_no_deep_tree():
    tree = Tree()
    for value in range(100_000, 0, -1):
        tree.put(value)

    assert tree.first(3) == [9, 19, 29]
