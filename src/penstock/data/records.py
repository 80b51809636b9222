"""Records by key: the hash structure under all indexed state.

A record is a line of int64 words: a header (hash and link to the next record of its bucket), `width` key words, then
`payload` words that belong to whoever keeps the records. Records live in one reserved range (`memory.py`), keep their
number, and are found through a linear-hashing directory that grows by one bucket at a time (Litwin, VLDB 1980): a step
that brings n records splits at most as many buckets, so none ever pays for the size of what is there. Freed records
are reused first. Keys compare in full, never by hash alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from penstock.data.batch import Words
from penstock.data.kernels import compiled, finish, mix, prefetch
from penstock.data.memory import Reserve, holders
from penstock.data.rows import Rows

COUNT, BUCKETS, MASK, FREE, LIVE = 0, 1, 2, 3, 4
"""Places in `meta`: records ever made, buckets, bits of the directory, first free record + 1, records in use."""

RECORDS = types.int64[:, ::1]
DIRECTORY = types.int32[::1]
ROWS = types.int64[:, ::1]
WORDS = types.int64[::1]

_FIRST_CAPACITY = 1 << 20
_CAPACITY = 1 << 28
_GROWTH = 16
_FIRST_BUCKETS = 256
_RUN = 64
_BUCKET, _FIRST, _SECOND = 32, 20, 8
"""How many rows ahead the bucket is brought near, the first record in it, and the one that follows that."""
_SMALL = 2048
"""Up to so many buckets all records are near anyway."""
FREED = np.int64(-(2**63))
"""The bit of a header that says that its record is free; hashes have 31 bits."""


@compiled(inline=True)
def hash_row(rows: Any, r: Any, width: Any) -> Any:  # pragma: no cover - compiled
    """Hash the first width words of a row to 31 bits."""
    h = np.uint64(0x51ED270B35A8F2C1)
    for j in range(width):
        h = mix(h, np.uint64(rows[r, j]))
    return np.int64(finish(h) >> np.uint64(33))


@compiled(inline=True)
def bucket_of(h: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    """Return the bucket of a hash."""
    b = h & meta[MASK]
    if b >= meta[BUCKETS]:
        b = h & (meta[MASK] >> 1)
    return b


@compiled("int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64, int64)")
def find(
    records: Any, directory: Any, meta: Any, rows: Any, r: int, width: int, h: int
) -> Any:  # pragma: no cover - compiled
    """Return the record whose key is row r, or -1."""
    i = np.int64(directory[bucket_of(h, meta)]) - 1
    while i >= 0:
        header = np.uint64(records[i, 0])
        if np.int64(header >> np.uint64(32)) == h:
            same = True
            for j in range(width):
                if records[i, 1 + j] != rows[r, j]:
                    same = False
                    break
            if same:
                return i
        i = np.int64(header & np.uint64(0xFFFFFFFF)) - 1
    return -1


@compiled(inline=True)
def _link(records: Any, i: Any, following: Any) -> None:  # pragma: no cover - compiled
    """Have a record's link name another, +1, or none; a page that need not be written stays clean."""
    header = np.uint64(records[i, 0])
    if header & np.uint64(0xFFFFFFFF) != np.uint64(following):
        records[i, 0] = np.int64((header & np.uint64(0xFFFFFFFF00000000)) | np.uint64(following))


