"""Exact numbers as unscaled integers and back: what decimal arithmetic, rounding, casts and comparison are made of."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from penstock.data import decimal128
from penstock.data.batch import Column, Mask
from penstock.data.decimal128 import Integers
from penstock.data.pool import Pool
from penstock.data.types import MAX_DECIMAL_PRECISION, NARROW_DECIMAL_PRECISION, Kind, SqlType
from penstock.data.values_scalars import scaled
from penstock.sql.functions.coercion import decimal_of, describe
from penstock.sql.functions.registry import EvaluationError

Load = Callable[[Column], Integers]
Store = Callable[[Integers], Column]


def loader(kind: SqlType, pool: Pool) -> Load:
    """Return the function from a column of an exact number type to its unscaled integers."""
    if kind.pooled:
        return lambda column: decimal128.decode(column.words, pool)
    if kind.kind is Kind.UBIGINT:
        return _load_unsigned
    return lambda column: column.words


def _load_unsigned(column: Column) -> Integers:
    words: Integers = column.words
    if len(words) and words.min() < 0:
        wide: Integers = np.ascontiguousarray(words).view(np.uint64).astype(object)
        return wide
    return words


def out_of_range(value: Decimal | str, target: SqlType) -> EvaluationError:
    """Return the error of a number that has too many integer digits for a DECIMAL."""
    return EvaluationError(f"Error converting {value} to {describe(target)}: Value out of range")


def storer(target: SqlType, pool: Pool) -> Store:
    """Return the function from unscaled integers to a column of a DECIMAL; one that is too large is an error."""
    limit = 10 ** (target.precision or MAX_DECIMAL_PRECISION)
    scale = target.scale or 0
    keep = writer(target, pool)

    def store(values: Integers) -> Column:
        if not _within(values, limit):
            wrong = next(v for v in values.tolist() if abs(v) >= limit)
            raise out_of_range(scaled(wrong, scale), target)
        return Column(keep(values))

    return store


def _within(values: Integers, limit: int) -> bool:
    """Whether all are of less than a magnitude; int64 need not be looked at if any would be."""
    return (values.dtype == np.int64 and limit > decimal128.INT64_MAX + 1) or decimal128.magnitude(values) < limit


def writer(target: SqlType, pool: Pool) -> Callable[[Integers], Integers]:
    """Return the function from unscaled integers in range to words of a DECIMAL."""
    if target.pooled:
        return lambda values: decimal128.encode(values, pool)
    return lambda values: values if values.dtype == np.int64 else values.astype(np.int64)


def safe_storer(target: SqlType, pool: Pool) -> Store:
    """Return the function that stores as `storer` does, with NULL for what is too large."""
    limit = 10 ** (target.precision or MAX_DECIMAL_PRECISION)
    keep = writer(target, pool)

    def store(values: Integers) -> Column:
        if _within(values, limit):
            return Column(keep(values))
        nulls = (values >= limit) | (values <= -limit)
        nulls = nulls.astype(np.bool_)
        return Column(np.where(nulls, 0, keep(np.where(nulls, 0, values))), nulls)

    return store


def scale_of(kind: SqlType) -> int:
    """Return the fraction digits of an exact number type."""
    return kind.scale or 0 if kind.kind is Kind.DECIMAL else 0


def rounded(values: Integers, digits: int, mode: str) -> Integers:
    """Return values / 10^digits as integers. mode: "down" (towards zero), "half_up" (ties away from zero), "half_even",

    "floor" or "ceil".
    """
    if digits <= 0:
        return decimal128.shift_up(values, -digits)
    factor = 10**digits
    if digits > NARROW_DECIMAL_PRECISION:
        values = decimal128.widen(values)
    divisor = np.array([factor], object if values.dtype == object else np.int64)
    quotient, rest = decimal128.divide(values, divisor)
    if mode == "down":
        return quotient
    if mode == "floor":
        return quotient - (rest < 0)
    if mode == "ceil":
        return quotient + (rest > 0)
    twice = rest * 2
    away = (twice >= factor).astype(np.int64) - (twice <= -factor).astype(np.int64)
    if mode == "half_even":
        tie = (twice == factor) | (twice == -factor)
        away = np.where(tie & (quotient % 2 == 0).astype(np.bool_), 0, away)
    result: Integers = quotient + away
    return result


def align(left: SqlType, right: SqlType, pool: Pool) -> Callable[[Column, Column], tuple[Integers, Integers]]:
    """Return the function from columns of two exact number types to integers of one scale."""
    one, other = decimal_of(left), decimal_of(right)
    assert one is not None and other is not None
    up_left, up_right = max(other[1] - one[1], 0), max(one[1] - other[1], 0)
    load_left, load_right = loader(left, pool), loader(right, pool)

    def aligned(a: Column, b: Column) -> tuple[Integers, Integers]:
        return decimal128.shift_up(load_left(a), up_left), decimal128.shift_up(load_right(b), up_right)

    return aligned


def as_mask(answer: Integers) -> Mask:
    """Return a comparison's answer as a mask; comparing Python integers gives objects."""
    return answer.astype(np.bool_, copy=False)
