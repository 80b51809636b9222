"""MIN and MAX: a new value is compared with what the group has; rows are read again only when the extreme leaves.

How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from typing import Any

from penstock.data.comparing import compare_words
from penstock.data.kernels import compiled


@compiled(
    "int64(int64[:, ::1], int64, int64[::1], int64[::1], int64[::1], int64, int64, uint8[::1], int64[:, ::1],"
    " int64[::1])"
)
def offer(
    records: Any,
    at: int,
    ids: Any,
    words: Any,
    weights: Any,
    sign: int,
    mode: int,
    heap: Any,
    entries: Any,
    lost: Any,
) -> int:  # pragma: no cover - compiled
    """Offer each row's value to its group. records[id, at]: 0 none, 1 known, 2 to be read again; at + 1: the value.

    sign: 1 for MAX, -1 for MIN. Groups whose extreme may have left go to `lost`, each once; their number is returned.
    """
    count = 0
    for r in range(len(ids)):
        i = ids[r]
        state = records[i, at]
        if weights[r] > 0:
            if state == 0:
                records[i, at] = 1
                records[i, at + 1] = words[r]
            elif state == 1 and compare_words(words[r], records[i, at + 1], mode, heap, entries) * sign > 0:
                records[i, at + 1] = words[r]
        elif (weights[r] < 0 and state == 1 and records[i, at + 1] == words[r]) or (weights[r] < 0 and state == 0):
            records[i, at] = 2
            lost[count] = i
            count += 1
    return count