@compiled(inline=True)
def _parent(fresh: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    """Return the bucket that a bucket to come takes its records from."""
    mask = meta[MASK]
    if fresh > mask:
        mask = mask * 2 + 1
    return fresh & (mask >> 1)


@compiled("void(int64[:, ::1], int32[::1], int64[::1])")
def _split(records: Any, directory: Any, meta: Any) -> None:  # pragma: no cover - compiled
    """Add one bucket and move to it what belongs there; both chains keep their order."""
    fresh = meta[BUCKETS]
    old = _parent(fresh, meta)
    if fresh > meta[MASK]:
        meta[MASK] = meta[MASK] * 2 + 1
    meta[BUCKETS] = fresh + 1
    i = np.int64(directory[old]) - 1
    stay = np.int64(-1)
    move = np.int64(-1)
    directory[old] = np.int32(0)
    directory[fresh] = np.int32(0)
    while i >= 0:
        header = np.uint64(records[i, 0])
        if np.int64((header >> np.uint64(32)) & np.uint64(meta[MASK])) == fresh:
            if move < 0:
                directory[fresh] = np.int32(i + 1)
            else:
                _link(records, move, i + 1)
            move = i
        else:
            if stay < 0:
                directory[old] = np.int32(i + 1)
            else:
                _link(records, stay, i + 1)
            stay = i
        i = np.int64(header & np.uint64(0xFFFFFFFF)) - 1
    if stay >= 0:
        _link(records, stay, 0)
    if move >= 0:
        _link(records, move, 0)


@compiled("void(int64[:, ::1], int32[::1], int64[::1], int64)")
def _widen(records: Any, directory: Any, meta: Any, buckets: int) -> None:  # pragma: no cover - compiled
    """Split buckets, one after the other, until there are that many.

    The first two records of buckets to be split are brought near beforehand, some at a time: cache misses overlap.
    """
    while meta[BUCKETS] < buckets:
        run = min(buckets - meta[BUCKETS], _RUN)
        for k in range(run):
            i = np.int64(directory[_parent(meta[BUCKETS] + k, meta)]) - 1
            if i >= 0:
                prefetch(records, i, 0)
        for k in range(run):
            i = np.int64(directory[_parent(meta[BUCKETS] + k, meta)]) - 1
            if i >= 0:
                following = np.int64(np.uint64(records[i, 0]) & np.uint64(0xFFFFFFFF)) - 1
                if following >= 0:
                    prefetch(records, following, 0)
        for _ in range(run):
            _split(records, directory, meta)


@compiled("int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64, int64)")
def add(
    records: Any, directory: Any, meta: Any, rows: Any, r: int, width: int, h: int
) -> Any:  # pragma: no cover - compiled
    """Make a record with row r as its key and a payload of zeros; the caller knows that there is none yet."""
    if meta[FREE] > 0:
        i = meta[FREE] - 1
        meta[FREE] = np.int64(np.uint64(records[i, 0]) & np.uint64(0xFFFFFFFF))
    else:
        i = meta[COUNT]
        if i >= records.shape[0]:
            raise MemoryError("the state of one operator has reached its limit of records")
        meta[COUNT] = i + 1
    for j in range(width):
        records[i, 1 + j] = rows[r, j]
    for j in range(1 + width, records.shape[1]):
        records[i, j] = 0
    b = bucket_of(h, meta)
    records[i, 0] = np.int64((np.uint64(h) << np.uint64(32)) | np.uint64(directory[b]))
    directory[b] = np.int32(i + 1)
    meta[LIVE] += 1
    return i


@compiled("void(int64[:, ::1], int32[::1], int64[::1], int64)")
def remove(records: Any, directory: Any, meta: Any, i: int) -> None:  # pragma: no cover - compiled
    """Take a record out of its bucket and free it."""
    header = np.uint64(records[i, 0])
    link = header & np.uint64(0xFFFFFFFF)
    b = bucket_of(np.int64(header >> np.uint64(32)), meta)
    k = np.int64(directory[b]) - 1
    if k == i:
        directory[b] = np.int32(np.int64(link))
    else:
        while True:
            other = np.uint64(records[k, 0])
            after = np.int64(other & np.uint64(0xFFFFFFFF)) - 1
            if after == i:
                records[k, 0] = np.int64((other & np.uint64(0xFFFFFFFF00000000)) | link)
                break
            k = after
    records[i, 0] = FREED | meta[FREE]
    meta[FREE] = i + 1
    meta[LIVE] -= 1


@compiled("void(int64[:, ::1], int64, int64[::1])")
def hash_rows(rows: Any, width: int, out: Any) -> None:  # pragma: no cover - compiled
    """Hash each row's first width words to 31 bits."""
    for r in range(len(out)):
        out[r] = hash_row(rows, r, width)


@compiled("int64(int64[:, ::1], int32[::1], int64[::1], int64[::1])")
def touch(records: Any, directory: Any, meta: Any, hashes: Any) -> Any:  # pragma: no cover - compiled
    """Bring buckets and first records of the hashes near: independent loads overlap, the dependent probe then hits."""
    total = np.int64(0)
    for r in range(len(hashes)):
        i = np.int64(directory[bucket_of(hashes[r], meta)]) - 1
        if i >= 0:
            total += records[i, 0] & 1
    return total


@compiled(inline=True)
def approach(records: Any, directory: Any, meta: Any, hashes: Any, r: Any) -> None:  # pragma: no cover - compiled
    """Have what later rows will look for brought near while row r is dealt with: called for each row in turn.

    In the loop itself, so that the lines are still near when they are wanted, however many rows a step has.
    """
    if meta[BUCKETS] > _SMALL:
        if r + _BUCKET < len(hashes):
            prefetch(directory, bucket_of(hashes[r + _BUCKET], meta), 0)
        if r + _FIRST < len(hashes):
            i = np.int64(directory[bucket_of(hashes[r + _FIRST], meta)]) - 1
            if i >= 0:
                prefetch(records, i, 0)
                prefetch(records, i, 8 * (records.shape[1] - 1))
        if r + _SECOND < len(hashes):
            h = hashes[r + _SECOND]
            i = np.int64(directory[bucket_of(h, meta)]) - 1
            if i >= 0:
                header = np.uint64(records[i, 0])
                following = np.int64(header & np.uint64(0xFFFFFFFF)) - 1
                if np.int64(header >> np.uint64(32)) != h and following >= 0:
                    prefetch(records, following, 0)
                    prefetch(records, following, 8 * (records.shape[1] - 1))


@compiled("void(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1])")
def _find_all(
    records: Any, directory: Any, meta: Any, rows: Any, width: int, hashes: Any, out: Any
) -> None:  # pragma: no cover - compiled
    for r in range(len(out)):
        approach(records, directory, meta, hashes, r)
        out[r] = find(records, directory, meta, rows, r, width, hashes[r])


@compiled("void(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1])")
def _find_or_add(
    records: Any, directory: Any, meta: Any, rows: Any, width: int, hashes: Any, out: Any
) -> None:  # pragma: no cover - compiled
    for r in range(len(out)):
        approach(records, directory, meta, hashes, r)
        i = find(records, directory, meta, rows, r, width, hashes[r])
        if i < 0:
            i = add(records, directory, meta, rows, r, width, hashes[r])
        out[r] = i


@compiled("void(int64[:, ::1], int32[::1], int64[::1], int64[::1])")
def _remove_all(records: Any, directory: Any, meta: Any, ids: Any) -> None:  # pragma: no cover - compiled
    for k in range(len(ids)):
        remove(records, directory, meta, ids[k])


@compiled("void(int64[:, ::1], int64[::1], int64, int64[:, ::1])")
def _gather(records: Any, ids: Any, first: int, out: Any) -> None:  # pragma: no cover - compiled
    for k in range(len(ids)):
        i = ids[k]
        for j in range(out.shape[1]):
            out[k, j] = records[i, first + j]


class Records:
    """A set of keyed records. width: key words; payload: further words, 0 in a fresh record."""

    def __init__(self, width: int, payload: int) -> None:
        self.width = width
        self.payload = payload
        self.stride = 1 + width + payload
        self._capacity = _FIRST_CAPACITY
        self._records = Reserve(self._capacity * self.stride)
        self._directory = Reserve(self._capacity, np.int32)
        self.records: Rows = self._records.array.reshape(self._capacity, self.stride)
        self.directory: npt.NDArray[np.int32] = self._directory.array
        self.meta: Words = np.array([0, _FIRST_BUCKETS, _FIRST_BUCKETS - 1, 0, 0], np.int64)
        holders.add(self)

    def extend(self, words: int) -> int:
        """Add words to the payload and return the place of the first; only before there are records."""
        assert not self.meta[COUNT], "records have been made already"
        first = self.payload
        self.payload += words
        self.stride += words
        self._records = Reserve(self._capacity * self.stride)
        self.records = self._records.array.reshape(self._capacity, self.stride)
        return first

    def ranges(self) -> Iterator[tuple[Reserve, int]]:
        """See `memory.Holder`. Every change goes through the directory: it stays in memory."""
        yield self._records, int(self.meta[COUNT]) * self.stride * 8

    def make_room(self, count: int, indexed: bool = True) -> None:
        """See to it that `count` records can be added; called before kernels that add. The arrays may be others then.

        indexed: they are found by their keys, so there are to be as many buckets as there may be records.
        Raises: MemoryError at the greatest number of records that one structure holds.
        """
        wanted = int(self.meta[COUNT]) + count
        if wanted > self._capacity and self._capacity < _CAPACITY:
            self._grow(wanted)
        if indexed:
            buckets = min(int(self.meta[LIVE]) + count, len(self.directory))
            if buckets > self.meta[BUCKETS]:
                _widen(self.records, self.directory, self.meta, buckets)

    def _grow(self, wanted: int) -> None:
        while self._capacity < wanted and self._capacity < _CAPACITY:
            self._capacity = min(self._capacity * _GROWTH, _CAPACITY)
        self.records = np.empty((0, self.stride), np.int64)
        self.directory = np.empty(0, np.int32)
        self.records = self._records.grow(self._capacity * self.stride).reshape(self._capacity, self.stride)
        self.directory = self._directory.grow(self._capacity)

    headed = True

    @property
    def filled(self) -> Rows:
        """Return the lines of all records ever made; the first word of a free one is negative."""
        return self.records[: int(self.meta[COUNT])]

    def __len__(self) -> int:
        return int(self.meta[LIVE])

    @property
    def size_bytes(self) -> int:
        """Bytes of records and directory that are in use."""
        return int(self.meta[COUNT]) * self.stride * 8 + int(self.meta[BUCKETS]) * 4

    def hashes(self, rows: Rows, near: bool = True) -> Words:
        """Return the hash of each row's key. near: bring the records near, for kernels that do not `approach` them."""
        out = np.empty(len(rows), np.int64)
        hash_rows(rows, self.width, out)
        if near:
            touch(self.records, self.directory, self.meta, out)
        return out

    def find(self, rows: Rows) -> Words:
        """Return for each row the record with its key, or -1."""
        out = np.empty(len(rows), np.int64)
        _find_all(self.records, self.directory, self.meta, rows, self.width, self.hashes(rows, near=False), out)
        return out

    def find_or_add(self, rows: Rows) -> Words:
        """Return for each row the record with its key, made with a payload of zeros where there was none."""
        self.make_room(len(rows))
        out = np.empty(len(rows), np.int64)
        _find_or_add(self.records, self.directory, self.meta, rows, self.width, self.hashes(rows, near=False), out)
        return out

    def remove(self, ids: Words) -> None:
        """Free records; each id once."""
        _remove_all(self.records, self.directory, self.meta, np.ascontiguousarray(ids))

    def keys(self, ids: Words) -> Rows:
        """Return the key words of records, (n, width)."""
        out = np.empty((len(ids), self.width), np.int64)
        _gather(self.records, np.ascontiguousarray(ids), 1, out)
        return out

    def payloads(self, ids: Words, first: int = 0, count: int | None = None) -> Rows:
        """Return `count` payload words from `first` on of records, (n, count)."""
        out = np.empty((len(ids), self.payload - first if count is None else count), np.int64)
        _gather(self.records, np.ascontiguousarray(ids), 1 + self.width + first, out)
        return out

    def live(self) -> Words:
        """Return the ids of all records in use."""
        used: Words = np.flatnonzero(self.records[: int(self.meta[COUNT]), 0] >= 0)
        return used

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state as arrays, which change as it does."""
        return {"records": self.filled, "directory": self.directory[: int(self.meta[BUCKETS])], "meta": self.meta}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take up a snapshot in place of what is there; the records keep their ids."""
        self.make_room(len(state["records"]) - int(self.meta[COUNT]), indexed=False)
        self._records.fill(state["records"])
        self._directory.fill(state["directory"])
        self.meta[:] = state["meta"]
