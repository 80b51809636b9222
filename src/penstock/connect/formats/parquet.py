"""Parquet: a whole file as a body in, a file per buffer of changes out."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.connect.formats.arrow_rows import arrow_changes
from penstock.connect.formats.json_text import buffer_records
from penstock.connect.formats.printing import sorted_changes
from penstock.connect.formats.upserts import refuse_index
from penstock.data.arrow import to_arrow
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import Field
from penstock.ports.format import Encoded, Layout, Parsed, ParseError, option_names

WEIGHT = "__weight"
"""The column that says how often each row of an output file was added (negative: taken away)."""

_BUFFER_RECORDS = 100_000
_ROWS_PER_BATCH = 50_000
_UNREADABLE = (pa.ArrowException, ValueError, TypeError, OSError, KeyError)


class ParquetFormat:
    """The format "parquet": a body in is a whole file, of insertions; out, a file for each buffer of changes."""

    name = "parquet"

    def decoder(self, options: Mapping[str, Any], table: Layout, pool: Pool) -> ParquetDecoder:
        """Return a decoder for one body. Raises: FormatRefused."""
        options = {k: v for k, v in options.items() if k not in ("array", "update_format", "json_flavor")}
        option_names(options, ("buffer_size_records",), self.name)
        return ParquetDecoder(table, pool)

    def separator(self, options: Mapping[str, Any]) -> bytes | None:
        """Return None: a body is a whole."""
        return None

    def encoder(self, options: Mapping[str, Any], relation: Layout, pool: Pool) -> ParquetEncoder:
        """Return an encoder. Raises: FormatRefused."""
        options = {k: v for k, v in options.items() if k not in ("array", "update_format", "json_flavor")}
        option_names(options, ("buffer_size_records",), self.name)
        refuse_index(relation, self.name)
        return ParquetEncoder(relation, pool, buffer_records(options, _BUFFER_RECORDS))


class ParquetDecoder:
    """Reads one body; nothing can be read before its end, where a file's index stands."""

    def __init__(self, table: Layout, pool: Pool) -> None:
        self._table = table
        self._pool = pool
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Parsed:
        """Take the next piece."""
        self._parts.append(data)
        return Parsed()

    def finish(self) -> Parsed:
        """Take the end of the body: rows before one that cannot be read are taken in batches."""
        parsed = Parsed()
        body = b"".join(self._parts)
        self._parts = []
        if not body:
            return parsed
        done = 0
        try:
            for batch in pq.ParquetFile(pa.BufferReader(body)).iter_batches(_ROWS_PER_BATCH, use_threads=False):
                parsed.batches.append(arrow_changes(batch, self._table, self._pool))
                done += batch.num_rows
        except _UNREADABLE as error:
            parsed.errors.append(ParseError(f"invalid Parquet data: {error}", done + 1))
        return parsed


class ParquetEncoder:
    """Writes changes as files of the relation's columns and one for the weight."""

    def __init__(self, relation: Layout, pool: Pool, buffer_size: int) -> None:
        self._relation = relation
        self._schema = tuple(Field(column.name, column.type) for column in relation.columns)
        self._pool = pool
        self._buffer_records = buffer_size

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        """Encode consolidated changes; see `ports.format.Encoder`."""
        if not len(batch):
            return
        ordered = sorted_changes(batch, self._relation, self._pool)
        for start in range(0, len(ordered), self._buffer_records):
            piece = ordered.take(np.arange(start, min(start + self._buffer_records, len(ordered))))
            rows = pa.Table.from_batches([to_arrow(piece, self._schema, self._pool)])
            file = io.BytesIO()
            pq.write_table(rows.append_column(WEIGHT, pa.array(piece.weights)), file)
            yield Encoded(file.getvalue(), len(piece))
