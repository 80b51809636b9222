"""The values of one column: an Arrow array when all are of one kind, an array of Python objects otherwise. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.transform.jvm.values import column_of, objects, scalars

__all__ = [
    "Data",
    "Mask",
    "Rows",
    "as_strings",
    "choose",
    "concat",
    "constant",
    "encode",
    "from_arrow",
    "is_ascii",
    "is_text",
    "null_mask",
    "nulls",
    "place",
    "take",
    "to_mask",
]

Data: TypeAlias = "pa.Array | np.ndarray[Any, Any]"
Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def from_arrow(column: pa.Array | pa.ChunkedArray) -> Data:
    """Return a column of a batch as data: nested and unusual types become objects, dictionaries are decoded."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    types, kind = pa.types, column.type
    if types.is_dictionary(kind):
        return from_arrow(column.dictionary_decode())
    if types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.string())
    if types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind):
        return column.cast(pa.binary())
    if types.is_nested(kind):
        return objects(scalars(column))
    if types.is_timestamp(kind) and kind.unit != "us":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if types.is_time(kind):
        return column.cast(pa.time64("us"), safe=False)
    if types.is_null(kind):
        return pa.nulls(len(column), pa.string())
    return column


def is_text(data: Data) -> bool:
    """Whether every value is a string or null."""
    return isinstance(data, pa.Array) and pa.types.is_string(data.type)


def nulls(size: int) -> Data:
    """Return a column of nulls."""
    return pa.nulls(size, pa.string())


def constant(value: Any, size: int) -> Data:
    """Return a column that holds one value everywhere."""
    if value is None:
        return nulls(size)
    one = column_of([value])
    if isinstance(one, pa.Array):
        return pa.repeat(one[0], size)
    column = np.empty(size, dtype=object)
    for i in range(size):
        column[i] = value
    return column


def null_mask(data: Data) -> Mask:
    """Tell where the nulls are."""
    if isinstance(data, pa.Array):
        if data.null_count == 0:
            return np.zeros(len(data), dtype=bool)
        return to_mask(data.is_null())
    return np.fromiter((value is None for value in data), bool, len(data))


def to_mask(array: pa.Array) -> Mask:
    """Return a boolean Arrow array as a mask; nulls are false."""
    if array.null_count:
        array = array.fill_null(False)
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


def take(data: Data, rows: Rows) -> Data:
    """Pick rows by index; a negative index gives null."""
    if isinstance(data, pa.Array):
        if len(rows) and rows.min() < 0:
            return data.take(pa.array(rows, mask=rows < 0))
        return data.take(pa.array(rows))
    picked = data[rows]
    if len(rows) and rows.min() < 0:
        picked = picked.copy()
        picked[rows < 0] = None
    return picked


def concat(parts: Sequence[Data]) -> Data:
    """Put columns one below the other; kinds may differ. Columns of nulls alone take any kind."""
    kept = [part for part in parts if len(part)]
    if not kept:
        return nulls(0)
    if len(kept) == 1:
        return kept[0]
    arrays = [part for part in kept if isinstance(part, pa.Array)]
    kinds = {part.type for part in arrays if part.null_count < len(part)}
    if len(arrays) == len(kept) and len(kinds) <= 1:
        kind = next(iter(kinds), arrays[0].type)
        return pa.concat_arrays([part if part.type == kind else pa.nulls(len(part), kind) for part in arrays])
    return column_of([value for part in kept for value in scalars(part)])


def place(parts: Sequence[tuple[Rows, Data]], size: int) -> Data:
    """Put columns together from pieces and the rows where they go; other rows are null."""
    at = np.full(size, -1, dtype=np.int64)
    offset = 0
    for rows, data in parts:
        at[rows] = np.arange(offset, offset + len(data))
        offset += len(data)
    if len(parts) == 1 and len(parts[0][0]) == size and np.array_equal(at, np.arange(size)):
        return parts[0][1]
    return take(concat([data for _, data in parts]), at) if offset else nulls(size)


def choose(mask: Mask, yes: Data, no: Data) -> Data:
    """Take values from one column where the mask is set, from the other elsewhere."""
    if mask.all():
        return yes
    if not mask.any():
        return no
    if isinstance(yes, pa.Array) and isinstance(no, pa.Array) and yes.type == no.type:
        return pc.if_else(pa.array(mask), yes, no)
    rows = np.arange(len(mask))
    return place([(rows[mask], take(yes, rows[mask])), (rows[~mask], take(no, rows[~mask]))], len(mask))


def encode(data: Data) -> tuple[list[Any], Rows]:
    """Return the distinct values and for each row which one it is; -1 for null."""
    if isinstance(data, pa.Array):
        if pa.types.is_floating(data.type):
            # -0.0 and 0.0 are told apart: they print differently
            bits = data.cast(data.type).view(pa.int64() if data.type == pa.float64() else pa.int32())
            encoded = bits.dictionary_encode()
            values = scalars(encoded.dictionary.view(data.type))
        else:
            encoded = data.dictionary_encode()
            values = scalars(encoded.dictionary)
        codes = encoded.indices
        if codes.null_count:
            codes = codes.fill_null(-1)
        return values, codes.to_numpy(zero_copy_only=False).astype(np.int64)
    codes = np.arange(len(data), dtype=np.int64)
    codes[null_mask(data)] = -1
    return list(data), codes


def is_ascii(data: pa.Array) -> bool:
    """Whether a column of strings has no other characters than ASCII ones."""
    values = data.buffers()[2]
    if values is None or not values.size or len(data) == 0:
        return True
    offsets = np.frombuffer(data.buffers()[1], np.int32)[data.offset : data.offset + len(data) + 1]
    used = np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]]
    return not used.size or bool(used.max() < 128)


def as_strings(data: Data, spell: Callable[[Any], str]) -> pa.Array:
    """Print every value; nulls stay null."""
    if isinstance(data, pa.Array) and pa.types.is_string(data.type):
        return data
    values, codes = encode(data)
    printed = pa.array([None if value is None else spell(value) for value in values], pa.string())
    if isinstance(data, pa.Array) or (codes < 0).any():
        return printed.take(pa.array(codes, mask=codes < 0))
    return printed
