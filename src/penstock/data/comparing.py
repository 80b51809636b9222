"""Comparison of values and rows by their words, inside kernels; the same order as `order.py` gives to whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.data.batch import Words
from penstock.data.decimal128 import FIRST_INLINE
from penstock.data.interning import compare_codes
from penstock.data.kernels import compiled
from penstock.data.types import FLOATS, Kind, SqlType

SIGNED, UNSIGNED, FLOAT, BYTES, WIDE = 0, 1, 2, 3, 4


def comparison(type: SqlType) -> int:
    """Return how words of a type compare."""
    if type.pooled:
        return WIDE if type.wide else BYTES
    if type.kind in FLOATS:
        return FLOAT
    return UNSIGNED if type.kind is Kind.UBIGINT else SIGNED


def row_modes(order: Sequence[int], row: Sequence[SqlType]) -> Words:
    """Return the modes of order words followed by those of a row's columns, as `compare_rows` takes them."""
    return np.array([*order, *map(comparison, row)], np.int64)


@compiled("int64(int64, int64, int64, uint8[::1], int64[:, ::1])")
def compare_words(a: Any, b: Any, mode: Any, heap: Any, entries: Any) -> Any:  # pragma: no cover - compiled
    """Compare two values by their words: negative, 0 or positive."""
    if a == b:
        return 0
    if mode == SIGNED:
        return -1 if a < b else 1
    if mode == UNSIGNED:
        return -1 if np.uint64(a) < np.uint64(b) else 1
    if mode == FLOAT:
        x = a ^ np.int64(0x7FFFFFFFFFFFFFFF) if a < 0 else a
        y = b ^ np.int64(0x7FFFFFFFFFFFFFFF) if b < 0 else b
        return -1 if x < y else 1
    if mode == WIDE:
        left = 0 < a < FIRST_INLINE
        right = 0 < b < FIRST_INLINE
        # What is pooled is beyond all that is not, on the side that its flipped sign bit tells.
        if left and not right:
            return 1 if heap[entries[a, 1]] >= 0x80 else -1
        if right and not left:
            return -1 if heap[entries[b, 1]] >= 0x80 else 1
        if not left:
            return -1 if a < b else 1
    return compare_codes(a, b, heap, entries)


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64, int64[::1], int64[::1], int64, int64, uint8[::1], int64[:, ::1])"
)
def compare_rows(
    lines: Any,
    a: Any,
    b: Any,
    row: Any,
    order: Any,
    modes: Any,
    signs: Any,
    columns: Any,
    nulls: Any,
    heap: Any,
    entries: Any,
) -> Any:  # pragma: no cover - compiled
    """Compare two lines: by their order words, then by the packed rows' own values, nulls first. Negative: a is first.

    row, order: where a line's packed row and its order words begin; signs: -1 for a descending order word;
    columns, nulls: columns of the packed row, and how many null words follow them.
    """
    for j in range(len(signs)):
        c = compare_words(lines[a, order + j], lines[b, order + j], modes[j], heap, entries)
        if c != 0:
            return c * signs[j]
    for j in range(columns):
        if nulls > 0:
            at = row + columns + j // 63
            x = (lines[a, at] >> (j % 63)) & 1
            y = (lines[b, at] >> (j % 63)) & 1
            if x != y:
                return -1 if x == 1 else 1
        c = compare_words(lines[a, row + j], lines[b, row + j], modes[len(signs) + j], heap, entries)
        if c != 0:
            return c
    return 0
