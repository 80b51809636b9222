"""Values that only pass through a circuit: a ring of codes and of bytes, used again as steps go by.

What no state ever holds need not be looked for among all that is there when it dies: it dies with its step. Such values
have codes above all others and bytes behind all others, so whoever reads a value by its code finds them like any other,
and marking, sweeping and checkpoints, which go by the pool's bound, never meet them.

    ring    freed ──────────> in use ──────────> not yet used
                   tail                   head                     both only grow; places are what is left of them
                                                                   when the capacity is divided out

The head goes back to the beginning long before it comes to the end, so that what is written was written to a few steps
ago and is in the processor's caches; a lap grows where it proves too short. Where there is no room, as somebody still
holds what was made long ago, values are appended to the pool as such.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numba import types

from penstock.data.batch import Words
from penstock.data.interning import ENTRIES
from penstock.data.kernels import READ_BYTES, compiled

CODES = 1 << 20
BYTES = 1 << 25
"""How many codes, and bytes of values, the ring has room for."""
FIRST_CODE = (1 << 31) - CODES
FIRST_BYTE = (1 << 38) - BYTES
"""Where the ring begins among the entries and in the heap."""

CODE_HEAD, CODE_TAIL, CODE_LAP, BYTE_HEAD, BYTE_TAIL, BYTE_LAP = 0, 1, 2, 3, 4, 5
"""Places in the ring's state; a lap is where the head is to go back to the beginning."""
_FIRST_LAPS = {CODE_LAP: 1 << 15, BYTE_LAP: 1 << 20}

_I64, _HEAP = types.int64[::1], types.uint8[::1]


@compiled(inline=True)
def _room(wanted: Any, ring: Any, first: Any, capacity: Any) -> Any:  # pragma: no cover - compiled
    """Return what the head must be for so many in a row, or -1 if there is no room. first: the place of the head."""
    head = ring[first]
    tail = ring[first + 1]
    at = head & (capacity - 1)
    again = head - at + capacity
    fits = at + wanted <= capacity and head + wanted - tail <= capacity
    found = np.int64(-1)
    if fits and at + wanted <= ring[first + 2]:
        found = head
    elif again + wanted - tail <= capacity:
        found = again
    else:
        ring[first + 2] = min(2 * ring[first + 2], capacity)
        if fits:
            found = head
    return found


@compiled(types.boolean(READ_BYTES, _I64, _I64, ENTRIES, _HEAP, _I64))
def hand_on(data: Any, offsets: Any, out: Any, entries: Any, heap: Any, ring: Any) -> bool:  # pragma: no cover
    """Give a code to each of the values data[offsets[i]:offsets[i + 1]]; false if there is no room.

    One kernel does it all, as in `interning`: threads that share the interpreter's lock see it done or not at all.
    """
    count = len(out)
    first = offsets[0]
    size = offsets[count] - first
    head = _room(count, ring, CODE_HEAD, CODES)
    start = _room(size, ring, BYTE_HEAD, BYTES)
    if head < 0 or start < 0:
        return False
    ring[CODE_HEAD] = head + count
    ring[BYTE_HEAD] = start + size
    code = FIRST_CODE + (head & (CODES - 1))
    at = FIRST_BYTE + (start & (BYTES - 1))
    for k in range(size):
        heap[at + k] = data[first + k]
    for i in range(count):
        entries[code + i, 0] = 0
        entries[code + i, 1] = at + offsets[i] - first
        entries[code + i, 2] = (offsets[i + 1] - offsets[i]) << 32
        out[i] = code + i
    return True


class Ring:
    """Which part of the ring is in use. Time goes by in turns: one from the end of a step to the end of the next."""

    def __init__(self) -> None:
        self.state: Words = np.zeros(6, np.int64)
        for place, size in _FIRST_LAPS.items():
            self.state[place] = size
        self._ends: deque[tuple[int, int, int]] = deque()
        """For each turn that is over and not freed yet: its number, and where the heads were at its end."""

    @property
    def size_bytes(self) -> int:
        """Bytes in use by values and their codes."""
        state = self.state
        return int(state[BYTE_HEAD] - state[BYTE_TAIL] + 24 * (state[CODE_HEAD] - state[CODE_TAIL]))

    def end(self, turn: int) -> None:
        """Take note that a turn is over."""
        self._ends.append((turn, int(self.state[CODE_HEAD]), int(self.state[BYTE_HEAD])))

    def free(self, turn: int) -> None:
        """Free what was made before a turn."""
        while self._ends and self._ends[0][0] < turn:
            _, self.state[CODE_TAIL], self.state[BYTE_TAIL] = self._ends.popleft()
