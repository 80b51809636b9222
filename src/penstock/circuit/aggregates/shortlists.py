"""The best values of large groups that lose their extremes again and again.

A list holds all values of its group down to a floor, in a search tree. What lies below the floor does not touch it, so
the extreme is the list's first value as long as there is one; then the group is read again, for a list of about a 64th
of it. So a group of n values is read once for n / 64 of its best values that leave, and not at all before one has left.
Groups of fewer than `least` values are read as a whole. A list that has grown to four times its size is given up: it
is made anew when an extreme leaves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.trees import firsts, place
from penstock.data.batch import Column, Words
from penstock.data.collecting import Coded, coded
from penstock.data.comparing import compare_words, comparison, row_modes
from penstock.data.forgetting import remove_tree_rows
from penstock.data.kernels import compiled
from penstock.data.order import order_words
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.rows import RowLayout
from penstock.data.types import BIGINT, SqlType

_GROUP, _ROOT, _SIZE, _LIMIT, _FLOOR = 1, 2, 3, 4, 5
"""Words of a list's line: its group, root of its tree, values in it, how many are too many, the last value."""

_SAMPLE = 1024
_PART = 64
_GROWTH = 4
_STRIDE = 2_654_435_761


@compiled("void(int64[::1], int64[::1], int64, int64, uint8[::1], int64[:, ::1], boolean[::1])")
def _reach(
    words: Any, floors: Any, sign: int, mode: int, heap: Any, entries: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Tell which values are at least as good as their floor. sign: 1 where the greatest is the best, else -1."""
    for r in range(len(words)):
        out[r] = compare_words(words[r], floors[r], mode, heap, entries) * sign >= 0


class Shortlists:
    """Lists by group. greatest: which end is the best."""

    least = 256

    def __init__(self, type: SqlType, greatest: bool, pool: Pool) -> None:
        self._pool = pool
        self._type = type
        self._layout = RowLayout([BIGINT, type])
        self._mode = comparison(type)
        self._sign = 1 if greatest else -1
        self._modes = row_modes([self._mode], self._layout.types)
        self._signs = np.array([-self._sign], np.int64)
        self.lists = Records(1, _FLOOR - _GROUP)
        # A value: the list's record and the value, the value as an order word, its weight, the tree's links.
        self.entries = Records(self._layout.width, 4)
        self._weight_at = 2 + self._layout.width

    def __len__(self) -> int:
        return len(self.lists)

    def find(self, groups: Words) -> Words:
        """Return the list of each group, or -1."""
        return self.lists.find(np.ascontiguousarray(groups.reshape(-1, 1)))

    def take(self, lists: Words, values: Column, weights: Words) -> tuple[Words, Words, npt.NDArray[np.bool_]]:
        """Take in values of groups with a list. Returns the groups, their best values and which of these are known.

        Lists without a value are gone, and so are those that have grown too large.
        """
        floors = self.lists.records[lists, _FLOOR]
        inside = np.flatnonzero(self._reaching(values.words, floors))
        self._place(lists[inside], values.take(inside), weights[inside])
        touched = np.unique(lists)
        groups = self.lists.records[touched, _GROUP]
        found = np.empty(len(touched), np.int64)
        firsts(self.lists.records, _ROOT, touched, self.entries.records, self._weight_at, found)
        known = found >= 0
        best = self.entries.records[np.maximum(found, 0), 2]
        grown = self.lists.records[touched, _SIZE] > self.lists.records[touched, _LIMIT]
        self._drop(touched[~known | grown])
        return groups, best, known

    def fill(self, group: int, values: Column, weights: Words) -> None:
        """Make the list of a group that has none from all its values, each once."""
        there = np.flatnonzero(weights > 0)
        if len(there) == 0:
            return
        sample = there[(np.arange(min(_SAMPLE, len(there))) * _STRIDE) % len(there)]
        words = order_words(values.take(sample), self._type, self._pool)
        order = np.argsort(words if self._sign > 0 else ~words)
        floor = values.words[sample[order[-(len(sample) // _PART) - 1]]]
        inside = np.flatnonzero(self._reaching(values.words, np.full(len(weights), floor)))
        [made] = self.lists.find_or_add(np.array([[group]], np.int64))
        self.lists.records[made, _LIMIT] = _GROWTH * len(inside)
        self.lists.records[made, _FLOOR] = floor
        self._place(np.full(len(inside), made), values.take(inside), weights[inside])

    def clear(self, groups: Records, ids: Words) -> None:
        """Give up the lists of some groups."""
        found = self.find(ids)
        self._drop(found[found >= 0])

    def _reaching(self, words: Words, floors: Words) -> npt.NDArray[np.bool_]:
        out = np.empty(len(words), np.bool_)
        _reach(np.ascontiguousarray(words), floors, self._sign, self._mode, *self._pool.arrays, out)
        return out

    def _place(self, lists: Words, values: Column, weights: Words) -> None:
        lines = np.empty((len(lists), self._layout.width + 1), np.int64)
        lines[:, :-1] = self._layout.pack([Column(lists), values], len(lists))
        lines[:, -1] = values.words
        entries = self.entries
        entries.make_room(len(lines))
        place(
            self.lists.records,
            _ROOT,
            entries.records,
            entries.directory,
            entries.meta,
            lines,
            entries.width,
            entries.hashes(lines),
            np.ascontiguousarray(weights),
            False,
            self._modes,
            self._signs,
            self._layout.columns,
            self._layout.null_words,
            *self._pool.arrays,
        )

    def _drop(self, lists: Words) -> None:
        if len(lists):
            remove_tree_rows(self.lists, lists, _ROOT, self.entries, self._weight_at + 1)
            self.lists.remove(lists)

    def coded(self) -> list[Coded]:
        """Return where codes stand in it."""
        pooled = self._type.pooled
        return [
            *coded(self.lists, [_FLOOR] if pooled else []),
            *coded(self.entries, [2, 1 + self._layout.width] if pooled else []),
        ]
