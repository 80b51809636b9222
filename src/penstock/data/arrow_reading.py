"""Arrow record batches as columns: types that hold the same values are converted, buffers are taken as they are."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.data import decimal128
from penstock.data.arrow_types import arrow_type
from penstock.data.batch import Batch, Column, Mask, Words
from penstock.data.fate import Fate
from penstock.data.jsontext import parse_variant
from penstock.data.pool import Bytes, Pool
from penstock.data.types import BINARIES, FLOATS, INTEGERS, STRINGS, Kind, Schema, SqlType
from penstock.data.values import encode_values, float_words
from penstock.data.values_scalars import ValueOutOfRange, decimal_size

TakeBuffers = Callable[[Bytes, Words], Words]
"""take(data, offsets) -> codes, as `Pool.intern_buffers`."""

_CAST_FIRST = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("ns"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_TZ: pa.timestamp("us", "UTC"),
}
_BITS = {Kind.BOOLEAN: pa.uint8(), Kind.DATE: pa.int32()}


def from_arrow(
    record_batch: Any,
    schema: Schema,
    pool: Pool,
    weights: Words | None = None,
    fates: Mapping[int, Fate] | None = None,
) -> Batch:
    """Return a batch of a pyarrow.RecordBatch, or Table, whose columns are found by name, if need be ignoring case.

    weights: (n,) int64; each row once if not given. fates: of columns by position, of others: they are compared.
    A column that is not there is NULL; others are ignored.
    Raises: ValueOutOfRange for values that do not fit; ValueError for an Arrow type that cannot be taken, or for a
    NULL or missing column where the schema has none.
    """
    size = record_batch.num_rows
    names = list(record_batch.schema.names)
    folded = {name.lower(): i for i, name in reversed([*enumerate(names)])}
    columns = []
    pools = {} if fates is None else {position: pool.making(fate) for position, fate in fates.items()}
    for position, field in enumerate(schema):
        at = names.index(field.name) if field.name in names else folded.get(field.name.lower())
        if at is not None:
            column = column_from_arrow(record_batch.column(at), field.type, pools.get(position, pool))
        else:
            column = Column(np.zeros(size, np.int64), np.ones(size, np.bool_))
        if column.nulls is not None and not field.type.nullable and column.nulls.any():
            raise ValueError(
                f"column {field.name!r} is NOT NULL but has NULL" if at is not None else f"no {field.name!r}"
            )
        columns.append(column)
    return Batch(columns, np.ones(size, np.int64) if weights is None else weights)


def column_from_arrow(array: Any, type: SqlType, pool: Pool) -> Column:
    """Return a column of a pyarrow.Array or ChunkedArray."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    nulls = _nulls(array)
    if pa.types.is_null(array.type):
        return Column(np.zeros(len(array), np.int64), np.ones(len(array), np.bool_))
    try:
        words = _dictionary(array, type, pool) if pa.types.is_dictionary(array.type) else _words(array, type, pool)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError) as error:
        raise ValueOutOfRange(f"{array.type} as {type.kind.value}: {error}") from None
    if nulls is not None:
        words[nulls] = 0
    return Column(words, nulls)


def _nulls(array: Any) -> Mask | None:
    if not array.null_count:
        return None
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), np.bool_)


def _dictionary(array: Any, type: SqlType, pool: Pool) -> Words:
    """Words of a dictionary-encoded array: each entry of the dictionary converted once."""
    entries = column_from_arrow(array.dictionary, type, pool)
    if entries.nulls is not None:
        return _words(array.dictionary_decode(), type, pool)
    return _spread(entries.words, array)


def _spread(words: Words, encoded: Any) -> Words:
    """Words of a dictionary's entries by the indices of a dictionary-encoded array."""
    if not len(words):
        return np.zeros(len(encoded), np.int64)
    index = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(words[index.astype(np.int64)], np.int64)


def _words(array: Any, type: SqlType, pool: Pool) -> Words:
    """Fresh words of an array; those of null slots are arbitrary."""
    kind = type.kind
    if kind in INTEGERS:
        target = arrow_type(type)
        values = _flat(array if array.type == target else array.cast(target))
        return np.array(values.view(np.int64) if kind is Kind.UBIGINT else values, np.int64)
    if kind in FLOATS:
        values = _flat(array if pa.types.is_float64(array.type) else array.cast(pa.float64()))
        return float_words(values.astype(np.float64), kind is Kind.REAL)
    if kind is Kind.DECIMAL:
        return _decimals(array, type, pool)
    if kind in STRINGS or kind in BINARIES:
        return _texts(array, kind in STRINGS, pool.intern_buffers)
    if kind is Kind.UUID:
        return _uuids(array, pool)
    if kind in _CAST_FIRST:
        target = _CAST_FIRST[kind]
        if array.type != target:
            array = array.cast(target, safe=kind in (Kind.BOOLEAN, Kind.TIME))
        return np.array(_flat(array.cast(_BITS.get(kind, pa.int64()))), np.int64)
    return _nested(array, type, pool)


