"""The value pool: every string, very large decimal, binary, UUID, array, map, row and VARIANT of a circuit, once.

A value is held as bytes whose memcmp order is the value's SQL order (`values.py` says how each type is written), and
stands in rows as its code. Equal bytes have equal codes, so joins, grouping and distinct on any type compare words.
Code 0 is the empty string. Values that no operator compares may be appended without being looked for: they are then
as many codes as rows, and the codes say nothing about equality.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from penstock.data import interning, passing
from penstock.data.batch import Words
from penstock.data.fate import Fate
from penstock.data.interning import (
    AT,
    BUCKETS,
    COUNT,
    KEEP,
    KEPT,
    LIMIT,
    LIVE,
    MASK,
    META,
    SEGMENT,
    SEGMENT_BITS,
    TOP,
    VACANT,
)
from penstock.data.memory import Reserve, holders
from penstock.data.passing import FIRST_BYTE, FIRST_CODE, Ring, hand_on

Bytes = npt.NDArray[np.uint8]
Entries = npt.NDArray[np.int64]

_HEAP_BYTES = FIRST_BYTE + passing.BYTES
MAX_CODES = FIRST_CODE + passing.CODES
"""Every code is less, and none is negative; so words beyond can stand for something else (`decimal128.py`)."""
_FIRST_BUCKETS = 1024
_SAMPLE, _HARDLY_REPEATING = 64, 48
"""So many of a sample are different where values hardly repeat. Where half of them do, looking costs less than to write
and to free what is there already, and functions remember what they gave."""


class Lease:
    """As long as it lives, the pool keeps the codes that `Pool.lease` or `Pool.hold` speak of."""

    __slots__ = ("__weakref__", "_leases")

    def __init__(self, leases: dict[int, tuple[int, int]], epoch: int, turn: int) -> None:
        self._leases = leases
        leases[id(self)] = epoch, turn

    def __del__(self) -> None:
        self._leases.pop(id(self), None)


class Remembered(Protocol):
    """Something that remembers results by code (`sql/functions/distinct.py`)."""

    def forget(self, codes: Words) -> None:
        """Forget what is known of codes that are about to stand for something else."""

    def forget_codes(self) -> None:
        """Forget all results that are codes themselves."""


class Pool:
    """Interned byte strings of one circuit. Not safe for use by threads that do not hold the interpreter's lock.

    Codes are freed when no state of the circuit holds them (`collecting.py`); those of values that only pass through it
    when the step after theirs begins (`passing.py`). Who keeps codes of its own making anywhere else, but for the next
    step to take in, keeps a `lease` beside them, taken before they were made; who keeps codes that came out of the
    circuit beyond the beginning of its next step keeps a `hold`. Constants are made under `keeping`.
    """

    def __init__(self) -> None:
        self._heap_area = Reserve(_HEAP_BYTES, np.uint8)
        self._heap: Bytes = self._heap_area.array
        self._entries_area = Reserve(MAX_CODES * 3)
        self._entries: Entries = self._entries_area.array.reshape(MAX_CODES, 3)
        self._buckets_area = Reserve(FIRST_CODE, np.int32)
        self._buckets: npt.NDArray[np.int32] = self._buckets_area.array
        self._marks_area = Reserve(FIRST_CODE, np.uint8)
        self._marks: Bytes = self._marks_area.array
        self._segments_area = Reserve(FIRST_BYTE // SEGMENT * 2)
        self._segments: Entries = self._segments_area.array.reshape(-1, 2)
        self._meta = np.zeros(META, np.int64)
        self._meta[BUCKETS] = _FIRST_BUCKETS
        self._meta[MASK] = _FIRST_BUCKETS - 1
        self._ring = Ring()
        self._leases: dict[int, tuple[int, int]] = {}
        self.epoch = 0
        self._turn = 0
        self.remembered: list[Remembered] = []
        with self.keeping():
            self.intern(b"")
        holders.add(self)

    def ranges(self) -> Iterator[tuple[Reserve, int]]:
        """See `memory.Holder`. What is met whenever values are looked for stays in memory."""
        yield self._heap_area, self._heap_end
        yield self._entries_area, self.bound * 24

    def __len__(self) -> int:
        """Return how many codes stand for a value."""
        return int(self._meta[LIVE])

    @property
    def bound(self) -> int:
        """A number that is greater than every code, but for those of values that only pass through."""
        return int(self._meta[COUNT])

    @property
    def size_bytes(self) -> int:
        """Bytes in use by values and their index."""
        meta = self._meta
        heap = int(meta[TOP]) - int(meta[VACANT]) * SEGMENT - int(meta[LIMIT] - meta[AT])
        return heap + int(meta[COUNT]) * 25 + int(meta[BUCKETS]) * 4 + self._ring.size_bytes

    def lease(self) -> Lease:
        """Return what keeps the codes that are made or met from now on, for as long as somebody holds it."""
        return Lease(self._leases, self.epoch, self._turn)

    def hold(self) -> Lease:
        """Return what keeps all codes that mean something now, for as long as somebody has it: nothing is freed."""
        return Lease(self._leases, -1, -1)

    @property
    def oldest_lease(self) -> int:
        """The epoch of the oldest lease; the present one without a lease."""
        return min((epoch for epoch, _ in [*self._leases.values()]), default=self.epoch)

    def begin_step(self) -> None:
        """Free the values that passed through in steps before, but for those that somebody has a lease for."""
        self._ring.free(min((turn for _, turn in [*self._leases.values()]), default=self._turn))

    def end_step(self) -> None:
        """Take note that a step is over: what was made up to now goes when the next one begins."""
        self._ring.end(self._turn)
        self._turn += 1

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Make codes that are never freed: constants of a program, values that a generator chooses from."""
        before = int(self._meta[KEEP])
        self._meta[KEEP] = KEPT
        try:
            yield
        finally:
            self._meta[KEEP] = before

    def intern(self, value: bytes) -> int:
        """Return the code of a value, adding it if it is new."""
        return int(self.intern_buffers(np.frombuffer(value, np.uint8), np.array([0, len(value)], np.int64))[0])

    def intern_many(self, values: Iterable[bytes]) -> Words:
        """Return the codes of values."""
        listed = list(values)
        offsets = np.zeros(len(listed) + 1, np.int64)
        np.cumsum([len(v) for v in listed], out=offsets[1:])
        return self.intern_buffers(np.frombuffer(b"".join(listed), np.uint8), offsets)

    def intern_buffers(self, data: Bytes, offsets: Words) -> Words:
        """Return the codes of n values. data: (size,) uint8; offsets: (n + 1,) int64 into data."""
        return self._looked_for(data, offsets)

    def _looked_for(self, data: Bytes, offsets: Words) -> Words:
        out = np.empty(len(offsets) - 1, np.int64)
        interning.intern(
            data,
            offsets,
            out,
            self._entries,
            self._buckets,
            self._heap,
            self._marks,
            self._segments,
            self._meta,
        )
        return out

    def append_buffers(self, data: Bytes, offsets: Words) -> Words:
        """Return fresh codes for n values, equal or not, without looking for them; arguments as `intern_buffers`."""
        out = np.empty(len(offsets) - 1, np.int64)
        interning.append(data, offsets, out, self._entries, self._heap, self._marks, self._segments, self._meta)
        return out

    def carry_buffers(self, data: Bytes, offsets: Words) -> Words:
        """Return codes for n values whose codes nobody compares: appended, unless a sample shows that they repeat."""
        count = len(offsets) - 1
        if count < _SAMPLE:
            return self._looked_for(data, offsets)
        at = np.linspace(0, count - 1, _SAMPLE).astype(np.int64)
        distinct = {data[a:b].tobytes() for a, b in zip(offsets[at].tolist(), offsets[at + 1].tolist(), strict=True)}
        take = self.append_buffers if len(distinct) >= _HARDLY_REPEATING else self._looked_for
        return take(data, offsets)

    def pass_buffers(self, data: Bytes, offsets: Words) -> Words:
        """Return codes for n values that no state will hold (`passing.py`); arguments as `intern_buffers`.

        What is made under `keeping` is kept nevertheless.
        """
        if not self._meta[KEEP]:
            out = np.empty(len(offsets) - 1, np.int64)
            if hand_on(data, offsets, out, self._entries, self._heap, self._ring.state):
                return out
        return self.carry_buffers(data, offsets)

    def making(self, fate: Fate) -> Pool:
        """Return this same pool for making values of such a fate."""
        other = object.__new__(_POOLS[fate])
        other.__dict__ = self.__dict__
        return other

    @property
    def lasting(self) -> Pool:
        """This same pool for making values that are remembered from step to step (`remembered`)."""
        return self

    def value(self, code: int) -> bytes:
        """Return the bytes of a code."""
        at = int(self._entries[code, 1])
        return self._heap[at : at + (int(self._entries[code, 2]) >> 32)].tobytes()

    def values(self, codes: Words) -> list[bytes]:
        """Return the bytes of each code."""
        data, offsets = self.gather(codes)
        joined = data.tobytes()
        bounds = offsets.tolist()
        return [joined[a:b] for a, b in pairwise(bounds)]

    def gather(self, codes: Words) -> tuple[Bytes, Words]:
        """Return the values of n codes end to end: data (size,) uint8 and offsets (n + 1,) int64."""
        codes = np.ascontiguousarray(codes)
        offsets = np.empty(len(codes) + 1, np.int64)
        data = np.empty(interning.measure(codes, self._entries, offsets), np.uint8)
        interning.gather(codes, self._entries, self._heap, offsets, data)
        return data, offsets

    def sizes(self, codes: Words) -> Words:
        """Return the length in bytes of each code's value."""
        sizes: Words = self._entries[codes, 2] >> 32
        return sizes

    def ranks(self, codes: Words) -> Words:
        """Return for each code the dense rank of its bytes among those given, from 0: it orders as the values do."""
        distinct, inverse = np.unique(codes, return_inverse=True)
        order = distinct.copy()
        interning.sort(order, np.empty_like(order), self._entries, self._heap)
        rank = np.empty(len(distinct), np.int64)
        steps = np.zeros(len(distinct), np.int64)
        if len(distinct):
            steps[1:] = self.compare(order[:-1], order[1:]) != 0
        rank[np.searchsorted(distinct, order)] = np.cumsum(steps)
        return rank[inverse]

    @property
    def tables(self) -> tuple[Bytes, Entries, npt.NDArray[np.int32], Bytes, Entries, Words]:
        """Heap, entries, buckets, marks, segments and meta (`interning.py`), for those who free codes."""
        return self._heap, self._entries, self._buckets, self._marks, self._segments, self._meta

    def give_back(self, first: int, count: int) -> None:
        """Return the memory of segments that hold nothing to the system."""
        self._heap_area.give_back(first << SEGMENT_BITS, count << SEGMENT_BITS)

    @property
    def arrays(self) -> tuple[Bytes, Entries]:
        """The heap and the entries by code, for kernels that compare values in place (`interning.compare_codes`)."""
        return self._heap, self._entries

    def compare(self, left: Words, right: Words) -> npt.NDArray[np.int8]:
        """Compare the bytes of n pairs of codes: -1, 0 or 1 for each."""
        out = np.empty(len(left), np.int8)
        interning.compare(left, right, self._entries, self._heap, out)
        return out

    @property
    def _heap_end(self) -> int:
        meta = self._meta
        return int(meta[AT] if meta[LIMIT] == meta[TOP] else meta[TOP])

    def snapshot(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return all values as arrays, which change as the pool does."""
        meta = self._meta
        return {
            "heap": self._heap[: self._heap_end],
            "entries": self._entries[: self.bound],
            "buckets": self._buckets[: int(meta[BUCKETS])],
            "marks": self._marks[: self.bound],
            "segments": self._segments[: int(meta[TOP]) >> SEGMENT_BITS],
            "meta": meta,
        }

    @staticmethod
    def restored(state: Mapping[str, npt.NDArray[np.generic]]) -> Pool:
        """Return a pool with the values of a snapshot, under the same codes."""
        pool = Pool()
        pool._heap_area.fill(state["heap"])
        pool._entries_area.fill(state["entries"])
        pool._buckets_area.fill(state["buckets"])
        pool._marks_area.fill(state["marks"])
        pool._segments_area.fill(state["segments"])
        pool._meta[:] = state["meta"]
        return pool


class _CarryingPool(Pool):
    """See `Pool.making`."""

    def intern_buffers(self, data: Bytes, offsets: Words) -> Words:
        return self.carry_buffers(data, offsets)


class _PassingPool(Pool):
    """See `Pool.making`."""

    def intern_buffers(self, data: Bytes, offsets: Words) -> Words:
        return self.pass_buffers(data, offsets)

    @property
    def lasting(self) -> Pool:
        return self.making(Fate.CARRIED)


_POOLS: Mapping[Fate, type[Pool]] = {Fate.COMPARED: Pool, Fate.CARRIED: _CarryingPool, Fate.PASSED: _PassingPool}
