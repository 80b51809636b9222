"""Files that carry their schema: avro, parquet, orc; and whole files as one value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.ports.records import ReadFailed

__all__ = ["read_avro", "read_blob", "read_columns", "stored_schema"]

BATCH_ROWS = 65_536
MAX_BLOB_BYTES = 1 << 30


def stored_schema(file: Path, form: str) -> pa.Schema:
    """Return the schema of a file. Raises: ReadFailed."""
    try:
        if form == "avro":
            return _avro_schema(file)
        stored = pq.read_schema(file) if form == "parquet" else _orc(file).schema
        return pa.schema([pa.field(f.name, _known(f.type), nullable=f.nullable) for f in stored])
    except (pa.ArrowInvalid, SchemaInvalid, ValueError, OSError) as error:
        raise ReadFailed(f"'{file}' cannot be read as {form}: {error}") from None


def read_columns(file: Path, form: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the records of a parquet or orc file, of a subset of its fields."""
    try:
        stored = pq.read_schema(file) if form == "parquet" else _orc(file).schema
        names = [field.name for field in schema if field.name in stored.names]
        if form == "parquet":
            with pq.ParquetFile(file) as opened:
                for batch in opened.iter_batches(BATCH_ROWS, columns=names):
                    yield _fitted(batch, schema, file)
            return
        opened = _orc(file)
        for i in range(opened.nstripes):
            for batch in pa.Table.from_batches([opened.read_stripe(i, columns=names)]).to_batches(BATCH_ROWS):
                yield _fitted(batch, schema, file)
    except (pa.ArrowInvalid, OSError) as error:
        raise ReadFailed(f"'{file}' cannot be read as {form}: {error}") from None


def read_avro(file: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the records of an avro file."""
    import fastavro

    rows: list[Any] = []
    try:
        with file.open("rb") as opened:
            for record in fastavro.reader(opened):
                rows.append(record)
                if len(rows) >= BATCH_ROWS // 4:
                    yield _from_rows(rows, schema, file)
                    rows = []
    except (ValueError, EOFError, OSError) as error:
        raise ReadFailed(f"'{file}' cannot be read as avro: {error}") from None
    if rows:
        yield _from_rows(rows, schema, file)


def read_blob(file: Path, schema: pa.Schema) -> pa.RecordBatch:
    """Return one record with the file's bytes."""
    size = file.stat().st_size
    if size > MAX_BLOB_BYTES:
        raise ReadFailed(f"'{file}' has {size} bytes; a file that is one record can have {MAX_BLOB_BYTES}")
    return pa.RecordBatch.from_arrays([pa.array([file.read_bytes()], pa.binary())], schema=schema)


def _avro_schema(file: Path) -> pa.Schema:
    import fastavro

    with file.open("rb") as opened:
        written = fastavro.reader(opened).writer_schema
    if not isinstance(written, dict):
        raise SchemaInvalid("its records have no fields")
    return parse_schema(written)


def _orc(file: Path) -> Any:
    from pyarrow import orc

    return orc.ORCFile(file)


def _known(kind: pa.DataType) -> pa.DataType:
    """Return the type that records have for a stored one."""
    types = pa.types
    if types.is_timestamp(kind):
        return pa.timestamp("us" if kind.unit == "ns" else kind.unit, kind.tz) if kind.tz else pa.timestamp("us")
    if types.is_large_string(kind) or types.is_string_view(kind) or types.is_dictionary(kind):
        return pa.string()
    if types.is_integer(kind) and kind not in (pa.int32(), pa.int64()):
        return pa.int32() if kind.bit_width < 32 else pa.int64()
    if types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return pa.binary()
    if types.is_time(kind) and kind.unit in ("ns",):
        return pa.time64("us")
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(pa.field("item", _known(kind.value_type), nullable=kind.value_field.nullable))
    if types.is_struct(kind):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return pa.struct([pa.field(f.name, _known(f.type), nullable=f.nullable) for f in members])
    return kind


def _fitted(batch: pa.RecordBatch, schema: pa.Schema, file: Path) -> pa.RecordBatch:
    columns = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        if at < 0:
            column = pa.nulls(batch.num_rows, field.type)
        else:
            column = batch.column(at)
            column = column if column.type.equals(field.type) else column.cast(field.type)
        if column.null_count and not field.nullable:
            raise ReadFailed(f"field '{field.name}' cannot be set to a null value, in '{file}'")
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _from_rows(rows: list[Any], schema: pa.Schema, file: Path) -> pa.RecordBatch:
    from penstock.connect.records.avro_values import column_of

    columns = []
    for field in schema:
        column = column_of([row.get(field.name) for row in rows], field, file)
        if column.null_count and not field.nullable:
            raise ReadFailed(f"field '{field.name}' cannot be set to a null value, in '{file}'")
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)
