"""One aggregate call inside a group's record: where its words are, how a delta changes them, what it gives.

Payload words of all linear calls stand together, so that one pass adds a delta to all of them; then come the words of
calls that keep a result: float sums, extremes and folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.extreme import offer
from penstock.circuit.aggregates.folds import FOLDS, FoldRows, SortSpec
from penstock.circuit.aggregates.linear import Accumulator, FloatSum, linear
from penstock.circuit.operator import Stateful
from penstock.data.arrangement import Arrangement
from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded
from penstock.data.comparing import comparison
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.rows import RowLayout, Rows
from penstock.data.types import BIGINT, SqlType
from penstock.data.values import encode_value
from penstock.data.zset import Contents
from penstock.sql.diagnostics import NotSupported
from penstock.sql.evaluate import compile_exprs, compile_predicate
from penstock.sql.plan.expr import ColumnRef, Expr, SortKey
from penstock.sql.plan.nodes import AggregateCall


@compiled("void(int64[:, ::1], int64, int64[::1], float64[::1], int64[::1])")
def _add_floats(records: Any, at: int, ids: Any, values: Any, weights: Any) -> None:  # pragma: no cover - compiled
    """Add value times weight to compensated sums: high at `at`, low after it.

    Products and sums are exact (Dekker 1971; Knuth, TAOCP 4.2.2), so a row of weight 3 adds what three rows add.
    """
    floats = records.view(np.float64)
    for r in range(len(ids)):
        i = ids[r]
        value = values[r]
        weight = np.float64(weights[r])
        x = value * weight
        if x == 0.0:
            continue
        low = 0.0
        if weight != 1.0 and weight != -1.0 and abs(value) < 1e290 and abs(weight) < 1e15:
            split = value * 134217729.0
            a = split - (split - value)
            b = value - a
            split = weight * 134217729.0
            c = split - (split - weight)
            d = weight - c
            low = b * d - (((x - a * c) - b * c) - a * d)
        high = floats[i, at]
        total = high + x
        part = total - high
        floats[i, at] = total
        floats[i, at + 1] += (high - (total - part)) + (x - part) + low


_PRIME = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xBF58476D1CE4E5B9)


def _traces(args: Sequence[Column], weights: Words) -> Words:
    """Return for each row its hash times its weight: summed up they are 0 when every row has been taken away again."""
    hashes = np.full(len(weights), _NULL)
    for arg in args:
        hashes = (hashes ^ arg.words.view(np.uint64)) * _PRIME
        if arg.nulls is not None:
            hashes += arg.nulls * _NULL
        hashes ^= hashes >> np.uint64(32)
    traces: Words = (hashes * _PRIME).view(np.int64) * weights
    return traces


class AggregateState:
    """A call's part of the state. absorb and settle take a delta in; result reads payload words (t, payload).

    trace_at: a word of the payload that is 0 when the group holds no rows, also none that were taken away too early;
    for calls that keep what their other words do not tell. None: it is not needed.

    kept_at: two words of the payload beside the linear ones, for calls that keep a result.
    """

    trace_at: int | None = None
    kept_at = 0

    def traced(self) -> bool:
        """Whether the call needs a trace."""
        return False

    def absorb(self, batch: Batch, ids: Words, groups: Records, addends: Rows) -> None:
        """Take in the delta; ids: the group of each row; addends (n, .): words to be added to the payload."""
        raise NotImplementedError

    def settle(self, groups: Records) -> None:
        """Finish the step, after the addends were added."""

    def result(self, payload: Rows) -> Column:
        """Return the call's value for each group."""
        raise NotImplementedError

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        """Return which of the groups hold nothing of this call any more, so that their record can go."""
        return np.ones(len(groups), np.bool_)

    def parts(self) -> dict[str, Stateful]:
        """Return further state."""
        return {}

    def words_coded(self) -> list[int]:
        """Return the words of the payload that are codes."""
        return []

    def coded(self) -> list[Coded]:
        """Return where codes stand in the further state."""
        return []

    def seen(self) -> list[Records]:
        """Return the values kept for DISTINCT, whose first word is their group."""
        return []

    def rows(self) -> list[Arrangement]:
        """Return the rows kept by their group."""
        return []

    def _untraced(self, payload: Rows) -> npt.NDArray[np.bool_]:
        """Return of which groups the trace is 0."""
        if self.trace_at is None:
            return np.ones(len(payload), np.bool_)
        return np.asarray(payload[:, self.trace_at] == 0)


