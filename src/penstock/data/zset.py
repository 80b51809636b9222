"""Algebra of Z-sets on packed rows: consolidation, and a Z-set that is kept (`Contents`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded, coded
from penstock.data.kernels import compiled, finish, mix
from penstock.data.records import Records, add, approach, find, remove
from penstock.data.rows import RowLayout, Rows


@compiled("int64(int64[:, ::1], int64[::1], int64[::1], int64[::1])")
def _consolidate(rows: Any, weights: Any, first: Any, sums: Any) -> int:  # pragma: no cover - compiled
    """Sum weights of equal rows; first[k], sums[k] for each distinct row k whose sum is not 0. Returns their number."""
    n = len(weights)
    width = rows.shape[1]
    size = 16
    while size < 2 * n:
        size *= 2
    slots = np.zeros(size, np.int32)
    distinct = 0
    for r in range(n):
        h = np.uint64(0x51ED270B35A8F2C1)
        for j in range(width):
            h = mix(h, np.uint64(rows[r, j]))
        at = np.int64(finish(h) & np.uint64(size - 1))
        while True:
            k = slots[at] - 1
            if k < 0:
                slots[at] = distinct + 1
                first[distinct] = r
                sums[distinct] = weights[r]
                distinct += 1
                break
            same = True
            f = first[k]
            for j in range(width):
                if rows[f, j] != rows[r, j]:
                    same = False
                    break
            if same:
                sums[k] += weights[r]
                break
            at = (at + 1) & (size - 1)
    kept = 0
    for k in range(distinct):
        if sums[k] != 0:
            first[kept] = first[k]
            sums[kept] = sums[k]
            kept += 1
    return kept


def consolidate_rows(rows: Rows, weights: Words) -> tuple[Words, Words]:
    """Return positions of one of each of the distinct rows whose weights do not cancel, and their summed weights.

    Shapes: rows (n, width), weights (n,); both results (m,) with m <= n, in order of first occurrence.
    Cost: O(n). Source: consolidation of Z-sets, DBSP (Budiu et al., VLDB 2023).
    """
    first = np.empty(len(weights), np.int64)
    sums = np.empty(len(weights), np.int64)
    kept = _consolidate(rows, weights, first, sums)
    return first[:kept], sums[:kept]


def consolidate(batch: Batch, layout: RowLayout) -> Batch:
    """Merge equal rows by adding their weights and drop those that cancel."""
    if len(batch) < 2:
        return batch if len(batch) == 0 or batch.weights[0] != 0 else batch.take(np.zeros(0, np.int64))
    first, sums = consolidate_rows(layout.pack(batch.columns, len(batch)), np.ascontiguousarray(batch.weights))
    if len(first) == len(batch):
        return batch
    merged = batch.take(first)
    return Batch(merged.columns, sums)


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1], int64[::1], int64[::1])"
)
def _add_weights(
    records: Any, directory: Any, meta: Any, rows: Any, width: int, hashes: Any, weights: Any, before: Any, after: Any
) -> int:  # pragma: no cover - compiled
    """Add each row's weight to its record; weights before and after; records whose weight becomes 0 are freed."""
    at = 1 + width
    for r in range(len(weights)):
        approach(records, directory, meta, hashes, r)
        i = find(records, directory, meta, rows, r, width, hashes[r])
        if i < 0:
            i = add(records, directory, meta, rows, r, width, hashes[r])
        old = records[i, at]
        new = old + weights[r]
        records[i, at] = new
        before[r] = old
        after[r] = new
        if new == 0:
            remove(records, directory, meta, i)
    return len(weights)


class Contents:
    """A Z-set that is kept: each distinct row with its weight."""

    def __init__(self, layout: RowLayout) -> None:
        self.layout = layout
        self.records = Records(layout.width, 1)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def size_bytes(self) -> int:
        """Bytes of state in use."""
        return self.records.size_bytes

    def add(self, batch: Batch) -> tuple[Words, Words]:
        """Add a batch; returns each row's weight before and after it was added, rows taken one after the other."""
        return self.add_rows(self.layout.pack(batch.columns, len(batch)), batch.weights)

    def add_rows(self, rows: Rows, weights: Words) -> tuple[Words, Words]:
        """Add packed rows; as `add`."""
        before = np.empty(len(rows), np.int64)
        after = np.empty(len(rows), np.int64)
        state = self.records
        state.make_room(len(rows))
        _add_weights(
            state.records,
            state.directory,
            state.meta,
            rows,
            state.width,
            state.hashes(rows, near=False),
            np.ascontiguousarray(weights),
            before,
            after,
        )
        return before, after

    def coded(self) -> list[Coded]:
        """Return where its codes stand."""
        return coded(self.records, [1 + i for i in self.layout.pooled])

    def batch(self) -> Batch:
        """Return everything that is there, in no particular order."""
        ids = self.records.live()
        columns: list[Column] = self.layout.unpack(self.records.keys(ids))
        return Batch(columns, self.records.payloads(ids)[:, 0].copy())

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state as arrays, which change as it does."""
        return self.records.snapshot()

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take up a snapshot."""
        self.records.restore(state)
