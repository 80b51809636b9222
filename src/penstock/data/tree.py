"""An ordered index inside records: a search tree of a group's rows, kept in words of the records themselves.

It is a treap: a search tree by the rows' order and a heap by numbers hashed from the records' ids, so its depth is
logarithmic whatever order rows come in, and no change touches more than a path.
Source: randomized search trees (Seidel and Aragon, Algorithmica 1996).

Arguments that all kernels share: records, the place of the left link (the right one follows; links are ids + 1), and
how rows compare (`comparing.compare_rows`). A root is an id + 1, or 0 for an empty tree.
How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.comparing import compare_rows
from penstock.data.kernels import compiled, finish

_DEPTH = 512
"""Room for a path. A treap of 2^31 nodes is deeper than this with a chance below 10^-50."""


@compiled(inline=True)
def _priority(i: Any) -> Any:  # pragma: no cover - compiled
    return finish(np.uint64(i) + np.uint64(0x9E3779B97F4A7C15))


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64, int64, int64[::1], int64[::1], int64, int64, uint8[::1],"
    " int64[:, ::1])"
)
def insert(
    records: Any,
    root: Any,
    x: Any,
    left: Any,
    row: Any,
    order: Any,
    modes: Any,
    signs: Any,
    columns: Any,
    nulls: Any,
    heap: Any,
    entries: Any,
) -> Any:  # pragma: no cover - compiled
    """Put record x, which is not in the tree, into it; returns the new root."""
    records[x, left] = 0
    records[x, left + 1] = 0
    path = np.empty(_DEPTH, np.int64)
    sides = np.empty(_DEPTH, np.int64)
    depth = 0
    at = root
    while at > 0:
        node = at - 1
        side = left
        if compare_rows(records, x, node, row, order, modes, signs, columns, nulls, heap, entries) > 0:
            side = left + 1
        path[depth] = node
        sides[depth] = side
        depth += 1
        at = records[node, side]
    mine = _priority(x)
    while depth > 0 and mine > _priority(path[depth - 1]):
        parent = path[depth - 1]
        side = sides[depth - 1]
        other = left + left + 1 - side
        records[parent, side] = records[x, other]
        records[x, other] = parent + 1
        depth -= 1
    if depth == 0:
        return x + 1
    records[path[depth - 1], sides[depth - 1]] = x + 1
    return root


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64, int64, int64[::1], int64[::1], int64, int64, uint8[::1],"
    " int64[:, ::1])"
)
def delete(
    records: Any,
    root: Any,
    x: Any,
    left: Any,
    row: Any,
    order: Any,
    modes: Any,
    signs: Any,
    columns: Any,
    nulls: Any,
    heap: Any,
    entries: Any,
) -> Any:  # pragma: no cover - compiled
    """Take record x out of the tree that it is in; returns the new root."""
    parent = np.int64(-1)
    side = left
    at = root - 1
    while at != x:
        parent = at
        side = left
        if compare_rows(records, x, at, row, order, modes, signs, columns, nulls, heap, entries) > 0:
            side = left + 1
        at = records[at, side] - 1
    a = records[x, left]
    b = records[x, left + 1]
    while True:
        if a == 0 or b == 0:
            top = a + b
        elif _priority(a - 1) > _priority(b - 1):
            top = a
        else:
            top = b
        if parent < 0:
            root = top
        else:
            records[parent, side] = top
        if a == 0 or b == 0:
            return root
        parent = top - 1
        if top == a:
            side = left + 1
            a = records[parent, side]
        else:
            side = left
            b = records[parent, side]


@compiled("int64(int64[:, ::1], int64, int64, int64, int64, int64[::1], int64[::1])")
def first(
    records: Any, root: Any, left: Any, weight: Any, most: Any, ids: Any, counts: Any
) -> Any:  # pragma: no cover - compiled
    """List the first records in order until their weights (in word `weight`) reach `most`; returns how many.

    counts: each record's weight, the last one's cut to what is still wanted. Others than positive weights do not count.
    """
    path = np.empty(_DEPTH, np.int64)
    depth = 0
    n = 0
    taken = np.int64(0)
    at = root
    while (at > 0 or depth > 0) and taken < most:
        while at > 0:
            path[depth] = at - 1
            depth += 1
            at = records[at - 1, left]
        depth -= 1
        node = path[depth]
        here = min(records[node, weight], most - taken)
        if here > 0:
            ids[n] = node
            counts[n] = here
            n += 1
            taken += here
        at = records[node, left + 1]
    return n
