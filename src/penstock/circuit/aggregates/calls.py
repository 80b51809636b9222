"""One aggregate call inside a group's record: where its words are, how a delta changes them, what it gives.

Payload words of all linear calls stand together, so that one pass adds a delta to all of them; then come the words of
calls that keep a result: float sums, extremes, firsts and folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.accumulators import linear
from penstock.circuit.aggregates.linear import Accumulator, FloatSum
from penstock.circuit.aggregates.rows import ExtremeState, FirstState, FoldState
from penstock.circuit.aggregates.state import AggregateState, Among, Input
from penstock.circuit.operator import Stateful
from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.rows import Rows
from penstock.data.types import SqlType
from penstock.sql.plan.expr import ColumnRef, Expr, SortKey
from penstock.sql.plan.nodes import AggregateCall


@compiled("void(int64[:, ::1], int64, int64, int64[::1], float64[::1], int64[::1])")
def _add_floats(
    records: Any, at: int, turns_at: int, ids: Any, values: Any, weights: Any
) -> None:  # pragma: no cover - compiled
    """Add value times weight to compensated sums: high at `at`, low after it, and at `turns_at` multiples of 2^1023.

    Products and sums are exact (Dekker 1971; Knuth, TAOCP 4.2.2), so a row of weight 3 adds what three rows add. Parts
    of 2^1023 are counted apart, so a sum that leaves the range of DOUBLE comes back as it went.
    """
    floats = records.view(np.float64)
    limit = 4.49423283715579e307  # 2^1022
    turn = 2.0 * limit
    for r in range(len(ids)):
        i = ids[r]
        value = values[r]
        times = weights[r]
        if value == 0.0 or times == 0:
            continue
        if abs(value) < 1e290 and abs(times) < 1000000000000000:
            repeats = 1
            weight = np.float64(times)
        else:
            repeats = abs(times)
            weight = np.float64(1 if times > 0 else -1)
        for _ in range(repeats):
            x = value * weight
            low = 0.0
            if weight != 1.0 and weight != -1.0:
                split = value * 134217729.0
                a = split - (split - value)
                b = value - a
                split = weight * 134217729.0
                c = split - (split - weight)
                d = weight - c
                low = b * d - (((x - a * c) - b * c) - a * d)
            if abs(x) >= limit:
                sign = 1 if x > 0.0 else -1
                x -= sign * turn
                records[i, turns_at] += sign
            high = floats[i, at]
            total = high + x
            part = total - high
            floats[i, at + 1] += (high - (total - part)) + (x - part) + low
            if abs(total) >= limit:
                sign = 1 if total > 0.0 else -1
                total -= sign * turn
                records[i, turns_at] += sign
            floats[i, at] = total


class LinearState(AggregateState):
    """A sum: words at `at` of the payload."""

    def __init__(self, call: AggregateCall, accumulator: Accumulator, at: int, among: Among) -> None:
        self._input = Input(call, call.args, among)
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

    def unites(self) -> bool:
        return not self._input.distinct

    def traced(self) -> bool:
        return self._input.traced

    def coded(self) -> list[Coded]:
        return self._input.coded()

    def seen(self) -> list[Records]:
        return self._input.seen()

    def parts(self) -> dict[str, Stateful]:
        return self._input.parts()


class FloatSumState(LinearState):
    """A sum of floats: counts among the linear words, the compensated sum in the two kept words."""

    def __init__(self, call: AggregateCall, accumulator: FloatSum, at: int, among: Among) -> None:
        super().__init__(call, accumulator, at, among)
        self._floats = accumulator

    def traced(self) -> bool:
        return True

    def _after(self, args: Sequence[Column], rows: Words, weights: Words, groups: Records) -> None:
        if len(rows):
            values = np.ascontiguousarray(self._floats.finite(args, weights))
            first = 1 + groups.width
            _add_floats(groups.records, first + self.kept_at, first + self._at + 1, rows, values, weights)

    def unite(self, groups: Records, gone: Words, into: Words) -> None:
        first = 1 + groups.width
        pairs = groups.payloads(gone, self.kept_at, 2).view(np.float64)
        once = np.ones(len(gone), np.int64)
        for part in range(2):
            values = np.ascontiguousarray(pairs[:, part])
            _add_floats(groups.records, first + self.kept_at, first + self._at + 1, into, values, once)

    def result(self, payload: Rows) -> Column:
        sums = payload[:, self._at : self._at + self._accumulator.words]
        pair = np.ascontiguousarray(payload[:, self.kept_at : self.kept_at + 2]).view(np.float64)
        return self._floats.total(sums, pair[:, 0] + pair[:, 1])


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
    among = Among(append_only, pool)
    for call, result, accumulator in zip(calls, results, accumulators, strict=True):
        if isinstance(accumulator, FloatSum):
            out.append(FloatSumState(call, accumulator, at, among))
        elif accumulator is not None:
            out.append(LinearState(call, accumulator, at, among))
        elif call.name in ("MIN", "MAX"):
            out.append(ExtremeState(call, result, among))
        elif FirstState.serves(call):
            out.append(FirstState(call, result, among))
        else:
            out.append(FoldState(in_input_order(call, calls), result, among))
        at += accumulator.words if accumulator is not None else 0
        if out[-1].traced():
            out[-1].trace_at = at
            at += 1
    kept_at = at
    for state in out:
        if not isinstance(state, LinearState) or isinstance(state, FloatSumState):
            state.kept_at = kept_at
            kept_at += state.kept_words
    return at - first, kept_at
