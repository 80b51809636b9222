"""Text lines and JSON lines as records: blocks of text in, batches of a schema out."""

from __future__ import annotations

import base64
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from penstock.data.conversion import ConversionFailed, from_text, print_value
from penstock.data.record_schema import type_name
from penstock.ports.records import ReadFailed

__all__ = ["json_records", "line_array", "parse_json", "parse_lines"]

_DIRECT = (pa.bool_(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string())


def line_array(block: bytes) -> tuple[pa.Array, np.ndarray[Any, np.dtype[np.int64]]]:
    """Return the lines of a block without their ends, and where in it each begins."""
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == ord("\n")) + 1
    if len(data) and (not len(ends) or ends[-1] != len(data)):
        ends = np.append(ends, len(data))
    offsets = np.zeros(len(ends) + 1, np.int64)
    offsets[1:] = ends
    if b"\r" not in block:
        # most files: cutting out all the ends at once is far cheaper than trimming line by line
        bounds = offsets - np.arange(len(offsets))
        bounds[-1] += bool(block) and not block.endswith(b"\n")
        body = block.translate(None, b"\n")
        return pa.StringArray.from_buffers(
            len(ends), pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(body)
        ), offsets[:-1]
    lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(block))
    return pc.ascii_rtrim(lines, "\r\n"), offsets[:-1]


def parse_lines(block: bytes, offset: int, schema: pa.Schema) -> pa.RecordBatch:
    """Return one record for each line. The field `offset`, if there is one, is where the line begins in the file."""
    lines, starts = line_array(block)
    columns = []
    for field in schema:
        column = pa.array(starts + offset) if field.name == "offset" else lines
        columns.append(column if column.type.equals(field.type) else column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def parse_json(block: bytes, schema: pa.Schema, source: str) -> pa.RecordBatch:
    """Read one object from each line; members that are no field are ignored.

    Raises: ReadFailed for what is no object, a value of another type, or a missing one where the schema has no null.
    """
    if all(field.type in _DIRECT for field in schema):
        try:
            return _checked(_parse_fast(block, schema), schema, source)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # below it is found which value it is, and some are converted
    rows = []
    for line in block.split(b"\n"):
        if line.strip():
            rows.append(_object(line, source))
    return json_records(rows, schema, source)


def json_records(rows: list[dict[str, Any]], schema: pa.Schema, source: str) -> pa.RecordBatch:
    """Return objects as records. Raises: ReadFailed."""
    columns = [_column([_member(row, f) for row in rows], f, source) for f in schema]
    return _checked(pa.table(columns, schema=schema) if columns else pa.table({}), schema, source)


def _parse_fast(block: bytes, schema: pa.Schema) -> pa.Table:
    nullable = pa.schema([field.with_nullable(True) for field in schema])
    return pj.read_json(
        pa.py_buffer(block),
        read_options=pj.ReadOptions(use_threads=False, block_size=max(len(block) + 1, 1024)),
        parse_options=pj.ParseOptions(explicit_schema=nullable, unexpected_field_behavior="ignore"),
    ).select(schema.names)


def _checked(table: pa.Table, schema: pa.Schema, source: str) -> pa.RecordBatch:
    columns = []
    for field, column in zip(schema, table.columns, strict=True):
        if column.null_count and not field.nullable:
            raise ReadFailed(
                f"field '{field.name}' cannot be set to a null value, in '{source}'; make it nullable in the schema"
            )
        columns.append(pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _object(line: bytes, source: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadFailed(f"'{source}' has a line that is no JSON: {line[:120]!r}: {error}") from None
    if not isinstance(found, dict):
        raise ReadFailed(f"'{source}' has a line that is no JSON object: {line[:120]!r}")
    return found


def _member(row: dict[str, Any], field: pa.Field) -> Any:
    return row.get(field.name)


def _column(values: list[Any], field: pa.Field, source: str) -> pa.Array:
    try:
        return pa.array([None if value is None else _value(value, field.type) for value in values], field.type)
    except (ValueError, TypeError, pa.ArrowInvalid, OverflowError) as error:
        raise ReadFailed(
            f"field '{field.name}' of '{source}' has a value that is no {type_name(field.type)}: {error}"
        ) from None


def _value(value: Any, kind: pa.DataType) -> Any:
    """Return a JSON value as one of a type: numbers and texts of numbers are the same, as are their times."""
    types = pa.types
    if types.is_string(kind):
        return value if isinstance(value, str) else print_value(value)
    if types.is_struct(kind):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return {f.name: None if value.get(f.name) is None else _value(value[f.name], f.type) for f in members}
    if types.is_list(kind):
        return [None if item is None else _value(item, kind.value_type) for item in value]
    if types.is_map(kind):
        return [(_value(k, kind.key_type), None if v is None else _value(v, kind.item_type)) for k, v in value.items()]
    if types.is_binary(kind):
        return _bytes(value)
    if types.is_boolean(kind) and isinstance(value, bool):
        return value
    if isinstance(value, bool):
        raise ValueError(f"{value} is no {type_name(kind)}")
    return _scalar(value, kind)


def _bytes(value: Any) -> bytes:
    if isinstance(value, list):
        return bytes(item & 255 for item in value)
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return str(value).encode()


def _scalar(value: Any, kind: pa.DataType) -> Any:
    types = pa.types
    if isinstance(value, str):
        try:
            return from_text(pa.array([value]), kind)[0].as_py()
        except ConversionFailed as failed:
            raise ValueError(str(failed)) from None
    if types.is_integer(kind):
        if value != int(value):
            raise ValueError(f"{value} is no {type_name(kind)}")
        return int(value)
    if types.is_floating(kind):
        return float(value)
    if types.is_decimal(kind):
        return Decimal(str(value))
    if isinstance(value, int | float) and (types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind)):
        return pa.scalar(int(value), pa.int64() if kind.bit_width == 64 else pa.int32()).cast(kind).as_py()
    if isinstance(value, date | datetime | time):
        return value
    raise ValueError(f"{value!r} is no {type_name(kind)}")
