"""Records for scripts and back: dates and instants go as numbers, bytes as lists of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from penstock.data.conversion import ConversionFailed, from_text
from penstock.data.record_schema import type_name
from penstock.ports.transform import TransformFailed
from penstock.transform.jvm.numbers import to_int, to_long
from penstock.transform.jvm.values import print_any

__all__ = ["from_script", "to_script"]


def to_script(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return a batch's records as what JSON has forms for."""
    columns = [(field.name, _column(column)) for field, column in zip(batch.schema, batch.columns, strict=True)]
    return [{name: values[row] for name, values in columns} for row in range(batch.num_rows)]


def _column(column: pa.Array) -> list[Any]:
    kind, types = column.type, pa.types
    if types.is_date32(kind) or types.is_time32(kind):
        column = column.cast(pa.int32())
    elif types.is_time64(kind) or (types.is_timestamp(kind) and kind.tz is not None):
        column = column.cast(pa.int64())
    elif types.is_timestamp(kind) or types.is_decimal(kind):
        return [None if v is None else print_any(v) for v in column.to_pylist()]
    elif types.is_floating(kind):
        return [None if v is None or not math.isfinite(v) else v for v in column.to_pylist()]
    elif types.is_nested(kind) or types.is_binary(kind):
        return [_nested(v) for v in column.to_pylist()]
    values: list[Any] = column.to_pylist()
    return values


def _nested(value: Any) -> Any:
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, dict):
        return {key: _nested(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):
            return {print_any(key): _nested(item) for key, item in value}
        return [_nested(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return print_any(value)


def from_script(records: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    """Return records as a batch of a schema. Raises: TransformFailed."""
    for record in records:
        if not isinstance(record, Mapping):
            raise TransformFailed(f"a script emits records, not {print_any(record)!r}")
    arrays = []
    for field in schema:
        values = [_value(record.get(field.name), field.type, field.name) for record in records]
        try:
            array = pa.array(values, field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
            raise TransformFailed(f"field '{field.name}' cannot hold what the script emits: {error}") from None
        if array.null_count and not field.nullable:
            raise TransformFailed(f"field {field.name} cannot be set to a null value")
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _value(value: Any, kind: pa.DataType, name: str) -> Any:
    types = pa.types
    if value is None:
        return None
    if types.is_string(kind):
        return value if isinstance(value, str) else _shown(value)
    if types.is_boolean(kind):
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if types.is_integer(kind):
        return _whole(value, kind, name)
    if types.is_floating(kind):
        return _real(value, name)
    if types.is_struct(kind) and isinstance(value, Mapping):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return {member.name: _value(value.get(member.name), member.type, name) for member in members}
    if types.is_map(kind) and isinstance(value, Mapping):
        return [(_value(k, kind.key_type, name), _value(v, kind.item_type, name)) for k, v in value.items()]
    if types.is_list(kind) and isinstance(value, list):
        return [_value(item, kind.value_type, name) for item in value]
    if types.is_binary(kind):
        if isinstance(value, list):
            return bytes(int(item) & 255 for item in value)
        return str(value).encode()
    return _logical(value, kind, name)


def _shown(value: Any) -> str:
    """Print a number without a fraction as the whole number it is."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return print_any(value)


def _whole(value: Any, kind: pa.DataType, name: str) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return int(to_int(value) if kind.bit_width == 32 else to_long(value))
    try:
        return int(str(value))
    except ValueError:
        raise TransformFailed(
            f"field '{name}' of type {type_name(kind)} cannot be set to {print_any(value)!r}"
        ) from None


def _real(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TransformFailed(f"field '{name}' cannot be set to {print_any(value)!r}: it is no number") from None


def _logical(value: Any, kind: pa.DataType, name: str) -> Any:
    types = pa.types
    if isinstance(value, int | float) and not types.is_decimal(kind):
        base = pa.int32() if types.is_date32(kind) or types.is_time32(kind) else pa.int64()
        return pa.array([int(value)], base).cast(kind)[0].as_py()
    if isinstance(value, datetime | date):
        return value
    try:
        return from_text(pa.array([print_any(value)]), kind)[0].as_py()
    except (ConversionFailed, ValueError):
        raise TransformFailed(
            f"field '{name}' of type {type_name(kind)} cannot be set to {print_any(value)!r}"
        ) from None
