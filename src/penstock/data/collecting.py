"""Freeing of codes that no state holds any more: mark and sweep, in slices between the steps of a circuit.

    idle ──enough codes were made──> mark ──all state was seen──> sweep ──> move ──> idle

While it marks, a circuit shows it every change that passes an operator. So a code that was in state when the marking
began is met where it stands or in the change that takes it away, and one that comes in later is met in the change that
brings it. A sweep frees what was not met since the sweep before; results remembered by code are forgotten first.
It does not begin while somebody holds a lease from before the last sweep. Then values are moved out of segments that
are more than half empty, and the memory of those is given back.

Source: snapshot-at-the-beginning marking (Yuasa, J. Systems and Software 1990).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numba import types

from penstock.data.batch import Column, Words
from penstock.data.interning import (
    COUNT,
    ENTRIES,
    FREE,
    FREED,
    IN_USE,
    KEPT,
    LEAVING,
    LIVE,
    MADE,
    MADE_BYTES,
    OPEN,
    RECENT,
    SEGMENT,
    SEGMENT_BITS,
    TOP,
    USED,
    VACANT,
    place,
    size_of,
    unlink,
)
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.rows import Rows

_I64, _I32, _U8 = types.int64[::1], types.int32[::1], types.uint8[::1]

LEAST_CODES = 1 << 16
LEAST_BYTES = 1 << 24
"""A cycle begins when this many codes or bytes were made since the last one, or a quarter of what is there."""

LEAST_SLICE, GREATEST_SLICE = 20_000, 150_000
"""Words to mark, or codes to sweep or move, in one go."""

_SEGMENTS_AT_ONCE = 32

_SWEEP_COST = 4
"""A code to be freed costs about so many words to be marked: its chain and what is remembered of it are elsewhere."""


@compiled("void(int64[:, ::1], int64, int64, int64[::1], int64, uint8[::1], boolean)")
def _mark_lines(
    lines: Any, first: int, last: int, columns: Any, bound: int, marks: Any, headed: bool
) -> None:  # pragma: no cover - compiled
    """Mark the codes in some columns of lines. headed: a line whose first word is negative is free."""
    for i in range(first, last):
        if headed and lines[i, 0] < 0:
            continue
        for j in range(len(columns)):
            code = lines[i, columns[j]]
            if 0 <= code < bound:
                marks[code] |= np.uint8(USED)


@compiled(types.void(types.Array(types.int64, 1, "A", readonly=True), types.int64, _U8))
def _mark_words(words: Any, bound: int, marks: Any) -> None:  # pragma: no cover - compiled
    for i in range(len(words)):
        if 0 <= words[i] < bound:
            marks[words[i]] |= np.uint8(USED)


@compiled(types.void(ENTRIES, _I64))
def _begin_sweep(segments: Any, meta: Any) -> None:  # pragma: no cover - compiled
    for s in range(meta[TOP] >> SEGMENT_BITS):
        segments[s, 0] &= IN_USE
        segments[s, 1] = 0
    if meta[TOP] > 0:
        segments[meta[OPEN], 0] |= RECENT


@compiled(types.int64(types.int64, types.int64, ENTRIES, _I32, _U8, ENTRIES, _I64, _I64))
def _dead(
    first: int, last: int, entries: Any, buckets: Any, marks: Any, segments: Any, meta: Any, out: Any
) -> int:  # pragma: no cover - compiled
    """Look at codes [first, last): begin the marks of those in use anew, list the others; returns how many."""
    n = 0
    for code in range(first, last):
        mark = marks[code]
        if mark & np.uint8(FREED):
            continue
        if mark & np.uint8(USED | KEPT):
            marks[code] = mark & np.uint8(KEPT)
            size = size_of(entries, code)
            s = entries[code, 1] >> SEGMENT_BITS
            if size <= SEGMENT:
                segments[s, 1] += size
            else:
                for k in range((size + SEGMENT - 1) >> SEGMENT_BITS):
                    segments[s + k, 1] = SEGMENT
        else:
            out[n] = code
            n += 1
            unlink(code, entries, buckets, meta)
            marks[code] = np.uint8(FREED)
    return n


@compiled(types.void(_I64, ENTRIES, _I64))
def _free(codes: Any, entries: Any, meta: Any) -> None:  # pragma: no cover - compiled
    for k in range(len(codes)):
        code = codes[k]
        entries[code, 0] = meta[FREE]
        entries[code, 1] = 0
        entries[code, 2] = 0
        meta[FREE] = code + 1
    meta[LIVE] -= len(codes)


@compiled(types.int64(ENTRIES, _I64))
def _choose(segments: Any, meta: Any) -> int:  # pragma: no cover - compiled
    """Choose the segments to be emptied; returns how many of them hold something."""
    n = 0
    for s in range(meta[TOP] >> SEGMENT_BITS):
        if segments[s, 0] == IN_USE and segments[s, 1] * 2 < SEGMENT:
            segments[s, 0] |= LEAVING
            n += segments[s, 1] > 0
    return n


@compiled(types.void(types.int64, types.int64, ENTRIES, _U8, _U8, ENTRIES, _I64))
def _move(
    first: int, last: int, entries: Any, heap: Any, marks: Any, segments: Any, meta: Any
) -> None:  # pragma: no cover - compiled
    """Move the values of codes [first, last) that are in segments to be emptied."""
    for code in range(first, last):
        size = size_of(entries, code)
        if marks[code] & np.uint8(FREED) or size > SEGMENT or size == 0:
            continue
        old = entries[code, 1]
        if segments[old >> SEGMENT_BITS, 0] & LEAVING:
            at = place(size, segments, meta)
            for j in range(size):
                heap[at + j] = heap[old + j]
            entries[code, 1] = at


class Lines(Protocol):
    """State in lines of words: `Records`, `Slots`."""

    @property
    def filled(self) -> Rows:
        """The lines ever used, free ones among them."""

    headed: bool
    """Whether a free line is known by a negative first word."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Where codes stand in lines of state: at columns (words of the whole line)."""

    lines: Lines
    columns: Words


