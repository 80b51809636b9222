"""The first k rows of each group of an append-only input: ORDER BY ... LIMIT and ROW_NUMBER <= k, row by row.

A row that has been beaten by k others cannot come back, so the answer is all the state there is: for each group the
slots of its rows, in order. A new row is compared with the group's last one and mostly goes no further.
For the groups touched in a step, the list before and the list after are compared and the difference is emitted.
How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.operator import Delta, Operator, State, Stateful, batch_of
from penstock.circuit.operators.ordering import OrderWords
from penstock.circuit.retention import ForgetLists, Forgetter
from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded, coded
from penstock.data.comparing import compare_rows
from penstock.data.forgetting import place_in
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.records import Records, add, find
from penstock.data.rows import RowLayout, Rows
from penstock.data.slots import Slots, free_slot, take_slot
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.nodes import TopK as TopKNode

MOST = 64
"""The greatest k for which a group's list is kept in its record."""

_SIZE, _STAMP, _TOUCH, _LIST = 0, 1, 2, 3
"""Payload of a group: rows it has, last step that touched it and its number there, then the slots of its rows."""


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[:, ::1], int64[::1],"
    " int64[:, ::1], int64[::1], int64, int64, int64, int64[::1], int64[::1], int64, int64, uint8[::1],"
    " int64[:, ::1], int64[::1], int64[:, ::1], int64[::1])"
)
def _offer(
    groups: Any,
    directory: Any,
    meta: Any,
    keys: Any,
    width: int,
    hashes: Any,
    lines: Any,
    lines_meta: Any,
    rows: Any,
    weights: Any,
    first: int,
    most: int,
    stamp: int,
    modes: Any,
    signs: Any,
    columns: int,
    nulls: int,
    heap: Any,
    entries: Any,
    touched: Any,
    old: Any,
    beaten: Any,
) -> int:  # pragma: no cover - compiled
    """Put rows into their groups' lists. touched, old: groups and their lists before (size first).

    beaten: the slots to be freed, after their number. Returns the number of touched groups.
    """
    base = 1 + width
    touches = 0
    for r in range(len(hashes)):
        g = find(groups, directory, meta, keys, r, width, hashes[r])
        if g < 0:
            g = add(groups, directory, meta, keys, r, width, hashes[r])
        for _ in range(min(weights[r], most)):
            slot = take_slot(lines, lines_meta)
            for j in range(rows.shape[1]):
                lines[slot, j] = rows[r, j]
            count = groups[g, base + _SIZE]
            if (
                count == most
                and compare_rows(
                    lines,
                    slot,
                    groups[g, base + _LIST + count - 1],
                    0,
                    first,
                    modes,
                    signs,
                    columns,
                    nulls,
                    heap,
                    entries,
                )
                >= 0
            ):
                free_slot(lines, lines_meta, slot)
                break
            if groups[g, base + _STAMP] != stamp:
                groups[g, base + _STAMP] = stamp
                groups[g, base + _TOUCH] = touches
                touched[touches] = g
                old[touches, 0] = count
                for j in range(count):
                    old[touches, 1 + j] = groups[g, base + _LIST + j]
                touches += 1
            if count == most:
                beaten[0] += 1
                beaten[beaten[0]] = groups[g, base + _LIST + count - 1]
                count -= 1
            at = count
            while (
                at > 0
                and compare_rows(
                    lines, slot, groups[g, base + _LIST + at - 1], 0, first, modes, signs, columns, nulls, heap, entries
                )
                < 0
            ):
                groups[g, base + _LIST + at] = groups[g, base + _LIST + at - 1]
                at -= 1
            groups[g, base + _LIST + at] = slot
            groups[g, base + _SIZE] = count + 1
    return touches


@compiled(
    "int64(int64[:, ::1], int64, int64[:, ::1], int64, int64[::1], int64, int64[:, ::1], int64, int64, int64,"
    " int64[::1], int64[::1], int64[::1])"
)
def _difference(
    groups: Any,
    width: int,
    lines: Any,
    mark: int,
    touched: Any,
    touches: int,
    old: Any,
    offset: int,
    ranked: int,
    stamp: int,
    slots: Any,
    weights: Any,
    ranks: Any,
) -> int:  # pragma: no cover - compiled
    """Write the change of each touched group's shown rows; returns how many rows it has."""
    base = 1 + width
    n = 0
    for t in range(touches):
        g = touched[t]
        before = old[t, 0]
        after = groups[g, base + _SIZE]
        if ranked == 1:
            for p in range(offset, max(before, after)):
                was = old[t, 1 + p] if p < before else -1
                now = groups[g, base + _LIST + p] if p < after else -1
                if was != now:
                    if was >= 0:
                        slots[n], weights[n], ranks[n] = was, -1, p + 1
                        n += 1
                    if now >= 0:
                        slots[n], weights[n], ranks[n] = now, 1, p + 1
                        n += 1
            continue
        for p in range(offset, before):
            lines[old[t, 1 + p], mark] = stamp
        for p in range(offset, after):
            slot = groups[g, base + _LIST + p]
            if lines[slot, mark] == stamp:
                lines[slot, mark] = 0
            else:
                slots[n], weights[n] = slot, 1
                n += 1
        for p in range(offset, before):
            slot = old[t, 1 + p]
            if lines[slot, mark] == stamp:
                lines[slot, mark] = 0
                slots[n], weights[n] = slot, -1
                n += 1
    return n


