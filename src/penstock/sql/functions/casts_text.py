"""Casts between strings and BOOLEAN, numbers, dates, times and intervals; each distinct value is converted once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

import numpy as np

from penstock.data import decimal128
from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, INTEGERS, INTERVALS, STRINGS, TEMPORAL, Kind, SqlType
from penstock.data.values import float_words
from penstock.data.values_scalars import ValueOutOfRange, decimal_size, integer_range, scaled, unscaled
from penstock.sql.functions.casts import KEEP, Conversion, conversion
from penstock.sql.functions.casts_numbers import show_float
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.decimals import out_of_range
from penstock.sql.functions.distinct import Memo
from penstock.sql.functions.intervals import read_interval, show_micros, show_months
from penstock.sql.functions.moments import (
    INVALID,
    Unreadable,
    read_date,
    read_time,
    read_timestamp,
    read_zoned,
    show_date,
    show_time,
    show_timestamp,
    show_zoned,
)
from penstock.sql.functions.registry import Context, EvaluationError

Show = Callable[[Words], list[str]]
"""show(distinct words) -> their texts."""

Read = Callable[[str], int]
"""read(text) -> integer or, for floats, the word; raises EvaluationError."""


# ---------------------------------------------------------------------------------------------------- to strings


def shower(source: SqlType, pool: Pool) -> Show:
    """Return the function that writes words of a scalar type as text."""
    kind = source.kind
    if kind is Kind.BOOLEAN:
        return lambda words: ["TRUE" if w else "FALSE" for w in words.tolist()]
    if kind is Kind.UBIGINT:
        return lambda words: [*map(str, np.ascontiguousarray(words).view(np.uint64).tolist())]
    if kind in INTEGERS:
        return lambda words: [*map(str, words.tolist())]
    if kind in FLOATS:
        single = kind is Kind.REAL
        return lambda words: [show_float(v, single) for v in np.ascontiguousarray(words).view(np.float64).tolist()]
    if kind is Kind.DECIMAL:
        scale = decimal_size(source)[1]
        if source.pooled:
            return lambda words: [f"{scaled(v, scale):f}" for v in decimal128.decode(words, pool).tolist()]
        return lambda words: [f"{scaled(v, scale):f}" for v in words.tolist()]
    show = _show_one(source)
    return lambda words: [show(w) for w in words.tolist()]


def _show_one(source: SqlType) -> Callable[[int], str]:
    match source.kind:
        case Kind.DATE:
            return show_date
        case Kind.TIME:
            return show_time
        case Kind.TIMESTAMP:
            return show_timestamp
        case Kind.TIMESTAMP_TZ:
            return show_zoned
        case Kind.INTERVAL_MONTHS:
            return lambda months: show_months(months, source.qualifier)
        case _:
            return lambda micros: show_micros(micros, source.qualifier)


def fit(text: str, target: SqlType) -> str:
    """Return the text cut to the length of a CHAR or VARCHAR, and filled with blanks for CHAR."""
    if target.precision is None:
        return text
    text = text[: target.precision]
    return text.ljust(target.precision) if target.kind is Kind.CHAR else text


@conversion((Kind.BOOLEAN, *INTEGERS, *FLOATS, Kind.DECIMAL, *TEMPORAL, *INTERVALS), STRINGS)
def _to_text(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    pool = context.pool
    show = shower(source, pool)

    def intern(words: Words) -> Words:
        return pool.intern_many([fit(t, target).encode() for t in show(words)])

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        words = arguments[0].words
        if row_count == 1:
            return Column(intern(words))
        distinct, inverse = np.unique(words, return_inverse=True)
        return Column(intern(distinct)[inverse])

    return Conversion(kernel)


@conversion(STRINGS, STRINGS)
def _text_to_text(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    if target.precision is None or _already_fits(source, target):
        return KEEP
    pool = context.pool.lasting

    def compute(codes: Words) -> Column:
        return Column(pool.intern_many([fit(v.decode(), target).encode() for v in pool.values(codes)]))

    memo = Memo(compute, pool, True)
    return Conversion(lambda arguments, row_count: memo(arguments[0].words))


def _already_fits(source: SqlType, target: SqlType) -> bool:
    if source.precision is None or target.precision is None:
        return False
    if target.kind is Kind.CHAR:
        return source.kind is Kind.CHAR and source.precision == target.precision
    return source.precision <= target.precision


# -------------------------------------------------------------------------------------------------- from strings


def _cannot(text: str, target: SqlType, reason: str) -> EvaluationError:
    return EvaluationError(f"Error converting {text} to {describe(target)}: {reason}")


_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_FLOAT = re.compile(r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf|infinity|nan)\s*", re.IGNORECASE)
_DECIMAL = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")


def reader(target: SqlType) -> Read:
    """Return the function that reads a text as a value of a scalar type: its word, or a decimal's integer."""
    kind = target.kind
    if kind in INTEGERS:
        return _integer_reader(target)
    if kind in FLOATS:
        return _float_reader(target)
    if kind is Kind.DECIMAL:
        return _decimal_reader(target)
    if kind is Kind.BOOLEAN:
        return _boolean_reader(target)
    return _moment_reader(target)


