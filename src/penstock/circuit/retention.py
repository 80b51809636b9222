"""Forgetting state that can no longer matter: what lies below a waterline (`waterlines.py`), a part of it each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from penstock.data.arrangement import Arrangement
from penstock.data.batch import Words
from penstock.data.forgetting import Place, Search, remove_keys, remove_records, remove_tree_rows
from penstock.data.records import Records
from penstock.data.sequences import Sequences
from penstock.data.slots import Slots
from penstock.sql.waterlines import Waterline

LEAST = 2_000
"""Records looked at in each step, at least."""


class Forgetter(Protocol):
    """A part of an operator's state that can be rid of what lies below a bound."""

    def forget(self, bound: int, budget: int) -> None:
        """Look at `budget` records more and take out those below the bound."""


class ForgetRecords:
    """Records that lie below are freed."""

    def __init__(self, records: Records, place: Place) -> None:
        self._records = records
        self._search = Search(records, place)

    def forget(self, bound: int, budget: int) -> None:
        """Look at the next records."""
        found, _ = self._search.next(bound, budget)
        if len(found):
            remove_records(self._records, found)


class ForgetKeys:
    """Keys of an arrangement that lie below go with all their rows."""

    def __init__(self, arrangement: Arrangement, place: Place) -> None:
        self._arrangement = arrangement
        self._search = Search(arrangement.keys, place)

    def forget(self, bound: int, budget: int) -> None:
        """Look at the next keys."""
        found, _ = self._search.next(bound, budget)
        if len(found):
            remove_keys(self._arrangement, found)


@dataclass(slots=True)
class Retention:
    """What keeps one operator's state bounded. lines: of all that read the state; it is kept if one has none."""

    forgetters: list[Forgetter]
    line: Waterline

    def advance(self, fresh_rows: int) -> None:
        """Forget a part, after a step that brought so many rows: faster than rows come."""
        bound = self.line()
        if bound is None:
            return
        for forgetter in self.forgetters:
            forgetter.forget(bound, max(LEAST, 4 * fresh_rows))


@dataclass(frozen=True, slots=True)
class TreeOf:
    """Rows in search trees of groups. root_at, left_at: words of a group's line and of a row's."""

    rows: Records
    root_at: int
    left_at: int

    def clear(self, groups: Records, ids: Words) -> None:
        """Free all rows of some groups."""
        remove_tree_rows(groups, ids, self.root_at, self.rows, self.left_at)


class Links(Protocol):
    """Lists that run through records."""

    def unlink(self, ids: Words) -> None:
        """Take records out of their lists."""


class Members(Protocol):
    """Rows that stand with groups, and go with them: `TreeOf`, `Sessions`."""

    def clear(self, groups: Records, ids: Words) -> None:
        """Free all rows of some groups."""


class ForgetGroups:
    """Groups of an aggregation that lie below go with the rows that their calls keep, and out of their lists.

    The values that DISTINCT has seen are not found by their group: they are looked through first, then the groups.
    """

    def __init__(
        self,
        groups: Records,
        place: Place,
        seen: Sequence[Records],
        rows: Sequence[Arrangement],
        trees: Sequence[Members],
        lists: Sequence[Links] = (),
    ) -> None:
        self._groups = groups
        self._place = place
        self._seen = tuple(seen)
        self._rows = tuple(rows)
        self._trees = tuple(trees)
        self._lists = lists
        self._search = Search(groups, place)
        self._phase = 0
        self._at = 0
        self._bound: int | None = None

    def forget(self, bound: int, budget: int) -> None:
        """Look at the next values, or groups."""
        if self._bound is None:
            self._bound = bound
        if self._phase < len(self._seen):
            self._forget_values(self._seen[self._phase], budget, self._bound)
            return
        found, ended = self._search.next(self._bound, budget)
        if len(found):
            for rows in self._rows:
                ids = rows.keys.find(np.ascontiguousarray(found.reshape(-1, 1)))
                remove_keys(rows, ids[ids >= 0])
            for tree in self._trees:
                tree.clear(self._groups, found)
            for links in self._lists:
                links.unlink(found)
            remove_records(self._groups, found)
        if ended:
            self._phase = 0
            self._bound = None

    def _forget_values(self, seen: Records, budget: int, bound: int) -> None:
        lines = seen.filled[self._at : self._at + budget]
        live = np.flatnonzero(lines[:, 0] >= 0)
        groups = self._groups.records[lines[live, 1]]
        gone = groups[:, self._place.word] < bound
        if self._place.null_word >= 0:
            gone &= (groups[:, self._place.null_word] >> self._place.null_bit) & 1 == 0
        remove_records(seen, self._at + live[gone])
        self._at += budget
        if self._at >= len(seen.filled):
            self._at = 0
            self._phase += 1
            self._search = Search(self._groups, self._place)


class ForgetTrees:
    """Groups that lie below go with the rows in their search trees."""

    def __init__(self, groups: Records, place: Place, tree: TreeOf) -> None:
        self._groups = groups
        self._tree = tree
        self._search = Search(groups, place)

    def forget(self, bound: int, budget: int) -> None:
        """Look at the next groups."""
        found, _ = self._search.next(bound, budget)
        if len(found):
            self._tree.clear(self._groups, found)
            remove_records(self._groups, found)


class ForgetBehind:
    """Rows in order (`data/sequences.py`) that nothing is read from any more go. rows: how many of those below the
    bound are still read; distance: how far below it they still are; negative: that is no reason to keep any."""

    def __init__(self, sequences: Sequences, rows: int, distance: int) -> None:
        self._sequences = sequences
        self._rows = rows
        self._distance = distance
        self._at = 0

    def forget(self, bound: int, budget: int) -> None:
        """Look at the next groups: fewer than records elsewhere, since each takes a path or two."""
        count = len(self._sequences.groups.filled)
        last = min(self._at + max(budget // 16, 1), count)
        self._sequences.forget(bound, self._rows, self._distance, self._at, last, budget)
        self._at = 0 if last >= count else last


class ForgetLists:
    """Groups that lie below go with the slots that they list. size_at, list_at: words of a group's line."""

    def __init__(self, groups: Records, place: Place, slots: Slots, size_at: int, list_at: int) -> None:
        self._groups = groups
        self._slots = slots
        self._size_at = size_at
        self._list_at = list_at
        self._search = Search(groups, place)

    def forget(self, bound: int, budget: int) -> None:
        """Look at the next groups."""
        found, _ = self._search.next(bound, budget)
        if len(found):
            lines = self._groups.records[found]
            listed = lines[:, self._list_at :]
            used = np.arange(listed.shape[1]) < lines[:, self._size_at : self._size_at + 1]
            self._slots.free(listed[used])
            remove_records(self._groups, found)
