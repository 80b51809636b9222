"""Aggregates whose result is kept beside what it was found from: the least or greatest, the first in an order, or a
value that is read from all rows of its group.
How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.extreme import offer
from penstock.circuit.aggregates.folds import FOLDS, FoldRows, SortSpec
from penstock.circuit.aggregates.shortlists import Shortlists
from penstock.circuit.aggregates.state import AggregateState, Among, Input
from penstock.circuit.aggregates.trees import firsts, place
from penstock.circuit.operator import Stateful
from penstock.circuit.operators.ordering import OrderWords
from penstock.circuit.retention import Members, TreeOf
from penstock.data.arrangement import Arrangement
from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded, coded
from penstock.data.comparing import SIGNED, comparison, row_modes
from penstock.data.records import Records
from penstock.data.rows import RowLayout, Rows
from penstock.data.types import BIGINT, SqlType
from penstock.data.values import encode_value
from penstock.sql.diagnostics import NotSupported
from penstock.sql.plan.expr import ColumnRef, SortKey
from penstock.sql.plan.nodes import AggregateCall


class _Kept(AggregateState):
    """A result kept in two payload words: 0 none / 1 known, value. skips_nulls: rows with a null first argument."""

    def __init__(self, call: AggregateCall, result: SqlType, skips_nulls: bool, among: Among) -> None:
        exprs = [*call.args, *(k.expr for k in call.order)]
        self._input = Input(call, exprs, among)
        self._pool = among.pool
        self._result_type = result
        self._types = [e.type for e in exprs]
        self._skips_nulls = skips_nulls

    def absorb(self, batch: Batch, ids: Words, groups: Records, addends: Rows) -> None:
        args, _, rows, weights = self._input.read(batch, ids, addends, self.trace_at)
        out = weights == 0
        if self._skips_nulls and args[0].nulls is not None:
            out |= args[0].nulls
        if out.any():
            kept = np.flatnonzero(~out)
            args, rows, weights = [a.take(kept) for a in args], rows[kept], weights[kept]
        if len(rows):
            self.take(args, np.ascontiguousarray(rows), np.ascontiguousarray(weights), groups)

    def take(self, args: Sequence[Column], rows: Words, weights: Words, groups: Records) -> None:
        """Take in rows that take part. rows: the group of each."""
        raise NotImplementedError

    def _keep(self, groups: Records, ids: Words, value: Column) -> None:
        at = 1 + groups.width + self.kept_at
        groups.records[ids, at] = 1 if value.nulls is None else (~value.nulls).astype(np.int64)
        groups.records[ids, at + 1] = value.words

    def result(self, payload: Rows) -> Column:
        unknown = payload[:, self.kept_at] == 0
        return Column(payload[:, self.kept_at + 1].copy(), unknown if unknown.any() else None)

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        return self._untraced(payload)

    def traced(self) -> bool:
        return self._input.traced

    def seen(self) -> list[Records]:
        return self._input.seen()

    def words_coded(self) -> list[int]:
        return [self.kept_at + 1] if self._result_type.pooled else []

    def coded(self) -> list[Coded]:
        return self._input.coded()

    def parts(self) -> dict[str, Stateful]:
        return self._input.parts()


class ExtremeState(_Kept):
    """MIN and MAX: a value that comes is compared with the extreme of its group.

    Rows are kept, unless they are only ever added, and those of a group are read again when its extreme leaves: a path
    in a tree for each row that comes would cost five times as much. Of a large group that loses its extreme its best
    values are then known (`Shortlists`), and are looked at instead as long as there are any.
    """

    def __init__(self, call: AggregateCall, result: SqlType, among: Among) -> None:
        super().__init__(call, result, True, among)
        self._sign = 1 if call.name == "MAX" else -1
        self._mode = comparison(self._types[0])
        # The group is part of the kept row: equal values of two groups are two rows.
        self._layout = RowLayout([BIGINT, *self._types])
        self._rows = None if among.append_only else Arrangement(1, self._layout.width)
        self._best = None if among.append_only else Shortlists(self._types[0], self._sign > 0, among.pool)
        self._again: Words = np.empty(0, np.int64)

    def take(self, args: Sequence[Column], rows: Words, weights: Words, groups: Records) -> None:
        early = 0
        if self._rows is not None:
            packed = self._layout.pack([Column(rows), *args], len(rows))
            early = self._rows.update(rows.reshape(-1, 1), packed, weights)
        values, ended = args[0], np.empty(0, np.int64)
        if self._best is not None and len(self._best):
            values, rows, weights, ended = self._listed(self._best, values, rows, weights, groups)
        # Of a value that is taken away before it is there, no comparison says that it is not there.
        again = np.unique(rows) if early else self._offer(groups, rows, values.words, weights)
        self._again = np.concatenate([again, ended]) if len(ended) else again

    def _listed(
        self, best: Shortlists, values: Column, rows: Words, weights: Words, groups: Records
    ) -> tuple[Column, Words, Words, Words]:
        """Take in what concerns groups with a list; return the rest, and groups whose list has come to its end."""
        lists = best.find(rows)
        listed = np.flatnonzero(lists >= 0)
        if len(listed) == 0:
            return values, rows, weights, listed
        touched, words, known = best.take(lists[listed], values.take(listed), weights[listed])
        at = 1 + groups.width + self.kept_at
        groups.records[touched[known], at + 1] = words[known]
        rest = np.flatnonzero(lists < 0)
        return values.take(rest), rows[rest], weights[rest], touched[~known]

    def settle(self, groups: Records) -> None:
        again, self._again = self._again, np.empty(0, np.int64)
        if len(again) == 0 or self._rows is None or self._best is None:
            return
        source, rows, weights = self._rows.lookup(np.ascontiguousarray(again.reshape(-1, 1)))
        there = np.flatnonzero(weights > 0)
        at = 1 + groups.width + self.kept_at
        groups.records[again, at : at + 2] = 0
        self._offer(groups, again[source[there]], self._layout.unpack(rows[there])[1].words, weights[there])
        ends = np.cumsum(np.bincount(source, minlength=len(again)))
        for k in np.flatnonzero(np.diff(ends, prepend=0) >= Shortlists.least):
            some = slice(ends[k - 1] if k else 0, ends[k])
            self._best.fill(int(again[k]), self._layout.unpack(rows[some])[1], weights[some])

    def _offer(self, groups: Records, ids: Words, words: Words, weights: Words) -> Words:
        """Compare values with the extremes of their groups; returns the groups whose extreme may have left."""
        lost = np.empty(len(ids), np.int64)
        count = offer(
            groups.records,
            1 + groups.width + self.kept_at,
            ids,
            np.ascontiguousarray(words),
            weights,
            self._sign,
            self._mode,
            *self._pool.arrays,
            lost,
        )
        return lost[:count]

    def unites(self) -> bool:
        return self._rows is None

    def unite(self, groups: Records, gone: Words, into: Words) -> None:
        kept = groups.payloads(gone, self.kept_at, 2)
        known = np.flatnonzero(kept[:, 0] != 0)
        self._offer(groups, into[known], kept[known, 1], np.ones(len(known), np.int64))

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        if self._rows is None:
            return self._untraced(payload)
        return self._untraced(payload) & (self._rows.keys.find(np.ascontiguousarray(groups.reshape(-1, 1))) < 0)

    def rows(self) -> list[Arrangement]:
        return [] if self._rows is None else [self._rows]

    def coded(self) -> list[Coded]:
        if self._rows is None or self._best is None:
            return self._input.coded()
        return [*self._input.coded(), *self._rows.coded(RowLayout([BIGINT]), self._layout), *self._best.coded()]

    def trees(self, groups: Records) -> list[Members]:
        return [] if self._best is None else [self._best]

    def parts(self) -> dict[str, Stateful]:
        if self._rows is None or self._best is None:
            return self._input.parts()
        return {**self._input.parts(), "rows": self._rows, "lists": self._best.lists, "best": self._best.entries}


class FoldState(_Kept):
    """A value found again from all rows of its group after every change of the group. Cost: the size of the group."""

    def __init__(self, call: AggregateCall, result: SqlType, among: Among) -> None:
        super().__init__(call, result, call.ignore_nulls, among)
        if call.name not in FOLDS:
            raise NotSupported(f"aggregate function {call.name}", None)
        self._fold = FOLDS[call.name]
        self._over_nothing = encode_value([], result, among.pool)[0] if call.name == "ARRAY_AGG" else None
        self._order: list[SortSpec] = [
            (len(call.args) + i, k.descending, k.nulls_first) for i, k in enumerate(call.order)
        ]
        # The group is part of the kept row: equal values of two groups are two rows.
        self._layout = RowLayout([BIGINT, *self._types])
        self._rows = Arrangement(1, self._layout.width)
        self._again: Words = np.empty(0, np.int64)

    def take(self, args: Sequence[Column], rows: Words, weights: Words, groups: Records) -> None:
        self._rows.update(rows.reshape(-1, 1), self._layout.pack([Column(rows), *args], len(rows)), weights)
        self._again = np.unique(rows)

    def settle(self, groups: Records) -> None:
        again, self._again = self._again, np.empty(0, np.int64)
        if len(again) == 0:
            return
        source, rows, weights = self._rows.lookup(np.ascontiguousarray(again.reshape(-1, 1)))
        kept = np.flatnonzero(weights > 0)
        source, rows, weights = source[kept], np.ascontiguousarray(rows[kept]), weights[kept]
        found = FoldRows(source, self._layout.unpack(rows)[1:], weights, len(again), self._types, self._pool)
        self._keep(groups, again, self._fold(found, self._result_type, self._order))

    def result(self, payload: Rows) -> Column:
        if self._over_nothing is not None:
            unknown = payload[:, self.kept_at] == 0
            return Column(np.where(unknown, self._over_nothing, payload[:, self.kept_at + 1]))
        return super().result(payload)

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        return self._untraced(payload) & (self._rows.keys.find(np.ascontiguousarray(groups.reshape(-1, 1))) < 0)

    def rows(self) -> list[Arrangement]:
        return [self._rows]

    def coded(self) -> list[Coded]:
        return [*self._input.coded(), *self._rows.coded(RowLayout([BIGINT]), self._layout)]

    def parts(self) -> dict[str, Stateful]:
        return {**self._input.parts(), "rows": self._rows}


_ROOT, _SIZE = 2, 3
"""Kept words after the result: root of the group's tree, rows that it has."""


