"""Columns of words to text, whole columns at once; pooled values once per distinct value.

Source: spec of data formats, emitted encodings: fractions of times in groups of three digits, none when zero; decimals
with the scale of their type; floats in the shortest form that reads back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from penstock.data.batch import Batch, Column, Words
from penstock.data.order import order_words, sort_positions
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values import Variant, decode_words
from penstock.data.values_scalars import decimal_size, number_of
from penstock.ports.format import Layout

_json = msgspec.json.Encoder(decimal_format="number")
_FEW = 4
"""So many pooled values are written one by one: looking for equal ones among them takes longer."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How values are written. date_ns etc.: write integers of so many nanoseconds instead of text; see the flavours."""

    date_ns: int | None = None
    time_ns: int | None = None
    timestamp_ns: int | None = None
    iso: bool = False
    decimal_text: bool = False
    variant_text: bool = False
    binary: Callable[[bytes], object] = list


SPELLINGS: dict[str, Spelling] = {
    "default": Spelling(),
    "pandas": Spelling(None, None, 1_000_000, decimal_text=True, variant_text=True),
    "debezium_mysql": Spelling(86_400_000_000_000, 1000, None, True, True, True),
    "debezium_postgres": Spelling(86_400_000_000_000, 1000, 1_000_000, False, True, True),
    "kafka_connect_json_converter": Spelling(86_400_000_000_000, 1_000_000, 1_000_000, False, True, True),
    "snowflake": Spelling(None, None, None, True, True, True),
    "postgres": Spelling(decimal_text=True, binary=lambda data: "\\x" + data.hex()),
    "c_hex": Spelling(variant_text=True, binary=lambda data: "0x" + data.hex()),
}


def json_texts(column: Column, type: SqlType, pool: Pool, spelling: Spelling) -> list[str]:
    """Return each value of a column as JSON text."""
    texts = _texts(column.words, type, pool, spelling)
    if column.nulls is not None:
        for at in np.flatnonzero(column.nulls).tolist():
            texts[at] = "null"
    return texts


def sorted_changes(batch: Batch, relation: Layout, pool: Pool) -> Batch:
    """Return deletions before insertions, each in the order of rows, nulls first."""
    if len(batch) <= 2 and len({*np.sign(batch.weights).tolist()}) == len(batch):
        # One deletion, one insertion or one of each: the usual change of a single group needs no look at its values.
        return batch.take(np.argsort(batch.weights))
    keys: list[tuple[Words, Any, bool, bool]] = [((batch.weights > 0).astype(np.int64), None, False, True)]
    for column, layout in zip(batch.columns, relation.columns, strict=True):
        keys.append((order_words(column, layout.type, pool), column.nulls, False, True))
    return batch.take(sort_positions(keys, len(batch)))


def _texts(words: Words, type: SqlType, pool: Pool, spelling: Spelling) -> list[str]:
    kind = type.kind
    if kind is Kind.BOOLEAN:
        return ["true" if word else "false" for word in words.tolist()]
    if kind is Kind.UBIGINT:
        return [*map(str, words.view(np.uint64).tolist())]
    if kind in INTEGER_BITS or kind in (Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS):
        return [*map(str, words.tolist())]
    if kind in FLOATS:
        return float_texts(words, kind is Kind.REAL)
    if kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return _times(words, kind, spelling)
    if kind is Kind.DECIMAL and not type.pooled:
        texts = decimal_texts(words, decimal_size(type)[1])
        return [f'"{text}"' for text in texts] if spelling.decimal_text else texts
    if len(words) <= _FEW:
        return [*map(_distinct_writer(type, spelling), decode_words(words, type, pool))]
    codes, inverse = np.unique(words, return_inverse=True)
    values = decode_words(codes, type, pool)
    made = [*map(_distinct_writer(type, spelling), values)]
    return [made[i] for i in inverse.tolist()]


def _distinct_writer(type: SqlType, spelling: Spelling) -> Callable[[Any], str]:
    if type.kind in STRINGS:
        encode = _json.encode
        return lambda value: encode(value).decode()
    if type.kind is Kind.VARIANT and spelling.variant_text:
        return lambda value: _json.encode(_json.encode(plain(value, type, spelling)).decode()).decode()
    return lambda value: _json.encode(plain(value, type, spelling)).decode()


def float_texts(words: Words, single: bool) -> list[str]:
    """Return doubles in their shortest form; what JSON has no word for is null."""
    values = np.ascontiguousarray(words).view(np.float64)
    listed = [*map(str, values.astype(np.float32))] if single else [*map(repr, values.tolist())]
    for at in np.flatnonzero(~np.isfinite(values)).tolist():
        listed[at] = "null"
    return listed


