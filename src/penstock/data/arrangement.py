"""An arrangement: the rows of a Z-set, indexed by a key.

Two sets of records: one for each key that has rows (its rows' list head, their number and summed weight) and one for
each distinct row (its weight, its key and its neighbours in the key's list). Finding a key, and adding or taking away
a row, cost the same whatever the state holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Words
from penstock.data.collecting import Coded, coded
from penstock.data.kernels import compiled
from penstock.data.records import COUNT, FREE, FREED, LIVE, Records, add, approach, find, remove
from penstock.data.rows import RowLayout, Rows

_HEAD, _ROWS, _TOTAL = 0, 1, 2
"""Payload of a key's record: first row + 1, number of rows, sum of their weights."""
_WEIGHT, _NEXT, _PREVIOUS, _KEY = 0, 1, 2, 3
"""Payload of a row's record: weight, neighbours in the list + 1, key's record (the last two only if rows can go)."""


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1],"
    " int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1])"
)
def _update(
    keys: Any,
    key_directory: Any,
    key_meta: Any,
    key_rows: Any,
    key_width: int,
    key_hashes: Any,
    rows: Any,
    row_directory: Any,
    row_meta: Any,
    new_rows: Any,
    row_width: int,
    row_hashes: Any,
    weights: Any,
) -> int:  # pragma: no cover - compiled
    """Add the rows; returns how many additions found or left a row with a negative weight."""
    kp = 1 + key_width
    rp = 1 + row_width
    negative = 0
    for r in range(len(weights)):
        approach(rows, row_directory, row_meta, row_hashes, r)
        approach(keys, key_directory, key_meta, key_hashes, r)
        i = find(rows, row_directory, row_meta, new_rows, r, row_width, row_hashes[r])
        if i >= 0:
            k = rows[i, rp + _KEY]
            weight = rows[i, rp + _WEIGHT] + weights[r]
            rows[i, rp + _WEIGHT] = weight
            keys[k, kp + _TOTAL] += weights[r]
            if weight < 0 or weight < weights[r]:
                negative += 1
            if weight == 0:
                after = rows[i, rp + _NEXT]
                previous = rows[i, rp + _PREVIOUS]
                if previous > 0:
                    rows[previous - 1, rp + _NEXT] = after
                else:
                    keys[k, kp + _HEAD] = after
                if after > 0:
                    rows[after - 1, rp + _PREVIOUS] = previous
                remove(rows, row_directory, row_meta, i)
                keys[k, kp + _ROWS] -= 1
                if keys[k, kp + _ROWS] == 0:
                    remove(keys, key_directory, key_meta, k)
            continue
        if weights[r] == 0:
            continue
        k = find(keys, key_directory, key_meta, key_rows, r, key_width, key_hashes[r])
        if k < 0:
            k = add(keys, key_directory, key_meta, key_rows, r, key_width, key_hashes[r])
        i = add(rows, row_directory, row_meta, new_rows, r, row_width, row_hashes[r])
        head = keys[k, kp + _HEAD]
        rows[i, rp + _WEIGHT] = weights[r]
        rows[i, rp + _KEY] = k
        rows[i, rp + _NEXT] = head
        if head > 0:
            rows[head - 1, rp + _PREVIOUS] = i + 1
        keys[k, kp + _HEAD] = i + 1
        keys[k, kp + _ROWS] += 1
        keys[k, kp + _TOTAL] += weights[r]
        if weights[r] < 0:
            negative += 1
    return negative


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1],"
    " int64[:, ::1], int64[::1], int64[:, ::1], int64[::1])"
)
def _append(
    keys: Any,
    key_directory: Any,
    key_meta: Any,
    key_rows: Any,
    key_width: int,
    key_hashes: Any,
    rows: Any,
    row_meta: Any,
    new_rows: Any,
    weights: Any,
) -> None:  # pragma: no cover - compiled
    """Add rows that are never taken away: none is looked for, equal rows stand beside each other."""
    kp = 1 + key_width
    width = new_rows.shape[1]
    rp = 1 + width
    for r in range(len(weights)):
        approach(keys, key_directory, key_meta, key_hashes, r)
        k = find(keys, key_directory, key_meta, key_rows, r, key_width, key_hashes[r])
        if k < 0:
            k = add(keys, key_directory, key_meta, key_rows, r, key_width, key_hashes[r])
        if row_meta[FREE] > 0:
            i = row_meta[FREE] - 1
            row_meta[FREE] = np.int64(np.uint64(rows[i, 0]) & np.uint64(0xFFFFFFFF))
            rows[i, 0] = 0
        else:
            i = row_meta[COUNT]
            if i >= rows.shape[0]:
                raise MemoryError("the state of one operator has reached its limit of records")
            row_meta[COUNT] = i + 1
        row_meta[LIVE] += 1
        for j in range(width):
            rows[i, 1 + j] = new_rows[r, j]
        rows[i, rp + _WEIGHT] = weights[r]
        rows[i, rp + _NEXT] = keys[k, kp + _HEAD]
        keys[k, kp + _HEAD] = i + 1
        keys[k, kp + _ROWS] += 1
        keys[k, kp + _TOTAL] += weights[r]


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64, boolean)"
)
def remove_key(
    keys: Any,
    key_directory: Any,
    key_meta: Any,
    key_width: int,
    rows: Any,
    row_directory: Any,
    row_meta: Any,
    row_width: int,
    k: int,
    indexed: bool,
) -> None:  # pragma: no cover - compiled
    """Take key k and all its rows away. indexed: the rows are found by themselves, too."""
    i = keys[k, 1 + key_width + _HEAD]
    while i > 0:
        i -= 1
        following = rows[i, 1 + row_width + _NEXT]
        if indexed:
            remove(rows, row_directory, row_meta, i)
        else:
            rows[i, 0] = FREED | row_meta[FREE]
            row_meta[FREE] = i + 1
            row_meta[LIVE] -= 1
        i = following
    remove(keys, key_directory, key_meta, k)