def coded(lines: Lines, columns: Iterable[int]) -> list[Coded]:
    """Return where the codes are; nothing when there are none."""
    listed = np.array([*columns], np.int64)
    return [Coded(lines, listed)] if len(listed) else []


class Collector:
    """Frees the codes of one pool that the state of one circuit does not hold. state: all its lines with codes.

    eager: each `advance` is a whole cycle (for tests: what is freed too early shows at once).
    """

    def __init__(self, pool: Pool, state: Callable[[], Sequence[Coded]]) -> None:
        self._pool = pool
        self._state = state
        self._work = self._idle
        self._lines: list[Coded] = []
        self._at = 0
        self._made = (0, 0)
        self._kept = (0, 0)
        self._rate = 0.0
        self._seen_made = 0
        self.eager = False
        self.marking = False
        self.cycles = 0

    def meet(self, columns: Sequence[Column], pooled: Sequence[int]) -> None:
        """Take note of a change that passes while it is marking. pooled: positions of the columns with codes."""
        for i in pooled:
            _mark_words(columns[i].words, self._pool.bound, self._pool.tables[3])

    def advance(self) -> None:
        """Do a slice of what is to be done; called between steps."""
        if self.eager:
            self._begin()
            while self._work != self._idle:
                before = (self._work, self._at)
                self._work(GREATEST_SLICE)
                if self._work == self._wait and before[0] == self._wait:
                    return
            return
        made = int(self._pool.tables[5][MADE])
        fresh, self._seen_made = made - self._seen_made, made
        self._work(int(min(max(fresh * self._rate, LEAST_SLICE), GREATEST_SLICE)))

    def _idle(self, budget: int) -> None:
        meta = self._pool.tables[5]
        made, size = int(meta[MADE]) - self._made[0], int(meta[MADE_BYTES]) - self._made[1]
        # By what was there after the last sweep: what has become garbage since must not put the next one off.
        room = max(LEAST_CODES, self._kept[0] // 4)
        if made > room or size > max(LEAST_BYTES, self._kept[1] // 4):
            self._begin()
            words = sum(len(c.lines.filled) * len(c.columns) for c in self._lines)
            self._rate = 2 * (words + 2 * self._pool.bound) / room

    def _begin(self) -> None:
        for memo in self._pool.remembered:
            memo.forget_codes()
        self._lines = [*self._state()]
        self._at = 0
        self.marking = True
        self._work = self._mark

    def _mark(self, budget: int) -> None:
        """Lines that come to the end of state meanwhile are seen too: they were met in a change as well."""
        marks = self._pool.tables[3]
        while self._lines and budget > 0:
            part = self._lines[-1]
            lines = part.lines.filled
            last = min(len(lines), self._at + max(budget // len(part.columns), 1))
            _mark_lines(lines, self._at, last, part.columns, self._pool.bound, marks, part.lines.headed)
            budget -= (last - self._at) * len(part.columns)
            self._at = last
            if last == len(lines):
                self._lines.pop()
                self._at = 0
        if not self._lines:
            self._work = self._wait

    def _wait(self, budget: int) -> None:
        if self._pool.oldest_lease < self._pool.epoch:
            return
        _, _, _, _, segments, meta = self._pool.tables
        _begin_sweep(segments, meta)
        self._at = 0
        self._work = self._sweep

    def _sweep(self, budget: int) -> None:
        pool = self._pool
        _, entries, buckets, marks, segments, meta = pool.tables
        last = min(self._at + budget // _SWEEP_COST, pool.bound)
        out = np.empty(last - self._at, np.int64)
        dead = out[: _dead(self._at, last, entries, buckets, marks, segments, meta, out)]
        if len(dead):
            for memo in pool.remembered:
                memo.forget(dead)
            _free(dead, entries, meta)
        self._at = last
        if last == int(meta[COUNT]):
            self.marking = False
            pool.epoch += 1
            self._at = 0
            self._work = self._move if _choose(segments, meta) else self._release

    def _move(self, budget: int) -> None:
        heap, entries, _, marks, segments, meta = self._pool.tables
        last = min(self._at + budget, self._pool.bound)
        _move(self._at, last, entries, heap, marks, segments, meta)
        self._at = last
        if last == self._pool.bound:
            self._at = 0
            self._work = self._release

    def _release(self, budget: int) -> None:
        """Give back the memory of empty segments, some at a time."""
        _, _, _, _, segments, meta = self._pool.tables
        top = int(meta[TOP]) >> SEGMENT_BITS
        empty = np.flatnonzero(segments[:top, 0] & LEAVING)
        for s in empty[:_SEGMENTS_AT_ONCE].tolist():
            self._pool.give_back(s, 1)
            segments[s, 0] = 0
            meta[VACANT] += 1
        if len(empty) <= _SEGMENTS_AT_ONCE:
            self._made = (int(meta[MADE]), int(meta[MADE_BYTES]))
            self._kept = (len(self._pool), self._pool.size_bytes)
            self.cycles += 1
            self._work = self._idle


def freed_codes(pool: Pool) -> npt.NDArray[np.int64]:
    """Return the codes that stand for nothing at present."""
    free: npt.NDArray[np.int64] = np.flatnonzero(pool.tables[3][: pool.bound] & FREED)
    return free
