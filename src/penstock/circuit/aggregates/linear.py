"""Aggregates that are sums: a change of the input is added to words of the group's record, whatever the group holds.

An accumulator says how many words it needs, turns the delta's rows into words to add, and reads its result back from
the summed words. Integer sums are kept as two words, the sums of the high and low 32 bits of the values, so they are
exact over more rows than memory holds; the range is checked when the result is read, as the dialect does.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data import decimal128
from penstock.data.batch import Column, Mask, Words
from penstock.data.pool import Pool
from penstock.data.rows import Rows
from penstock.data.types import INTEGER_BITS, INTEGERS, INTERVALS, UNSIGNED, Kind, SqlType
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.registry import EvaluationError

_LOW = np.int64(0xFFFFFFFF)


class Accumulator:
    """words: how many of the record's words it keeps; floats: how many float sums (two words and a count each)."""

    words = 1
    floats = 0

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        """Write into out (n, words) what each of n rows adds; weights are 0 for rows that do not take part."""
        raise NotImplementedError

    def result(self, sums: Rows) -> Column:
        """Return the aggregate of each group from its summed words (t, words)."""
        raise NotImplementedError


def _present(column: Column, weights: Words) -> Words:
    return weights if column.nulls is None else np.where(column.nulls, 0, weights)


class Count(Accumulator):
    """COUNT(*), and COUNT(x, ...): rows in which no argument is null."""

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        for arg in args:
            weights = _present(arg, weights)
        out[:, 0] = weights

    def result(self, sums: Rows) -> Column:
        return Column(sums[:, 0].copy())


class CountIf(Accumulator):
    """COUNTIF(condition)."""

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        out[:, 0] = _present(args[0], weights) * args[0].words

    def result(self, sums: Rows) -> Column:
        return Column(sums[:, 0].copy())


class Bool(Accumulator):
    """BOOL_AND / EVERY (decisive: false) and BOOL_OR / SOME (decisive: true), from the numbers of both values."""

    words = 2

    def __init__(self, decisive: bool) -> None:
        self._decisive = decisive

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        weights = _present(args[0], weights)
        out[:, 1] = weights * args[0].words
        out[:, 0] = weights - out[:, 1]

    def result(self, sums: Rows) -> Column:
        nulls = np.asarray((sums == 0).all(axis=1))
        seen = sums[:, int(self._decisive)] > 0
        words = np.where(seen, self._decisive, not self._decisive).astype(np.int64)
        words[nulls] = 0
        return Column(words, nulls if nulls.any() else None)


class _IntegerSum(Accumulator):
    """Words: values present, then the sums of 32-bit limbs from the highest (signed) to the lowest."""

    def __init__(self, argument: SqlType, pool: Pool) -> None:
        self._argument = argument
        self._pool = pool
        self._limbs = 4 if argument.pooled else 2
        self.words = 1 + self._limbs

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        weights = _present(args[0], weights)
        out[:, 0] = weights
        if not self._argument.pooled:
            words = args[0].words
            high = (words.view(np.uint64) >> np.uint64(32)).view(np.int64) if self._unsigned else words >> 32
            out[:, 1] = high * weights
            out[:, 2] = (words & _LOW) * weights
            return
        for i, limb in enumerate(wide_limbs(args[0], self._pool)):
            out[:, 1 + i] = limb * weights

    @property
    def _unsigned(self) -> bool:
        return self._argument.kind is Kind.UBIGINT

    def totals(self, sums: Rows) -> npt.NDArray[Any]:
        """Return the sum of each group: int64 where all fit with room to spare, else Python integers (dtype object)."""
        *large, upper, lower = (sums[:, i] for i in range(1, 1 + self._limbs))
        if (
            not any(limb.any() for limb in large)
            and not (np.abs(upper) >> 30).any()
            and not (np.abs(lower) >> 61).any()
        ):
            return (upper << 32) + lower
        total = sums[:, 1].astype(object)
        for i in range(2, 1 + self._limbs):
            total = total * 4294967296 + sums[:, i].astype(object)
        return total


def wide_limbs(column: Column, pool: Pool) -> list[Words]:
    """Return the 32-bit limbs of wide decimals, the highest first.

    The highest limb is signed; of a value that fits into two limbs it is the higher of these, and the others are 0.
    """
    high, low = decimal128.decode_halves(column.words, pool)
    two = high == low.view(np.int64) >> 63
    upper = np.where(two, low.view(np.int64) >> 32, (low >> np.uint64(32)).view(np.int64))
    high = np.where(two, 0, high)
    return [high >> 32, high & _LOW, upper, low.view(np.int64) & _LOW]


