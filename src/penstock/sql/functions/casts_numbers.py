"""Casts between BOOLEAN, integers, decimals and floats.

Source: rules of the dialect: a cast to fewer fraction digits or to an integer cuts them off; a number that the target
cannot hold is an error (NULL in SAFE_CAST).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Column, Mask
from penstock.data.decimal128 import Integers
from penstock.data.types import FLOATS, INTEGERS, Kind, SqlType
from penstock.data.values import float_words
from penstock.data.values_scalars import EXACT, integer_range
from penstock.sql.functions.casts import Conversion, conversion
from penstock.sql.functions.casts_integers import out_of_type
from penstock.sql.functions.comparison import doubles
from penstock.sql.functions.decimals import (
    loader,
    out_of_range,
    rounded,
    safe_storer,
    scale_of,
    storer,
)
from penstock.sql.functions.registry import Context

_EXACT_SCALE = 22
"""10^22 is the greatest power of ten that a double holds exactly."""
_EXACT_DOUBLE = 1 << 53


@conversion((*INTEGERS, Kind.DECIMAL), (Kind.DECIMAL,))
def _exact_to_decimal(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    load = loader(source, context.pool)
    store = (safe_storer if safe else storer)(target, context.pool)
    down = scale_of(source) - (target.scale or 0)
    return Conversion(
        lambda arguments, row_count: store(rounded(load(arguments[0]), down, "down")), not safe, tolerant=True
    )


@conversion((Kind.DECIMAL,), INTEGERS)
def _decimal_to_integer(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    load, scale = loader(source, context.pool), scale_of(source)
    keep = integer_words(target, safe)
    return Conversion(
        lambda arguments, row_count: keep(rounded(load(arguments[0]), scale, "down")), not safe, tolerant=True
    )


def integer_words(target: SqlType, safe: bool) -> Callable[[Integers], Column]:
    """Return the function from integers to a column of an integer type; out of range is an error or, if safe, NULL."""
    low, high = integer_range(target.kind)

    def keep(values: Integers) -> Column:
        bad: Mask | None = None
        if len(values) and (int(values.min()) < low or int(values.max()) > high):
            bad = np.array((values < low) | (values > high), np.bool_)
            if not safe:
                raise out_of_type(int(values[np.flatnonzero(bad)[0]]), target)
            values = np.where(bad, 0, values)
        if values.dtype == np.int64:
            return Column(values, bad)
        if target.kind is Kind.UBIGINT:
            return Column(values.astype(np.uint64).view(np.int64), bad)
        return Column(values.astype(np.int64), bad)

    return keep


@conversion((*INTEGERS, Kind.DECIMAL), FLOATS)
def _exact_to_float(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    load, scale, single = loader(source, context.pool), scale_of(source), target.kind is Kind.REAL
    return Conversion(
        lambda arguments, row_count: Column(float_words(quotients(load(arguments[0]), scale), single)), tolerant=True
    )


def quotients(values: Integers, scale: int) -> npt.NDArray[np.float64]:
    """Return the doubles nearest to values / 10^scale. Shape (n,)."""
    if values.dtype == np.int64 and scale == 0:
        return values.astype(np.float64)
    if values.dtype == np.int64 and scale <= _EXACT_SCALE:
        fits = not len(values) or (int(values.min()) >= -_EXACT_DOUBLE and int(values.max()) <= _EXACT_DOUBLE)
        if fits:
            return values.astype(np.float64) / float(10**scale)
    divisor = 10**scale
    return np.array([v / divisor for v in values.tolist()], np.float64)


@conversion(FLOATS, FLOATS)
def _float_to_float(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    if target.kind is Kind.DOUBLE:
        return Conversion(None)
    return Conversion(lambda arguments, row_count: Column(float_words(doubles(arguments[0]), True)))


@conversion(FLOATS, INTEGERS)
def _float_to_integer(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    low, high = integer_range(target.kind)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        values = np.trunc(doubles(arguments[0]))
        bad = ~((values >= float(low)) & (values < float(high + 1)))
        nulls = None
        if bad.any():
            if not safe:
                raise out_of_type(show_float(float(values[np.flatnonzero(bad)[0]])), target)
            values, nulls = np.where(bad, 0.0, values), bad
        if target.kind is Kind.UBIGINT:
            return Column(values.astype(np.uint64).view(np.int64), nulls)
        return Column(values.astype(np.int64), nulls)

    return Conversion(kernel, not safe, tolerant=True)


@conversion(FLOATS, (Kind.DECIMAL,))
def _float_to_decimal(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    store = (safe_storer if safe else storer)(target, context.pool)
    scale, single = target.scale or 0, source.kind is Kind.REAL

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        distinct, inverse = np.unique(doubles(arguments[0]), return_inverse=True)
        finite = np.isfinite(distinct)
        if not safe and not finite.all():
            raise out_of_range(show_float(float(distinct[~finite][0])), target)
        texts = [show_float(v, single) if ok else "0" for v, ok in zip(distinct.tolist(), finite.tolist(), strict=True)]
        numbers = [int(EXACT.scaleb(Decimal(t), scale).to_integral_value(ROUND_DOWN, EXACT)) for t in texts]
        out = store(_integers(numbers)).take(inverse)
        if finite.all():
            return out
        lost = ~finite[inverse]
        return Column(np.where(lost, 0, out.words), lost if out.nulls is None else lost | out.nulls)

    return Conversion(kernel, not safe, tolerant=True)


def _integers(numbers: list[int]) -> Integers:
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        return np.array(numbers, object)


def show_float(value: float, single: bool = False) -> str:
    """Return the shortest text that reads back as the number: 1.0, 1e16, 1.5e-7, NaN, inf.

    Plain notation from 1e-5 up to 1e16, else an exponent without sign or padding.
    """
    if value != value:
        return "NaN"
    if value in (np.inf, -np.inf):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0.0"
    written = np.format_float_scientific(np.float32(value), unique=True) if single else repr(value)
    sign, digits, exponent = Decimal(written).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + exponent
    return ("-" if sign else "") + _place(text, point)


def _place(digits: str, point: int) -> str:
    """Write significant digits with the decimal point after `point` of them."""
    if len(digits) <= point <= 16:
        return digits + "0" * (point - len(digits)) + ".0"
    if 0 < point <= 16:
        return f"{digits[:point]}.{digits[point:]}"
    if -5 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = point - 1
    return f"{digits}e{exponent}" if len(digits) == 1 else f"{digits[0]}.{digits[1:]}e{exponent}"


@conversion((Kind.BOOLEAN,), INTEGERS)
def _boolean_to_integer(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return Conversion(None)


@conversion((Kind.BOOLEAN,), FLOATS)
def _boolean_to_float(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return Conversion(lambda arguments, row_count: Column(float_words(arguments[0].words.astype(np.float64))))


@conversion((Kind.BOOLEAN,), (Kind.DECIMAL,))
def _boolean_to_decimal(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return _exact_to_decimal(context, SqlType(Kind.UTINYINT), target, safe)


@conversion((*INTEGERS, *FLOATS, Kind.DECIMAL), (Kind.BOOLEAN,))
def _number_to_boolean(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    if source.pooled:
        load = loader(source, context.pool)
        return Conversion(lambda arguments, row_count: Column((load(arguments[0]) != 0).astype(np.int64)))
    return Conversion(lambda arguments, row_count: Column((arguments[0].words != 0).astype(np.int64)))


@conversion((Kind.BOOLEAN,), (Kind.BOOLEAN,))
def _boolean_to_boolean(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return Conversion(None)