class FirstState(_Kept):
    """The first argument in the first row of the group by some order: all rows stand in a search tree. MODE: all values
    do, by how often they occur. Cost: a path for each changed row."""

    kept_words = 4

    def __init__(self, call: AggregateCall, result: SqlType, among: Among) -> None:
        super().__init__(call, result, call.ignore_nulls or call.name in ("ANY_VALUE", "MODE"), among)
        self._layout = RowLayout([BIGINT, *self._types])
        self._by_weight = call.name == "MODE"
        keys = [
            SortKey(ColumnRef(1 + p, self._types[p]), descending, nulls_first)
            for p, descending, nulls_first in _order(call)
        ]
        self._order = OrderWords(keys, self._layout, among.pool)
        self._modes, self._signs = self._order.modes, self._order.signs
        if self._by_weight:
            self._modes, self._signs = row_modes([SIGNED], self._layout.types), np.array([-1], np.int64)
        self._rows = Records(self._layout.width, len(self._signs) + 3)
        self._weight_at = 1 + self._layout.width + len(self._signs)
        self._again: Words = np.empty(0, np.int64)

    @staticmethod
    def serves(call: AggregateCall) -> bool:
        """Whether the aggregate is the first of some order."""
        return call.name in FIRSTS

    def take(self, args: Sequence[Column], rows: Words, weights: Words, groups: Records) -> None:
        batch = Batch([Column(rows), *args], weights)
        width = self._layout.width
        lines = np.empty((len(rows), width + self._order.width), np.int64)
        lines[:, :width] = self._layout.pack(batch.columns, len(rows))
        self._order.write(batch, lines, width)
        state = self._rows
        state.make_room(len(rows))
        place(
            groups.records,
            self._root_at(groups),
            state.records,
            state.directory,
            state.meta,
            lines,
            width,
            state.hashes(lines),
            weights,
            self._by_weight,
            self._modes,
            self._signs,
            self._layout.columns,
            self._layout.null_words,
            *self._pool.arrays,
        )
        self._again = np.unique(rows)

    def _root_at(self, groups: Records) -> int:
        return 1 + groups.width + self.kept_at + _ROOT

    def settle(self, groups: Records) -> None:
        again, self._again = self._again, np.empty(0, np.int64)
        if len(again) == 0:
            return
        found = np.empty(len(again), np.int64)
        firsts(groups.records, self._root_at(groups), again, self._rows.records, self._weight_at, found)
        value = self._layout.unpack(self._rows.keys(np.maximum(found, 0)))[1]
        nulls = found < 0 if value.nulls is None else (found < 0) | value.nulls
        self._keep(groups, again, Column(np.where(nulls, 0, value.words), nulls))

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        return np.asarray(self._untraced(payload) & (payload[:, self.kept_at + _SIZE] == 0))

    def trees(self, groups: Records) -> list[Members]:
        return [TreeOf(self._rows, self._root_at(groups), self._weight_at + 1)]

    def coded(self) -> list[Coded]:
        row = self._layout
        order = [1 + row.width + i for i in self._order.pooled]
        return [*self._input.coded(), *coded(self._rows, [*(1 + i for i in row.pooled), *order])]

    def parts(self) -> dict[str, Stateful]:
        return {**self._input.parts(), "rows": self._rows}


FIRSTS = ("ARG_MIN", "ARG_MAX", "ANY_VALUE", "FIRST_VALUE", "LAST_VALUE", "MODE")
"""Aggregates that are the first argument in the first row of some order."""


def _order(call: AggregateCall) -> list[SortSpec]:
    """Return the order whose first row has the result; rows equal by it stand in the order of all their columns.

    ARG_MIN, ARG_MAX: among rows with the same second argument the least or greatest first one; a row without a second
    argument counts only where no row has one.
    """
    if call.name in ("ARG_MIN", "ARG_MAX"):
        descending = call.name == "ARG_MAX"
        return [(1, descending, False), (0, descending, not descending)]
    keys = [(len(call.args) + i, k.descending, k.nulls_first) for i, k in enumerate(call.order)]
    return [(p, not d, not f) for p, d, f in keys] if call.name == "LAST_VALUE" else keys