def _flat(array: Any) -> Any:
    """The values of a number array with 0 in null slots."""
    if array.null_count:
        array = array.fill_null(0)
    return array.to_numpy(zero_copy_only=False)


def _decimals(array: Any, type: SqlType, pool: Pool) -> Words:
    precision, scale = decimal_size(type)
    target = pa.decimal128(precision, scale)
    if array.type != target:
        if pa.types.is_decimal(array.type) and array.type.scale > scale:
            array = pc.round(array, scale, "half_to_even")
        elif pa.types.is_integer(array.type):
            array = array.cast(pa.decimal128(20, 0)) if scale else array
        array = array.cast(target)
    if not len(array):
        return np.zeros(0, np.int64)
    data = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset : 2 * (array.offset + len(array))]
    if not type.wide:
        return data[::2].copy()
    low, high = data[::2].view(np.uint64), data[1::2]
    absent = _nulls(array)
    if absent is not None:
        low, high = np.where(absent, np.uint64(0), low), np.where(absent, 0, high)
    return decimal128.encode_halves((high, low), pool)


def _texts(array: Any, text: bool, take: TakeBuffers) -> Words:
    """Codes of strings or binary values, from the buffers; null slots are made empty first where they are not."""
    kind = array.type
    fits = (pa.types.is_string, pa.types.is_large_string) if text else (pa.types.is_binary, pa.types.is_large_binary)
    if not any(fit(kind) for fit in fits):
        if text and not pa.types.is_string_view(kind):
            raise pa.ArrowTypeError("this is no string")
        array = array.cast(pa.large_string() if text else pa.large_binary())
    _, offsets_buffer, data_buffer = array.buffers()
    size = len(array)
    if not size:
        return np.zeros(0, np.int64)
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    offsets = np.frombuffer(offsets_buffer, np.int64 if wide else np.int32)[array.offset : array.offset + size + 1]
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    nulls = _nulls(array)
    if nulls is not None and (np.diff(offsets)[nulls] != 0).any():
        return _texts(array.fill_null("" if text else b""), text, take)
    return take(data, np.ascontiguousarray(offsets, np.int64))


def _uuids(array: Any, pool: Pool) -> Words:
    if pa.types.is_fixed_size_binary(array.type) or pa.types.is_binary(array.type):
        return _texts(array.cast(pa.binary()), False, pool.intern_buffers)
    encoded = array.cast(pa.string()).dictionary_encode()
    codes = pool.intern_many([uuid.UUID(text).bytes for text in encoded.dictionary.to_pylist() if text is not None])
    return _spread(codes, encoded)


def _nested(array: Any, type: SqlType, pool: Pool) -> Words:
    """Words of ARRAY, MAP, ROW and VARIANT values, made one by one (equal VARIANT texts once)."""
    if type.kind is Kind.VARIANT:
        encoded = array.cast(pa.string()).dictionary_encode()
        made = encode_values([parse_variant(t) for t in encoded.dictionary.to_pylist()], type, pool).words
        return _spread(made, encoded)
    read = arrow_value_reader(type)
    listed = array.cast(_reading_type(type)).to_pylist()
    return encode_values([None if v is None else read(v) for v in listed], type, pool).words


@lru_cache(maxsize=4096)
def _reading_type(type: SqlType) -> Any:
    """The Arrow type whose Python values lose nothing: TIME as integers."""
    if type.kind is Kind.TIME:
        return pa.int64()
    if type.kind is Kind.ARRAY and type.element is not None:
        return pa.large_list(_reading_type(type.element))
    if type.kind is Kind.MAP and type.key is not None and type.element is not None:
        return pa.map_(_reading_type(type.key), _reading_type(type.element))
    if type.kind is Kind.STRUCT:
        return pa.struct([pa.field(f.name, _reading_type(f.type)) for f in type.fields])
    return arrow_type(type)


@lru_cache(maxsize=4096)
def arrow_value_reader(type: SqlType) -> Callable[[Any], Any]:
    """Return the function from pyarrow's Python value (not None) to the canonical one."""
    kind = type.kind
    if kind is Kind.VARIANT:
        return parse_variant
    if kind is Kind.ARRAY and type.element is not None:
        item = _or_none(type.element)
        return lambda value: [item(v) for v in value]
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        key, item = arrow_value_reader(type.key), _or_none(type.element)
        return lambda value: [(key(k), item(v)) for k, v in value]
    if kind is Kind.STRUCT:
        parts = [(f.name, _or_none(f.type)) for f in type.fields]
        return lambda value: tuple(part(value.get(name)) for name, part in parts)
    return lambda value: value


def _or_none(type: SqlType) -> Callable[[Any], Any]:
    make = arrow_value_reader(type)
    return lambda value: None if value is None else make(value)
