"""CSV: lines of fields in the order of columns. Only insertions come in; a trailing weight goes out.

Source: spec of data formats, CSV. Reading keeps to the usual grammar (quotes count only at a field's start, a quoted
field may span lines); a line that cannot be read does not touch the others.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.connect.formats.columns import MISSING, BadValue, Reading, read_column
from penstock.connect.formats.csv_plain import PlainReader
from penstock.connect.formats.csv_values import csv_texts, read_fields, text_reading
from penstock.connect.formats.json import flag
from penstock.connect.formats.json_text import buffer_records
from penstock.connect.formats.printing import sorted_changes
from penstock.connect.formats.rows import MAX_TEXT
from penstock.connect.formats.upserts import refuse_index
from penstock.data.batch import Batch, Column
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.ports.format import Encoded, FormatRefused, Layout, Parsed, ParseError, option_names

_DECODER_OPTIONS = (
    "delimiter",
    "headers",
    "quote",
    "escape",
    "double_quote",
    "quoting",
    "comment",
    "flexible",
    "trim",
)
_ENCODER_OPTIONS = ("delimiter", "buffer_size_records")
_SENTINEL = "\x00end of piece\x00"


@dataclass(frozen=True, slots=True)
class _Grammar:
    """How fields are set apart."""

    delimiter: str
    quote: str
    escape: str | None
    double_quote: bool
    quoting: bool
    comment: str | None
    flexible: bool
    trim: bool
    headers: bool

    @property
    def is_plain(self) -> bool:
        """Whether lines without a quote are just fields between delimiters, in the order of columns."""
        is_default = self.quote == '"' and self.escape is None and self.comment is None
        return is_default and not self.trim and not self.headers and self.delimiter.isascii()

    def reader(self, lines: Iterator[str]) -> Any:
        """Return a reader of records over lines."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote if self.quoting else None,
            escapechar=self.escape,
            doublequote=self.double_quote,
            quoting=csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE,
        )


class CsvFormat:
    """The format "csv": a line for each row in the order of columns; in only insertions, out with a trailing weight."""

    name = "csv"

    def decoder(self, options: Mapping[str, Any], table: Layout, pool: Pool) -> CsvDecoder:
        """Return a decoder for one body. Raises: FormatRefused."""
        # HTTP clients send the options of JSON whatever the format; the ones that mean nothing here are let pass.
        options = {k: v for k, v in options.items() if k not in ("array", "update_format", "json_flavor")}
        option_names(options, _DECODER_OPTIONS, self.name)
        grammar = _Grammar(
            _character(options, "delimiter", ",") or ",",
            _character(options, "quote", '"') or '"',
            _character(options, "escape", None),
            flag(options, "double_quote", True),
            flag(options, "quoting", True),
            _character(options, "comment", None),
            flag(options, "flexible", True),
            str(options.get("trim", "none")).lower() not in ("none", "false"),
            flag(options, "headers"),
        )
        return CsvDecoder(grammar, table, pool)

    def separator(self, options: Mapping[str, Any]) -> bytes | None:
        """Return a line end, unless each body begins with names."""
        return None if flag(options, "headers") else b"\n"

    def encoder(self, options: Mapping[str, Any], relation: Layout, pool: Pool) -> CsvEncoder:
        """Return an encoder. Raises: FormatRefused."""
        options = {k: v for k, v in options.items() if k not in ("array", "update_format", "json_flavor")}
        option_names(options, _ENCODER_OPTIONS, self.name)
        refuse_index(relation, self.name)
        return CsvEncoder(relation, pool, _character(options, "delimiter", ",") or ",", buffer_records(options))


def _character(options: Mapping[str, Any], name: str, default: str | None) -> str | None:
    value = options.get(name, default)
    if value is None or (isinstance(value, str) and len(value) == 1 and value not in "\r\n"):
        return value
    raise FormatRefused(f"option {name!r} is one character, not {value!r}", name)


