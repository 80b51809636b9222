"""Aggregates read from all rows of a group or a frame: what is neither a sum nor the first of an order. Cost: all rows.

A fold gets the rows of several groups, ordered by group, each distinct row once with its weight, and gives one
value for each group.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np

from penstock.data.batch import Column, Words
from penstock.data.order import SortWords, order_words, sort_positions
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, INTEGERS, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.functions.registry import EvaluationError

SortSpec = tuple[int, bool, bool]
"""Position of an argument, descending, nulls first."""


@dataclass(frozen=True, slots=True)
class FoldRows:
    """Rows of `count` groups: group (n,) from 0, not falling; columns of n values; weights (n,), positive."""

    group: Words
    columns: Sequence[Column]
    weights: Words
    count: int
    types: Sequence[SqlType]
    pool: Pool

    def take(self, index: Words) -> FoldRows:
        """Return some of the rows, in the order of index."""
        return FoldRows(
            self.group[index],
            [c.take(index) for c in self.columns],
            self.weights[index],
            self.count,
            self.types,
            self.pool,
        )

    def without_nulls(self, positions: Sequence[int]) -> FoldRows:
        """Return the rows in which none of the columns at positions is null."""
        keep = np.ones(len(self.group), np.bool_)
        for position in positions:
            nulls = self.columns[position].nulls
            if nulls is not None:
                keep &= ~nulls
        return self if keep.all() else self.take(np.flatnonzero(keep))

    def sorted(self, keys: Sequence[SortSpec]) -> FoldRows:
        """Return the rows ordered within their groups by the keys, then by all columns, so that the order is one."""
        specs = [*keys, *((i, False, True) for i in range(len(self.columns)) if i not in {k[0] for k in keys})]
        words: list[SortWords] = [(self.group, None, False, False)]
        for position, descending, nulls_first in specs:
            column = self.columns[position]
            ordered = order_words(column, self.types[position], self.pool)
            words.append((ordered, column.nulls, descending, nulls_first))
        return self.take(sort_positions(words, len(self.group)))

    def lists(self, position: int) -> list[list[tuple[object, int]]]:
        """Return for each group the (value, weight) pairs of a column."""
        values = decode_column(self.columns[position], self.types[position], self.pool)
        result: list[list[tuple[object, int]]] = [[] for _ in range(self.count)]
        for group, value, weight in zip(self.group.tolist(), values, self.weights.tolist(), strict=True):
            result[group].append((value, weight))
        return result


Fold = Callable[[FoldRows, SqlType, Sequence[SortSpec]], Column]


def _first_of(rows: FoldRows, position: int) -> Column:
    """Return for each group the column's value in its first row, NULL for a group without rows."""
    words = np.zeros(rows.count, np.int64)
    nulls = np.ones(rows.count, np.bool_)
    groups, first = np.unique(rows.group, return_index=True)
    column = rows.columns[position].take(first)
    words[groups] = column.words
    nulls[groups] = False if column.nulls is None else column.nulls
    return Column(words, nulls if nulls.any() else None)


