"""Values as they come out of a format to columns of words: whole columns at once, one by one to find the bad ones.

A `Reading` says how the values of one column are made: `many` turns a column of non-null values into words and may
raise for any of them; `one` turns a single value into its canonical Python value, or raises ValueError with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import INTEGER_BITS, Kind, SqlType
from penstock.data.values import encode_value, encode_values, float_words
from penstock.data.values_scalars import decimal_size, integer_range
from penstock.ports.format import ColumnLayout

_kind = type

UNREADABLE = (ValueError, TypeError, KeyError, OverflowError, ArithmeticError, pa.ArrowException, RecursionError)


class Missing:
    """The mark of a value that a record does not have."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read one column. many: non-null values to words, all or nothing; one: a value to its canonical form."""

    type: SqlType
    one: Callable[[Any], object]
    many: Callable[[list[Any], Pool], Words] | None = None


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that is none of its column's type. row: position among the values read."""

    row: int
    column: str
    reason: str


def read_column(
    values: list[Any], column: ColumnLayout, reading: Reading, pool: Pool, lenient: Sequence[bool] | None = None
) -> tuple[Column, list[BadValue]]:
    """Return n values as a column, and those that cannot be read (NULL in the column).

    values: None is NULL, MISSING takes the DEFAULT. lenient: rows in which a missing value is NULL in any column.
    """
    absent = [i for i, value in enumerate(values) if value is None or value is MISSING]
    bad: list[BadValue] = []
    if not absent:
        words = _words(values, reading, pool)
        if words is not None:
            return Column(words), bad
    nulls = np.zeros(len(values), np.bool_)
    nulls[absent] = True
    words = np.zeros(len(values), np.int64)
    present = values if not absent else [v for v in values if v is not None and v is not MISSING]
    present_words = _words(present, reading, pool)
    if present_words is not None:
        words[~nulls] = present_words
    else:
        places = np.flatnonzero(~nulls).tolist()
        _read_singly(present, places, column, reading, pool, words, nulls, bad)
    for row in absent:
        if values[row] is MISSING and column.default is not None and not (lenient and lenient[row]):
            words[row], nulls[row] = column.default
        elif not column.type.nullable and not (lenient and lenient[row]):
            what = "is missing" if values[row] is MISSING else "is null"
            bad.append(BadValue(row, column.name, f"column {column.name!r} is NOT NULL, but its value {what}"))
    return Column(words, nulls if nulls.any() else None), bad


def _words(values: list[Any], reading: Reading, pool: Pool) -> Words | None:
    """Return all words at once, or None if some value needs a closer look."""
    if not values:
        return np.zeros(0, np.int64)
    try:
        if reading.many is not None:
            return reading.many(values, pool)
    except UNREADABLE:
        pass  # an unusual spelling, or a wrong value: look at each
    try:
        one = reading.one
        return encode_values([one(v) for v in values], reading.type, pool).words
    except UNREADABLE:
        return None


def _read_singly(
    values: list[Any],
    places: list[int],
    column: ColumnLayout,
    reading: Reading,
    pool: Pool,
    words: Words,
    nulls: np.ndarray[Any, np.dtype[np.bool_]],
    bad: list[BadValue],
) -> None:
    for place, value in zip(places, values, strict=True):
        try:
            words[place], nulls[place] = encode_value(reading.one(value), reading.type, pool)
        except UNREADABLE as error:
            nulls[place] = True
            shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
            reason = f"column {column.name!r} of type {spelled(column.type)} cannot be {shown}"
            if str(error) and not isinstance(error, KeyError):
                reason += f": {error}"
            bad.append(BadValue(place, column.name, reason))


def spelled(type: SqlType) -> str:
    """Return a type as SQL writes it, for messages."""
    if type.kind is Kind.DECIMAL:
        precision, scale = decimal_size(type)
        return f"DECIMAL({precision}, {scale})"
    if type.kind is Kind.ARRAY and type.element is not None:
        return f"{spelled(type.element)} ARRAY"
    return str(type.kind.value)


# ------------------------------------------------------------------------------------------ whole columns


