"""Fields of text to SQL values and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from penstock.connect.formats.columns import MISSING, Reading, decimal_words, strings, text_times
from penstock.connect.formats.json_values import FLAVORS, read_decimal, read_time, value_reader
from penstock.connect.formats.printing import SPELLINGS, json_texts
from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values import decode_words, float_words
from penstock.data.values_scalars import decimal_size, integer_range

_exact = msgspec.json.Decoder(float_hook=Decimal)
_NULLS = frozenset(("null", "NULL"))
_JSON_KINDS = (Kind.ARRAY, Kind.MAP, Kind.STRUCT, Kind.VARIANT, Kind.BINARY, Kind.VARBINARY)


def read_fields(values: list[Any], type: SqlType, trim: bool) -> list[Any]:
    """Return fields with NULL where the text means it: `null` in a nullable column, nothing in all but strings."""
    if trim:
        values = [value.strip() if value is not MISSING else value for value in values]
    if type.kind in STRINGS:
        if type.nullable and ("null" in values or "NULL" in values):
            return [None if value in _NULLS else value for value in values]
        return values
    if "" in values or (type.nullable and ("null" in values or "NULL" in values)):
        return [None if value == "" or (type.nullable and value in _NULLS) else value for value in values]
    return values


def text_reading(type: SqlType) -> Reading:
    """Return how the fields of a column are read."""
    return Reading(type, _one(type), _many(type))


def _many(type: SqlType) -> Callable[[list[Any], Pool], Words] | None:
    kind = type.kind
    if kind in STRINGS:
        return strings
    if kind in INTEGER_BITS and kind is not Kind.UBIGINT:
        return _integers(type)
    if kind in FLOATS:
        single = kind is Kind.REAL
        return lambda values, pool: float_words(_cast(values, pa.float64()).astype(np.float64), single)
    if kind is Kind.DECIMAL and not type.pooled:
        precision, scale = decimal_size(type)
        through = pa.decimal128(38, scale)
        return lambda values, pool: decimal_words(pa.array(values, pa.string()).cast(through), precision)
    return text_times(type)


def _integers(type: SqlType) -> Callable[[list[Any], Pool], Words]:
    low, high = integer_range(type.kind)

    def many(values: list[Any], pool: Pool) -> Words:
        words = _cast(values, pa.int64()).astype(np.int64)
        if int(words.min()) < low or int(words.max()) > high:
            raise ValueError("out of range")
        return words

    return many


def _cast(values: list[Any], to: Any) -> np.ndarray[Any, np.dtype[Any]]:
    return np.asarray(pa.array(values, pa.string()).cast(to).to_numpy(zero_copy_only=False))


def _one(type: SqlType) -> Callable[[Any], object]:
    kind = type.kind
    from_json = value_reader(type, FLAVORS["default"])
    if kind in INTEGER_BITS:
        return lambda text: from_json(_integer(text))
    if kind in FLOATS:
        return _float
    if kind is Kind.DECIMAL:
        return read_decimal
    if kind is Kind.BOOLEAN:
        return _boolean
    if kind is Kind.TIME:
        return read_time
    if kind in _JSON_KINDS:
        return lambda text: from_json(_document(text))
    return from_json


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("an integer is needed") from None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number is needed") from None


def _boolean(text: str) -> object:
    folded = text.strip().lower()
    if folded not in ("true", "false"):
        raise ValueError("a boolean is true or false")
    return folded == "true"


def _document(text: str) -> Any:
    try:
        return _exact.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise ValueError(f"its text is no JSON: {error}") from None


def csv_texts(column: Column, type: SqlType, pool: Pool, special: re.Pattern[str]) -> list[str]:
    """Return each value of a column as a field; NULL is nothing, the empty string is quoted."""
    if type.kind in STRINGS:
        texts = _string_fields(column.words, type, pool, special)
    elif type.kind in FLOATS:
        texts = [_float_field(v) for v in decode_words(column.words, type, pool)]
    else:
        texts = json_texts(Column(column.words), type, pool, SPELLINGS["default"])
        if type.kind in (Kind.UUID, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
            texts = [text.strip('"') for text in texts]
        elif type.pooled or type.kind in BINARIES:
            texts = [_quoted(text, special) for text in texts]
    if column.nulls is not None:
        for at in np.flatnonzero(column.nulls).tolist():
            texts[at] = ""
    return texts


def _string_fields(words: Words, type: SqlType, pool: Pool, special: re.Pattern[str]) -> list[str]:
    codes, inverse = np.unique(words, return_inverse=True)
    made = [_quoted(str(text), special) or '""' for text in decode_words(codes, type, pool)]
    return [made[i] for i in inverse.tolist()]


def _quoted(text: str, special: re.Pattern[str]) -> str:
    return '"' + text.replace('"', '""') + '"' if special.search(text) else text


def _float_field(value: Any) -> str:
    if value != value:
        return "NaN"
    return repr(value).replace("inf", "Infinity") if value in (float("inf"), float("-inf")) else repr(value)