def integers_to_column(values: npt.NDArray[Any], nulls: Mask, type: SqlType, pool: Pool) -> Column:
    """Return whole numbers (of 10^-scale for a DECIMAL, units of an INTERVAL) as a column, checked against its range.

    Raises: EvaluationError in the dialect's words for a value that does not fit.
    """
    present = ~nulls
    if type.kind in INTEGERS or type.kind in INTERVALS:
        bits = INTEGER_BITS.get(type.kind, 64)
        low, high = (0, 2**bits - 1) if type.kind in UNSIGNED else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        outside = present & ((values < low) | (values > high))
        if outside.any():
            bad = int(values[np.argmax(outside)])
            raise EvaluationError(
                f"Error converting {bad} to {describe(type)}: out of range integral type conversion attempted"
            )
        if values.dtype == object:
            values = np.array([int(v) & 0xFFFFFFFFFFFFFFFF for v in values], np.uint64).view(np.int64)
        return Column(np.where(nulls, 0, values), nulls if nulls.any() else None)
    limit = 10 ** (type.precision or 38)
    if values.dtype == object or limit <= 2**63:
        outside = present & ((values <= -limit) | (values >= limit))
        if outside.any():
            bad = int(values[np.argmax(outside)])
            raise EvaluationError(f"Error converting {_scaled(bad, type)} to {describe(type)}: Value out of range")
    if not type.pooled:
        return Column(np.where(nulls, 0, values).astype(np.int64), nulls if nulls.any() else None)
    words = np.where(nulls, 0, decimal128.encode(np.where(nulls, 0, values), pool))
    return Column(words, nulls if nulls.any() else None)


def _decimal(value: int, type: SqlType) -> Decimal:
    return Decimal((int(value < 0), tuple(int(d) for d in str(abs(value))), -(type.scale or 0)))


def _scaled(value: int, type: SqlType) -> str:
    return str(_decimal(value, type))


class Sum(_IntegerSum):
    """SUM of integers and decimals: exact, NULL over no values, a run-time error outside the result type."""

    def __init__(self, argument: SqlType, result: SqlType, pool: Pool) -> None:
        super().__init__(argument, pool)
        self._result = result

    def result(self, sums: Rows) -> Column:
        return integers_to_column(self.totals(sums), sums[:, 0] == 0, self._result, self._pool)


class Average(_IntegerSum):
    """AVG of integers and decimals: in the result's scale, cut toward zero."""

    def __init__(self, argument: SqlType, result: SqlType, pool: Pool) -> None:
        super().__init__(argument, pool)
        self._result = result
        self._shift = (result.scale or 0) - (argument.scale or 0)

    def result(self, sums: Rows) -> Column:
        nulls = sums[:, 0] == 0
        counts = np.where(nulls, 1, sums[:, 0])
        quotient, _ = decimal128.divide(decimal128.shift_up(self.totals(sums), self._shift), counts)
        return integers_to_column(quotient, nulls, self._result, self._pool)


class FloatSum(Accumulator):
    """SUM and AVG of REAL and DOUBLE: a compensated sum, so that what is added and taken away again leaves no trace.

    Words: values present, multiples of 2^1023 that the float sum leaves out, +infinities, -infinities (a NaN counts as
    one of each); the finite values go to the record's float sums.
    """

    words = 4
    floats = 1

    def __init__(self, result: SqlType, average: bool) -> None:
        self._single = result.kind is Kind.REAL
        self._average = average

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        values = np.ascontiguousarray(args[0].words).view(np.float64)
        weights = _present(args[0], weights)
        out[:, 0] = weights
        undefined = np.isnan(values)
        out[:, 1] = 0
        out[:, 2] = weights * (undefined | np.isposinf(values))
        out[:, 3] = weights * (undefined | np.isneginf(values))

    def finite(self, args: Sequence[Column], weights: Words) -> npt.NDArray[np.float64]:
        """Return the finite value of each row that takes part, 0 for others."""
        values = np.ascontiguousarray(args[0].words).view(np.float64)
        return np.where(np.isfinite(values) & (_present(args[0], weights) != 0), values, 0.0)

    def total(self, sums: Rows, finite: npt.NDArray[np.float64]) -> Column:
        """Return the result from the summed words and the finite sums (t,)."""
        nulls = sums[:, 0] == 0
        with np.errstate(over="ignore"):
            # By halves, as a sum of two turns may yet be in range.
            value = np.where(sums[:, 1] == 0, finite, (finite / 2 + sums[:, 1] * 2.0**1022) * 2)
        value[sums[:, 2] > 0] = np.inf
        value[sums[:, 3] > 0] = -np.inf
        value[(sums[:, 2] > 0) & (sums[:, 3] > 0)] = np.nan
        if self._average:
            value = value / np.where(nulls, 1, sums[:, 0])
        if self._single:
            with np.errstate(over="ignore"):
                value = value.astype(np.float32).astype(np.float64)
        value[np.isnan(value)] = np.nan
        value = np.where(nulls, 0.0, value) + 0.0
        return Column(value.view(np.int64), nulls if nulls.any() else None)
