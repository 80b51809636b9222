"""Pairs of equal rows between two small sets of packed rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.batch import Words
from penstock.data.kernels import compiled
from penstock.data.records import hash_row
from penstock.data.rows import Rows


@compiled("void(int64[:, ::1], int32[::1], int32[::1], int64)")
def _index(rows: Any, slots: Any, following: Any, mask: int) -> None:  # pragma: no cover - compiled
    for r in range(len(following)):
        at = hash_row(rows, r, rows.shape[1]) & mask
        following[r] = slots[at]
        slots[at] = np.int32(r + 1)


@compiled("int64(int64[:, ::1], int64[:, ::1], int32[::1], int32[::1], int64, int64[::1], int64[::1], int64)")
def _pairs(
    left: Any, right: Any, slots: Any, following: Any, mask: int, at_left: Any, at_right: Any, room: int
) -> int:  # pragma: no cover - compiled
    """Count the pairs; write those that fit into the room."""
    width = left.shape[1]
    found = 0
    for r in range(len(left)):
        k = slots[hash_row(left, r, width) & mask]
        while k > 0:
            k -= 1
            same = True
            for j in range(width):
                if left[r, j] != right[k, j]:
                    same = False
                    break
            if same:
                if found < room:
                    at_left[found] = r
                    at_right[found] = k
                found += 1
            k = following[k]
    return found


def match_rows(left: Rows, right: Rows) -> tuple[Words, Words]:
    """Return positions (i, j) of all pairs with left[i] equal to right[j]. Cost: O(n + m + pairs)."""
    size = 16
    while size < 2 * len(right):
        size *= 2
    slots = np.zeros(size, np.int32)
    following = np.empty(len(right), np.int32)
    _index(right, slots, following, size - 1)
    room = len(left) + 16
    while True:
        at_left = np.empty(room, np.int64)
        at_right = np.empty(room, np.int64)
        found = _pairs(left, right, slots, following, size - 1, at_left, at_right, room)
        if found <= room:
            return at_left[:found], at_right[:found]
        room = found
