"""MIN and MAX where rows are only added: a new value is compared with what the group has."""

from __future__ import annotations

from typing import Any

from penstock.data.comparing import compare_words
from penstock.data.kernels import compiled


@compiled("void(int64[:, ::1], int64, int64[::1], int64[::1], int64, int64, uint8[::1], int64[:, ::1])")
def offer(
    records: Any, at: int, ids: Any, words: Any, sign: int, mode: int, heap: Any, entries: Any
) -> None:  # pragma: no cover - compiled
    """Offer each row's value to its group. records[id, at]: 0 none, 1 known; at + 1: the value. sign: 1 for MAX."""
    for r in range(len(ids)):
        i = ids[r]
        if records[i, at] == 0 or compare_words(words[r], records[i, at + 1], mode, heap, entries) * sign > 0:
            records[i, at] = 1
            records[i, at + 1] = words[r]
