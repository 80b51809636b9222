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


def reserve(count: int, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
    """Return an array of `count` zeros whose memory is taken page by page when written.

    Raises: MemoryError if the system refuses the range of addresses (a limit on address space, strict overcommit).
    """
    item = np.dtype(dtype)
    size_bytes = max(count * item.itemsize, mmap.PAGESIZE)
    try:
        area = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)
    except OSError as error:
        raise MemoryError(f"cannot reserve {size_bytes} bytes of addresses for circuit state: {error}") from error
    if size_bytes >= _HUGE_FROM_BYTES and hasattr(mmap, "MADV_NOHUGEPAGE"):
        area.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(area, item, count)
