"""Window functions over whole partitions: LAG, LEAD, ranks, FIRST_VALUE, LAST_VALUE and aggregates over frames.

The rows of a touched partition are read, evaluated before and after, and the difference is emitted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.aggregates.folds import FOLDS, FoldRows
from penstock.circuit.aggregates.linear import FloatSum, linear
from penstock.circuit.operators.ranking import Ordering, expand, ranks
from penstock.circuit.operators.regroup import Groups, Regroup
from penstock.data.batch import Batch, Column, Mask, Words
from penstock.data.order import order_words
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, SqlType
from penstock.sql.diagnostics import NotSupported
from penstock.sql.evaluate import compile_exprs, compile_predicate
from penstock.sql.plan.expr import Literal
from penstock.sql.plan.nodes import Frame, WindowCall
from penstock.sql.plan.nodes import Window as WindowNode

_RANKS = {"ROW_NUMBER": "row_number", "RANK": "rank", "DENSE_RANK": "dense_rank"}


class Window(Regroup):
    """The input's columns followed by one for each call."""

    def __init__(self, node: WindowNode, pool: Pool) -> None:
        super().__init__(node.input.schema, node.partition, node.schema, False, pool)
        self.title = f"window {', '.join(c.name.lower() for c in node.calls)}"
        self._ordering = Ordering(node.order, node.input.schema, pool)
        width = len(node.input.schema)
        self._calls = [
            _CallOver(call, field.type, node, pool) for call, field in zip(node.calls, node.schema[width:], strict=True)
        ]

    def evaluate(self, groups: Groups) -> tuple[Batch, Words]:
        rows, _ = expand(groups)
        order, begin, same = self._ordering.sort(rows)
        ordered = rows.take(order)
        part = Partitions(ordered, begin, same)
        columns = [*ordered.columns, *(call.evaluate(part) for call in self._calls)]
        return Batch(columns, ordered.weights), np.arange(0)


class Partitions:
    """Ordered rows of several partitions. begin, end: each row's partition (end exclusive); ties: as the one before."""

    def __init__(self, rows: Groups, begin: Words, ties: Mask) -> None:
        self.rows = rows
        self.begin = begin
        self.ties = ties
        count = len(begin)
        _, sizes = np.unique(begin, return_counts=True)
        self.end = begin + np.repeat(sizes, sizes) if count else begin

    def __len__(self) -> int:
        return len(self.begin)

    def peers(self) -> tuple[Words, Words]:
        """Return the first and the last + 1 position of each row's peers (equal by the order)."""
        starts = np.flatnonzero(~self.ties)
        index = np.cumsum(~self.ties) - 1
        ends = np.append(starts[1:], len(self))
        return starts[index], ends[index]


