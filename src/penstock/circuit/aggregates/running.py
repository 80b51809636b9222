"""Aggregates that follow the order in which rows arrive, over inputs that only grow: running means, first and last
values, wrapping sums, lists.

Rows cannot be taken back from them, and none of them depends on the order of columns or values. A call keeps some words
of its group's payload; lists keep their members in lines beside it.

Source: the updates of mean and variance are those of running statistics in record-at-a-time engines: with the n-th
value x, mean += (x - mean) / n; m += x/n - m/n; q += x*x/n - q/n; the variance is q - m*m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.state import AggregateState
from penstock.circuit.operator import Stateful
from penstock.data.batch import Batch, Column, Mask, Words
from penstock.data.collecting import Coded, coded
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.rows import RowLayout, Rows
from penstock.data.slots import Slots, take_slot
from penstock.data.types import BIGINT, FLOATS, Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.data.zset import Contents
from penstock.sql.evaluate import compile_exprs, compile_predicate
from penstock.sql.plan.nodes import AggregateCall

__all__ = ["RUNNING", "running_state"]


@compiled("void(int64[:, ::1], int64, int64[::1], float64[::1])")
def _mean(records: Any, at: int, ids: Any, values: Any) -> None:  # pragma: no cover - compiled
    """Count, mean."""
    floats = records.view(np.float64)
    for r in range(len(ids)):
        i = ids[r]
        records[i, at] += 1
        floats[i, at + 1] += (values[r] - floats[i, at + 1]) * 1.0 / records[i, at]


@compiled("void(int64[:, ::1], int64, int64[::1], float64[::1])")
def _spread(records: Any, at: int, ids: Any, values: Any) -> None:  # pragma: no cover - compiled
    """Count, running mean of values and of squares."""
    floats = records.view(np.float64)
    for r in range(len(ids)):
        i = ids[r]
        records[i, at] += 1
        n = records[i, at]
        x = values[r]
        floats[i, at + 1] += x / n - floats[i, at + 1] / n
        floats[i, at + 2] += x * x / n - floats[i, at + 2] / n


@compiled("void(int64[:, ::1], int64, int64[::1], float64[::1])")
def _moments(records: Any, at: int, ids: Any, values: Any) -> None:  # pragma: no cover - compiled
    """Count, sum, sum of squares."""
    floats = records.view(np.float64)
    for r in range(len(ids)):
        i = ids[r]
        records[i, at] += 1
        floats[i, at + 1] += values[r]
        floats[i, at + 2] += values[r] * values[r]


@compiled("void(int64[:, ::1], int64, int64[::1], float64[::1])")
def _single_sum(records: Any, at: int, ids: Any, values: Any) -> None:  # pragma: no cover - compiled
    """Count, sum rounded to single precision each time."""
    floats = records.view(np.float64)
    for r in range(len(ids)):
        i = ids[r]
        records[i, at] += 1
        floats[i, at + 1] = np.float64(np.float32(np.float32(floats[i, at + 1]) + np.float32(values[r])))


@compiled("void(int64[:, ::1], int64, int64[::1], int64[::1])")
def _wrapping_sum(records: Any, at: int, ids: Any, words: Any) -> None:  # pragma: no cover - compiled
    """Count, sum modulo 2^64."""
    for r in range(len(ids)):
        i = ids[r]
        records[i, at] += 1
        records[i, at + 1] += words[r]


@compiled("void(int64[:, ::1], int64, int64[::1], int64[::1], boolean[::1], boolean)")
def _edge(records: Any, at: int, ids: Any, words: Any, nulls: Any, last: bool) -> None:  # pragma: no cover - compiled
    """0 none, 1 value, 2 null; word."""
    for r in range(len(ids)):
        i = ids[r]
        if last or records[i, at] == 0:
            records[i, at] = 2 if nulls[r] else 1
            records[i, at + 1] = words[r]


@compiled("void(int64[:, ::1], int64, int64[::1], int64[::1], boolean[::1], int64[::1], boolean)")
def _best(
    records: Any, at: int, ids: Any, words: Any, nulls: Any, ranks: Any, least: bool
) -> None:  # pragma: no cover - compiled
    """As `_edge`, then the rank of what is kept; the first of equals stays."""
    for r in range(len(ids)):
        i = ids[r]
        old = records[i, at + 2]
        if records[i, at] == 0 or (ranks[r] < old if least else ranks[r] > old):
            records[i, at] = 2 if nulls[r] else 1
            records[i, at + 1] = words[r]
            records[i, at + 2] = ranks[r]


@compiled("void(int64[:, ::1], int64, int64[::1], int64[::1], boolean[::1], int64[:, ::1], int64[::1])")
def _append(
    records: Any, at: int, ids: Any, words: Any, nulls: Any, lines: Any, meta: Any
) -> None:  # pragma: no cover - compiled
    """First line + 1, last line + 1, count. A line: word, null, next line + 1."""
    for r in range(len(ids)):
        i = ids[r]
        slot = take_slot(lines, meta)
        lines[slot, 0] = words[r]
        lines[slot, 1] = 1 if nulls[r] else 0
        lines[slot, 2] = 0
        if records[i, at] == 0:
            records[i, at] = slot + 1
        else:
            lines[records[i, at + 1] - 1, 2] = slot + 1
        records[i, at + 1] = slot + 1
        records[i, at + 2] += 1


@compiled("void(int64[:, ::1], int64[::1], int64[::1], int64[::1], boolean[::1])")
def _chains(lines: Any, heads: Any, offsets: Any, words: Any, nulls: Any) -> None:  # pragma: no cover - compiled
    """Copy the members of lists end to end."""
    for k in range(len(heads)):
        slot = heads[k]
        to = offsets[k]
        while slot > 0:
            words[to] = lines[slot - 1, 0]
            nulls[to] = lines[slot - 1, 1] != 0
            slot = lines[slot - 1, 2]
            to += 1


class _Running(AggregateState):
    """What they share: which rows take part, and where the words are. skips_nulls: rows with a null first argument."""

    size = 2
    skips_nulls = True

    def __init__(self, call: AggregateCall, result: SqlType, at: int, pool: Pool) -> None:
        self._exprs = compile_exprs(call.args, pool)
        self._types = [arg.type for arg in call.args]
        self._filter = None if call.filter is None else compile_predicate(call.filter, pool)
        self._result_type = result
        self._pool = pool
        self._at = at
        if call.ignore_nulls:
            self.skips_nulls = True

    def absorb(self, batch: Batch, ids: Words, groups: Records, addends: Rows) -> None:
        if self._filter is not None:
            kept = np.flatnonzero(self._filter(batch.columns, len(batch)))
            batch, ids = batch.take(kept), ids[kept]
        args: list[Column] = self._exprs(batch.columns, len(batch))
        first = args[0].nulls
        if self.skips_nulls and first is not None and first.any():
            kept = np.flatnonzero(~first)
            args, ids = [arg.take(kept) for arg in args], ids[kept]
        if len(ids):
            self.take(args, np.ascontiguousarray(ids), groups.records, 1 + groups.width + self._at)

    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        """Take rows in."""
        raise NotImplementedError

    def _words(self, payload: Rows, offset: int) -> Words:
        return np.ascontiguousarray(payload[:, self._at + offset])

    def _floats(self, payload: Rows, offset: int) -> npt.NDArray[np.float64]:
        return self._words(payload, offset).view(np.float64)

    def _column(self, values: npt.NDArray[np.float64], nulls: Mask) -> Column:
        # As everywhere, -0.0 is held as 0.0.
        words = np.ascontiguousarray(values + 0.0).view(np.int64).copy()
        words[nulls] = 0
        return Column(words, nulls if nulls.any() else None)


def _as_floats(column: Column, type: SqlType) -> npt.NDArray[np.float64]:
    if type.kind in FLOATS:
        return np.ascontiguousarray(column.words).view(np.float64)
    return column.words.astype(np.float64)


class _Mean(_Running):
    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        _mean(records, at, ids, _as_floats(args[0], self._types[0]))

    def result(self, payload: Rows) -> Column:
        return self._column(self._floats(payload, 1), self._words(payload, 0) == 0)


class _Spread(_Running):
    """Variance; its root."""

    size = 3

    def __init__(self, call: AggregateCall, result: SqlType, at: int, pool: Pool) -> None:
        super().__init__(call, result, at, pool)
        self._root = call.name == "RUNNING_STDDEV"

    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        _spread(records, at, ids, _as_floats(args[0], self._types[0]))

    def result(self, payload: Rows) -> Column:
        mean = self._floats(payload, 1)
        value = self._floats(payload, 2) - mean * mean
        with np.errstate(invalid="ignore"):
            shown = np.sqrt(value) if self._root else value
        return self._column(shown, self._words(payload, 0) == 0)


class _Moments(_Running):
    """Sum of squares; corrected for the mean."""

    size = 3

    def __init__(self, call: AggregateCall, result: SqlType, at: int, pool: Pool) -> None:
        super().__init__(call, result, at, pool)
        self._part = call.name

    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        _moments(records, at, ids, _as_floats(args[0], self._types[0]))

    def result(self, payload: Rows) -> Column:
        count, total, squares = self._words(payload, 0), self._floats(payload, 1), self._floats(payload, 2)
        nothing = count == 0
        if self._part == "RUNNING_SUM":
            return self._column(total, nothing)
        if self._part == "SUM_OF_SQUARES":
            return self._column(squares, nothing)
        return self._column(squares - total * total / np.where(nothing, 1, count), nothing)


class _Sum(_Running):
    """Sums that wrap around in the width of their type; of single floats, rounded each time."""

    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        if self._types[0].kind is Kind.REAL:
            _single_sum(records, at, ids, _as_floats(args[0], self._types[0]))
        else:
            _wrapping_sum(records, at, ids, np.ascontiguousarray(args[0].words))

    def result(self, payload: Rows) -> Column:
        nothing = self._words(payload, 0) == 0
        words = self._words(payload, 1)
        if self._types[0].kind is Kind.INTEGER:
            words = words.astype(np.int32).astype(np.int64)
        return Column(words, nothing if nothing.any() else None)


class _Edge(_Running):
    """The first or last value that arrived."""

    skips_nulls = False

    def __init__(self, call: AggregateCall, result: SqlType, at: int, pool: Pool) -> None:
        super().__init__(call, result, at, pool)
        self._last = call.name == "LAST_ARRIVED"

    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        _edge(records, at, ids, np.ascontiguousarray(args[0].words), _nulls(args[0]), self._last)

    def result(self, payload: Rows) -> Column:
        nulls = self._words(payload, 0) != 1
        return Column(self._words(payload, 1), nulls if nulls.any() else None)

    def words_coded(self) -> list[int]:
        return [self._at + 1] if self._result_type.pooled else []


class _Best(_Edge):
    """The first argument where the second is least or greatest; rows without a second one never win over others."""

    size = 3

    def __init__(self, call: AggregateCall, result: SqlType, at: int, pool: Pool) -> None:
        super().__init__(call, result, at, pool)
        self._least = call.name == "FIRST_WITH_LEAST"

    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        ranks = _ranks(args[1], self._types[1], self._least)
        words = np.ascontiguousarray(args[0].words)
        _best(records, at, ids, words, _nulls(args[0]), ranks, self._least)


class _List(_Running):
    """All values in the order of their arrival, or each once; as an array, or as text joined by commas."""

    size = 3

    def __init__(self, call: AggregateCall, result: SqlType, at: int, pool: Pool) -> None:
        self.skips_nulls = call.name == "JOIN_ARRIVED"
        super().__init__(call, result, at, pool)
        self._is_text = call.name == "JOIN_ARRIVED"
        self._lines = Slots(3)
        self._layout = RowLayout([BIGINT, self._types[0].with_nullable(True)])
        self._seen = Contents(self._layout) if call.distinct else None

    def take(self, args: Sequence[Column], ids: Words, records: Rows, at: int) -> None:
        column = args[0]
        if self._seen is not None:
            before, _ = self._seen.add(Batch([Column(ids), column], np.ones(len(ids), np.int64)))
            fresh = np.flatnonzero(before == 0)
            ids, column = np.ascontiguousarray(ids[fresh]), column.take(fresh)
        self._lines.make_room(len(ids))
        words = np.ascontiguousarray(column.words)
        _append(records, at, ids, words, _nulls(column), self._lines.lines, self._lines.meta)

    def result(self, payload: Rows) -> Column:
        counts = self._words(payload, 2)
        offsets = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        words, nulls = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.bool_)
        _chains(self._lines.lines, self._words(payload, 0), offsets, words, nulls)
        members = decode_column(Column(words, nulls if nulls.any() else None), self._types[0], self._pool)
        bounds = offsets.tolist()
        lists = [members[a:b] for a, b in pairwise(bounds)]
        if self._is_text:
            return encode_values([", ".join(map(str, some)) for some in lists], self._result_type, self._pool)
        return encode_values(lists, self._result_type, self._pool)

    def coded(self) -> list[Coded]:
        places = coded(self._lines, [0]) if self._types[0].pooled else []
        return places if self._seen is None else [*places, *self._seen.coded()]

    def parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {"members": self._lines}
        if self._seen is not None:
            parts["seen"] = self._seen
        return parts


def _nulls(column: Column) -> Mask:
    return np.zeros(len(column), np.bool_) if column.nulls is None else np.ascontiguousarray(column.nulls)


def _ranks(column: Column, type: SqlType, least: bool) -> Words:
    """Return words that compare as the values do; nulls are the worst."""
    words = np.ascontiguousarray(column.words).copy()
    if type.kind in FLOATS:
        words ^= (words >> 63) & np.int64(0x7FFFFFFFFFFFFFFF)
    if column.nulls is not None:
        limits = np.iinfo(np.int64)
        words[column.nulls] = limits.max if least else limits.min
    return words


RUNNING: dict[str, Callable[[AggregateCall, SqlType, int, Pool], _Running]] = {
    "RUNNING_AVG": _Mean,
    "RUNNING_VARIANCE": _Spread,
    "RUNNING_STDDEV": _Spread,
    "RUNNING_SUM": _Moments,
    "SUM_OF_SQUARES": _Moments,
    "CORRECTED_SUM_OF_SQUARES": _Moments,
    "WRAPPING_SUM": _Sum,
    "FIRST_ARRIVED": _Edge,
    "LAST_ARRIVED": _Edge,
    "FIRST_WITH_LEAST": _Best,
    "FIRST_WITH_GREATEST": _Best,
    "LIST_ARRIVED": _List,
    "JOIN_ARRIVED": _List,
}
"""By name. RUNNING_SUM adds doubles up as they come; FIRST_WITH_*(value, by) keep one value per group."""


def running_state(call: AggregateCall, result: SqlType, at: int, pool: Pool) -> tuple[AggregateState, int]:
    """Return a call's state, whose words begin at `at` of the payload, and how many words it has."""
    state = RUNNING[call.name](call, result, at, pool)
    return state, state.size
