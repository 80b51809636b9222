"""`parse-as-csv`: delimited texts to columns; `write-as-csv`: a row to delimited text.

Texts without quotes, and with plain ones, are read as a whole by Arrow; the rest one by one.
Source: `CSVFormat.DEFAULT` of Apache Commons CSV; empty cells are null, as the directive's own documentation shows.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from penstock.transform.directives.declaring import Setting, Step, directive, refused, stopped
from penstock.transform.directives.pieces import spread
from penstock.transform.frames.data import Data, Mask, encode, is_text, place, take, to_mask
from penstock.transform.frames.frame import Column, Failure, Frame
from penstock.transform.jexl.functions.quality import data_type_of
from penstock.transform.jvm.text import unescape_java
from penstock.transform.jvm.values import class_name, print_any, scalars
from penstock.transform.recipe.parser import BOOLEAN, COLUMN, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = ["CsvInvalid", "csv_records", "delimiter_of", "print_csv"]

_CONTROL: Final = {"^A": "\x01", "^B": "\x02", "^C": "\x03"}


class CsvInvalid(ValueError):
    """A text that is no delimited record."""


def delimiter_of(text: str) -> str:
    """Return the one character that a delimiter means: `\\t`, `\\u0001`, `^A` and `\\|` are spelled out."""
    if text in _CONTROL:
        return _CONTROL[text]
    if text.startswith("\\") and len(text) > 1:
        text = unescape_java(text)
    return text[:1]


def csv_records(text: str, delimiter: str, *, quote: str = '"', escape: str | None = None) -> list[list[str | None]]:
    """Read delimited records; empty cells are null, empty lines are passed over. Raises: CsvInvalid."""
    records: list[list[str | None]] = []
    record: list[str | None] = []
    at, size = 0, len(text)
    while at <= size:
        value, at, ended = _cell(text, at, delimiter, quote, escape)
        record.append(value or None)
        if ended:
            if len(record) > 1 or record[0] is not None:
                records.append(record)
            record = []
            if at >= size:
                break
    return records


def _cell(text: str, at: int, delimiter: str, quote: str, escape: str | None) -> tuple[str, int, bool]:
    """Return a cell, where the next begins, and whether the record ended with it."""
    out: list[str] = []
    if text[at : at + 1] == quote:
        at += 1
        while True:
            if at >= len(text):
                raise CsvInvalid("(startline 1) EOF reached before encapsulated token finished")
            char = text[at]
            if char == quote:
                if text[at + 1 : at + 2] != quote:
                    break
                at += 1
            elif escape is not None and char == escape and at + 1 < len(text):
                at += 1
                char = text[at]
            out.append(char)
            at += 1
        at += 1
        while at < len(text) and text[at] in " \t" and text[at] != delimiter:
            at += 1
        if at < len(text) and text[at] not in (delimiter, "\n", "\r"):
            raise CsvInvalid("(line 1) invalid char between encapsulated token and delimiter")
    else:
        while at < len(text) and text[at] != delimiter and text[at] not in "\r\n":
            if escape is not None and text[at] == escape and at + 1 < len(text):
                at += 1
            out.append(text[at])
            at += 1
    if at >= len(text):
        return "".join(out), at + 1, True
    if text[at] == delimiter:
        return "".join(out), at + 1, False
    at += 2 if text.startswith("\r\n", at) else 1
    return "".join(out), at, True


@directive(
    "parse-as-csv", Parameter("col", COLUMN), Parameter("delimiter", TEXT, True), Parameter("header", BOOLEAN, True)
)
def parse_as_csv(arguments: Arguments, setting: Setting) -> Step:
    """Make columns of delimited texts; the first record names them if it is a header and told to be looked at."""
    delimiter = delimiter_of(arguments.text("delimiter", ","))
    if not delimiter:
        raise arguments.refuse(f"Invalid delimiter for CSV Parser '{arguments.text('delimiter', '')}'")
    return _Reader(arguments.text("col"), delimiter, arguments.flag("header"))


class _Reader:
    """The step, which remembers the header."""

    def __init__(self, column: str, delimiter: str, header: bool) -> None:
        self._column = column
        self._delimiter = delimiter
        self._awaits_header = header
        self._headers: list[str] = []

    def __call__(self, frame: Frame) -> Frame:
        at = frame.find(self._column)
        if at < 0:
            return frame
        data = frame.columns[at].data
        if not is_text(data):
            frame, at = self._without_others(frame, at)
            data = frame.columns[at].data
            if not is_text(data):
                return frame
        filled = to_mask(pc.greater(pc.binary_length(data), 0))
        if self._awaits_header and filled.any():
            frame, filled = self._header(frame, at, filled)
            data = frame.columns[at].data
        return self._read(frame, data, filled)

    def _without_others(self, frame: Frame, at: int) -> tuple[Frame, int]:
        failed: dict[int, Failure] = {}
        for row, value in enumerate(scalars(frame.columns[at].data)):
            if value is not None and not isinstance(value, str):
                message = f"java.lang.{class_name(value)} cannot be cast to java.lang.String"
                failed[row] = stopped("parse-as-csv", message).failure
        frame = frame.fail(failed)
        values = pa.array(scalars(frame.columns[at].data), pa.string())
        return frame.put(at, values), at

    def _header(self, frame: Frame, at: int, filled: Mask) -> tuple[Frame, Mask]:
        """Take the first text that is not empty; drop its row if it names columns."""
        first = int(np.argmax(filled))
        self._awaits_header = False
        try:
            records = csv_records(frame.columns[at].data[first].as_py(), self._delimiter)
        except CsvInvalid:
            return frame, filled
        if not records or not _is_header(records[0]):
            return frame, filled
        self._headers = [re.sub(r"\s+", "_", str(name).strip()) for name in records[0]]
        kept = np.ones(frame.rows, dtype=bool)
        kept[first] = False
        return frame.keep(kept), filled[kept]

    def _read(self, frame: Frame, data: pa.Array, filled: Mask) -> Frame:
        parts: list[tuple[Any, list[Data]]] = []
        rows = np.flatnonzero(filled)
        texts = data if len(rows) == frame.rows else take(data, rows)
        hard = np.zeros(len(rows), dtype=bool)
        for members, columns in _read_plain(texts, self._delimiter, hard):
            parts.append((rows[members], columns))
        frame, parts, codes, records = self._read_hard(frame, data, rows[hard], parts)
        return self._assembled(frame, parts, codes, records)

    def _read_hard(
        self, frame: Frame, data: pa.Array, rows: Any, parts: list[Any]
    ) -> tuple[Frame, list[Any], Any, Any]:
        if not len(rows):
            return frame, parts, None, None
        values, picked = encode(take(data, rows))
        records: list[list[Any] | None] = []
        failed: dict[int, Failure] = {}
        for i, value in enumerate(values):
            try:
                found = csv_records(value, self._delimiter)
                records.append(_Several(found) if len(found) > 1 else [cell for record in found for cell in record])
            except CsvInvalid as error:
                records.append(None)
                bad = refused("parse-as-csv", str(error)).failure
                failed.update(dict.fromkeys(map(int, rows[picked == i]), bad))
        codes = np.full(frame.rows, -1, dtype=np.int64)
        codes[rows] = picked
        if failed:
            records_gone = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
            kept = ~np.isin(frame.origin, records_gone)
            at = np.cumsum(kept) - 1
            parts = [
                (at[members[kept[members]]], [take(c, np.flatnonzero(kept[members])) for c in columns])
                for members, columns in parts
            ]
            codes = codes[kept]
            frame = frame.fail(failed)
        return frame, parts, codes, records

    def _name(self, i: int) -> str:
        return self._headers[i] if self._headers else f"{self._column}_{i + 1}"

    def _assembled(self, frame: Frame, parts: list[Any], codes: Any, records: Any) -> Frame:
        hard_width = max((len(r) for r in records or () if r is not None and not isinstance(r, _Several)), default=0)
        width = max([len(columns) for _, columns in parts] + [hard_width], default=0)
        if self._headers and width > len(self._headers):
            frame, parts, codes = self._refuse_long(frame, parts, codes, records)
            width = min(width, len(self._headers))
        base = list(frame.columns)
        for i in range(width):
            pieces = [(members, columns[i]) for members, columns in parts if i < len(columns)]
            if codes is not None:
                pieces += _hard_pieces(codes, records, i)
            there = np.zeros(frame.rows, dtype=bool)
            for members, _ in pieces:
                there[members] = True
            base.append(Column(self._name(i), place(pieces, frame.rows), None if there.all() else there))
        frame = frame.with_columns(base)
        if codes is not None and any(isinstance(record, _Several) for record in records):
            frame = self._several(frame, codes, records)
        return frame

    def _several(self, frame: Frame, codes: Any, records: Any) -> Frame:
        """Give rows whose text holds several records the cells of all of them, each record's under the same names."""
        most = max(len(record.records) for record in records if isinstance(record, _Several))
        for turn in range(most):
            cells = [
                record.records[turn] if isinstance(record, _Several) and turn < len(record.records) else None
                for record in records
            ]
            longest = max((len(cell) for cell in cells if cell is not None), default=0)
            names = [self._name(i) if not self._headers or i < len(self._headers) else "" for i in range(longest)]
            frame = spread(frame, names, cells, codes)
        return frame

    def _refuse_long(self, frame: Frame, parts: list[Any], codes: Any, records: Any) -> tuple[Frame, list[Any], Any]:
        limit = len(self._headers)
        long = np.zeros(frame.rows, dtype=bool)
        for members, columns in parts:
            long[members] = len(columns) > limit
        if codes is not None:
            wide = np.fromiter((r is not None and len(r) > limit for r in records), bool, len(records))
            long |= (codes >= 0) & wide[codes]
        failure = Failure(f"Index: {limit}, Size: {limit}")
        gone = np.unique(frame.origin[long])
        kept = ~np.isin(frame.origin, gone)
        at = np.cumsum(kept) - 1
        parts = [
            (at[members[kept[members]]], [take(c, np.flatnonzero(kept[members])) for c in columns])
            for members, columns in parts
            if len(columns) <= limit
        ]
        return frame.fail_where(long, failure), parts, None if codes is None else codes[kept]