def integers(type: SqlType) -> Callable[[list[Any], Pool], Words]:
    """Columns of Python ints (bool is none)."""
    low, high = integer_range(type.kind)
    dtype = np.uint64 if type.kind is Kind.UBIGINT else np.int64
    narrow = INTEGER_BITS[type.kind] < 64

    def many(values: list[Any], pool: Pool) -> Words:
        if set(map(_kind, values)) != {int}:
            raise ValueError("not all are integers")
        words = np.array(values, dtype)  # raises OverflowError beyond 64 bits
        if narrow and (int(words.min()) < low or int(words.max()) > high):
            raise ValueError("out of range")
        return words.view(np.int64)

    return many


def floats(type: SqlType) -> Callable[[list[Any], Pool], Words]:
    """Columns of finite Python floats, ints and Decimals."""
    single = type.kind is Kind.REAL

    def many(values: list[Any], pool: Pool) -> Words:
        if bool in (kinds := set(map(_kind, values))) or str in kinds:
            raise ValueError("not all are numbers")
        numbers = np.array(values, np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError("out of range")
        return float_words(numbers, single)

    return many


def booleans(values: list[Any], pool: Pool) -> Words:
    """Columns of Python bools."""
    if set(map(_kind, values)) != {bool}:
        raise ValueError("not all are booleans")
    return np.array(values, np.int64)


def strings(values: list[Any], pool: Pool) -> Words:
    """Columns of Python strings: one pass through Arrow's buffers."""
    if set(map(_kind, values)) != {str}:
        raise ValueError("not all are strings")
    return intern_text(pa.array(values, pa.large_string()), pool)


def intern_text(array: Any, pool: Pool) -> Words:
    """Return the codes of an Arrow large_string or large_binary array without nulls."""
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8)
    if data is None or data.size == 0:
        return np.zeros(len(array), np.int64)
    return pool.intern_buffers(np.frombuffer(data, np.uint8), bounds)


def decimals(type: SqlType) -> Callable[[list[Any], Pool], Words] | None:
    """Columns of narrow decimals from Python ints and Decimals that need no rounding; None for wide ones."""
    precision, scale = decimal_size(type)
    if type.pooled:
        return None

    def many(values: list[Any], pool: Pool) -> Words:
        if bool in (kinds := set(map(_kind, values))) or float in kinds or str in kinds:
            raise ValueError("not all are exact numbers")
        return decimal_words(pa.array(values, pa.decimal128(38, scale)), precision)

    return many


def decimal_words(array: Any, precision: int) -> Words:
    """Return the words of an Arrow decimal128 array without nulls. Raises: ValueError beyond precision digits."""
    pairs = np.frombuffer(array.buffers()[1], np.int64, 2 * len(array), array.offset * 16)
    low, high = pairs[::2], pairs[1::2]
    bound = 10**precision
    if ((low >> 63) != high).any() or int(low.max()) >= bound or int(low.min()) <= -bound:
        raise ValueError("out of range")
    return low.copy()


def text_times(type: SqlType) -> Callable[[list[Any], Pool], Words] | None:
    """Columns of DATE and TIMESTAMP values in their usual spelling."""
    if type.kind is Kind.DATE:
        return lambda values, pool: _cast(values, pa.date32(), pa.int32())
    if type.kind is Kind.TIMESTAMP:
        return _moments
    if type.kind is Kind.TIMESTAMP_TZ:
        return lambda values, pool: _cast(values, pa.timestamp("us", tz="UTC"), pa.int64())
    return None


def _moments(values: list[Any], pool: Pool) -> Words:
    """Timestamps without an offset, or all with one (they are taken in UTC)."""
    try:
        return _cast(values, pa.timestamp("us"), pa.int64())
    except pa.ArrowInvalid:
        return _cast(values, pa.timestamp("us", tz="UTC"), pa.int64())


def _cast(values: list[Any], through: Any, integer: Any) -> Words:
    array = pa.array(values, pa.string()).cast(through).cast(integer)
    return np.asarray(array.to_numpy(zero_copy_only=False)).astype(np.int64)
