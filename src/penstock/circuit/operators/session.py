"""SESSION: rows of a key of which each follows the one before within a gap, and aggregates of such sessions.

    d(out) = rows(new sessions met by d(rows)) - rows(old ones)

`Sessions` gives each row of a session its bounds: a session that grows is given again whole, since all of its rows say
when it ends. So an aggregate by key and session is kept by `SessionAggregate` for the sessions themselves: one row of
each that was met is taken back and given. What rows that change hands say to an aggregate is what any change says: they
leave one group and come to another. Where rows are only added and all calls can be united, no row is kept at all.
State: rows by key in order of time, or sessions; what ended before a waterline of the time is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.calls import build_states
from penstock.circuit.aggregates.state import AggregateState
from penstock.circuit.operator import Delta, Operator, State, Stateful, batch_of
from penstock.circuit.retention import ForgetGroups, Forgetter
from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded, coded
from penstock.data.forgetting import Place, place_in
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout, Rows
from penstock.data.sessions import Sessions, Touched
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Aggregate, Window
from penstock.sql.plan.walk import columns_of

_NAMES = ("SESSION_START", "SESSION_END")


def serves(node: Window) -> bool:
    """Whether a window is one of sessions."""
    return bool(node.calls) and all(call.name in _NAMES for call in node.calls)


def _gap(node: Window) -> int:
    gap = node.calls[0].args[1]
    assert isinstance(gap, Literal) and isinstance(gap.value, int)
    return gap.value


class _OfSessions(Operator):
    """What both operators have in common: how rows come in, and what is known of their state."""

    def __init__(self, node: Window, words: int, keeps_rows: bool, pool: Pool) -> None:
        self._keys = compile_exprs(node.partition, pool)
        self._key_layout = RowLayout([e.type for e in node.partition])
        self._layout = RowLayout([f.type for f in node.input.schema])
        self._time = compile_exprs([node.order[0].expr], pool)
        self._sessions = Sessions(
            self._key_layout.width, self._layout.width if keeps_rows else None, words, _gap(node), pool
        )
        self._calls: list[AggregateState] = []
        self._steps = 0

    def _read(self, batch: Batch) -> tuple[Rows, Words]:
        """Begin a step; returns keys and times."""
        self._steps += 1
        count = len(batch)
        [time] = self._time(batch.columns, count)
        return self._key_layout.pack(self._keys(batch.columns, count), count), time.words

    def _enter(self, batch: Batch, keys: Rows, times: Words) -> Touched:
        lines = np.empty((len(batch), 1 + self._layout.width), np.int64)
        lines[:, 1:] = self._layout.pack(batch.columns, len(batch))
        return self._sessions.enter(keys, lines, times, batch.weights, self._steps)

    def behind(self) -> list[Forgetter]:
        """Return what rids the state of sessions by a waterline of the time: those that no later row can join."""
        place = Place(self._sessions.high_at, -1, 0)
        return [_ForgetEnded(self._forget_at(place), self._sessions.gap)]

    def forgetters(self, column: int) -> list[Forgetter]:
        return [self._forget_at(place_in(self._key_layout, column, 1))]

    def _forget_at(self, place: Place) -> Forgetter:
        seen = [records for call in self._calls for records in call.seen()]
        rows = [rows for call in self._calls for rows in call.rows()]
        trees = [tree for call in self._calls for tree in call.trees(self._sessions.spans)]
        return ForgetGroups(self._sessions.spans, place, seen, rows, [self._sessions, *trees])

    def coded(self) -> list[Coded]:
        sessions, key = self._sessions, [1 + i for i in self._key_layout.pooled]
        words = [sessions.payload_at + at for call in self._calls for at in call.words_coded()]
        rows = [] if sessions.rows is None else coded(sessions.rows, [2 + i for i in self._layout.pooled])
        return [*coded(sessions.groups, key), *coded(sessions.spans, [*key, *words]), *rows]

    def parts(self) -> dict[str, Stateful]:
        sessions = self._sessions
        parts: dict[str, Stateful] = {"groups": sessions.groups, "sessions": sessions.spans}
        return parts if sessions.rows is None else {**parts, "rows": sessions.rows}

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        return {**super().snapshot(), "steps": np.array([self._steps])}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._steps = int(state["steps"][0])


class Session(_OfSessions):
    """The input's columns followed by the bounds of the row's session."""

    def __init__(self, node: Window, pool: Pool) -> None:
        super().__init__(node, 0, True, pool)
        self.title = "session"
        self._ends = [call.name == "SESSION_END" for call in node.calls]

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        found = self._enter(batch, *self._read(batch))
        rows, weights, _, low, high = self._sessions.changes(found, True, self._steps)
        self._sessions.close(found)
        if len(rows) == 0:
            return None
        edges = [Column(high + self._sessions.gap if end else low.copy()) for end in self._ends]
        return Batch([*self._layout.unpack(rows), *edges], weights.copy())


class SessionAggregate(_OfSessions):
    """GROUP BY the keys of sessions and their bounds. node: the aggregate; window: its input."""

    def __init__(self, node: Aggregate, window: Window, append_only: bool, pool: Pool) -> None:
        types = [f.type for f in node.schema[len(node.keys) :]]
        calls: list[AggregateState] = []
        self._linear_words, words = build_states(node.calls, types, 0, append_only, pool, calls)
        self._unites = append_only and all(call.unites() for call in calls)
        if append_only and not self._unites:
            # Rows that change hands leave a session.
            calls = []
            self._linear_words, words = build_states(node.calls, types, 0, False, pool, calls)
        super().__init__(window, words, not self._unites, pool)
        self._calls = calls
        self.title = f"session {', '.join(c.name.lower() for c in node.calls)}".rstrip()
        self._out_layout = RowLayout([f.type for f in node.schema])
        self._sources = [_source(key, window) for key in node.keys]

    @staticmethod
    def serves(node: Aggregate) -> bool:
        """Whether the groups of an aggregate are sessions: by all keys of a session and a bound, by nothing else.

        Calls may ask for all of a row but the bounds of its session.
        """
        window = node.input
        if not isinstance(window, Window) or not serves(window):
            return False
        sources = [_source(key, window) for key in node.keys]
        if None in sources or not any(isinstance(s, str) for s in sources):
            return False
        asked = [e for call in node.calls for e in (*call.args, *(k.expr for k in call.order), call.filter)]
        columns = set().union(*(columns_of(e) for e in asked if e is not None))
        own = set(range(len(window.partition))) <= set(sources)
        return own and all(column < len(window.input.schema) for column in columns)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        sessions = self._sessions
        keys, times = self._read(batch)
        if self._unites:
            ids, found = sessions.join(keys, times, self._steps)
            gone, into = sessions.unite(found, self._linear_words)
            if len(gone):
                for call in self._calls:
                    call.unite(sessions.spans, gone, into)
        else:
            found = self._enter(batch, keys, times)
            rows, weights, ids, _, _ = sessions.changes(found, False, self._steps)
            batch = Batch(self._layout.unpack(rows), weights.copy())
        self._absorb(batch, np.ascontiguousarray(ids))
        result = self._emit(found)
        sessions.close(found)
        return result

    def _absorb(self, batch: Batch, ids: Words) -> None:
        spans = self._sessions.spans
        addends = np.zeros((len(batch), self._linear_words), np.int64)
        for call in self._calls:
            call.absorb(batch, ids, spans, addends)
        self._sessions.add(ids, addends)
        for call in self._calls:
            call.settle(spans)

    def _emit(self, found: Touched) -> Batch | None:
        sessions = self._sessions
        after = sessions.spans.payloads(found.ids)
        keys = sessions.spans.keys(found.ids)[:, : self._key_layout.width]
        old, new = self._rows(keys, found.payload), self._rows(keys, after)
        shown = sessions.shown(found.payload) != 0
        live = sessions.live(found.ids)
        same = shown & live & (old == new).all(axis=1)
        gone, come = np.flatnonzero(shown & ~same), np.flatnonzero(live & ~same)
        sessions.show(found.ids[come])
        if len(gone) + len(come) == 0:
            return None
        weights = np.concatenate([np.full(len(gone), -1, np.int64), np.ones(len(come), np.int64)])
        return Batch(self._out_layout.unpack(np.concatenate([old[gone], new[come]])), weights)

    def _rows(self, keys: Rows, payload: Rows) -> Rows:
        partition = self._key_layout.unpack(keys)
        low, high = self._sessions.bounds(payload)
        bounds = {"SESSION_START": Column(low), "SESSION_END": Column(high + self._sessions.gap)}
        columns = [bounds[s] if isinstance(s, str) else partition[s] for s in self._sources if s is not None]
        columns += [call.result(payload) for call in self._calls]
        return self._out_layout.pack(columns, len(keys))

    def coded(self) -> list[Coded]:
        return [*super().coded(), *(c for call in self._calls for c in call.coded())]

    def parts(self) -> dict[str, Stateful]:
        parts = super().parts()
        for i, call in enumerate(self._calls):
            parts.update({f"call{i}.{name}": part for name, part in call.parts().items()})
        return parts


def _source(key: Expr, window: Window) -> int | str | None:
    """Return what a group's key says of a session: which of its own keys it is, or which bound; None: neither."""
    width = len(window.input.schema)
    if isinstance(key, ColumnRef) and key.index >= width:
        return window.calls[key.index - width].name
    for i, own in enumerate(window.partition):
        if isinstance(key, ColumnRef) and isinstance(own, ColumnRef) and key.index == own.index:
            return i
    return None


class _ForgetEnded:
    """Sessions that ended at a time or before: their last row is a gap below it."""

    def __init__(self, forgetter: Forgetter, gap: int) -> None:
        self._forgetter = forgetter
        self._gap = gap

    def forget(self, bound: int, budget: int) -> None:
        """Look at the next sessions."""
        self._forgetter.forget(bound - self._gap + 1, budget)