class _Input:
    """The arguments of a call, with the weights of the rows that take part (FILTER; DISTINCT by transitions)."""

    def __init__(self, call: AggregateCall, exprs: Sequence[Expr], pool: Pool) -> None:
        self._exprs = compile_exprs(exprs, pool)
        self._total = all(isinstance(e, ColumnRef) for e in exprs)
        self._filter = None if call.filter is None else compile_predicate(call.filter, pool)
        layout = RowLayout([BIGINT, *(e.type for e in exprs)])
        self.seen = Contents(layout) if call.distinct and exprs else None

    def read(
        self, batch: Batch, ids: Words, addends: Rows, trace_at: int | None
    ) -> tuple[list[Column], Words | None, Words, Words]:
        """Return arguments, positions of the rows kept (None: all), their groups and their weights.

        The traces of the rows are written into addends.

        Expressions that cannot fail are read for all rows, with weight 0 where the filter is not true; others only
        for the rows that take part, since elsewhere they need not have a value.
        """
        kept: Words | None = None
        weights = batch.weights
        if self._filter is not None:
            mask = self._filter(batch.columns, len(batch))
            if self._total and self.seen is None:
                weights = np.where(mask, weights, 0)
            elif not mask.all():
                kept = np.flatnonzero(mask)
                batch, ids = batch.take(kept), ids[kept]
                weights = batch.weights
        args: list[Column] = self._exprs(batch.columns, len(batch))
        if trace_at is not None:
            addends[slice(None) if kept is None else kept, trace_at] = _traces(args, weights)
        if self.seen is not None and len(batch):
            before, after = self.seen.add(Batch([Column(ids), *args], weights))
            weights = (after > 0).astype(np.int64) - (before > 0)
        return args, kept, ids, np.ascontiguousarray(weights)

    def parts(self) -> dict[str, Stateful]:
        return {} if self.seen is None else {"distinct": self.seen}

    def coded(self) -> list[Coded]:
        return [] if self.seen is None else self.seen.coded()


class LinearState(AggregateState):
    """A sum: words at `at` of the payload."""

    def __init__(self, call: AggregateCall, accumulator: Accumulator, at: int, pool: Pool) -> None:
        self._input = _Input(call, call.args, pool)
        self._accumulator = accumulator
        self._at = at

    def absorb(self, batch: Batch, ids: Words, groups: Records, addends: Rows) -> None:
        args, kept, rows, weights = self._input.read(batch, ids, addends, self.trace_at)
        span = slice(self._at, self._at + self._accumulator.words)
        if kept is None:
            self._accumulator.spread(args, weights, addends[:, span])
        elif len(rows):
            out = np.empty((len(rows), self._accumulator.words), np.int64)
            self._accumulator.spread(args, weights, out)
            addends[kept, span] = out
        self._after(args, rows, weights, groups)

    def _after(self, args: Sequence[Column], rows: Words, weights: Words, groups: Records) -> None:
        pass

    def result(self, payload: Rows) -> Column:
        return self._accumulator.result(payload[:, self._at : self._at + self._accumulator.words])

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        span = payload[:, self._at : self._at + self._accumulator.words]
        return np.asarray((span == 0).all(axis=1)) & self._untraced(payload)

    def traced(self) -> bool:
        return self._input.seen is not None

    def coded(self) -> list[Coded]:
        return self._input.coded()

    def seen(self) -> list[Records]:
        return [] if self._input.seen is None else [self._input.seen.records]

    def parts(self) -> dict[str, Stateful]:
        return self._input.parts()


class FloatSumState(LinearState):
    """A sum of floats: counts among the linear words, the compensated sum in the two kept words."""

    def __init__(self, call: AggregateCall, accumulator: FloatSum, at: int, pool: Pool) -> None:
        super().__init__(call, accumulator, at, pool)
        self._floats = accumulator

    def traced(self) -> bool:
        return True

    def _after(self, args: Sequence[Column], rows: Words, weights: Words, groups: Records) -> None:
        if len(rows):
            values = np.ascontiguousarray(self._floats.finite(args, weights))
            _add_floats(groups.records, 1 + groups.width + self.kept_at, rows, values, weights)

    def result(self, payload: Rows) -> Column:
        sums = payload[:, self._at : self._at + self._accumulator.words]
        pair = np.ascontiguousarray(payload[:, self.kept_at : self.kept_at + 2]).view(np.float64)
        return self._floats.total(sums, pair[:, 0] + pair[:, 1])


