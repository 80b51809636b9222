"""The first k rows of each group when rows also go: every row stands in a search tree of its group.

A change moves one row in the tree, a logarithmic path; the first k rows of a touched group are listed before and after
the step and the difference is emitted. So the cost follows the change, not what the group holds.
How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.circuit.operator import Delta, Operator, Stateful, batch_of
from penstock.circuit.operators.ordering import OrderWords
from penstock.circuit.retention import Forgetter, ForgetTrees, TreeOf
from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded, coded
from penstock.data.forgetting import place_in
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.records import Records, add, find, remove
from penstock.data.rows import RowLayout, Rows
from penstock.data.tree import delete, first, insert
from penstock.data.zset import consolidate, consolidate_rows
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.nodes import TopK as TopKNode

MOST = 4096
"""The greatest k that is listed from a tree; for more than that whole groups are read."""

_ROOT, _SIZE = 0, 1
"""Payload of a group: root of its tree, rows in it. A row's payload: order words, then weight, left and right link."""


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64,"
    " int64[::1], int64[::1], int64[::1], int64, int64[::1], int64[::1], int64, int64, uint8[::1], int64[:, ::1])"
)
def _move(
    groups: Any,
    group_directory: Any,
    group_meta: Any,
    records: Any,
    directory: Any,
    meta: Any,
    lines: Any,
    width: int,
    hashes: Any,
    ids: Any,
    weights: Any,
    root_at: int,
    modes: Any,
    signs: Any,
    columns: int,
    nulls: int,
    heap: Any,
    entries: Any,
) -> None:  # pragma: no cover - compiled
    """Add each line's weight to its record; a record comes into the tree of its group with a weight and goes without.

    lines: packed rows (width words, the group's key among them) followed by their order words; ids: their groups.
    """
    order = 1 + width
    weight = order + len(signs)
    left = weight + 1
    for r in range(len(weights)):
        g = ids[r]
        i = find(records, directory, meta, lines, r, width, hashes[r])
        if i < 0:
            i = add(records, directory, meta, lines, r, width, hashes[r])
            for j in range(len(signs)):
                records[i, order + j] = lines[r, width + j]
            groups[g, root_at] = insert(
                records, groups[g, root_at], i, left, 1, order, modes, signs, columns, nulls, heap, entries
            )
            groups[g, root_at + 1] += 1
        records[i, weight] += weights[r]
        if records[i, weight] == 0:
            groups[g, root_at] = delete(
                records, groups[g, root_at], i, left, 1, order, modes, signs, columns, nulls, heap, entries
            )
            groups[g, root_at + 1] -= 1
            remove(records, directory, meta, i)


@compiled(
    "int64(int64[:, ::1], int64, int64[::1], int64[:, ::1], int64, int64, int64, int64[::1], int64[::1], int64[::1])"
)
def _list(
    groups: Any,
    root_at: int,
    touched: Any,
    records: Any,
    left: int,
    weight: int,
    most: int,
    ids: Any,
    counts: Any,
    sizes: Any,
) -> int:  # pragma: no cover - compiled
    """List the first rows of each touched group; sizes: how many records each has. Returns how many in all."""
    n = 0
    for t in range(len(touched)):
        sizes[t] = first(records, groups[touched[t], root_at], left, weight, most, ids[n:], counts[n:])
        n += sizes[t]
    return n