def _integer_reader(target: SqlType) -> Read:
    low, high = integer_range(target.kind)

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            reason = "invalid digit found in string" if text.strip() else "cannot parse integer from empty string"
            raise _cannot(text, target, reason)
        value = int(text)
        if not low <= value <= high:
            raise _cannot(text, target, f"number too {'small' if value < 0 else 'large'} to fit in target type")
        return value - (1 << 64) if value >= 1 << 63 else value

    return read


def _float_reader(target: SqlType) -> Read:
    single = target.kind is Kind.REAL

    def read(text: str) -> int:
        if not _FLOAT.fullmatch(text):
            raise _cannot(text, target, "invalid float literal")
        return int(float_words(np.array([float(text)]), single)[0])

    return read


def _decimal_reader(target: SqlType) -> Read:
    precision, scale = decimal_size(target)

    def read(text: str) -> int:
        if not _DECIMAL.fullmatch(text):
            raise EvaluationError(f"Cannot parse {text} into a {describe(target)}")
        try:
            return unscaled(Decimal(text.strip()), precision, scale)
        except (ValueOutOfRange, InvalidOperation):
            raise out_of_range(text.strip(), target) from None

    return read


def _boolean_reader(target: SqlType) -> Read:
    def read(text: str) -> int:
        word = text.strip().lower()
        if word not in ("true", "false"):
            raise _cannot(text, target, "provided string was not `true` or `false`")
        return int(word == "true")

    return read


_MOMENTS: dict[Kind, Callable[[str], int]] = {
    Kind.DATE: read_date,
    Kind.TIME: read_time,
    Kind.TIMESTAMP: read_timestamp,
    Kind.TIMESTAMP_TZ: read_zoned,
}


def _moment_reader(target: SqlType) -> Read:
    plain = _MOMENTS.get(target.kind)

    def read(text: str) -> int:
        try:
            if plain is None:
                return read_interval(text, target.qualifier, target.kind is Kind.INTERVAL_MONTHS)
            return plain(text)
        except Unreadable as error:
            raise _cannot(text, target, str(error)) from None
        except (ValueError, KeyError):
            raise _cannot(text, target, INVALID) from None

    return read


@conversion(STRINGS, (Kind.BOOLEAN, *INTEGERS, *FLOATS, Kind.DECIMAL, *TEMPORAL, *INTERVALS))
def _from_text(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    pool = context.pool.lasting
    read = reader(target)

    def compute(codes: Words) -> Column:
        numbers: list[int] = []
        lost: list[bool] = []
        for value in pool.values(codes):
            try:
                numbers.append(read(value.decode()))
                lost.append(False)
            except EvaluationError:
                if not safe:
                    raise
                numbers.append(0)
                lost.append(True)
        return Column(_words(numbers, target, pool), np.array(lost, np.bool_) if any(lost) else None)

    memo = Memo(compute, pool, target.pooled)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        return memo(arguments[0].words)

    return Conversion(kernel, can_fail=not safe)


def _words(numbers: list[int], target: SqlType, pool: Pool) -> Words:
    if target.kind is not Kind.DECIMAL or not target.pooled:
        return np.array(numbers, np.int64)
    return decimal128.encode(np.array(numbers, object), pool)
