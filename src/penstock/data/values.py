"""Python values to words and back, for every SQL type.

| type                    | canonical Python value                                                            |
|-------------------------|-----------------------------------------------------------------------------------|
| BOOLEAN                 | bool                                                                              |
| integers                | int                                                                               |
| REAL, DOUBLE            | float                                                                             |
| DECIMAL                 | decimal.Decimal with the scale of the type                                        |
| CHAR, VARCHAR           | str                                                                               |
| BINARY, VARBINARY       | bytes                                                                             |
| DATE                    | datetime.date                                                                     |
| TIME                    | datetime.time, or int nanoseconds since midnight when they are no whole microseconds|
| TIMESTAMP               | datetime.datetime without zone                                                    |
| TIMESTAMP WITH TIME ZONE| datetime.datetime in UTC                                                          |
| INTERVAL                | int months or int microseconds                                                    |
| UUID                    | uuid.UUID                                                                         |
| ARRAY                   | list                                                                              |
| MAP                     | dict in the order of keys; ARRAY and ROW keys as tuples                           |
| ROW                     | dict by field name in the order of fields; tuples are taken too                   |
| VARIANT                 | Variant (`values_variant.py`)                                                     |
| NULL of any type        | None                                                                              |

Where a type has a usual integer form (days, microseconds, nanoseconds, unscaled decimals aside) that is taken as well.
How the pooled types are written is in `values_bytes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.data import decimal128
from penstock.data.batch import Column, Mask, Words
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values_bytes import decode_key, decoder, encode_key, encoder
from penstock.data.values_scalars import ValueOutOfRange, integer_range, number_of, value_of
from penstock.data.values_variant import VARIANT_NULL, Variant

__all__ = [
    "VARIANT_NULL",
    "ValueOutOfRange",
    "Variant",
    "decode_column",
    "decode_key",
    "decode_words",
    "encode_key",
    "encode_value",
    "encode_values",
    "float_words",
]


def float_words(values: np.ndarray[tuple[int], np.dtype[np.float64]], single: bool = False) -> Words:
    """Return the words of doubles: rounded to single if asked, -0.0 as 0.0, every NaN as one NaN."""
    if single:
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.astype(np.float32).astype(np.float64)
    values = values + 0.0
    values[np.isnan(values)] = np.nan
    return values.view(np.int64)


def _integers(values: list[object], kind: Kind) -> Words:
    """Words of integers of a type, checked against its range."""
    low, high = integer_range(kind)
    numbers = [int(v) for v in values]  # type: ignore[call-overload]
    if numbers and (min(numbers) < low or max(numbers) > high):
        wrong = next(n for n in numbers if not low <= n <= high)
        raise ValueOutOfRange(f"{wrong} is no value of {kind.value}")
    if kind is Kind.UBIGINT:
        return np.array(numbers, np.uint64).view(np.int64)
    return np.array(numbers, np.int64)


def _present_words(values: list[object], type: SqlType, pool: Pool) -> Words:
    """Words of values none of which is NULL."""
    kind = type.kind
    if type.wide:
        return decimal128.encode(np.array([*map(number_of(type), values)], object), pool)
    if type.pooled:
        return pool.intern_many(map(encoder(type), values))
    if kind in FLOATS:
        return float_words(np.array(values, np.float64), kind is Kind.REAL)
    if kind in INTEGER_BITS:
        return _integers(values, kind)
    if kind is Kind.NULL:
        return np.zeros(len(values), np.int64)
    return np.array([*map(number_of(type), values)], np.int64)


def encode_values(values: Sequence[object], type: SqlType, pool: Pool) -> Column:
    """Return a column of n Python values; None is NULL, whatever the type's nullability.

    Raises: ValueOutOfRange for a number that the type cannot hold; TypeError or ValueError for a value of another kind.
    """
    listed = list(values)
    missing = [v is None for v in listed]
    if not any(missing):
        return Column(_present_words(listed, type, pool))
    nulls = np.array(missing, np.bool_)
    words = np.zeros(len(listed), np.int64)
    words[~nulls] = _present_words([v for v in listed if v is not None], type, pool)
    return Column(words, nulls)


def encode_value(value: object, type: SqlType, pool: Pool) -> tuple[int, bool]:
    """Return word and null flag of one value."""
    if value is None:
        return 0, True
    return int(_present_words([value], type, pool)[0]), False


def _distinct(words: Words, type: SqlType, pool: Pool) -> list[object]:
    """Decode pooled words, each distinct one once; containers are shared between equal rows and must not be changed."""
    codes, inverse = np.unique(words, return_inverse=True)
    if type.wide:
        made = [*map(value_of(type), decimal128.decode(codes, pool).tolist())]
    else:
        made = [*map(decoder(type), pool.values(codes))]
    return [made[i] for i in inverse.tolist()]


def decode_words(words: Words, type: SqlType, pool: Pool) -> list[object]:
    """Return the Python values of words none of which is NULL."""
    kind = type.kind
    if type.pooled:
        if kind in STRINGS or kind in BINARIES:
            return [*map(decoder(type), pool.values(words))]
        return _distinct(words, type, pool)
    words = np.ascontiguousarray(words)
    if kind in FLOATS:
        return [*words.view(np.float64).tolist()]
    if kind is Kind.UBIGINT:
        return [*words.view(np.uint64).tolist()]
    if kind is Kind.BOOLEAN:
        return [*(words != 0).tolist()]
    numbers: list[object] = words.tolist()
    if kind in INTEGER_BITS:
        return numbers
    if kind is Kind.NULL:
        return [None] * len(words)
    return [*map(value_of(type), numbers)]  # type: ignore[arg-type]


def decode_column(column: Column, type: SqlType, pool: Pool) -> list[object]:
    """Return the Python values of a column; NULL is None. Equal containers of one call may be the same object."""
    nulls: Mask | None = column.nulls
    if nulls is None or not nulls.any():
        return decode_words(column.words, type, pool)
    result: list[object] = [None] * len(column)
    for at, value in zip(np.flatnonzero(~nulls).tolist(), decode_words(column.words[~nulls], type, pool), strict=True):
        result[at] = value
    return result