class Standings(Operator):
    """Rows whose position in their group is in (offset, offset + limit], with it as a last column if asked for."""

    def __init__(self, node: TopKNode, pool: Pool) -> None:
        assert node.limit is not None
        self.title = f"first {node.limit} of each group, ordered" if node.partition else f"first {node.limit}, ordered"
        self._pool = pool
        self._most = node.offset + node.limit
        self._offset = node.offset
        self._ranked = node.with_rank
        self._keys = compile_exprs(node.partition, pool)
        self._key_layout = RowLayout([e.type for e in node.partition])
        self._layout = RowLayout([f.type for f in node.input.schema])
        self._out_layout = RowLayout([f.type for f in node.schema])
        self._order = OrderWords(node.order, self._layout, pool)
        self._groups = Records(self._key_layout.width, 2)
        self._rows = Records(self._layout.width, self._order.width + 3)

    @staticmethod
    def serves(node: TopKNode) -> bool:
        """Whether a top-k can be kept in this way."""
        return node.limit is not None and node.rank == "row_number" and 0 < node.offset + node.limit <= MOST

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        count = len(batch)
        keys = self._key_layout.pack(self._keys(batch.columns, count), count)
        at, _ = consolidate_rows(keys, np.ones(count, np.int64))
        ids = self._groups.find_or_add(keys)
        touched = np.ascontiguousarray(ids[at])
        before = self._shown(touched)
        self._move(batch, ids)
        after = self._shown(touched)
        root = 1 + self._groups.width
        empty = touched[self._groups.records[touched, root + _SIZE] == 0]
        if len(empty):
            self._groups.remove(empty)
        rows = np.concatenate([before[0], after[0]])
        weights = np.concatenate([-before[1], after[1]])
        columns = self._layout.unpack(rows)
        if self._ranked:
            columns.append(Column(np.concatenate([before[2], after[2]])))
        result = consolidate(Batch(columns, weights), self._out_layout)
        return result if len(result) else None

    def _move(self, batch: Batch, ids: Words) -> None:
        width = self._layout.width
        lines = np.empty((len(batch), width + self._order.width), np.int64)
        lines[:, :width] = self._layout.pack(batch.columns, len(batch))
        self._order.write(batch, lines, width)
        heap, entries = self._pool.arrays
        groups, rows = self._groups, self._rows
        rows.make_room(len(batch))
        _move(
            groups.records,
            groups.directory,
            groups.meta,
            rows.records,
            rows.directory,
            rows.meta,
            lines,
            width,
            rows.hashes(lines),
            ids,
            np.ascontiguousarray(batch.weights),
            1 + groups.width + _ROOT,
            self._order.modes,
            self._order.signs,
            self._layout.columns,
            self._layout.null_words,
            heap,
            entries,
        )

    def _shown(self, touched: Words) -> tuple[Rows, Words, Words]:
        """Return the shown rows of groups, their weights and positions (one by one if positions are asked for)."""
        groups, rows = self._groups, self._rows
        root = 1 + groups.width
        room = int(np.minimum(groups.records[touched, root + _SIZE], self._most).sum())
        ids = np.empty(room, np.int64)
        counts = np.empty(room, np.int64)
        sizes = np.empty(len(touched), np.int64)
        weight = 1 + rows.width + self._order.width
        n = _list(groups.records, root, touched, rows.records, weight + 1, weight, self._most, ids, counts, sizes)
        ids, counts = ids[:n], counts[:n]
        # Positions: how many rows of the group come before each record.
        ends = np.cumsum(counts)
        starts = ends - counts
        group = np.repeat(np.arange(len(touched)), sizes)
        base = np.repeat((starts[np.minimum(np.cumsum(sizes) - sizes, max(n - 1, 0))] if n else sizes), sizes)
        low = starts - base
        if not self._ranked:
            shown = counts - np.clip(self._offset - low, 0, counts)
            kept = np.flatnonzero(shown)
            return rows.keys(ids[kept]), shown[kept], group[kept]
        each = np.repeat(np.arange(n), counts)
        position = np.arange(len(each)) - np.repeat(starts, counts) + low[each] + 1
        kept = np.flatnonzero(position > self._offset)
        return rows.keys(ids[each[kept]]), np.ones(len(kept), np.int64), position[kept]

    def forgetters(self, column: int) -> list[Forgetter]:
        left = 1 + self._rows.width + self._order.width + 1
        place = place_in(self._key_layout, column, 1)
        return [ForgetTrees(self._groups, place, TreeOf(self._rows, 1 + self._groups.width + _ROOT, left))]

    def coded(self) -> list[Coded]:
        key, row = self._key_layout, self._layout
        order = [1 + row.width + i for i in self._order.pooled]
        return [
            *coded(self._groups, [1 + i for i in key.pooled]),
            *coded(self._rows, [*(1 + i for i in row.pooled), *order]),
        ]

    def parts(self) -> dict[str, Stateful]:
        return {"groups": self._groups, "rows": self._rows}