class RowsState(AggregateState):
    """A value kept in two payload words (0 none / 1 known, value), found again from the group's rows where needed."""

    def __init__(self, call: AggregateCall, result: SqlType, append_only: bool, extreme: bool, pool: Pool) -> None:
        exprs = [*call.args, *(k.expr for k in call.order)]
        self._input = _Input(call, exprs, pool)
        self._pool = pool
        self._result_type = result
        self._sign = 0 if not extreme else 1 if call.name == "MAX" else -1
        if call.name not in FOLDS:
            raise NotSupported(f"aggregate function {call.name}", None)
        self._fold = FOLDS[call.name]
        self._types = [e.type for e in exprs]
        self._over_nothing = encode_value([], result, pool)[0] if call.name == "ARRAY_AGG" else None
        self._order: list[SortSpec] = [
            (len(call.args) + i, k.descending, k.nulls_first) for i, k in enumerate(call.order)
        ]
        self._skips_nulls = call.ignore_nulls or extreme
        # The group is part of the kept row: equal values of two groups are two rows.
        self._layout = RowLayout([BIGINT, *self._types])
        self._rows = None if append_only and extreme else Arrangement(1, self._layout.width)
        self._again: Words = np.empty(0, np.int64)
        self._mode = comparison(self._types[0]) if extreme else 0

    def absorb(self, batch: Batch, ids: Words, groups: Records, addends: Rows) -> None:
        self._again = np.empty(0, np.int64)
        args, _, rows, weights = self._input.read(batch, ids, addends, self.trace_at)
        out = weights == 0
        if self._skips_nulls and args[0].nulls is not None:
            out |= args[0].nulls
        if out.any():
            kept = np.flatnonzero(~out)
            args, rows, weights = [a.take(kept) for a in args], rows[kept], weights[kept]
        if len(rows) == 0:
            return
        early = 0
        if self._rows is not None:
            keys = np.ascontiguousarray(rows.reshape(-1, 1))
            early = self._rows.update(keys, self._layout.pack([Column(rows), *args], len(rows)), weights)
        if not self._sign or early:
            # Of a value that is taken away before it is there, no comparison says that it is not there.
            self._again = np.unique(rows)
            return
        lost = np.empty(len(rows), np.int64)
        heap, entries = self._pool.arrays
        count = offer(
            groups.records,
            1 + groups.width + self.kept_at,
            rows,
            np.ascontiguousarray(args[0].words),
            weights,
            self._sign,
            self._mode,
            heap,
            entries,
            lost,
        )
        self._again = lost[:count]

    def settle(self, groups: Records) -> None:
        again, self._again = self._again, np.empty(0, np.int64)
        if len(again) == 0 or self._rows is None:
            return
        source, rows, weights = self._rows.lookup(np.ascontiguousarray(again.reshape(-1, 1)))
        kept = np.flatnonzero(weights > 0)
        source, rows, weights = source[kept], np.ascontiguousarray(rows[kept]), weights[kept]
        value = self._fold(
            FoldRows(source, self._layout.unpack(rows)[1:], weights, len(again), self._types, self._pool),
            self._result_type,
            self._order,
        )
        at = 1 + groups.width + self.kept_at
        groups.records[again, at] = 1 if value.nulls is None else (~value.nulls).astype(np.int64)
        groups.records[again, at + 1] = value.words

    def result(self, payload: Rows) -> Column:
        unknown = payload[:, self.kept_at] == 0
        if self._over_nothing is not None:
            return Column(np.where(unknown, self._over_nothing, payload[:, self.kept_at + 1]))
        return Column(payload[:, self.kept_at + 1].copy(), unknown if unknown.any() else None)

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        untraced = self._untraced(payload)
        if self._rows is None:
            return untraced
        return untraced & (self._rows.keys.find(np.ascontiguousarray(groups.reshape(-1, 1))) < 0)

    def traced(self) -> bool:
        return self._input.seen is not None

    def seen(self) -> list[Records]:
        return [] if self._input.seen is None else [self._input.seen.records]

    def rows(self) -> list[Arrangement]:
        return [] if self._rows is None else [self._rows]

    def words_coded(self) -> list[int]:
        return [self.kept_at + 1] if self._result_type.pooled else []

    def coded(self) -> list[Coded]:
        places = self._input.coded()
        return places if self._rows is None else [*places, *self._rows.coded(RowLayout([BIGINT]), self._layout)]

    def parts(self) -> dict[str, Stateful]:
        parts = self._input.parts()
        if self._rows is not None:
            parts["rows"] = self._rows
        return parts


def in_input_order(call: AggregateCall, calls: Sequence[AggregateCall]) -> AggregateCall:
    """Return a call that collects values with the order made whole: after its own keys that of all calls' arguments.

    Two such calls of one query then list their values in the same order of rows, whatever the rows' order of arrival.
    """
    if call.name != "ARRAY_AGG" or call.distinct:
        return call
    exprs: list[Expr] = []
    for other in calls:
        exprs += [a for a in other.args if other.filter is None or isinstance(a, ColumnRef)]
    return replace(call, order=(*call.order, *(SortKey(e, False, True) for e in exprs)))


def build_states(
    calls: Sequence[AggregateCall],
    results: Sequence[SqlType],
    first: int,
    append_only: bool,
    pool: Pool,
    out: list[AggregateState],
) -> tuple[int, int]:
    """Make the states of calls whose payload words begin at `first`.

    Returns: number of linear words (they come first), and the payload's size in words.
    """
    accumulators = [
        linear(call.name, [a.type for a in call.args], result, pool)
        for call, result in zip(calls, results, strict=True)
    ]
    at = first
    for call, result, accumulator in zip(calls, results, accumulators, strict=True):
        if isinstance(accumulator, FloatSum):
            out.append(FloatSumState(call, accumulator, at, pool))
        elif accumulator is not None:
            out.append(LinearState(call, accumulator, at, pool))
        else:
            extreme = call.name in ("MIN", "MAX")
            out.append(RowsState(in_input_order(call, calls), result, append_only, extreme, pool))
        at += accumulator.words if accumulator is not None else 0
        if out[-1].traced():
            out[-1].trace_at = at
            at += 1
    kept_at = at
    for state in out:
        if not isinstance(state, LinearState) or isinstance(state, FloatSumState):
            state.kept_at = kept_at
            kept_at += 2
    return at - first, kept_at
