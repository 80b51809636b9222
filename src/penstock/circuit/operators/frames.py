"""One call of a window function: how far a change reaches, and its value for rows near a change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.aggregates.accumulators import linear
from penstock.circuit.aggregates.folds import FOLDS, FoldRows
from penstock.circuit.aggregates.linear import Accumulator, FloatSum
from penstock.circuit.operators.positions import cumulative_shares, percent_ranks, places, tiles
from penstock.circuit.operators.ranking import ranks
from penstock.circuit.operators.sliding import extremes, float_sums, range_edges
from penstock.data.batch import Batch, Column, Mask, Words
from penstock.data.order import order_words
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout, Rows
from penstock.data.sequences import SUMS, Sequences, Span
from penstock.data.types import BIGINT, FLOATS, SqlType
from penstock.data.zset import consolidate
from penstock.sql.diagnostics import NotSupported
from penstock.sql.evaluate import compile_exprs, compile_predicate
from penstock.sql.plan.expr import Literal, SortKey
from penstock.sql.plan.nodes import Frame, WindowCall

_EDGES = ("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")
_EXTREMES = ("MIN", "MAX")
_SHIFTS = ("LAG", "LEAD")
_RANKS = ("ROW_NUMBER", "RANK", "DENSE_RANK")
_SHARES = ("NTILE", "PERCENT_RANK", "CUME_DIST")

MOST_SUMS = 8
"""The greatest number of words that a call sums in the index; with more it adds up the rows of its frame."""


class Near:
    """Rows in order, in stretches: those near a change (inner), and those around them that their values depend on.

    ids, copies: each row's record, and which of the equal rows there it is. begin, end: each row's stretch (end
    exclusive). ties: which rows are equal by the order to the row before. word: with the weights of when.
    """

    def __init__(
        self,
        state: Sequences,
        word: int,
        ids: Words,
        copies: Words,
        stretch: Words,
        inner: Words,
        layout: RowLayout,
    ) -> None:
        self.state = state
        self.word = word
        self.ids = ids
        self.copies = copies
        self.inner = inner
        self.columns: list[Column] = layout.unpack(state.rows.keys(ids))
        fresh = np.ones(len(ids), np.bool_)
        fresh[1:] = stretch[1:] != stretch[:-1]
        starts = np.flatnonzero(fresh)
        sizes = np.diff(np.append(starts, len(ids)))
        self.begin = np.repeat(starts, sizes)
        self.end = self.begin + np.repeat(sizes, sizes)
        words = state.order_words(ids)
        self.ties = ~fresh
        self.ties[1:] &= (words[1:] == words[:-1]).all(axis=1)

    def __len__(self) -> int:
        return len(self.ids)

    def sums(self, span: Span, first: int, count: int) -> Rows:
        """Return sums of words over the frame of each inner row (`Sequences.frame_sums`)."""
        return self.state.frame_sums(self.ids[self.inner], self.copies[self.inner], self.word, span, first, count)

    def counts(self, span: Span) -> Words:
        """Return how many rows are in the frame of each inner row."""
        return self.sums(span, self.word - SUMS, 1)[:, 0]

    def peers(self) -> tuple[Words, Words]:
        """Return the first and the last + 1 position of each row's peers (equal by the order)."""
        starts = np.flatnonzero(~self.ties)
        index = np.cumsum(~self.ties) - 1
        ends = np.append(starts[1:], len(self))
        return starts[index], ends[index]