def decimal_texts(words: Words, scale: int) -> list[str]:
    """Return scaled integers with all their fraction digits."""
    if scale == 0:
        return [*map(str, words.tolist())]
    base = 10**scale
    whole, part = np.divmod(np.abs(words), base)
    signs = ["-" if negative else "" for negative in (words < 0).tolist()]
    return [f"{s}{w}.{p:0{scale}d}" for s, w, p in zip(signs, whole.tolist(), part.tolist(), strict=True)]


_UNIT_NS = {Kind.DATE: 86_400_000_000_000, Kind.TIME: 1}


def _times(words: Words, kind: Kind, spelling: Spelling) -> list[str]:
    unit = {Kind.DATE: spelling.date_ns, Kind.TIME: spelling.time_ns}.get(kind, spelling.timestamp_ns)
    if unit is not None:
        word_ns = _UNIT_NS.get(kind, 1000)
        return [*map(str, (words * (word_ns // unit) if word_ns >= unit else words // (unit // word_ns)).tolist())]
    return [f'"{text}"' for text in time_texts(words, kind, spelling.iso)]


def time_texts(words: Words, kind: Kind, iso: bool = False) -> list[str]:
    """Return dates and times as text. iso: timestamps with T and Z."""
    if kind is Kind.DATE:
        return [str(text) for text in np.datetime_as_string(words.view("M8[D]")).tolist()]
    per_second = 1_000_000_000 if kind is Kind.TIME else 1_000_000
    seconds, rest = np.divmod(words, per_second)
    texts: list[str] = np.datetime_as_string(seconds.view("M8[s]")).tolist()
    if kind is Kind.TIME:
        texts = [text[11:] for text in texts]
    elif not iso:
        texts = [text.replace("T", " ") for text in texts]
    digits = 9 if kind is Kind.TIME else 6
    for at in np.flatnonzero(rest).tolist():
        texts[at] += _fraction(int(rest[at]), digits)
    if kind is Kind.TIMESTAMP_TZ:
        return [text + ("Z" if iso else "+00:00") for text in texts]
    return [text + "Z" for text in texts] if iso and kind is Kind.TIMESTAMP else texts


def _fraction(rest: int, digits: int) -> str:
    """Return a fraction in as few groups of three digits as say it exactly."""
    text = f"{rest:0{digits}d}"
    while text.endswith("000"):
        text = text[:-3]
    return "." + text


def plain(value: Any, type: SqlType, spelling: Spelling) -> Any:
    """Return a value of any type as what the JSON encoder writes; NaN and infinities are null."""
    kind = type.kind
    if value is None or kind is Kind.NULL:
        return None
    if kind is Kind.VARIANT:
        return _plain_variant(value, spelling)
    if kind is Kind.ARRAY and type.element is not None:
        return [plain(item, type.element, spelling) for item in value]
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        return {
            key_text(plain(key, type.key, spelling)): plain(item, type.element, spelling) for key, item in value.items()
        }
    if kind is Kind.STRUCT:
        return {field.name: plain(value[field.name], field.type, spelling) for field in type.fields}
    if kind in BINARIES:
        return spelling.binary(value)
    if kind in FLOATS:
        return value if value - value == 0 else None
    if kind is Kind.DECIMAL:
        return str(value) if spelling.decimal_text else value
    if kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return _plain_time(value, type, spelling)
    if kind is Kind.UUID:
        return str(value)
    return value


def _plain_time(value: Any, type: SqlType, spelling: Spelling) -> Any:
    text = _times(np.array([number_of(type)(value)], np.int64), type.kind, spelling)[0]
    return text.strip('"') if text.startswith('"') else int(text)


def _plain_variant(value: Variant, spelling: Spelling) -> Any:
    if value.kind is Kind.ARRAY:
        return [None if item is None else _plain_variant(item, spelling) for item in value.value]  # type: ignore[attr-defined]
    if value.kind is Kind.MAP:
        entries = value.value.items()  # type: ignore[attr-defined]
        return {
            key_text(None if key is None else _plain_variant(key, spelling)): (
                None if item is None else _plain_variant(item, spelling)
            )
            for key, item in entries
        }
    return plain(value.value, SqlType(value.kind), spelling)


def key_text(key: Any) -> str:
    """Return the key of a MAP as the name of an object's member."""
    if isinstance(key, str):
        return key
    if isinstance(key, Decimal):
        return str(key)
    return _json.encode(key).decode()
