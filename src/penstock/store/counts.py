"""How many records satisfy a predicate: counted once, then kept up to date with every commit.

A list of a client asks for the number of all its rows with every page. Counting 200,000 entries of an index costs
milliseconds, looking at 200,000 records far more; adding what a commit changed costs nothing. The last predicates that
were asked for are kept, those of a kind and scope together.

Reads and commits meet in `version`: it is odd while a transaction is being written. A count that begins and pins its
snapshot at an even version sees exactly the commits up to it, and hears of all later ones.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.kernel.query import IndexValue

__all__ = ["Change", "Counts", "Test"]

KEPT: Final = 64
"""How many predicates are kept for one kind and scope."""
_ATTEMPTS: Final = 8

Place = tuple[str, str]
"""Kind and scope."""
Fields = Mapping[str, IndexValue]
Test = Callable[[Fields], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """One record as it was and as it is; None where there was or is none. Called only if somebody wants to know."""

    place: Place
    before: Callable[[], Fields] | None
    after: Callable[[], Fields] | None


@dataclass(slots=True)
class _Entry:
    test: Test
    count: int | None = None
    added: int = 0


class Counts:
    """The counts of one store. Used by all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._entries: dict[Place, OrderedDict[Hashable, _Entry]] = {}

    # The writer's side.

    def begin(self) -> None:
        """A transaction is going to be written."""
        with self._lock:
            self._version += 1

    def end(self, changes: Sequence[Change]) -> None:
        """It was committed with these changes, or rolled back with none; nobody has been told yet."""
        with self._lock:
            for change in changes:
                entries = self._entries.get(change.place)
                if entries:
                    _add(change, entries)
            self._version += 1

    def forget(self) -> None:
        """What the disk holds is not known any more."""
        with self._lock:
            self._entries.clear()

    # The readers' side.

    def count(
        self,
        place: Place,
        key: Hashable,
        test: Test,
        pin: Callable[[], None],
        ask: Callable[[bool], int],
        same: Sequence[Hashable] = (),
    ) -> int:
        """Return how many records of a kind and scope pass a test.

        key: stands for the test. pin: begins a read transaction anew, so that a snapshot is taken. ask: counts in it,
        and is told whether the counts of all the keys `same` are known and equal in that snapshot.
        """
        with self._lock:
            entries = self._entries.setdefault(place, OrderedDict())
            known = entries.get(key)
            if known is not None:
                entries.move_to_end(key)
                if known.count is not None:
                    return known.count
        entry = _Entry(test) if known is None else None  # somebody else is counting for everybody
        if entry is None or (are_same := self._follow(place, key, entry, pin, same)) is None:
            pin()
            return ask(False)
        try:
            found = ask(are_same)
        except BaseException:
            self._drop(place, key, entry)
            raise
        with self._lock:
            entry.count = found + entry.added
            return entry.count

    def _follow(
        self, place: Place, key: Hashable, entry: _Entry, pin: Callable[[], None], same: Sequence[Hashable]
    ) -> bool | None:
        """Take a snapshot between two transactions and hear of all later ones; None if there was no gap."""
        for _ in range(_ATTEMPTS):
            before = self._version
            if before % 2 == 0:
                pin()
                with self._lock:
                    if self._version == before:
                        entries = self._entries.setdefault(place, OrderedDict())
                        known = {entries[each].count if each in entries else None for each in same}
                        entries[key] = entry
                        if len(entries) > KEPT:
                            entries.popitem(last=False)
                        return len(known) == 1 and None not in known
            time.sleep(0.001)
        return None

    def _drop(self, place: Place, key: Hashable, entry: _Entry) -> None:
        with self._lock:
            entries = self._entries.get(place, OrderedDict())
            if entries.get(key) is entry:
                del entries[key]


def _add(change: Change, entries: OrderedDict[Hashable, _Entry]) -> None:
    before = change.before() if change.before is not None else None
    after = change.after() if change.after is not None else None
    for entry in entries.values():
        difference = (after is not None and entry.test(after)) - (before is not None and entry.test(before))
        if entry.count is None:
            entry.added += difference
        else:
            entry.count += difference