class CallOver:
    """One call. sums: words that it has summed, from `at` on; span: rows that its value is a function of.

    reads_rows: whether it looks at those rows, rather than at the index only.
    """

    def __init__(self, call: WindowCall, type: SqlType, order: Sequence[SortKey], at: int, pool: Pool) -> None:
        self._call = call
        self._type = type
        self._pool = pool
        self._at = at
        self._order = tuple(order)
        self._args = compile_exprs(call.args, pool)
        self._arg_types = [a.type for a in call.args]
        self._filter = None if call.filter is None else compile_predicate(call.filter, pool)
        self._order_exprs = compile_exprs([k.expr for k in order], pool)
        self._linear: Accumulator | None = None
        self.sums = 0
        self.reads_rows = True
        if call.name in _SHIFTS:
            self._distance = _distance(call)
            self.span = _shift_span(self._distance, call.ignore_nulls)
            return
        if call.name in _SHARES:
            self.span = Span(True, None, None)
            self.reads_rows = False
            return
        if call.name in _RANKS:
            self.span = Span(call.name == "ROW_NUMBER", None, 0)
            self.reads_rows = call.name == "DENSE_RANK"
            return
        self._frame = call.frame or Frame("range", None, 0 if order else None)
        self.span = _around(self._frame)
        self._check_order()
        if call.name not in _EDGES:
            self._linear = linear(call.name, self._arg_types, type, pool)
            if self._linear is None and call.name not in FOLDS and call.name not in _EXTREMES:
                raise NotSupported(f"window function {call.name}", None)
            summed = self._linear is not None and not self._linear.floats and not call.distinct
            if summed and self._linear is not None and self._linear.words <= MOST_SUMS:
                self.sums = self._linear.words
                self.reads_rows = False

    def _check_order(self) -> None:
        frame = self._frame
        if frame.unit == "range" and (frame.start or frame.end):
            type = self._order[0].expr.type
            if type.kind in FLOATS or type.pooled:
                raise NotSupported(f"RANGE frame with an offset over {type.kind.value}", None)

    def spread(self, columns: Sequence[Column], units: Rows) -> None:
        """Write what one of each row adds to the call's sums into its words of units (n, .)."""
        assert self._linear is not None
        weights = np.ones(len(units), np.int64)
        if self._filter is not None:
            weights = self._filter(columns, len(units)).astype(np.int64)
        if not weights.any():
            return
        kept = np.flatnonzero(weights)
        args: list[Column] = self._args([c.take(kept) for c in columns], len(kept))
        out = np.zeros((len(kept), self.sums), np.int64)
        self._linear.spread(args, weights[kept], out)
        units[kept, self._at : self._at + self.sums] = out

    def evaluate(self, rows: Near) -> Column:
        """Return the call's value for each inner row."""
        name = self._call.name
        if name in _RANKS and name != "DENSE_RANK":
            numbers = rows.counts(Span(name == "ROW_NUMBER", None, 0))
            return Column(numbers if name == "ROW_NUMBER" else numbers - rows.counts(Span(False, 0, 0)) + 1)
        if name in _SHARES:
            return Column(self._share(rows))
        if self.sums:
            assert self._linear is not None
            span = Span(self._frame.unit == "rows", self._frame.start, self._frame.end)
            return self._linear.result(rows.sums(span, self._at, self.sums))
        if len(rows.inner) == 0:
            return Column(np.empty(0, np.int64))
        if name == "DENSE_RANK":
            return Column(ranks("dense_rank", rows.begin, rows.ties)[rows.inner])
        args: list[Column] = self._args(rows.columns, len(rows))
        if name in _SHIFTS:
            return self._shifted(rows, args)
        low, high = self._bounds(rows)
        if name in _EDGES:
            return self._edge_value(rows, args[0], low[rows.inner], np.maximum(low, high)[rows.inner])
        return self._aggregate(rows, args, low, np.maximum(low, high))

    def _share(self, rows: Near) -> Words:
        count = rows.counts(Span(True, None, None))
        if self._call.name == "NTILE":
            return tiles(rows.counts(Span(True, None, 0)), count, _constant(self._call, 0))
        through = rows.counts(Span(False, None, 0))
        if self._call.name == "CUME_DIST":
            return cumulative_shares(through, count)
        return percent_ranks(through - rows.counts(Span(False, 0, 0)) + 1, count)

    def _edge_value(self, rows: Near, values: Column, low: Words, high: Words) -> Column:
        """Return the first, last or n-th value of each inner row's frame [low, high)."""
        counted = places(values, len(rows), self._call.ignore_nulls)
        if self._call.name == "LAST_VALUE":
            wanted = counted.before[high] - 1
        else:
            nth = _constant(self._call, 1) if self._call.name == "NTH_VALUE" else 1
            wanted = counted.before[low] + nth - 1
        at = counted.choose(wanted, low, high)
        return _nulled(values.take(np.maximum(at, 0)), at < 0)

    def _shifted(self, rows: Near, args: Sequence[Column]) -> Column:
        counted = places(args[0], len(rows), self._call.ignore_nulls and self._distance != 0)
        # Counted from the row itself, which need not count: what is ahead begins behind it.
        ahead = self._distance - 1 if self._distance > 0 else self._distance
        start = rows.inner + (self._distance > 0)
        at = counted.choose(counted.before[start] + ahead, rows.begin[rows.inner], rows.end[rows.inner])
        outside = at < 0
        value = args[0].take(np.maximum(at, 0))
        if len(args) < 3:
            return _nulled(value, outside)
        default = args[2].take(rows.inner)
        nulls = np.where(
            outside,
            False if default.nulls is None else default.nulls,
            False if value.nulls is None else value.nulls,
        )
        return Column(np.where(outside, default.words, value.words), nulls if nulls.any() else None)

    def _bounds(self, rows: Near) -> tuple[Words, Words]:
        """Return the first and the last + 1 position of each row's frame."""
        frame = self._frame
        position = np.arange(len(rows))
        if frame.unit == "rows":
            low = rows.begin if frame.start is None else np.maximum(rows.begin, position + frame.start)
            high = rows.end if frame.end is None else np.minimum(rows.end, position + frame.end + 1)
            return np.minimum(low, rows.end), np.maximum(high, rows.begin)
        first, last = rows.peers()
        low = rows.begin if frame.start is None else first if frame.start == 0 else self._edge(rows, frame.start, False)
        high = rows.end if frame.end is None else last if frame.end == 0 else self._edge(rows, frame.end, True)
        return low, high

    def _edge(self, rows: Near, distance: int, after: bool) -> Words:
        """Return where the order key reaches each row's key plus the distance; NULL keys have only their peers."""
        [key] = self._order_exprs(rows.columns, len(rows))
        words = order_words(key, self._order[0].expr.type, self._pool)
        if self._order[0].descending:
            words = ~words
        nulls = np.zeros(len(rows), np.bool_) if key.nulls is None else key.nulls
        first, last = rows.peers()
        return range_edges(rows.begin, rows.end, words, nulls, last if after else first, distance, after)

    def _aggregate(self, rows: Near, args: Sequence[Column], low: Words, high: Words) -> Column:
        weights = np.ones(len(rows), np.int64)
        if self._filter is not None:
            weights = self._filter(rows.columns, len(rows)).astype(np.int64)
        if self._call.distinct and self._call.name not in _EXTREMES:
            return self._distinct(rows, args, weights, low, high)
        if self._linear is not None:
            return self._summed(args, weights, low[rows.inner], high[rows.inner])
        if self._call.ignore_nulls and args[0].nulls is not None:
            weights = np.where(args[0].nulls, 0, weights)
        if self._call.name in _EXTREMES:
            return self._extreme(rows, args[0], weights, low, high)
        members = self._members(rows, args, weights, low, high)
        group, *columns = members.columns
        found = FoldRows(group.words, columns, members.weights, len(rows.inner), self._arg_types, self._pool)
        return FOLDS[self._call.name](found, self._type, [])

    def _members(self, rows: Near, args: Sequence[Column], weights: Words, low: Words, high: Words) -> Batch:
        """Return the arguments in the frame of each inner row, behind the row's number: ordered, equal ones as one."""
        low, sizes = low[rows.inner], (high - low)[rows.inner]
        row = np.repeat(np.arange(len(sizes)), sizes)
        at = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes - low, sizes)
        kept = weights[at] > 0
        row, at = row[kept], at[kept]
        members = Batch([Column(row), *(a.take(at) for a in args)], np.ones(len(row), np.int64))
        return consolidate(members, RowLayout([BIGINT, *self._arg_types]))

    def _distinct(self, rows: Near, args: Sequence[Column], weights: Words, low: Words, high: Words) -> Column:
        """Aggregate the different arguments of each frame."""
        members = self._members(rows, args, weights, low, high)
        group, *columns = members.columns
        once = np.ones(len(members), np.int64)
        if self._linear is None:
            found = FoldRows(group.words, columns, once, len(rows.inner), self._arg_types, self._pool)
            return FOLDS[self._call.name](found, self._type, [])
        ends = np.searchsorted(group.words, np.arange(len(rows.inner) + 1))
        return self._summed(columns, once, ends[:-1], ends[1:])

    def _summed(self, args: Sequence[Column], weights: Words, low: Words, high: Words) -> Column:
        """Return the linear aggregate of the stretches [low, high) of rows."""
        assert self._linear is not None
        spread = np.zeros((len(weights) + 1, self._linear.words), np.int64)
        self._linear.spread(args, weights, spread[1:])
        sums = np.cumsum(spread, axis=0)
        sums = sums[high] - sums[low]
        if isinstance(self._linear, FloatSum):
            return self._linear.total(sums, float_sums(self._linear.finite(args, weights), low, high))
        return self._linear.result(sums)

    def _extreme(self, rows: Near, values: Column, weights: Words, low: Words, high: Words) -> Column:
        words = order_words(values, self._arg_types[0], self._pool)
        present = weights > 0 if values.nulls is None else (weights > 0) & ~values.nulls
        at = extremes(~words if self._call.name == "MAX" else words, present, rows.begin, low, high)[rows.inner]
        return _nulled(values.take(np.maximum(at, 0)), at < 0)


