"""Lines of words in numbered slots: what other structures point into. Freed slots are used again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Words
from penstock.data.kernels import compiled
from penstock.data.memory import Reserve, holders
from penstock.data.rows import Rows

COUNT, FREE, LIVE = 0, 1, 2
"""Places in `meta`: slots ever made, first free slot + 1, slots in use."""

_FIRST_CAPACITY = 1 << 20
_CAPACITY = 1 << 28
_GROWTH = 16


@compiled("int64(int64[:, ::1], int64[::1])")
def take_slot(lines: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    """Return a slot that nobody uses; what stands in it means nothing."""
    meta[LIVE] += 1
    if meta[FREE] > 0:
        i = meta[FREE] - 1
        meta[FREE] = lines[i, 0]
        return i
    i = meta[COUNT]
    if i >= lines.shape[0]:
        raise MemoryError("the state of one operator has reached its limit of rows")
    meta[COUNT] = i + 1
    return i


@compiled("void(int64[:, ::1], int64[::1], int64)")
def free_slot(lines: Any, meta: Any, i: int) -> None:  # pragma: no cover - compiled
    """Give a slot back."""
    lines[i, 0] = meta[FREE]
    meta[FREE] = i + 1
    meta[LIVE] -= 1


@compiled("void(int64[:, ::1], int64[::1], int64[::1])")
def _free_all(lines: Any, meta: Any, slots: Any) -> None:  # pragma: no cover - compiled
    for k in range(len(slots)):
        free_slot(lines, meta, slots[k])


class Slots:
    """Slots of `width` words."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._capacity = _FIRST_CAPACITY
        self._lines = Reserve(self._capacity * width)
        self.lines: Rows = self._lines.array.reshape(self._capacity, width)
        self.meta: Words = np.zeros(3, np.int64)
        holders.add(self)

    def ranges(self) -> Iterator[tuple[Reserve, int]]:
        """See `memory.Holder`."""
        yield self._lines, int(self.meta[COUNT]) * self._width * 8

    def make_room(self, count: int) -> None:
        """See to it that `count` slots can be taken; the array may be another one then."""
        wanted = int(self.meta[COUNT]) + count
        if wanted <= self._capacity or self._capacity == _CAPACITY:
            return
        while self._capacity < wanted and self._capacity < _CAPACITY:
            self._capacity = min(self._capacity * _GROWTH, _CAPACITY)
        self.lines = np.empty((0, self._width), np.int64)
        self.lines = self._lines.grow(self._capacity * self._width).reshape(self._capacity, self._width)

    headed = False

    @property
    def size_bytes(self) -> int:
        """Bytes of slots that are in use."""
        return int(self.meta[COUNT]) * self._width * 8

    @property
    def filled(self) -> Rows:
        """Return the lines of all slots ever taken."""
        return self.lines[: int(self.meta[COUNT])]

    def __len__(self) -> int:
        return int(self.meta[LIVE])

    def free(self, slots: Words) -> None:
        """Give slots back, each once."""
        _free_all(self.lines, self.meta, np.ascontiguousarray(slots))

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state as arrays, which change as it does."""
        return {"lines": self.filled, "meta": self.meta}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take up a snapshot; slots keep their numbers."""
        self.make_room(len(state["lines"]) - int(self.meta[COUNT]))
        self._lines.fill(state["lines"])
        self.meta[:] = state["meta"]
