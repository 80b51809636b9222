"""Rows of groups in sessions: those of which each follows the one before it within a gap of time.

A session is a record that stays the same while it grows, shrinks and moves. Two that are joined become the larger one,
and what falls off another becomes a new one: so the rows that change hands are the fewer ones.

Where rows are only ever added and nobody asks for them, sessions are all there is (`join`): they stand in a search tree
of their group by where they begin. Otherwise the rows do, by their times (`enter`): a row's neighbours there tell which
sessions it joins, or parts. Cost of a row: nothing but its session's record where it lies within the last one; else a
path; and rows that change hands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.data import session_kernels as kernels
from penstock.data.batch import Words
from penstock.data.comparing import SIGNED
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.rows import Rows
from penstock.data.session_kernels import (
    CHANGED,
    FORWARD,
    GONE,
    GROUP_WORDS,
    HIGH,
    LOW,
    ROW_WORDS,
    SHOWN,
    SIZE,
    SPAN_WORDS,
    TOUCHED,
)

_MODES = np.array([SIGNED], np.int64)
_SIGNS = np.array([1], np.int64)


@dataclass(slots=True)
class Touched:
    """What a step has done. ids (t,): the sessions that it touched, or made; payload (t, .): theirs before it.

    counts: what the kernels hand on.
    """

    ids: Words
    payload: Rows
    counts: Words


class Sessions:
    """Sessions of groups. key_width: words of a packed group; row_width: of a packed row, None: rows are not kept.

    words: payload words of a session that belong to the user; they come first. gap: in the unit of the times.
    """

    def __init__(self, key_width: int, row_width: int | None, words: int, gap: int, pool: Pool) -> None:
        self._pool = pool
        self.gap = gap
        self.groups = Records(key_width, GROUP_WORDS)
        self._root_at = 1 + key_width
        # A key that no other session ever has: its group's, and a number.
        self.spans = Records(key_width + 1, words + SPAN_WORDS)
        self.payload_at = 1 + self.spans.width
        self.bounds_at = self.payload_at + words
        self.high_at = self.bounds_at + HIGH
        self._words = words
        # A row's key is its group's record, and the row.
        self.rows = None if row_width is None else Records(1 + row_width, ROW_WORDS)

    def _counts(self) -> tuple[Words, Rows]:
        return np.zeros(4, np.int64), np.empty((1, self.spans.width), np.int64)

    def join(self, keys: Rows, times: Words, stamp: int) -> tuple[Words, Touched]:
        """Take in rows, which are not kept. Returns the session of each."""
        groups, spans, count = self.groups, self.spans, len(times)
        groups.make_room(count)
        spans.make_room(count)
        ids = np.empty(count, np.int64)
        touched, old = np.empty(2 * count, np.int64), np.empty((2 * count, spans.payload), np.int64)
        gone = np.empty(count, np.int64)
        counts, line = self._counts()
        kernels.join(
            groups.records,
            groups.directory,
            groups.meta,
            keys,
            groups.width,
            groups.hashes(keys),
            self._root_at,
            spans.records,
            spans.directory,
            spans.meta,
            self.bounds_at,
            self.payload_at,
            np.ascontiguousarray(times),
            self.gap,
            stamp,
            _MODES,
            _SIGNS,
            *self._pool.arrays,
            ids,
            touched,
            old,
            gone,
            counts,
            line,
        )
        n = int(counts[TOUCHED])
        return ids, Touched(touched[:n], old[:n], counts)

    def unite(self, found: Touched, words: int) -> tuple[Words, Words]:
        """Add the first `words` words of sessions that have become parts of others to theirs; returns both of each."""
        gone = found.ids[self.spans.records[found.ids, self.bounds_at + FORWARD] > 0] if found.counts[GONE] else _NONE
        into = np.empty(len(gone), np.int64)
        kernels.unite(self.spans.records, self.bounds_at, self.payload_at, words, gone, into)
        return gone, into

    def add(self, ids: Words, addends: Rows) -> None:
        """Add lines of words to the first words of sessions."""
        kernels.add_words(self.spans.records, self.payload_at, ids, addends)

    def enter(self, keys: Rows, lines: Rows, times: Words, weights: Words, stamp: int) -> Touched:
        """Take in rows with weights. lines: a word that is free, then the packed row."""
        assert self.rows is not None
        groups, spans, rows, count = self.groups, self.spans, self.rows, len(lines)
        lines[:, 0] = groups.find_or_add(keys)
        rows.make_room(count)
        spans.make_room(count)
        # A row that comes meets two sessions, one that goes leaves one and may make another.
        touched, old = np.empty(2 * count, np.int64), np.empty((2 * count, spans.payload), np.int64)
        counts, line = self._counts()
        counts[CHANGED] = -1
        kernels.enter(
            groups.records,
            self._root_at,
            spans.records,
            spans.directory,
            spans.meta,
            self.bounds_at,
            self.payload_at,
            rows.records,
            rows.directory,
            rows.meta,
            rows.width,
            lines,
            rows.hashes(lines),
            np.ascontiguousarray(times),
            np.ascontiguousarray(weights),
            self.gap,
            stamp,
            _MODES,
            _SIGNS,
            *self._pool.arrays,
            touched,
            old,
            counts,
            line,
        )
        n = int(counts[TOUCHED])
        return Touched(touched[:n], old[:n], counts)

    def changes(self, found: Touched, by_bounds: bool, stamp: int) -> tuple[Rows, Words, Words, Words, Words]:
        """Return what left a session or came to one: packed rows, weights, sessions, their first and last times.

        by_bounds: rows whose session has other times than before leave it and come back.
        """
        assert self.rows is not None
        spans, rows, own = self.spans, self.rows, 1 + self.rows.width
        if by_bounds:
            most = kernels.widen(
                spans.records,
                self.bounds_at,
                self.payload_at,
                rows.records,
                own,
                found.ids,
                found.payload,
                found.counts,
            )
        else:
            most = kernels.listed(rows.records, own, found.counts)
        ids, weights, sessions, low, high = np.empty((5, 2 * most), np.int64)
        n = kernels.changes(
            spans.records,
            self.bounds_at,
            self.payload_at,
            stamp,
            rows.records,
            own,
            found.payload,
            found.counts,
            by_bounds,
            ids,
            weights,
            sessions,
            low,
            high,
        )
        return rows.keys(ids[:n])[:, 1:], weights[:n], sessions[:n], low[:n], high[:n]

    def live(self, ids: Words) -> npt.NDArray[np.bool_]:
        """Return which sessions are there, with rows of their own."""
        lines = self.spans.payloads(ids, self._words, SPAN_WORDS)
        return np.asarray(lines[:, FORWARD] == 0 if self.rows is None else lines[:, SIZE] > 0)

    def bounds(self, payload: Rows) -> tuple[Words, Words]:
        """Return the first and the last times of sessions from their payload."""
        return payload[:, self._words + LOW], payload[:, self._words + HIGH]

    def shown(self, payload: Rows) -> Words:
        """Return what was last given to `show` for sessions, from their payload; 0 for new ones."""
        return payload[:, self._words + SHOWN]

    def show(self, ids: Words) -> None:
        """Note that sessions are shown."""
        self.spans.records[ids, self.bounds_at + SHOWN] = 1

    def close(self, found: Touched) -> None:
        """End the step: what has no weight is gone, and sessions without rows of their own."""
        groups, rows = self.groups, self.rows
        if rows is not None:
            kernels.close(
                groups.records,
                groups.directory,
                groups.meta,
                self._root_at,
                rows.records,
                rows.directory,
                rows.meta,
                1 + rows.width,
                found.counts,
            )
        dead = found.ids[~self.live(found.ids)]
        if len(dead):
            self.spans.remove(dead)

    def clear(self, groups: Records, ids: Words) -> None:
        """Take sessions out of their groups, with their rows; their own records (`groups`) are left to the caller."""
        rows = self.groups if self.rows is None else self.rows
        kernels.clear(
            self.groups.records,
            self.groups.directory,
            self.groups.meta,
            self._root_at,
            groups.records,
            self.bounds_at,
            rows.records,
            rows.directory,
            rows.meta,
            0 if self.rows is None else 1 + self.rows.width,
            np.ascontiguousarray(ids),
        )


_NONE = np.empty(0, np.int64)