class _Several(list[Any]):
    """Cells of several records in one text."""

    def __init__(self, records: list[list[str | None]]) -> None:
        super().__init__()
        self.records = records


def _hard_pieces(codes: Any, records: Any, i: int) -> list[tuple[Any, Data]]:
    has = np.fromiter((r is not None and len(r) > i for r in records), bool, len(records))
    rows = np.flatnonzero((codes >= 0) & has[codes])
    if not len(rows):
        return []
    values = pa.array([r[i] if ok else None for r, ok in zip(records, has, strict=True)], pa.string())
    return [(rows, take(values, codes[rows]))]


def _is_header(record: list[str | None]) -> bool:
    names = [name or "" for name in record]
    return len(set(names)) == len(names) and all(name.strip() and data_type_of(name) == "string" for name in names)


def _read_plain(texts: pa.Array, delimiter: str, hard: Mask) -> list[tuple[Any, list[pa.Array]]]:
    """Read the texts that Arrow reads the same; mark the others as hard. Returns: members and columns, by width."""
    if len(delimiter.encode()) > 1 or delimiter in '"\r\n':
        hard[:] = True
        return []
    everywhere = np.arange(len(texts))
    body = _body(texts)
    if not any(body.find(mark) >= 0 for mark in (b"\n", b"\r", b'"')):
        return _by_width(texts, everywhere, delimiter)
    special = to_mask(pc.match_substring_regex(texts, "[\r\n]"))
    quoted = to_mask(pc.match_substring(texts, '"'))
    if quoted.any():
        cell = f'(?:"(?:[^"]|"")*"|[^"{re.escape(delimiter)}]*)'
        shape = f"^{cell}(?:{re.escape(delimiter)}{cell})*$"
        special |= quoted & ~to_mask(pc.match_substring_regex(texts, shape))
    hard[:] = special
    plain = np.flatnonzero(~special & ~quoted)
    parts = _by_width(take(texts, plain), plain, delimiter) if len(plain) else []
    careful = np.flatnonzero(~special & quoted)
    if len(careful):
        parts += _read_quoted(take(texts, careful), careful, delimiter, hard)
    return parts