def _arg_extreme(descending: bool) -> Fold:
    """The first argument where the second is least or greatest; among equals the least or greatest first argument.

    A row without a second argument counts only where no row has one.
    """

    def fold(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
        return _first_of(rows.sorted([(1, descending, False), (0, descending, not descending)]), 0)

    return fold


def _array(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
    lists = rows.sorted(order).lists(0)
    values = [[v for v, weight in some for _ in range(weight)] for some in lists]
    return encode_values(values, result, rows.pool)


def _map(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
    """Of entries with one key the greatest stays: a map keeps the last one. NULL is the least value."""
    if rows.columns[0].nulls is not None and rows.columns[0].nulls.any():
        raise EvaluationError("a key of a MAP cannot be NULL")
    rows = rows.sorted([(1, False, True)])
    keys, values = rows.lists(0), rows.lists(1)
    maps = [[(k, v) for (k, _), (v, _) in zip(*both, strict=True)] for both in zip(keys, values, strict=True)]
    return encode_values(maps, result, rows.pool)


def _bits(step: Callable[[int, int], int], odd_only: bool) -> Fold:
    def fold(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
        values: list[object] = []
        for some in rows.without_nulls([0]).lists(0):
            total: int | bytes | None = None
            for value, weight in some:
                if odd_only and weight % 2 == 0:
                    continue
                if total is None:
                    total = value  # type: ignore[assignment]
                elif isinstance(value, bytes) and isinstance(total, bytes):
                    total = bytes(step(a, b) for a, b in zip(total, value, strict=True))
                else:
                    total = step(total, value)  # type: ignore[arg-type]
            if total is None and odd_only and some:
                total = 0
            values.append(total)
        return encode_values(values, result, rows.pool)

    return fold


def _mode(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
    """The value that occurs most often; among equals the least."""
    kept = rows.without_nulls([0]).sorted([])
    values: list[object] = []
    for some in kept.lists(0):
        best: object = None
        most = 0
        for value, weight in some:
            if weight > most:
                best, most = value, weight
        values.append(best)
    return encode_values(values, result, rows.pool)


def _any(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
    return _first_of(rows.without_nulls([0]).sorted([]), 0)


Number = Fraction | float


def _moments(rows: FoldRows, positions: Sequence[int]) -> list[list[tuple[list[Number], int]]]:
    """Return for each group the numbers (exact unless floats) of its rows without nulls, with weights."""
    kept = rows.without_nulls(positions)
    by_column = [kept.lists(p) for p in positions]
    exact = all(kept.types[p].kind not in FLOATS for p in positions)
    convert: Callable[[Any], Number] = Fraction if exact else float
    return [
        [([convert(v) for v, _ in row], row[0][1]) for row in zip(*columns, strict=True)]
        for columns in zip(*by_column, strict=True)
    ]


def _sums(group: Sequence[tuple[list[Number], int]]) -> tuple[int, Number, Number, Number, Number, Number]:
    """Return n, mean x, mean y, and the sums of squares and products about the means."""
    n = sum(w for _, w in group)
    xs = [r[0][0] for r in group]
    ys = [r[0][-1] for r in group]
    ws = [w for _, w in group]

    mx, my = (_total([v * w for v, w in zip(some, ws, strict=True)]) / n for some in (xs, ys))
    sxx = _total([(x - mx) * (x - mx) * w for x, w in zip(xs, ws, strict=True)])
    syy = _total([(y - my) * (y - my) * w for y, w in zip(ys, ws, strict=True)])
    sxy = _total([(x - mx) * (y - my) * w for x, y, w in zip(xs, ys, ws, strict=True)])
    return n, mx, my, sxx, syy, sxy


def _total(values: Sequence[Number]) -> Number:
    """Return a sum that does not depend on the order; floats follow IEEE 754 where it is infinite or undefined."""
    if not values or not isinstance(values[0], float):
        return sum(values, Fraction(0))
    if not all(map(math.isfinite, values)):
        return sum(values, 0.0)
    try:
        return math.fsum(values)
    except OverflowError:
        exact = sum([Fraction(v) for v in values], Fraction(0))
        try:
            return float(exact)
        except OverflowError:
            return math.inf if exact > 0 else -math.inf


def to_type(value: Number | int | None, result: SqlType, root: bool = False) -> object:
    """Return a number, or its square root, in the result type: integers and decimals are cut toward zero."""
    if value is None:
        return None
    if isinstance(value, float):
        value = math.sqrt(value) if root else value
        if result.kind in FLOATS:
            return value
        value = Fraction(value)
        root = False
    if result.kind in FLOATS:
        return math.sqrt(value) if root else float(value)
    scale = 0 if result.kind in INTEGERS else result.scale or 0
    scaled = Fraction(value) * 10 ** (2 * scale if root else scale)
    whole = math.isqrt(int(scaled)) if root else int(scaled)
    if result.kind in INTEGERS:
        return whole
    with localcontext() as context:
        context.prec = 60
        return Decimal(whole).scaleb(-scale)


def _integer_spread(group: Sequence[tuple[list[Number], int]], n: int) -> int:
    """Return the sum of squares about the mean as the dialect does on integers: divisions cut fractions off."""
    total = sum(int(row[0]) * w for row, w in group)
    squares = sum(int(row[0]) * int(row[0]) * w for row, w in group)
    return squares - total * total // n


def _spread(sample: bool, root: bool) -> Fold:
    """VAR_* and STDDEV_*."""

    def fold(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
        values: list[object] = []
        for group in _moments(rows, [0]):
            n = sum(w for _, w in group)
            if n < 1 + sample:
                values.append(None)
                continue
            if result.kind in INTEGERS:
                spread: Number = Fraction(_integer_spread(group, n) // (n - sample))
            else:
                spread = _sums(group)[3] / (n - sample)
            values.append(to_type(spread, result, root))
        return encode_values(values, result, rows.pool)

    return fold


def _regression(formula: Callable[[int, Number, Number, Number, Number, Number], Number | None], least: int) -> Fold:
    """COVAR_* and REGR_*: functions of two arguments' moments; NULL over fewer than `least` rows without nulls."""

    def fold(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
        values: list[object] = []
        for group in _moments(rows, [0, 1]):
            n = sum(w for _, w in group)
            values.append(to_type(formula(*_sums(group)), result) if n >= least else None)
        return encode_values(values, result, rows.pool)

    return fold


def single_value(rows: FoldRows, result: SqlType, order: Sequence[SortSpec]) -> Column:
    """The value of a scalar sub-query: the only one of its group; more than one is a run-time failure."""
    totals: Counter[int] = Counter()
    for group, weight in zip(rows.group.tolist(), rows.weights.tolist(), strict=True):
        totals[group] += weight
    if any(n > 1 for n in totals.values()):
        raise EvaluationError("More than one value in subquery")
    return _first_of(rows, 0)


FOLDS: dict[str, Fold] = {
    "ARG_MIN": _arg_extreme(False),
    "ARG_MAX": _arg_extreme(True),
    "ARRAY_AGG": _array,
    "MAP": _map,
    "BIT_AND": _bits(lambda a, b: a & b, False),
    "BIT_OR": _bits(lambda a, b: a | b, False),
    "BIT_XOR": _bits(lambda a, b: a ^ b, True),
    "MODE": _mode,
    "SINGLE_VALUE": single_value,
    "ANY_VALUE": _any,
    "STDDEV": _spread(True, True),
    "STDDEV_SAMP": _spread(True, True),
    "STDDEV_POP": _spread(False, True),
    "VARIANCE": _spread(True, False),
    "VAR_SAMP": _spread(True, False),
    "VAR_POP": _spread(False, False),
    "COVAR_POP": _regression(lambda n, mx, my, sxx, syy, sxy: sxy / n, 1),
    "COVAR_SAMP": _regression(lambda n, mx, my, sxx, syy, sxy: sxy / (n - 1), 2),
    "REGR_SXX": _regression(lambda n, mx, my, sxx, syy, sxy: syy, 1),
    "REGR_SYY": _regression(lambda n, mx, my, sxx, syy, sxy: sxx, 1),
}
"""Folds by the aggregate's name. REGR_SXX(y, x) is of its second argument (SQL:2003, 10.9)."""
