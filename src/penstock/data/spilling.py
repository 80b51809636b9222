"""Cold state on disk: chunks of ranges (`memory.py`) are written to files and backed by them, so their pages are free.

Each chunk goes to a file of its own that has no name: when it is written to again and spilled again, it gets another
file, and the old one is gone when the last process that maps it is. So a fork, which writes a checkpoint or answers a
query, reads what was there when it was made; nothing has to be counted, and nothing is left behind by a crash.

Which chunks: round and round, those that have most of their pages in memory of their own, that is, were written to
since they were spilled last. Pages that are only read cost nothing to drop: the system does that when it needs to.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from penstock.data.kernels import compiled
from penstock.data.memory import CHUNK, CHUNK_BITS, MAP_OVER, READ_WRITE, Reserve, holders

_PAGES = CHUNK // mmap.PAGESIZE
_PRESENT, _OF_FILE = np.uint64(1 << 63), np.uint64(1 << 61)
"""Bits of a page in /proc/self/pagemap: in memory; of a file, that is, not of this process alone."""
_ENTRY_BYTES = 8
_AT_ONCE = 64
_FULLEST, _EMPTIEST = 3 / 4, 1 / 8

_DONE, _CHANGED = 0, 1

_mmap = types.ExternalFunction(
    "mmap", types.int64(types.int64, types.int64, types.int32, types.int32, types.int32, types.int64)
)


@compiled("int64(int64[::1], int64[::1], int64, int32, int32, int32)")
def _exchange(
    chunk: Any, written: Any, address: int, protection: int, flags: int, file: int
) -> int:  # pragma: no cover - compiled
    """Map a file over a chunk if the file has what the chunk has; 0 if done, 1 if not, -1 if the system refuses.

    One kernel does both: threads that share the interpreter's lock change the chunk before or after it.
    """
    different = np.int64(0)
    for i in range(len(chunk)):
        different |= chunk[i] ^ written[i]
    if different != 0:
        return 1
    return 0 if _mmap(address, len(chunk) * 8, protection, flags, file, 0) == address else -1


class SpillFailed(Exception):
    """State that could not be put on disk."""


class Spill:
    """Puts state of this process on disk, on the thread that changes it.

    directory: where; it must be there. least_bytes: ranges with less in use are left alone.
    """

    def __init__(self, directory: Path, least_bytes: int = CHUNK) -> None:
        self._directory = directory
        self._least_bytes = least_bytes
        self._pages = os.open("/proc/self/pagemap", os.O_RDONLY)
        self._buffer = np.empty(CHUNK, np.uint8)
        self._share = _FULLEST
        self._chunks = self._round_and_round()
        self.written_bytes = 0

    def __del__(self) -> None:
        os.close(self._pages)

    @staticmethod
    def spilled_bytes() -> int:
        """Return how large the files are that state of this process was written to."""
        return sum(reserve.spilled_bytes for holder in list(holders) for reserve, _ in holder.ranges())

    def free(self, wanted_bytes: int) -> int:
        """Free memory by writing chunks, as far as there are any; returns how many bytes were freed.

        Raises: SpillFailed if they cannot be written, for want of space or else.
        """
        freed = 0
        rounds = 0
        while freed < wanted_bytes:
            found = next(self._chunks)
            if found is None:
                rounds += 1
                if rounds > 1 and self._share <= _EMPTIEST:
                    break
                self._share = max(self._share / 2, _EMPTIEST)
                continue
            reserve, chunk, pages = found
            if pages >= self._share * _PAGES:
                self._write(reserve, chunk)
                freed += pages * mmap.PAGESIZE
        if rounds == 0:
            self._share = min(self._share * 1.25, _FULLEST)
        return freed

    def _round_and_round(self) -> Iterator[tuple[Reserve, int, int] | None]:
        """Yield each chunk that is filled, with how many pages of its own it has in memory; None after each round."""
        while True:
            for holder in list(holders):
                for reserve, used_bytes in holder.ranges():
                    # What is being filled at the end is not cold.
                    filled = used_bytes >> CHUNK_BITS if used_bytes >= self._least_bytes else 0
                    for first in range(0, filled, _AT_ONCE):
                        counts = self._own_pages(reserve, first, min(_AT_ONCE, filled - first))
                        for i in np.flatnonzero(counts).tolist():
                            yield reserve, first + i, int(counts[i])
            yield None

    def _own_pages(self, reserve: Reserve, first: int, count: int) -> npt.NDArray[np.int64]:
        address = reserve.address + (first << CHUNK_BITS)
        size, start = count * _PAGES * _ENTRY_BYTES, address // mmap.PAGESIZE * _ENTRY_BYTES
        entries = np.frombuffer(os.pread(self._pages, size, start), np.uint64).reshape(count, _PAGES)
        own: npt.NDArray[np.int64] = ((entries & (_PRESENT | _OF_FILE)) == _PRESENT).sum(axis=1)
        return own

    def _write(self, reserve: Reserve, chunk: int) -> None:
        start = chunk << CHUNK_BITS
        there = reserve.bytes[start : start + CHUNK]
        outcome = _CHANGED
        try:
            while outcome == _CHANGED:
                np.copyto(self._buffer, there)
                with tempfile.TemporaryFile(dir=self._directory, buffering=0) as file:
                    left = self._buffer.data
                    while left:
                        left = left[file.write(left) :]
                    words = there.view(np.int64), self._buffer.view(np.int64)
                    outcome = _exchange(*words, reserve.address + start, READ_WRITE, MAP_OVER, file.fileno())
        except OSError as error:
            raise SpillFailed(f"state cannot be put on disk in {self._directory}: {error.strerror}") from error
        if outcome != _DONE:
            raise SpillFailed("state cannot be put on disk: too many mappings (vm.max_map_count) or no memory for one")
        reserve.note_spilled(chunk)
        self.written_bytes += CHUNK
