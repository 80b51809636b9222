"""Arrow record batches from columns and back, in whole buffers; only nested values go one distinct value at a time.

| SQL                | Arrow                    | SQL        | Arrow                              |
|--------------------|--------------------------|------------|------------------------------------|
| BOOLEAN            | bool                     | DATE       | date32                             |
| TINYINT .. BIGINT  | int8 .. int64            | TIME       | time64[ns]                         |
| UTINYINT .. UBIGINT| uint8 .. uint64          | TIMESTAMP  | timestamp[us], WITH TIME ZONE: UTC |
| REAL, DOUBLE       | float, double            | UUID       | string, lower case                 |
| DECIMAL(p, s)      | decimal128(p, s)         | ARRAY      | large_list                         |
| CHAR, VARCHAR      | string                   | ROW        | struct                             |
| BINARY, VARBINARY  | binary                   | MAP        | map                                |
| VARIANT            | string: its JSON text    | NULL       | null                               |

INTERVAL has no Arrow form here and is refused. `arrow_reading.py` holds the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.data import decimal128
from penstock.data.arrow_reading import from_arrow
from penstock.data.arrow_types import UnsupportedInArrow, arrow_field, arrow_schema, arrow_type
from penstock.data.batch import Batch, Column, Mask, Words
from penstock.data.jsontext import variant_text
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, FLOATS, STRINGS, Kind, Schema, SqlType
from penstock.data.values_bytes import decoder

__all__ = [
    "UnsupportedInArrow",
    "arrow_field",
    "arrow_schema",
    "arrow_type",
    "column_to_arrow",
    "from_arrow",
    "to_arrow",
]

_MAX_TEXT_BYTES = (1 << 31) - 1
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_UUID_DIGITS = np.array([i for i in range(36) if i not in (8, 13, 18, 23)])


def to_arrow(rows: Batch | Sequence[Column], schema: Schema, pool: Pool, row_count: int | None = None) -> Any:
    """Return a pyarrow.RecordBatch of the columns (weights are left out).

    rows: a batch, or its columns; row_count is needed where there are no columns.
    Raises: UnsupportedInArrow for a type without an Arrow form; ValueError if the strings of one column exceed 2 GiB.
    """
    columns = rows.columns if isinstance(rows, Batch) else rows
    size = len(rows.weights) if isinstance(rows, Batch) else len(columns[0]) if columns else row_count or 0
    if not columns:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * size, pa.struct([])))
    arrays = [column_to_arrow(column, f.type, pool) for column, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(schema))


def column_to_arrow(column: Column, type: SqlType, pool: Pool) -> Any:
    """Return a pyarrow.Array of a column."""
    kind = type.kind
    target = arrow_type(type)
    nulls = column.nulls if column.nulls is not None and column.nulls.any() else None
    words = np.ascontiguousarray(column.words)
    if kind is Kind.NULL:
        return pa.nulls(len(column))
    if kind in STRINGS or kind in BINARIES:
        data, offsets = pool.gather(words)
        return _variable(target, data, offsets, nulls)
    if kind is Kind.UUID:
        return _uuids(words, nulls, pool, target)
    if kind is Kind.DECIMAL:
        high, low = decimal128.decode_halves(words, pool) if type.wide else (words >> 63, words.view(np.uint64))
        return _fixed(target, np.stack((low.view(np.int64), high), axis=1), nulls, len(words))
    if type.pooled:
        return _nested(words, nulls, pool, type, target)
    return _fixed(target, _words_as(words, type, target), nulls, len(words))


def _words_as(words: Words, type: SqlType, target: Any) -> npt.NDArray[Any]:
    """The values of fixed-width words as Arrow lays them out."""
    if type.kind is Kind.BOOLEAN:
        return np.packbits(words != 0, bitorder="little")
    if type.kind in FLOATS:
        doubles = words.view(np.float64)
        if type.kind is Kind.DOUBLE:
            return doubles
        with np.errstate(over="ignore", invalid="ignore"):
            return doubles.astype(np.float32)
    if target.bit_width == 64:
        return words
    return words.astype(f"{'u' if type.kind.value.startswith('U') else 'i'}{target.bit_width // 8}")


def _validity(nulls: Mask | None) -> Any:
    return None if nulls is None else pa.py_buffer(np.packbits(~nulls, bitorder="little"))


def _fixed(target: Any, values: npt.NDArray[Any], nulls: Mask | None, size: int) -> Any:
    return pa.Array.from_buffers(target, size, [_validity(nulls), pa.py_buffer(np.ascontiguousarray(values))])


def _variable(target: Any, data: npt.NDArray[np.uint8], offsets: Words, nulls: Mask | None) -> Any:
    if offsets[-1] > _MAX_TEXT_BYTES:
        raise ValueError(
            f"{int(offsets[-1])} bytes of one column in one record batch, at most {_MAX_TEXT_BYTES} can be"
        )
    buffers = [_validity(nulls), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(target, len(offsets) - 1, buffers)


def _uuids(words: Words, nulls: Mask | None, pool: Pool, target: Any) -> Any:
    """UUIDs as 36 lower-case characters."""
    present = words if nulls is None else words[~nulls]
    data, _ = pool.gather(present)
    text = np.full((len(present), 36), ord("-"), np.uint8)
    text[:, _UUID_DIGITS] = _HEX[np.stack((data >> 4, data & 15), axis=1)].reshape(-1, 32)
    sizes = np.full(len(words), 36, np.int64)
    if nulls is not None:
        sizes[nulls] = 0
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return _variable(target, text.reshape(-1), offsets, nulls)


def _nested(words: Words, nulls: Mask | None, pool: Pool, type: SqlType, target: Any) -> Any:
    """Each distinct value made once, then spread over the rows."""
    present = words if nulls is None else words[~nulls]
    codes, inverse = np.unique(present, return_inverse=True)
    read, plain = decoder(type), arrow_value(type)
    made = pa.array([plain(read(value)) for value in pool.values(codes)], target)
    if nulls is None:
        return made.take(pa.array(inverse))
    index = np.zeros(len(words), np.int64)
    index[~nulls] = inverse
    return made.take(pa.array(index, mask=nulls))


@lru_cache(maxsize=4096)
def arrow_value(type: SqlType) -> Callable[[Any], Any]:
    """Return the function from a canonical Python value to what pyarrow takes for it."""
    kind = type.kind
    if kind is Kind.VARIANT:
        return variant_text
    if kind is Kind.UUID:
        return str
    if kind is Kind.ARRAY and type.element is not None:
        item = _or_none(type.element)
        return lambda value: [item(v) for v in value]
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        key, item = arrow_value(type.key), _or_none(type.element)
        return lambda value: [(key(k), item(v)) for k, v in value.items()]
    if kind is Kind.STRUCT:
        parts = [_or_none(f.type) for f in type.fields]
        names = [f.name for f in type.fields]

        def row(value: Any) -> dict[str, Any]:
            values = value.values() if isinstance(value, dict) else value
            return {name: part(v) for name, part, v in zip(names, parts, values, strict=True)}

        return row
    return lambda value: value


def _or_none(type: SqlType) -> Callable[[Any], Any]:
    make = arrow_value(type)
    return lambda value: None if value is None else make(value)