@compiled("void(int64[:, ::1], int64[::1], int64[:, ::1])")
def _gather(lines: Any, slots: Any, out: Any) -> None:  # pragma: no cover - compiled
    for k in range(len(slots)):
        for j in range(out.shape[1]):
            out[k, j] = lines[slots[k], j]


@compiled("void(int64[:, ::1], int64[::1], int64[::1])")
def _free(lines: Any, meta: Any, slots: Any) -> None:  # pragma: no cover - compiled
    for k in range(len(slots)):
        free_slot(lines, meta, slots[k])


class Leaders(Operator):
    """Rows whose position in their group is in (offset, offset + limit], with it as a last column if asked for."""

    def __init__(self, node: TopKNode, pool: Pool) -> None:
        assert node.limit is not None
        self.title = f"first {node.limit} of each group" if node.partition else f"first {node.limit}"
        self._pool = pool
        self._most = node.offset + node.limit
        self._offset = node.offset
        self._ranked = node.with_rank
        self._keys = compile_exprs(node.partition, pool)
        self._key_layout = RowLayout([e.type for e in node.partition])
        self._layout = RowLayout([f.type for f in node.input.schema])
        self._order = OrderWords(node.order, self._layout, pool)
        self._groups = Records(self._key_layout.width, _LIST + self._most)
        # A line: the packed row, its order words, and a mark.
        self._lines = Slots(self._layout.width + self._order.width + 1)
        self._steps = 0

    @staticmethod
    def serves(node: TopKNode) -> bool:
        """Whether a top-k over an append-only input can be kept in this way."""
        return node.limit is not None and node.rank == "row_number" and 0 < node.offset + node.limit <= MOST

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        self._steps += 1
        count = len(batch)
        keys = self._key_layout.pack(self._keys(batch.columns, count), count)
        weights = np.ascontiguousarray(batch.weights)
        inserts = int(np.minimum(weights, self._most).sum())
        touched = np.empty(count, np.int64)
        old = np.empty((count, 1 + self._most), np.int64)
        beaten = np.zeros(1 + inserts, np.int64)
        touches = self._offer(keys, self._row_lines(batch, count), weights, touched, old, beaten)
        if touches == 0:
            return None
        return self._emit(touched, touches, old, beaten[1 : 1 + int(beaten[0])], inserts)

    def _row_lines(self, batch: Batch, count: int) -> Rows:
        width = self._layout.width
        lines = np.empty((count, width + self._order.width + 1), np.int64)
        lines[:, :width] = self._layout.pack(batch.columns, count)
        self._order.write(batch, lines, width)
        lines[:, -1] = 0
        return lines

    def _offer(self, keys: Rows, rows: Rows, weights: Words, touched: Words, old: Rows, beaten: Words) -> int:
        groups = self._groups
        groups.make_room(len(keys))
        self._lines.make_room(int(np.minimum(weights, self._most).sum()) + 1)
        heap, entries = self._pool.arrays
        return _offer(
            groups.records,
            groups.directory,
            groups.meta,
            keys,
            groups.width,
            groups.hashes(keys),
            self._lines.lines,
            self._lines.meta,
            rows,
            weights,
            self._layout.width,
            self._most,
            self._steps,
            self._order.modes,
            self._order.signs,
            self._layout.columns,
            self._layout.null_words,
            heap,
            entries,
            touched,
            old,
            beaten,
        )

    def _emit(self, touched: Words, touches: int, old: Rows, beaten: Words, inserts: int) -> Batch | None:
        room = 2 * touches * self._most if self._ranked else 2 * inserts + touches * self._most
        slots = np.empty(room, np.int64)
        weights = np.empty(room, np.int64)
        ranks = np.empty(room if self._ranked else 0, np.int64)
        n = _difference(
            self._groups.records,
            self._groups.width,
            self._lines.lines,
            self._lines.lines.shape[1] - 1,
            touched,
            touches,
            old,
            self._offset,
            int(self._ranked),
            self._steps,
            slots,
            weights,
            ranks,
        )
        rows = np.empty((n, self._layout.width), np.int64)
        _gather(self._lines.lines, slots[:n], rows)
        _free(self._lines.lines, self._lines.meta, np.ascontiguousarray(beaten))
        if n == 0:
            return None
        columns = self._layout.unpack(rows)
        if self._ranked:
            columns.append(Column(ranks[:n].copy()))
        return Batch(columns, weights[:n].copy())

    def forgetters(self, column: int) -> list[Forgetter]:
        base = 1 + self._groups.width
        place = place_in(self._key_layout, column, 1)
        return [ForgetLists(self._groups, place, self._lines, base + _SIZE, base + _LIST)]

    def coded(self) -> list[Coded]:
        key, row = self._key_layout, self._layout
        order = [row.width + i for i in self._order.pooled]
        return [*coded(self._groups, [1 + i for i in key.pooled]), *coded(self._lines, [*row.pooled, *order])]

    def parts(self) -> dict[str, Stateful]:
        return {"groups": self._groups, "rows": self._lines}

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        return {**super().snapshot(), "steps": np.array([self._steps])}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._steps = int(state["steps"][0])