class CsvDecoder:
    """Reads one body."""

    def __init__(self, grammar: _Grammar, table: Layout, pool: Pool) -> None:
        self._grammar = grammar
        self._table = table
        self._pool = pool
        self._readings: list[Reading] = [text_reading(column.type) for column in table.columns]
        self._tail: list[bytes] = []
        self._open_record = ""
        self._places: list[int] | None = None
        self._awaits_header = grammar.headers
        self._plain = PlainReader(table, pool, grammar.delimiter) if grammar.is_plain and table.columns else None
        self._events = 0

    def feed(self, data: bytes) -> Parsed:
        """Take the next piece."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._tail.append(data)
            return Parsed()
        complete = b"".join([*self._tail, data[:end]])
        self._tail = [data[end:]] if end < len(data) else []
        return self._read(complete, is_last=False)

    def finish(self) -> Parsed:
        """Take the end of the body."""
        return self._read(b"".join(self._tail), is_last=True)

    def _read(self, data: bytes, is_last: bool) -> Parsed:
        if self._plain is not None and not self._open_record and data.strip() and b'"' not in data:
            changes = self._plain.read(data)
            if changes is not None:
                self._events += len(changes)
                return Parsed([changes] if len(changes) else [])
        text = self._open_record + data.decode("utf-8", "surrogateescape")
        self._open_record = ""
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        records, left = self._records(lines, is_last)
        self._open_record = left
        if self._awaits_header and records:
            self._header(records.pop(0))
        parsed = Parsed()
        if records:
            self._changes(records, parsed)
        return parsed

    def _records(self, lines: list[str], is_last: bool) -> tuple[list[list[str]], str]:
        """Return the records of whole lines, and the text of one whose quoted field goes on in the next piece.

        A quote that is still open at the end of the body was no opening quote: its record is read without quoting.
        """
        if self._grammar.comment:
            lines = [line for line in lines if not line.startswith(self._grammar.comment)]
        records: list[list[str]] = []
        while lines:
            reader = self._grammar.reader(iter([line + "\n" for line in lines] + [_SENTINEL]))
            start = 0
            swallowed = True
            for record in reader:
                if record == [_SENTINEL]:
                    swallowed = False
                    break
                if reader.line_num > len(lines):
                    break
                if record:
                    records.append(record)
                start = reader.line_num
            if not swallowed:
                return records, ""
            if not is_last:
                return records, "\n".join(lines[start:]) + "\n"
            records.append(lines[start].split(self._grammar.delimiter))
            lines = lines[start + 1 :]
        return records, ""

    def _header(self, names: list[str]) -> None:
        """Take the first record as names of columns if all are; otherwise fields stay in the order of columns."""
        self._awaits_header = False
        places: list[int] = []
        for name in names:
            for at, column in enumerate(self._table.columns):
                if name.strip() == column.name or (
                    not column.case_sensitive and name.strip().lower() == column.name.lower()
                ):
                    places.append(at)
                    break
            else:
                return
        self._places = places

    def _changes(self, records: list[list[str]], parsed: Parsed) -> None:
        width = len(self._table.columns)
        first_event = self._events + 1
        self._events += len(records)
        bad: list[BadValue] = []
        places = self._places if self._places is not None else list(range(width))
        fields = {at: position for position, at in enumerate(places)}
        if not self._grammar.flexible:
            bad += [
                BadValue(row, "", f"a record of {len(places)} fields is needed, not of {len(record)}")
                for row, record in enumerate(records)
                if len(record) != len(places)
            ]
        columns: list[Column] = []
        shortest = min(map(len, records))
        for at, column in enumerate(self._table.columns):
            position = fields.get(at)
            values: list[Any]
            if position is None:
                values = [MISSING] * len(records)
            elif position < shortest:
                values = [record[position] for record in records]
            else:
                values = [record[position] if position < len(record) else MISSING for record in records]
            values = read_fields(values, column.type, self._grammar.trim)
            made, wrong = read_column(values, column, self._readings[at], self._pool)
            columns.append(made)
            bad += wrong
        batch = Batch(columns, np.ones(len(records), np.int64))
        if bad:
            batch = batch.take(self._report(records, bad, first_event, parsed))
        if len(batch):
            parsed.batches.append(Changes.of(batch))

    def _report(
        self, records: list[list[str]], bad: list[BadValue], first_event: int, parsed: Parsed
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Report the first fault of each bad record and return which records stay."""
        keep = np.ones(len(records), np.bool_)
        for wrong in sorted(bad, key=lambda b: b.row):
            if keep[wrong.row]:
                keep[wrong.row] = False
                text = self._grammar.delimiter.join(records[wrong.row])
                shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:MAX_TEXT]
                parsed.errors.append(ParseError(wrong.reason, first_event + wrong.row, wrong.column or None, shown))
        return keep


class CsvEncoder:
    """Writes changes as lines: the columns, then the weight. Fields with a delimiter, quote or line end are quoted."""

    def __init__(self, relation: Layout, pool: Pool, delimiter: str, buffer_size: int) -> None:
        self._relation = relation
        self._pool = pool
        self._delimiter = delimiter
        self._buffer_records = buffer_size
        self._special = re.compile("[" + re.escape(delimiter) + '"\r\n]')

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        """Encode consolidated changes; see `ports.format.Encoder`."""
        if not len(batch):
            return
        ordered = sorted_changes(batch, self._relation, self._pool)
        for start in range(0, len(ordered), self._buffer_records):
            piece = ordered.take(np.arange(start, min(start + self._buffer_records, len(ordered))))
            texts = [
                csv_texts(column, layout.type, self._pool, self._special)
                for column, layout in zip(piece.columns, self._relation.columns, strict=True)
            ]
            texts.append([*map(str, piece.weights.tolist())])
            lines = [*map(self._delimiter.join, zip(*texts, strict=True))]
            yield Encoded(("\n".join(lines) + "\n").encode(), len(lines))
