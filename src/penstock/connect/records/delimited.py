"""Lines of delimited values as records: blocks of text in, batches of a schema out.

Values are not trimmed, an empty one is null, missing ones at a line's end are null, more of them than fields are an
error. Quotes mean something only if asked for: they keep delimiters (and line ends, if asked for), and vanish wherever
they stand. The common block is parsed by Arrow; one that Arrow would read differently is taken apart here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from penstock.data.conversion import ConversionFailed, from_text
from penstock.data.record_schema import type_name
from penstock.ports.records import ReadFailed

__all__ = ["Delimited", "split_line"]

_DIRECT = (pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string())
"""Types that Arrow parses as we do, or refuses so that we look again."""
_QUOTE, _NEWLINE, _RETURN = ord('"'), ord("\n"), ord("\r")


@dataclass(frozen=True, slots=True)
class Delimited:
    """How lines are read. schema: of the records; source: names the file in messages."""

    schema: pa.Schema
    delimiter: str
    quoted: bool = False
    multiline: bool = False

    def parse(self, block: bytes, source: str) -> pa.RecordBatch:
        """Read a block of whole lines. Raises: ReadFailed."""
        if not block:
            return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in self.schema], schema=self.schema)
        if self._is_plain(block):
            try:
                return self._checked(self._parse_fast(block), source)
            except pa.ArrowInvalid:
                pass  # a short or long line, or a value of another type: below it is found which, and what to do
        columns = self._columns(block, source)
        return self._typed(columns, source)

    def _is_plain(self, block: bytes) -> bool:
        """Tell whether Arrow's rules of quoting and splitting come to the same."""
        if len(self.delimiter.encode()) != 1 or self.delimiter in '\r\n"':
            return False
        if not self.quoted:
            return True
        if b'"' not in block:
            return True
        return _quotes_are_tidy(block, ord(self.delimiter))

    def _parse_fast(self, block: bytes) -> pa.Table:
        kinds = {f.name: f.type if f.type in _DIRECT else pa.string() for f in self.schema}
        names = [f"{i}" for i in range(len(self.schema))]
        return csv.read_csv(
            pa.py_buffer(block),
            read_options=csv.ReadOptions(column_names=names, block_size=max(len(block) + 1, 1024), use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=self.delimiter,
                quote_char='"' if self.quoted else False,
                double_quote=False,
                newlines_in_values=self.multiline,
                ignore_empty_lines=False,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict(zip(names, kinds.values(), strict=True)),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )

    def _checked(self, table: pa.Table, source: str) -> pa.RecordBatch:
        columns = [_whole(column) for column in table.columns]
        return self._typed(columns, source)

    def _typed(self, columns: list[pa.Array], source: str) -> pa.RecordBatch:
        typed = []
        for column, field in zip(columns, self.schema, strict=True):
            if not column.type.equals(field.type):
                column = self._convert(column, field, source)
            if column.null_count and not field.nullable:
                row = pc.index(pc.is_null(column), True).as_py()
                raise ReadFailed(
                    f"field '{field.name}' cannot be set to a null value (record {row + 1} of a block of '{source}');"
                    " make it nullable in the schema"
                )
            typed.append(column)
        return pa.RecordBatch.from_arrays(typed, schema=self.schema)

    def _convert(self, column: pa.Array, field: pa.Field, source: str) -> pa.Array:
        try:
            return from_text(column, field.type)
        except ConversionFailed as failed:
            raise ReadFailed(
                f"field '{field.name}' of '{source}' has the value '{failed.value}': no {type_name(field.type)}"
            ) from None

    def _columns(self, block: bytes, source: str) -> list[pa.Array]:
        """Take a block apart: one array of texts for each field."""
        if self.quoted and b'"' in block:
            rows = [split_line(line, self.delimiter) for line in self.lines(block)]
            lists = pa.array(rows, pa.list_(pa.string()))
        else:
            lists = pc.split_pattern(pa.array(self.lines(block), pa.string()), self.delimiter)
        self._check_widths(lists, source)
        flat, offsets = lists.flatten(), lists.offsets.to_numpy()
        starts, sizes = offsets[:-1], np.diff(offsets)
        columns = []
        for i in range(len(self.schema)):
            there = sizes > i
            at = pa.array(np.where(there, starts + i, 0), mask=~there)
            column = flat.take(at)
            columns.append(pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column))
        return columns

    def lines(self, block: bytes) -> list[str]:
        """Return the lines of a block; those within quotes stay together if quoted values may span them."""
        text = block.decode()
        if not (self.quoted and self.multiline and '"' in text):
            lines = text.split("\n")
            if lines[-1] == "":
                lines.pop()
            return [line.removesuffix("\r") for line in lines]
        lines, start, end = [], 0, -1
        while (end := text.find("\n", end + 1)) >= 0:
            if text.count('"', start, end) % 2 == 0:
                lines.append(text[start:end].removesuffix("\r"))
                start = end + 1
        if start < len(text):
            lines.append(text[start:])
        return lines

    def _check_widths(self, lists: pa.Array, source: str) -> None:
        widths = pc.list_value_length(lists)
        most = pc.max(widths).as_py() or 0
        if most > len(self.schema):
            row = pc.index(widths, most).as_py()
            line = self.delimiter.join(lists[row].as_py())
            raise ReadFailed(
                f"found a line with {most} values, but the schema has {len(self.schema)} fields, in '{source}':"
                f" {line[:200]!r}; check that the schema matches the data, and whether quoted values must be enabled"
            )


def split_line(line: str, delimiter: str) -> list[str]:
    """Split a line whose quotes keep delimiters; the quotes vanish. Raises: ReadFailed if one is left open."""
    if '"' not in line:
        return line.split(delimiter)
    tokens: list[str] = []
    token: list[str] = []
    at, size, inside = 0, len(line), False
    while at < size:
        if line[at] == '"':
            inside = not inside
            at += 1
        elif not inside and line.startswith(delimiter, at):
            tokens.append("".join(token))
            token = []
            at += len(delimiter)
        else:
            token.append(line[at])
            at += 1
    if inside:
        raise ReadFailed(f"found a line with an unenclosed quote: {line[:200]!r}; close it, or disable quoted values")
    tokens.append("".join(token))
    return tokens


def _quotes_are_tidy(block: bytes, delimiter: int) -> bool:
    """Tell whether each quote opens or closes a whole value, and none is left open at a line's end."""
    data = np.frombuffer(block, np.uint8)
    at = np.flatnonzero(data == _QUOTE)
    if len(at) % 2:
        return False
    opening, closing = at[::2], at[1::2]
    before = np.where(opening > 0, data[opening - 1], _NEWLINE)
    last = len(data) - 1
    after = np.where(closing < last, data[np.minimum(closing + 1, last)], _NEWLINE)
    if not np.isin(before, (delimiter, _NEWLINE)).all() or not np.isin(after, (delimiter, _NEWLINE, _RETURN)).all():
        return False
    ends = np.flatnonzero(data == _NEWLINE)
    return bool((np.searchsorted(at, ends) % 2 == 0).all())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
