"""Arrays that grow in place: a large range of addresses is reserved once, pages are taken as they are first written.

State grows row by row without ever being copied or rehashed, so no tick pays for the growth of the whole. The range
costs nothing until it is touched. Private mappings are copied on write after a fork, which is what makes a snapshot
query free for the circuit.

Whole chunks of a range can be backed by a file: they read as what is in it, the system may drop their pages at any time
and read them again, and a page that is written to becomes this process's own. The file is never written through the
mapping. So a checkpoint is taken up without being read (`Reserve.fill`), and cold state is put on disk (`spilling.py`)
while kernels go on to see one plain array, and forks what was there when they were made.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import weakref
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

CHUNK_BITS = 20
CHUNK = 1 << CHUNK_BITS
"""Bytes that are backed by a file, or not, as a whole."""

_HUGE_FROM_BYTES = 1 << 26
_ON_LINUX = sys.platform == "linux"
_NORESERVE = 0x4000 if _ON_LINUX else 0
_FIXED = 0x10
MAP_OVER = mmap.MAP_PRIVATE | _NORESERVE | _FIXED
"""Flags of mmap(2) for a private mapping in the place of what is there."""
READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_MOVE = 0x1 | 0x2 | 0x4
"""Flags of mremap(2): may move, to this address, and what is left behind stays mapped."""

Bytes = npt.NDArray[np.uint8]

_libc = ctypes.CDLL(None, use_errno=True)
_WORD, _FLAG = ctypes.c_int64, ctypes.c_int
_libc.mmap.restype = _WORD
_libc.mmap.argtypes = (_WORD, _WORD, _FLAG, _FLAG, _FLAG, _WORD)
if _ON_LINUX:
    _libc.mremap.restype = _WORD
    _libc.mremap.argtypes = (_WORD, _WORD, _WORD, _FLAG, _WORD)


class Holder(Protocol):
    """A structure that keeps state in ranges."""

    def ranges(self) -> Iterable[tuple[Reserve, int]]:
        """Yield ranges that may be put on disk, with the bytes of each that are in use, counted from its beginning."""


holders: weakref.WeakSet[Holder] = weakref.WeakSet()
"""All structures of this process that have such ranges."""


def _area(size_bytes: int) -> mmap.mmap:
    try:
        area = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)
    except OSError as error:
        raise MemoryError(f"cannot reserve {size_bytes} bytes of addresses for circuit state: {error}") from error
    _avoid_huge_pages(area, 0, size_bytes)
    return area


def _avoid_huge_pages(area: mmap.mmap, start_byte: int, size_bytes: int) -> None:
    if len(area) >= _HUGE_FROM_BYTES and hasattr(mmap, "MADV_NOHUGEPAGE"):
        area.madvise(mmap.MADV_NOHUGEPAGE, start_byte, size_bytes)


def _size_bytes(count: int, item: np.dtype[Any]) -> int:
    pages = -(-count * item.itemsize // mmap.PAGESIZE)
    return max(pages, 1) * mmap.PAGESIZE


def _address(area: mmap.mmap) -> int:
    return int(np.frombuffer(area, np.uint8, 1).ctypes.data)


def _map_over(address: int, size_bytes: int, flags: int, file: int, offset: int) -> None:
    if _libc.mmap(address, size_bytes, READ_WRITE, flags | MAP_OVER, file, offset) != address:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot map {size_bytes} bytes of circuit state: {os.strerror(code)}")


class Reserve:
    """An array of zeros that can be made longer, whose pages can be given back, and whose chunks can lie in files.

    A program of thousands of views has more state structures than the whole range of addresses could give room for at
    their greatest size: each begins with a part, and the few that outgrow it are moved once, by their page table.

    Raises: MemoryError if the system refuses the range of addresses (a limit on address space, strict overcommit).
    """

    def __init__(self, count: int, dtype: npt.DTypeLike = np.int64) -> None:
        self._item = np.dtype(dtype)
        self._area = _area(_size_bytes(count, self._item))
        self._backed: dict[int, bool] = {}
        """Chunks that lie in files, and whether it was memory that was in want."""
        self.array: npt.NDArray[Any] = np.frombuffer(self._area, self._item, count)

    @property
    def address(self) -> int:
        """Where it begins; another place after it grew."""
        return _address(self._area)

    @property
    def bytes(self) -> Bytes:
        """The array's bytes. Whoever keeps them when it grows sees the old ones."""
        return self.array.view(np.uint8)

    @property
    def backed_bytes(self) -> int:
        """How much of it lies in files, less or more of it in memory, too."""
        return len(self._backed) << CHUNK_BITS

    @property
    def spilled_bytes(self) -> int:
        """How much of it lies in files that were made to free memory."""
        return sum(self._backed.values()) << CHUNK_BITS

    def grow(self, count: int) -> npt.NDArray[Any]:
        """Make the array `count` items long and return it; views of it that others hold see the old one.

        Raises: MemoryError as when it was made.
        """
        old = weakref.ref(self.array)
        self.array = np.empty(0, self._item)
        is_held = old() is not None
        if is_held or self._backed:
            self._move(_area(_size_bytes(count, self._item)), is_held=is_held)
        else:
            try:
                self._area.resize(_size_bytes(count, self._item))
            except OSError as error:
                raise MemoryError(f"cannot reserve addresses for {count} items of circuit state: {error}") from error
            _avoid_huge_pages(self._area, 0, len(self._area))
        self.array = np.frombuffer(self._area, self._item, count)
        return self.array

    def _move(self, fresh: mmap.mmap, *, is_held: bool) -> None:
        """Move everything to another area, chunk by chunk; copy it if somebody still looks at the old one."""
        source, target = self.address, _address(fresh)
        backed = {}
        for start in range(0, len(self._area), CHUNK):
            size = min(CHUNK, len(self._area) - start)
            if not is_held and _libc.mremap(source + start, size, size, _MOVE, target + start) != -1:
                if (chunk := start >> CHUNK_BITS) in self._backed:
                    backed[chunk] = self._backed[chunk]
            else:
                fresh[start : start + size] = self._area[start : start + size]
        self._area, self._backed = fresh, backed

    def give_back(self, start_byte: int, size_bytes: int) -> None:
        """Return the memory of whole pages to the system; they read as zeros. Chunks in files are in it whole."""
        first, last = start_byte >> CHUNK_BITS, start_byte + size_bytes >> CHUNK_BITS
        for chunk in [chunk for chunk in self._backed if first <= chunk < last] if self._backed else ():
            _map_over(self.address + (chunk << CHUNK_BITS), CHUNK, mmap.MAP_ANONYMOUS, -1, 0)
            _avoid_huge_pages(self._area, chunk << CHUNK_BITS, CHUNK)
            del self._backed[chunk]
        if hasattr(mmap, "MADV_DONTNEED"):
            self._area.madvise(mmap.MADV_DONTNEED, start_byte, size_bytes)

    def note_spilled(self, chunk: int) -> None:
        """Take note that a chunk has been put into a file, to free memory."""
        self._backed[chunk] = True

    def fill(self, stored: npt.NDArray[Any]) -> None:
        """Begin with these items.

        Of an array that is mapped from a file (`np.memmap`) and aligned there, whole chunks are backed by the file
        rather than read: the file must never change, though its name may go.
        """
        whole = 0
        if isinstance(stored, np.memmap) and _ON_LINUX and stored.offset % mmap.ALLOCATIONGRANULARITY == 0:
            whole = stored.nbytes >> CHUNK_BITS
        if whole:
            whole = self._map_file(str(stored.filename), stored.offset, whole)  # type: ignore[attr-defined]
        read = (whole << CHUNK_BITS) // self._item.itemsize
        flat = stored.reshape(-1)
        self.array[read : len(flat)] = flat[read:]

    def _map_file(self, path: str, offset: int, chunks: int) -> int:
        """Back the first chunks by a file; returns how many, none where the file system knows no mappings."""
        file = os.open(path, os.O_RDONLY)
        try:
            _map_over(self.address, chunks << CHUNK_BITS, 0, file, offset)
            os.posix_fadvise(file, offset, chunks << CHUNK_BITS, os.POSIX_FADV_WILLNEED)
        except OSError:
            return 0
        finally:
            os.close(file)
        self._backed.update(dict.fromkeys(range(chunks), False))
        return chunks