class _CallOver:
    """One call over the ordered rows."""

    def __init__(self, call: WindowCall, type: SqlType, node: WindowNode, pool: Pool) -> None:
        self._call = call
        self._type = type
        self._pool = pool
        self._args = compile_exprs(call.args, pool)
        self._filter = None if call.filter is None else compile_predicate(call.filter, pool)
        self._arg_types = [a.type for a in call.args]
        self._order = node.order
        self._order_exprs = compile_exprs([k.expr for k in node.order], pool)
        name = call.name
        if name in ("LAG", "LEAD"):
            offset = call.args[1] if len(call.args) > 1 else None
            if offset is not None and not (isinstance(offset, Literal) and isinstance(offset.value, int)):
                raise NotSupported(f"{name} with an offset that is not a constant", None)
            distance = 1 if offset is None else int(offset.value)  # type: ignore[call-overload]
            self._distance = distance if name == "LEAD" else -distance
        elif name not in _RANKS and name not in ("FIRST_VALUE", "LAST_VALUE"):
            self._linear = linear(name, self._arg_types, type, pool)
            if self._linear is None and name not in FOLDS:
                raise NotSupported(f"window function {name}", None)

    def evaluate(self, part: Partitions) -> Column:
        """Return the call's value for each ordered row."""
        name = self._call.name
        if name in _RANKS:
            return Column(ranks(_RANKS[name], part.begin, part.ties))
        if len(part) == 0:
            return Column(np.empty(0, np.int64))
        args: list[Column] = self._args(part.rows.columns, len(part))
        if name in ("LAG", "LEAD"):
            return self._shifted(part, args)
        low, high = self._frame(part)
        if name in ("FIRST_VALUE", "LAST_VALUE"):
            empty = low >= high
            at = np.where(empty, 0, low if name == "FIRST_VALUE" else high - 1)
            return _nulled(args[0].take(at), empty)
        return self._aggregate(part, args, low, high)

    def _shifted(self, part: Partitions, args: Sequence[Column]) -> Column:
        at = np.arange(len(part)) + self._distance
        outside = (at < part.begin) | (at >= part.end)
        value = args[0].take(np.where(outside, 0, at))
        if len(args) > 2:
            default = args[2]
            nulls = np.where(
                outside,
                False if default.nulls is None else default.nulls,
                False if value.nulls is None else value.nulls,
            )
            return Column(np.where(outside, default.words, value.words), nulls if nulls.any() else None)
        return _nulled(value, outside)

    def _frame(self, part: Partitions) -> tuple[Words, Words]:
        """Return the first and the last + 1 position of each row's frame."""
        frame = self._call.frame
        if frame is None:
            frame = Frame("range", None, 0 if self._order else None)
        position = np.arange(len(part))
        if frame.unit == "rows":
            low = part.begin if frame.start is None else np.maximum(part.begin, position + frame.start)
            high = part.end if frame.end is None else np.minimum(part.end, position + frame.end + 1)
            return np.minimum(low, part.end), np.maximum(high, part.begin)
        first, last = part.peers()
        low = part.begin if frame.start is None else first if frame.start == 0 else self._edge(part, frame.start, False)
        high = part.end if frame.end is None else last if frame.end == 0 else self._edge(part, frame.end, True)
        return low, high

    def _edge(self, part: Partitions, distance: int, after: bool) -> Words:
        """Return where the order key reaches each row's key plus the distance; NULL keys have only their peers."""
        [key] = self._order_exprs(part.rows.columns, len(part))
        type = self._order[0].expr.type
        if type.kind in FLOATS or type.pooled:
            raise NotSupported(f"RANGE frame with an offset over {type.kind.value}", None)
        words = order_words(key, type, self._pool)
        sign = -1 if self._order[0].descending else 1
        result = np.empty(len(part), np.int64)
        first, last = part.peers()
        for begin in np.unique(part.begin):
            end = int(part.end[begin])
            span = slice(int(begin), end)
            nulls = np.zeros(end - int(begin), np.bool_) if key.nulls is None else key.nulls[span]
            known = np.flatnonzero(~nulls)
            values = sign * words[span][known]
            found = np.searchsorted(values, values + distance, side="right" if after else "left")
            offset = int(begin) + (int(known[0]) if len(known) else 0)
            part_result = np.where(nulls, last[span] if after else first[span], 0)
            part_result[known] = offset + found
            result[span] = part_result
        return result

    def _aggregate(self, part: Partitions, args: Sequence[Column], low: Words, high: Words) -> Column:
        weights = part.rows.weights
        if self._filter is not None:
            weights = np.where(self._filter(part.rows.columns, len(part)), weights, 0)
        high = np.maximum(low, high)
        if self._linear is not None and not isinstance(self._linear, FloatSum):
            spread = np.zeros((len(part) + 1, self._linear.words), np.int64)
            self._linear.spread(args, weights, spread[1:])
            sums = np.cumsum(spread, axis=0)
            return self._linear.result(sums[high] - sums[low])
        sizes = high - low
        row = np.repeat(np.arange(len(part)), sizes)
        at = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(low, sizes)
        kept = weights[at] > 0
        row, at = row[kept], at[kept]
        columns = [a.take(at) for a in args]
        if isinstance(self._linear, FloatSum):
            return self._float_sums(columns, row, len(part))
        fold = FOLDS[self._call.name]
        rows = FoldRows(row, columns, np.ones(len(row), np.int64), len(part), self._arg_types, self._pool)
        return fold(rows, self._type, [])

    def _float_sums(self, columns: Sequence[Column], row: Words, count: int) -> Column:
        assert isinstance(self._linear, FloatSum)
        ones = np.ones(len(row), np.int64)
        words = np.zeros((len(row), self._linear.words), np.int64)
        self._linear.spread(columns, ones, words)
        sums = np.zeros((count, self._linear.words), np.int64)
        np.add.at(sums, row, words)
        finite = np.bincount(row, self._linear.finite(columns, ones), count).astype(np.float64)
        return self._linear.total(sums, finite)


def _nulled(column: Column, nulls: Mask) -> Column:
    if not nulls.any():
        return column
    combined = nulls if column.nulls is None else nulls | column.nulls
    return Column(np.where(combined, 0, column.words), combined)