@compiled("int64(int64[:, ::1], int64, int64[::1])")
def _count(keys: Any, key_width: int, ids: Any) -> int:  # pragma: no cover - compiled
    total = 0
    for r in range(len(ids)):
        if ids[r] >= 0:
            total += keys[ids[r], 1 + key_width + _ROWS]
    return total


@compiled("void(int64[:, ::1], int64, int64[:, ::1], int64, int64[::1], int64[::1], int64[:, ::1], int64[::1])")
def _walk(
    keys: Any, key_width: int, rows: Any, row_width: int, ids: Any, source: Any, out: Any, weights: Any
) -> None:  # pragma: no cover - compiled
    at = 0
    rp = 1 + row_width
    for r in range(len(ids)):
        k = ids[r]
        if k >= 0:
            i = keys[k, 1 + key_width + _HEAD]
            while i > 0:
                i -= 1
                source[at] = r
                for j in range(row_width):
                    out[at, j] = rows[i, 1 + j]
                weights[at] = rows[i, rp + _WEIGHT]
                at += 1
                i = rows[i, rp + _NEXT]


class Arrangement:
    """Rows by key. key_width, row_width: words of a packed key and of a packed row (which need not hold the key).

    append_only: rows are never taken away, so they are not indexed by themselves.
    """

    def __init__(self, key_width: int, row_width: int, append_only: bool = False) -> None:
        self.append_only = append_only
        self.keys = Records(key_width, 3)
        self.rows = Records(row_width, 2 if append_only else 4)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size_bytes(self) -> int:
        """Bytes of state in use."""
        return self.keys.size_bytes + self.rows.size_bytes

    def update(self, keys: Rows, rows: Rows, weights: Words) -> int:
        """Add rows with their weights under their keys. The key of a row is a function of the row.

        Returns how many of the additions found or left a row with a negative weight: one that is taken away before it
        is there.
        """
        self.keys.make_room(len(weights))
        self.rows.make_room(len(weights), indexed=not self.append_only)
        if self.append_only:
            _append(
                self.keys.records,
                self.keys.directory,
                self.keys.meta,
                keys,
                self.keys.width,
                self.keys.hashes(keys, near=False),
                self.rows.records,
                self.rows.meta,
                rows,
                np.ascontiguousarray(weights),
            )
            return 0
        return int(
            _update(
                self.keys.records,
                self.keys.directory,
                self.keys.meta,
                keys,
                self.keys.width,
                self.keys.hashes(keys, near=False),
                self.rows.records,
                self.rows.directory,
                self.rows.meta,
                rows,
                self.rows.width,
                self.rows.hashes(rows, near=False),
                np.ascontiguousarray(weights),
            )
        )

    def lookup(self, keys: Rows) -> tuple[Words, Rows, Words]:
        """Return all rows of each of n keys.

        Returns: for each of m found rows the position of its key among those asked for (m,), the row (m, row_width)
        and its weight (m,); grouped by key, in the order asked for.
        """
        ids = self.keys.find(keys)
        total = _count(self.keys.records, self.keys.width, ids)
        source = np.empty(total, np.int64)
        rows = np.empty((total, self.rows.width), np.int64)
        weights = np.empty(total, np.int64)
        if total:
            _walk(self.keys.records, self.keys.width, self.rows.records, self.rows.width, ids, source, rows, weights)
        return source, rows, weights

    def totals(self, keys: Rows) -> Words:
        """Return for each key the sum of its rows' weights; 0 for a key that is not there."""
        ids = self.keys.find(keys)
        found = ids >= 0
        result = np.zeros(len(ids), np.int64)
        result[found] = self.keys.payloads(ids[found], _TOTAL, 1)[:, 0]
        return result

    def coded(self, key: RowLayout, row: RowLayout) -> list[Coded]:
        """Return where codes stand in keys and rows of these layouts."""
        return [*coded(self.keys, [1 + i for i in key.pooled]), *coded(self.rows, [1 + i for i in row.pooled])]

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state as arrays, which change as it does."""
        state = {f"keys.{name}": array for name, array in self.keys.snapshot().items()}
        state.update({f"rows.{name}": array for name, array in self.rows.snapshot().items()})
        return state

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take up a snapshot."""
        for prefix, records in (("keys.", self.keys), ("rows.", self.rows)):
            records.restore({n[len(prefix) :]: a for n, a in state.items() if n.startswith(prefix)})