def _body(texts: pa.Array) -> bytes:
    """Return the bytes of all texts one behind the other."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    body: bytes = texts.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes()
    return body


def _by_width(texts: pa.Array, members: Any, delimiter: str) -> list[tuple[Any, list[pa.Array]]]:
    if not len(members):
        return []
    width = texts[0].as_py().count(delimiter) + 1
    try:
        return [(members, _columns(texts, width, delimiter, quotes=False))]
    except pa.ArrowInvalid:
        pass  # not all have the width of the first
    counts = pc.count_substring(texts, delimiter).to_numpy(zero_copy_only=False)
    parts: list[tuple[Any, list[pa.Array]]] = []
    widths = np.unique(counts)
    for count in widths:
        chosen = np.flatnonzero(counts == count)
        some = texts if len(widths) == 1 else take(texts, chosen)
        parts.append((members[chosen], _columns(some, int(count) + 1, delimiter, quotes=False)))
    return parts


def _read_quoted(texts: pa.Array, members: Any, delimiter: str, hard: Mask) -> list[tuple[Any, list[pa.Array]]]:
    """Read texts with plain quotes; those of another width than the first are left to be read one by one."""
    width = len(csv_records(texts[0].as_py(), delimiter)[0] if csv_records(texts[0].as_py(), delimiter) else [None])
    outside = pc.replace_substring_regex(texts, '"(?:[^"]|"")*"', "")
    counts = pc.count_substring(outside, delimiter).to_numpy(zero_copy_only=False)
    same = counts == width - 1
    hard[members[~same]] = True
    chosen = np.flatnonzero(same)
    if not len(chosen):
        return []
    return [(members[chosen], _columns(take(texts, chosen), width, delimiter, quotes=True))]


def _columns(texts: pa.Array, width: int, delimiter: str, *, quotes: bool) -> list[pa.Array]:
    if width == 1 and not quotes:
        if pc.any(pc.match_substring(texts, delimiter)).as_py():
            raise pa.ArrowInvalid("the texts have more cells")
        return [texts]
    joined = pc.binary_join_element_wise(texts, "\n", "")
    buffers = joined.buffers()
    offsets = np.frombuffer(buffers[1], np.int32)[joined.offset : joined.offset + len(joined) + 1]
    body = buffers[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    names = [str(i) for i in range(width)]
    table = pacsv.read_csv(
        pa.BufferReader(body),
        read_options=pacsv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(body), 1 << 16)),
        parse_options=pacsv.ParseOptions(
            delimiter=delimiter, quote_char='"' if quotes else False, double_quote=True, ignore_empty_lines=False
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            check_utf8=False,
        ),
    )
    return [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]


def print_csv(values: list[Any], delimiter: str = ",") -> str:
    """Print a row, quoting what must be: what holds a delimiter, a quote or a line end, or begins or ends oddly."""
    return delimiter.join(
        _quoted("" if value is None else print_any(value), delimiter, value is not None, i == 0)
        for i, value in enumerate(values)
    )


def _quoted(text: str, delimiter: str, given: bool, first: bool) -> str:
    if not text:
        return '""' if first and given else ""
    odd = first and not ("0" <= text[0] <= "9" or "A" <= text[0] <= "Z" or "a" <= text[0] <= "z")
    if odd or text[0] <= "#" or text[-1] <= " " or delimiter in text or any(c in text for c in '"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


@directive("write-as-csv", Parameter("column", COLUMN))
def write_as_csv(arguments: Arguments, setting: Setting) -> Step:
    """Append the row as delimited text."""
    column = arguments.text("column")

    def step(frame: Frame) -> Frame:
        columns = [(scalars(c.data), c.there()) for c in frame.columns]
        lines = [print_csv([values[row] for values, there in columns if there[row]]) for row in range(frame.rows)]
        return frame.add(column, pa.array(lines, pa.string()))

    return step
