"""One open file of a format: batches in, bytes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.connect.records.avro_values import avro_rows, avro_schema
from penstock.connect.records.printing import print_delimited, print_header, print_json

__all__ = ["Writer", "open_writer", "part_suffix"]

_DELIMITERS = {"csv": ",", "tsv": "\t"}
_PARQUET_CODECS = {"none": "NONE", "snappy": "SNAPPY", "gzip": "GZIP", "": "NONE", "deflate": "GZIP"}
_AVRO_CODECS = {"none": "null", "snappy": "snappy", "deflate": "deflate", "gzip": "deflate", "": "null"}
_BUFFER_BYTES = 1 << 20
_AVRO_ROWS = 8192


class Writer(Protocol):
    """An open file. `close` makes it whole; a file that was not closed is no file."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


def part_suffix(form: str) -> str:
    """Return what names of a format's files end with."""
    return {"avro": ".avro", "parquet": ".parquet", "orc": ".orc"}.get(form, "")


def open_writer(path: Path, form: str, schema: pa.Schema, options: Mapping[str, str]) -> Writer:
    """Open a file. options: `delimiter`, `writeHeader`, `compressionCodec`."""
    codec = (options.get("compressionCodec") or "").lower()
    if form == "parquet":
        return _ParquetWriter(path, schema, _PARQUET_CODECS.get(codec, "SNAPPY"))
    if form == "avro":
        return _AvroWriter(path, schema, _AVRO_CODECS.get(codec, "null"))
    if form == "orc":
        return _OrcWriter(path)
    if form == "json":
        return _TextWriter(path, None, b"")
    delimiter = _DELIMITERS.get(form, options.get("delimiter") or ",")
    has_header = (options.get("writeHeader") or "").strip().lower() == "true"
    return _TextWriter(path, delimiter, print_header(schema, delimiter) if has_header else b"")


class _TextWriter:
    """delimiter: between values; None for JSON."""

    def __init__(self, path: Path, delimiter: str | None, header: bytes) -> None:
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._delimiter = delimiter
        self._file.write(header)

    def write(self, batch: pa.RecordBatch) -> None:
        data = print_json(batch) if self._delimiter is None else print_delimited(batch, self._delimiter)
        self._file.write(data)

    def close(self) -> None:
        self._file.close()


class _ParquetWriter:
    def __init__(self, path: Path, schema: pa.Schema, codec: str) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression=codec)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class _OrcWriter:
    def __init__(self, path: Path) -> None:
        from pyarrow import orc

        self._writer: Any = orc.ORCWriter(str(path))

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write(pa.Table.from_batches([batch]))

    def close(self) -> None:
        self._writer.close()


class _AvroWriter:
    def __init__(self, path: Path, schema: pa.Schema, codec: str) -> None:
        from fastavro import parse_schema
        from fastavro.write import Writer as Blocks

        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._blocks: Any = Blocks(self._file, parse_schema(avro_schema(schema)), codec)

    def write(self, batch: pa.RecordBatch) -> None:
        for start in range(0, batch.num_rows, _AVRO_ROWS):
            for row in avro_rows(batch.slice(start, _AVRO_ROWS)):
                self._blocks.write(row)

    def close(self) -> None:
        self._blocks.flush()
        self._file.close()
