"""Changes as bytes that mean the same in any pool: what a log of a circuit's inputs is made of.

A word of a pooled type is a code of one pool; here the values go along, each once per column. Nothing is converted, so
what is decoded is exactly what was encoded. Of a wide decimal the 16 bytes go along, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from penstock.data import decimal128
from penstock.data.batch import Batch, Column, Mask, Words
from penstock.data.changes import Changes
from penstock.data.fate import Fate
from penstock.data.pool import Pool
from penstock.data.types import SqlType

__all__ = ["decode_changes", "encode_changes"]


class _Column(msgspec.Struct, array_like=True):
    """words: int64, or for a pooled column indexes into the values. nulls, data, offsets: None where there are none."""

    words: bytes
    nulls: bytes | None
    data: bytes | None
    offsets: bytes | None


class _Changes(msgspec.Struct, array_like=True):
    columns: list[_Column]
    weights: bytes
    patches: bytes | None
    present: list[bytes] | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Changes)


def encode_changes(changes: Batch, types: Sequence[SqlType], pool: Pool) -> bytes:
    """Return changes as bytes. types: of the columns, whose codes are those of `pool`."""
    columns = [_encoded(column, type, pool) for column, type in zip(changes.columns, types, strict=True)]
    patches = changes.patches if isinstance(changes, Changes) else None
    present = changes.present if isinstance(changes, Changes) else None
    return _encoder.encode(
        _Changes(
            columns,
            _raw(changes.weights),
            None if patches is None else _packed(patches),
            None if present is None else [_packed(mask) for mask in present],
        )
    )


def decode_changes(encoded: bytes, types: Sequence[SqlType], fates: Sequence[Fate], pool: Pool) -> Changes:
    """Return encoded changes with their values in `pool`. fates: of each column.

    Raises: msgspec.DecodeError if it is none.
    """
    read = _decoder.decode(encoded)
    weights = _array(read.weights, np.int64)
    count = len(weights)
    columns = [
        _decoded(column, type, pool.making(fate), count)
        for column, type, fate in zip(read.columns, types, fates, strict=True)
    ]
    patches = None if read.patches is None else _unpacked(read.patches, count)
    present = None if read.present is None else [_unpacked(mask, count) for mask in read.present]
    return Changes(columns, weights, patches, present)


def _encoded(column: Column, type: SqlType, pool: Pool) -> _Column:
    nulls = None if column.nulls is None else _packed(column.nulls)
    if not type.pooled:
        return _Column(_raw(column.words), nulls, None, None)
    words = column.words if column.nulls is None else column.words[~column.nulls]
    codes, index = np.unique(words, return_inverse=True)
    if type.wide:
        data, offsets = decimal128.to_bytes(codes, pool), np.arange(len(codes) + 1) * 16
    else:
        data, offsets = pool.gather(codes)
    return _Column(_raw(index.astype(np.int64, copy=False)), nulls, _raw(data), _raw(offsets))


def _decoded(column: _Column, type: SqlType, pool: Pool, count: int) -> Column:
    nulls = None if column.nulls is None else _unpacked(column.nulls, count)
    words: Words = _array(column.words, np.int64)
    if not type.pooled:
        return Column(words, nulls)
    data = _array(column.data or b"", np.uint8)
    offsets = _array(column.offsets or b"", np.int64)
    if type.wide:
        codes = decimal128.from_bytes(data, pool)
    else:
        codes = pool.intern_buffers(data, offsets) if len(offsets) > 1 else np.empty(0, np.int64)
    if nulls is None:
        return Column(codes[words] if count else codes, None)
    spread = np.zeros(count, np.int64)
    spread[~nulls] = codes[words]
    return Column(spread, nulls)


def _raw(array: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _packed(mask: Mask) -> bytes:
    return np.packbits(mask).tobytes()


def _unpacked(packed: bytes, count: int) -> Mask:
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count).astype(np.bool_)


def _array(raw: bytes, dtype: type[np.generic]) -> np.ndarray[Any, Any]:
    return np.frombuffer(bytearray(raw), dtype)  # writable, as compiled code wants it
