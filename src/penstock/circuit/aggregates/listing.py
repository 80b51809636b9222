"""The groups of an aggregation by some of their keys: lists that run through the groups' own records.

An operator that looks through all groups of a part now and then needs no index of its own for that: a list costs a
group two words and no search of its own. Listed is what is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.batch import Words
from penstock.data.collecting import Coded, coded
from penstock.data.kernels import compiled
from penstock.data.records import Records, add, find, remove
from penstock.data.rows import RowLayout, Rows

WORDS = 2
"""Words of a group's record that a listing needs: next group + 1; group before + 1, or -(list + 1) in the first one."""


@compiled(
    "void(int64[:, ::1], int64, int64[::1], int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1])"
)
def _link(
    groups: Any, at: int, ids: Any, lists: Any, directory: Any, meta: Any, keys: Any, width: int, hashes: Any
) -> None:  # pragma: no cover - compiled
    """Put groups at the head of the lists of their keys."""
    for r in range(len(ids)):
        i = ids[r]
        k = find(lists, directory, meta, keys, r, width, hashes[r])
        if k < 0:
            k = add(lists, directory, meta, keys, r, width, hashes[r])
        head = lists[k, 1 + width]
        groups[i, at] = head
        groups[i, at + 1] = -(k + 1)
        if head > 0:
            groups[head - 1, at + 1] = i + 1
        lists[k, 1 + width] = i + 1


@compiled("void(int64[:, ::1], int64, int64[::1], int64[:, ::1], int32[::1], int64[::1], int64)")
def _unlink(
    groups: Any, at: int, ids: Any, lists: Any, directory: Any, meta: Any, width: int
) -> None:  # pragma: no cover - compiled
    """Take groups out of their lists, those that are in one; a list of none goes."""
    for r in range(len(ids)):
        i = ids[r]
        following = groups[i, at]
        before = groups[i, at + 1]
        if before == 0:
            continue
        if following > 0:
            groups[following - 1, at + 1] = before
        if before > 0:
            groups[before - 1, at] = following
        else:
            lists[-before - 1, 1 + width] = following
            if following == 0:
                remove(lists, directory, meta, -before - 1)
        groups[i, at] = 0
        groups[i, at + 1] = 0


@compiled("int64(int64[:, ::1], int64, int64[::1], int64[::1], int64[::1])")
def _walk(groups: Any, at: int, heads: Any, source: Any, out: Any) -> int:  # pragma: no cover - compiled
    """List the groups from some heads on as far as there is room; returns how many there are."""
    n = 0
    for k in range(len(heads)):
        i = heads[k]
        while i > 0:
            if n < len(out):
                source[n] = k
                out[n] = i - 1
            n += 1
            i = groups[i - 1, at]
    return n


class Listing:
    """Groups listed by some of their keys. layout: of those; at: the first of WORDS words of a group's payload."""

    def __init__(self, groups: Records, at: int, layout: RowLayout) -> None:
        self._groups = groups
        self._at = 1 + groups.width + at
        self._layout = layout
        self.lists = Records(layout.width, 1)

    def link(self, ids: Words, keys: Rows) -> None:
        """Put groups that are in no list into the lists of their keys (packed)."""
        lists = self.lists
        lists.make_room(len(ids))
        hashes = lists.hashes(keys, near=False)
        _link(
            self._groups.records, self._at, ids, lists.records, lists.directory, lists.meta, keys, lists.width, hashes
        )

    def unlink(self, ids: Words) -> None:
        """Take groups out of their lists."""
        lists = self.lists
        ids = np.ascontiguousarray(ids)
        _unlink(self._groups.records, self._at, ids, lists.records, lists.directory, lists.meta, lists.width)

    def find(self, keys: Rows) -> tuple[Words, Words]:
        """Return for each group in the lists of n keys the position of its key and the group's record, both (m,)."""
        ids = self.lists.find(keys)
        heads = np.zeros(len(ids), np.int64)
        there = np.flatnonzero(ids >= 0)
        heads[there] = self.lists.payloads(ids[there])[:, 0]
        room = 256
        while True:
            source, found = np.empty(room, np.int64), np.empty(room, np.int64)
            count = _walk(self._groups.records, self._at, heads, source, found)
            if count <= room:
                return source[:count], found[:count]
            room = count

    def coded(self) -> list[Coded]:
        """Return where codes stand in it."""
        return coded(self.lists, [1 + i for i in self._layout.pooled])
