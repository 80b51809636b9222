"""Values of avro files: what the library gives, as Arrow has it, and back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from penstock.data.record_schema import schema_json, type_name
from penstock.ports.records import ReadFailed

__all__ = ["avro_rows", "avro_schema", "column_of"]


def column_of(values: list[Any], field: pa.Field, file: Path) -> pa.Array:
    """Return values as an array. Raises: ReadFailed."""
    kind = field.type
    if pa.types.is_timestamp(kind) and kind.tz is None:
        values = [datetime.fromisoformat(value) if isinstance(value, str) else value for value in values]
    elif _has_maps(kind):
        values = [_from_avro(value, kind) for value in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError, TypeError, OverflowError) as error:
        raise ReadFailed(f"field '{field.name}' of '{file}' is no {type_name(kind)}: {error}") from None


def avro_schema(schema: pa.Schema) -> dict[str, Any]:
    """Return the avro schema of records."""
    return schema_json(schema, "etlSchemaBody")


def avro_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return records as the library takes them."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    for field in batch.schema:
        kind = field.type
        if pa.types.is_timestamp(kind) and kind.tz is None:
            for row in rows:
                value = row[field.name]
                row[field.name] = None if value is None else value.isoformat()
        elif _has_maps(kind):
            for row in rows:
                row[field.name] = _to_avro(row[field.name], kind)
    return rows


def _has_maps(kind: pa.DataType) -> bool:
    if pa.types.is_map(kind):
        return True
    if pa.types.is_struct(kind):
        return any(_has_maps(kind.field(i).type) for i in range(kind.num_fields))
    return pa.types.is_list(kind) and _has_maps(kind.value_type)


def _from_avro(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(key, _from_avro(item, kind.item_type)) for key, item in value.items()]
    if pa.types.is_list(kind):
        return [_from_avro(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return {f.name: _from_avro(value.get(f.name), f.type) for f in members}
    return value


def _to_avro(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {str(key): _to_avro(item, kind.item_type) for key, item in value}
    if pa.types.is_list(kind):
        return [_to_avro(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return {f.name: _to_avro(value.get(f.name), f.type) for f in members}
    return value
