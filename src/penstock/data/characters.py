"""How many characters texts of the pool have, read where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from penstock.data.batch import Words
from penstock.data.interning import ENTRIES, size_of
from penstock.data.kernels import compiled
from penstock.data.pool import Pool

__all__ = ["character_counts"]


@compiled(types.void(types.Array(types.int64, 1, "A", readonly=True), ENTRIES, types.uint8[::1], types.int64[::1]))
def _count(codes: Any, entries: Any, heap: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Count the bytes that begin a character."""
    for i in range(len(codes)):
        start = entries[codes[i], 1]
        count = 0
        for at in range(start, start + size_of(entries, codes[i])):
            count += (heap[at] & np.uint8(0xC0)) != np.uint8(0x80)
        out[i] = count


def character_counts(codes: Words, pool: Pool) -> Words:
    """Return how many characters the text of each of n codes has. Shape (n,)."""
    heap, entries = pool.arrays
    counts = np.empty(len(codes), np.int64)
    _count(codes, entries, heap, counts)
    return counts
