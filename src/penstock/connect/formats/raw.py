"""Raw: a body, or each of its lines, as the value of one column. Input only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from penstock.connect.formats.columns import MISSING, Reading, read_column
from penstock.connect.formats.json import choice
from penstock.data.batch import Batch, Column
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, STRINGS, Kind, SqlType
from penstock.ports.format import Encoder, FormatRefused, Layout, Parsed, ParseError, option_names


class RawFormat:
    """The format "raw". mode: "blob" (the whole body is one row) or "lines"; column_name: where the value goes."""

    name = "raw"

    def decoder(self, options: Mapping[str, Any], table: Layout, pool: Pool) -> RawDecoder:
        """Return a decoder for one body. Raises: FormatRefused."""
        options = {k: v for k, v in options.items() if k not in ("array", "update_format", "json_flavor")}
        option_names(options, ("mode", "column_name"), self.name)
        mode = choice(options, "mode", {"blob": 0, "lines": 0}, "blob")
        target = _target(options.get("column_name"), table)
        for at, column in enumerate(table.columns):
            if at != target and not column.type.nullable and column.default is None:
                message = f"format 'raw' cannot fill {table.name!r}: column {column.name!r} is NOT NULL without DEFAULT"
                raise FormatRefused(message)
        return RawDecoder(table, target, pool, is_lines=mode == "lines")

    def separator(self, options: Mapping[str, Any]) -> bytes | None:
        """Return None: a body is a whole."""
        return None

    def encoder(self, options: Mapping[str, Any], relation: Layout, pool: Pool) -> Encoder:
        """Refuse: the format is for input only. Raises: FormatRefused."""
        raise FormatRefused("format 'raw' is for input only")


def _target(name: Any, table: Layout) -> int:
    if name is None:
        if len(table.columns) != 1:
            raise FormatRefused(
                f"table {table.name!r} has several columns: say which with 'column_name'", "column_name"
            )
        target = 0
    else:
        matches = [
            at
            for at, column in enumerate(table.columns)
            if column.name == name or (not column.case_sensitive and column.name.lower() == str(name).lower())
        ]
        if not matches:
            raise FormatRefused(f"table {table.name!r} has no column {name!r}", "column_name")
        target = matches[0]
    kind = table.columns[target].type.kind
    if kind not in STRINGS and kind not in BINARIES:
        column = table.columns[target].name
        raise FormatRefused(f"format 'raw' fills VARCHAR and VARBINARY; column {column!r} is {kind.value}")
    return target


class RawDecoder:
    """Reads one body."""

    def __init__(self, table: Layout, target: int, pool: Pool, is_lines: bool) -> None:
        self._table = table
        self._target = target
        self._pool = pool
        self._is_lines = is_lines
        self._tail: list[bytes] = []
        self._events = 0

    def feed(self, data: bytes) -> Parsed:
        """Take the next piece."""
        end = data.rfind(b"\n") + 1 if self._is_lines else 0
        if not end:
            self._tail.append(data)
            return Parsed()
        complete = b"".join([*self._tail, data[:end]])
        self._tail = [data[end:]] if end < len(data) else []
        return self._rows(_lines(complete))

    def finish(self) -> Parsed:
        """Take the end of the body."""
        rest = b"".join(self._tail)
        if self._is_lines:
            return self._rows(_lines(rest))
        return self._rows([rest] if rest else [])

    def _rows(self, values: list[bytes]) -> Parsed:
        parsed = Parsed()
        first_event = self._events + 1
        self._events += len(values)
        if not values:
            return parsed
        columns: list[Column] = []
        bad: set[int] = set()
        for at, column in enumerate(self._table.columns):
            given: list[Any] = list(values) if at == self._target else [MISSING] * len(values)
            made, wrong = read_column(given, column, Reading(column.type, _reader(column.type)), self._pool)
            columns.append(made)
            for fault in wrong:
                bad.add(fault.row)
                shown = list(values[fault.row][:500])
                parsed.errors.append(ParseError(fault.reason, first_event + fault.row, column.name, None, shown))
        batch = Batch(columns, np.ones(len(values), np.int64))
        if bad:
            keep = np.ones(len(values), np.bool_)
            keep[list(bad)] = False
            batch = batch.take(keep)
        if len(batch):
            parsed.batches.append(Changes.of(batch))
        return parsed


def _lines(data: bytes) -> list[bytes]:
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return lines[:-1] if lines and not lines[-1] else lines


def _reader(type: SqlType) -> Any:
    return bytes if type.kind in (Kind.BINARY, Kind.VARBINARY) else lambda value: value.decode()