def _shift_span(distance: int, ignore_nulls: bool) -> Span:
    """Return the rows that LAG or LEAD looks at; where it passes over NULLs, all on its side."""
    if ignore_nulls and distance:
        return Span(True, None, 0) if distance < 0 else Span(True, 0, None)
    return Span(True, min(distance, 0), max(distance, 0))


def _constant(call: WindowCall, at: int) -> int:
    """Return the positive whole number that is the argument at a place."""
    argument = call.args[at]
    assert isinstance(argument, Literal) and isinstance(argument.value, int)
    return argument.value


def _distance(call: WindowCall) -> int:
    offset = call.args[1] if len(call.args) > 1 else None
    if offset is not None and not (isinstance(offset, Literal) and isinstance(offset.value, int)):
        raise NotSupported(f"{call.name} with an offset that is not a constant", None)
    distance = 1 if offset is None else int(offset.value)  # type: ignore[call-overload]
    return distance if call.name == "LEAD" else -distance


def _around(frame: Frame) -> Span:
    """Return the stretch that holds a row and its frame."""
    start = None if frame.start is None else min(frame.start, 0)
    end = None if frame.end is None else max(frame.end, 0)
    return Span(frame.unit == "rows", start, end)


def _nulled(column: Column, nulls: Mask) -> Column:
    if not nulls.any():
        return column
    combined = nulls if column.nulls is None else nulls | column.nulls
    return Column(np.where(combined, 0, column.words), combined)
