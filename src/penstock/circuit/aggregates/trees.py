"""Rows of groups in search trees (`data/tree.py`): what an aggregate keeps in an order, and each group's first row.

A record is a packed row whose first word is its group's record, its order words, its weight and the tree's links; two
words of the group are the root of its tree and the number of rows in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.kernels import compiled
from penstock.data.records import add, find, remove
from penstock.data.tree import delete, first, insert


@compiled(
    "void(int64[:, ::1], int64, int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1],"
    " boolean, int64[::1], int64[::1], int64, int64, uint8[::1], int64[:, ::1])"
)
def place(
    groups: Any,
    root_at: int,
    records: Any,
    directory: Any,
    meta: Any,
    lines: Any,
    width: int,
    hashes: Any,
    weights: Any,
    by_weight: bool,
    modes: Any,
    signs: Any,
    columns: int,
    nulls: int,
    heap: Any,
    entries: Any,
) -> None:  # pragma: no cover - compiled
    """Add each line's weight to its record, and put the record where it belongs in the tree of its group.

    lines: packed rows, the group's number first, followed by order words; by_weight: the order word is the weight.
    """
    order = 1 + width
    weight = order + len(signs)
    left = weight + 1
    for r in range(len(weights)):
        g = lines[r, 0]
        i = find(records, directory, meta, lines, r, width, hashes[r])
        if i < 0:
            i = add(records, directory, meta, lines, r, width, hashes[r])
            groups[g, root_at + 1] += 1
            if not by_weight:
                for j in range(len(signs)):
                    records[i, order + j] = lines[r, width + j]
                groups[g, root_at] = insert(
                    records, groups[g, root_at], i, left, 1, order, modes, signs, columns, nulls, heap, entries
                )
        old = records[i, weight]
        new = old + weights[r]
        if (by_weight and old != 0) or (not by_weight and new == 0):
            groups[g, root_at] = delete(
                records, groups[g, root_at], i, left, 1, order, modes, signs, columns, nulls, heap, entries
            )
        records[i, weight] = new
        if new == 0:
            groups[g, root_at + 1] -= 1
            remove(records, directory, meta, i)
        elif by_weight:
            records[i, order] = new
            groups[g, root_at] = insert(
                records, groups[g, root_at], i, left, 1, order, modes, signs, columns, nulls, heap, entries
            )


@compiled("void(int64[:, ::1], int64, int64[::1], int64[:, ::1], int64, int64[::1])")
def firsts(
    groups: Any, root_at: int, ids: Any, records: Any, weight: int, out: Any
) -> None:  # pragma: no cover - compiled
    """Write the first record of each group that is there at least once, -1 where none is."""
    found = np.empty(1, np.int64)
    count = np.empty(1, np.int64)
    for k in range(len(ids)):
        n = first(records, groups[ids[k], root_at], weight + 1, weight, 1, found, count)
        out[k] = found[0] if n > 0 else -1
