"""Taking out of state what lies below a bound, in slices: a structure is looked through again and again, a part of it
each time, so the cost of a step does not depend on what the state holds.

A place is where the compared word of a line is: its word, and the word and bit of its null flag (-1: never null).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from penstock.data.arrangement import Arrangement, remove_key
from penstock.data.batch import Words
from penstock.data.kernels import compiled
from penstock.data.records import COUNT, Records, remove
from penstock.data.rows import RowLayout

_BITS = 63


class Place(NamedTuple):
    """Where a compared word stands in a line."""

    word: int
    null_word: int
    null_bit: int


def place_in(layout: RowLayout, column: int, first: int) -> Place:
    """Return the place of a column of a packed row that begins at word `first` of a line."""
    if not layout.null_words:
        return Place(first + column, -1, 0)
    return Place(first + column, first + layout.columns + column // _BITS, column % _BITS)


@compiled("int64(int64[:, ::1], int64, int64, int64, int64, int64, int64, int64[::1])")
def _below(
    lines: Any, first: int, last: int, word: int, null_word: int, null_bit: int, bound: int, out: Any
) -> int:  # pragma: no cover - compiled
    n = 0
    for i in range(first, last):
        if lines[i, 0] < 0 or lines[i, word] >= bound:
            continue
        if null_word >= 0 and (lines[i, null_word] >> null_bit) & 1:
            continue
        out[n] = i
        n += 1
    return n


@compiled("void(int64[:, ::1], int32[::1], int64[::1], int64[::1])")
def _remove(records: Any, directory: Any, meta: Any, ids: Any) -> None:  # pragma: no cover - compiled
    for k in range(len(ids)):
        remove(records, directory, meta, ids[k])


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64[::1],"
    " boolean)"
)
def _remove_keys(
    keys: Any,
    key_directory: Any,
    key_meta: Any,
    key_width: int,
    rows: Any,
    row_directory: Any,
    row_meta: Any,
    row_width: int,
    ids: Any,
    indexed: bool,
) -> None:  # pragma: no cover - compiled
    for k in range(len(ids)):
        remove_key(keys, key_directory, key_meta, key_width, rows, row_directory, row_meta, row_width, ids[k], indexed)


@compiled("void(int64[:, ::1], int64[::1], int64, int64[:, ::1], int32[::1], int64[::1], int64)")
def _remove_trees(
    groups: Any, ids: Any, root: int, rows: Any, directory: Any, meta: Any, left: int
) -> None:  # pragma: no cover - compiled
    for k in range(len(ids)):
        at = groups[ids[k], root]
        while at > 0:
            i = at - 1
            below = rows[i, left]
            if below > 0:
                # Turn the left branch up until there is none: then the first row can go.
                rows[i, left] = rows[below - 1, left + 1]
                rows[below - 1, left + 1] = at
                at = below
            else:
                at = rows[i, left + 1]
                remove(rows, directory, meta, i)


class Search:
    """Goes round and round through records, a part at a time."""

    def __init__(self, records: Records, place: Place) -> None:
        self._records = records
        self._place = place
        self._at = 0

    def next(self, bound: int, budget: int) -> tuple[Words, bool]:
        """Return the records of the next part that lie below the bound, and whether a round has ended with it."""
        records = self._records
        count = int(records.meta[COUNT])
        last = min(self._at + budget, count)
        out = np.empty(max(last - self._at, 0), np.int64)
        found = out[: _below(records.records, self._at, last, *self._place, bound, out)] if len(out) else out
        self._at = 0 if last >= count else last
        return found, last >= count


def remove_records(records: Records, ids: Words) -> None:
    """Free records."""
    _remove(records.records, records.directory, records.meta, np.ascontiguousarray(ids))


def remove_tree_rows(groups: Records, ids: Words, root: int, rows: Records, left: int) -> None:
    """Free all rows in the search trees (`tree.py`) of groups. root, left: words of a group's and a row's line."""
    _remove_trees(groups.records, np.ascontiguousarray(ids), root, rows.records, rows.directory, rows.meta, left)


def remove_keys(arrangement: Arrangement, ids: Words) -> None:
    """Take keys, by their records' numbers, and all their rows out of an arrangement."""
    keys, rows = arrangement.keys, arrangement.rows
    _remove_keys(
        keys.records,
        keys.directory,
        keys.meta,
        keys.width,
        rows.records,
        rows.directory,
        rows.meta,
        rows.width,
        np.ascontiguousarray(ids),
        not arrangement.append_only,
    )
