"""A Z-set that waits: rows in the order of one word, to be taken out from the front. Cost: a path for each row.

How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Batch, Words
from penstock.data.collecting import Coded, coded
from penstock.data.kernels import compiled
from penstock.data.records import Records, add, find, remove
from penstock.data.rows import RowLayout, Rows
from penstock.data.tree import delete, insert


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int64, int64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], uint8[::1], int64[:, ::1])"
)
def _add(
    records: Any,
    directory: Any,
    meta: Any,
    root: int,
    rows: Any,
    width: int,
    hashes: Any,
    words: Any,
    weights: Any,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
) -> int:  # pragma: no cover - compiled
    """Add weights of rows; returns the new root."""
    order = 1 + width
    for r in range(len(weights)):
        i = find(records, directory, meta, rows, r, width, hashes[r])
        if i < 0:
            i = add(records, directory, meta, rows, r, width, hashes[r])
            records[i, order] = words[r]
            root = insert(records, root, i, order + 2, 1, order, modes, signs, order - 1, 0, heap, entries)
        records[i, order + 1] += weights[r]
        if records[i, order + 1] == 0:
            root = delete(records, root, i, order + 2, 1, order, modes, signs, order - 1, 0, heap, entries)
            remove(records, directory, meta, i)
    return root


@compiled("int64(int64[:, ::1], int64, int64, int64, int64[::1])")
def _below(records: Any, root: int, order: int, bound: int, ids: Any) -> int:  # pragma: no cover - compiled
    """List records before a bound, as many as there is room for; returns how many."""
    path = np.empty(512, np.int64)
    depth = 0
    n = 0
    at = root
    while (at > 0 or depth > 0) and n < len(ids):
        while at > 0:
            path[depth] = at - 1
            depth += 1
            at = records[at - 1, order + 2]
        depth -= 1
        node = path[depth]
        if records[node, order] >= bound:
            return n
        ids[n] = node
        n += 1
        at = records[node, order + 3]
    return n


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64, int64, int64[::1], int64[::1], int64[::1], uint8[::1],"
    " int64[:, ::1])"
)
def _drop(
    records: Any,
    directory: Any,
    meta: Any,
    root: int,
    order: int,
    ids: Any,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
) -> int:  # pragma: no cover - compiled
    for k in range(len(ids)):
        root = delete(records, root, ids[k], order + 2, 1, order, modes, signs, order - 1, 0, heap, entries)
        remove(records, directory, meta, ids[k])
    return root


_NOTHING = np.zeros(1, np.uint8), np.zeros((1, 3), np.int64)
_SIGNS = np.ones(1, np.int64)
_AT_ONCE = 4096


class OrderedRows:
    """Rows with weights, ordered by a word that is given with each row and is a function of it."""

    def __init__(self, layout: RowLayout) -> None:
        self._layout = layout
        self._records = Records(layout.width, 4)
        self._root = 0
        # Rows of one word stand in the order of their own words: some order, so that there is one only.
        self._modes = np.zeros(1 + layout.width, np.int64)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def size_bytes(self) -> int:
        """Bytes of state in use."""
        return self._records.size_bytes

    def add(self, batch: Batch, words: Words) -> None:
        """Add weights of n rows. words: (n,) int64, where they stand."""
        rows = self._layout.pack(batch.columns, len(batch))
        state = self._records
        state.make_room(len(rows))
        self._root = _add(
            state.records,
            state.directory,
            state.meta,
            self._root,
            rows,
            state.width,
            state.hashes(rows),
            np.ascontiguousarray(words),
            np.ascontiguousarray(batch.weights),
            self._modes,
            _SIGNS,
            *_NOTHING,
        )

    def take_below(self, bound: int) -> Batch | None:
        """Take out and return all rows whose word is below the bound."""
        state = self._records
        order = 1 + state.width
        found: list[Rows] = []
        weights: list[Words] = []
        while True:
            ids = np.empty(_AT_ONCE, np.int64)
            ids = ids[: _below(state.records, self._root, order, bound, ids)]
            if len(ids) == 0:
                break
            found.append(state.keys(ids))
            weights.append(state.payloads(ids, 1, 1)[:, 0].copy())
            self._root = _drop(
                state.records,
                state.directory,
                state.meta,
                self._root,
                order,
                np.ascontiguousarray(ids),
                self._modes,
                _SIGNS,
                *_NOTHING,
            )
        if not found:
            return None
        return Batch(self._layout.unpack(np.concatenate(found)), np.concatenate(weights))

    def coded(self) -> list[Coded]:
        """Return where its codes stand."""
        return coded(self._records, [1 + i for i in self._layout.pooled])

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state as arrays, which change as it does."""
        return {**self._records.snapshot(), "root": np.array([self._root])}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take up a snapshot."""
        self._records.restore(state)
        self._root = int(state["root"][0])
