"""Arrays that grow in place: a large range of addresses is reserved once, pages are taken as they are first written.

State grows row by row without ever being copied or rehashed, so no tick pays for the growth of the whole. The range
costs nothing until it is touched. Private mappings are copied on write after a fork, which is what makes a snapshot
query free for the circuit.
"""

from __future__ import annotations

import mmap
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

_NORESERVE = 0x4000 if sys.platform == "linux" else 0
_HUGE_FROM_BYTES = 1 << 26


def _area(size_bytes: int) -> mmap.mmap:
    try:
        area = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)
    except OSError as error:
        raise MemoryError(f"cannot reserve {size_bytes} bytes of addresses for circuit state: {error}") from error
    if size_bytes >= _HUGE_FROM_BYTES and hasattr(mmap, "MADV_NOHUGEPAGE"):
        area.madvise(mmap.MADV_NOHUGEPAGE)
    return area


def _size_bytes(count: int, item: np.dtype[Any]) -> int:
    pages = -(-count * item.itemsize // mmap.PAGESIZE)
    return max(pages, 1) * mmap.PAGESIZE


def reserve(count: int, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
    """Return an array of `count` zeros whose memory is taken page by page when written.

    Raises: MemoryError if the system refuses the range of addresses (a limit on address space, strict overcommit).
    """
    item = np.dtype(dtype)
    return np.frombuffer(_area(_size_bytes(count, item)), item, count)


class Reserve:
    """An array of zeros that can be made longer, and whose pages can be given back.

    A program of thousands of views has more state structures than the whole range of addresses could give room for at
    their greatest size: each begins with a part, and the few that outgrow it are moved once, by their page table.
    """

    def __init__(self, count: int, dtype: npt.DTypeLike = np.int64) -> None:
        self._item = np.dtype(dtype)
        self._area = _area(_size_bytes(count, self._item))
        self.array: npt.NDArray[Any] = np.frombuffer(self._area, self._item, count)

    def grow(self, count: int) -> npt.NDArray[Any]:
        """Make the array `count` items long and return it; views of it that others hold see the old one.

        Raises: MemoryError as `reserve`.
        """
        old = self.array
        self.array = np.empty(0, self._item)
        try:
            del old
            self._area.resize(_size_bytes(count, self._item))
        except BufferError:
            # Somebody still looks at the old array: copy what was written.
            fresh = _area(_size_bytes(count, self._item))
            fresh[: len(self._area)] = self._area[:]
            self._area = fresh
        except OSError as error:
            raise MemoryError(f"cannot reserve addresses for {count} items of circuit state: {error}") from error
        if len(self._area) >= _HUGE_FROM_BYTES and hasattr(mmap, "MADV_NOHUGEPAGE"):
            self._area.madvise(mmap.MADV_NOHUGEPAGE)
        self.array = np.frombuffer(self._area, self._item, count)
        return self.array

    def give_back(self, start_byte: int, size_bytes: int) -> None:
        """Return the memory of whole pages to the system; they read as zeros."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._area.madvise(mmap.MADV_DONTNEED, start_byte, size_bytes)
