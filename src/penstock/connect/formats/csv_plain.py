"""Whole pieces of plain CSV, without quotes, read straight into columns: in one pass (`csv_scan.py`), else by Arrow.

Anything unusual (a quote, a field more or less, a value of another type) is left to the reader that looks at each
record: this one only says that it did not understand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from penstock.connect.formats.columns import UNREADABLE, read_column
from penstock.connect.formats.csv_scan import kind_of, scan_csv
from penstock.connect.formats.csv_values import read_fields, text_reading
from penstock.data.arrow_reading import column_from_arrow
from penstock.data.batch import Column
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values_scalars import decimal_size
from penstock.ports.format import Layout

_NULLS = ["null", "NULL"]
_TYPES = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIME: pa.time64("ns"),
    Kind.UBIGINT: pa.uint64(),
}
_ZONED = pa.timestamp("us", "UTC")


class PlainReader:
    """Reads pieces for one table."""

    def __init__(self, table: Layout, pool: Pool, delimiter: str) -> None:
        self._table = table
        self._pool = pool
        names = [str(i) for i in range(len(table.columns))]
        types = dict(zip(names, [_type(column.type) for column in table.columns], strict=True))
        zoned = {name: _ZONED if type == _TYPES[Kind.TIMESTAMP] else type for name, type in types.items()}
        self._names = names
        self._delimiter = delimiter
        kinds = [kind_of(column.type) for column in table.columns]
        self._kinds = [kind for kind in kinds if kind is not None] if None not in kinds else None
        self._parse = pa_csv.ParseOptions(delimiter=delimiter, quote_char=False, double_quote=False)
        # Timestamps come with or without an offset; what the last piece had is tried first.
        self._ways = [_conversion(types), _conversion(zoned)] if zoned != types else [_conversion(types)]

    def read(self, data: bytes) -> Changes | None:
        """Return the rows of whole lines, or None if they need a closer look."""
        if self._kinds is not None and (changes := self._scanned(data, self._kinds)) is not None:
            return changes
        for way in tuple(self._ways):
            changes = self._read(data, way)
            if changes is not None:
                self._ways.remove(way)
                self._ways.insert(0, way)
                return changes
        return None

    def _scanned(self, data: bytes, kinds: list[int]) -> Changes | None:
        try:
            rows = scan_csv(data, self._delimiter, kinds, self._names)
            if rows is None or any(
                values.null_count and not column.type.nullable
                for values, column in zip(rows.columns, self._table.columns, strict=True)
            ):
                return None
            columns = [
                column_from_arrow(values, column.type, self._pool.making(column.fate))
                for values, column in zip(rows.columns, self._table.columns, strict=True)
            ]
        except UNREADABLE:
            return None
        return Changes(columns, np.ones(rows.num_rows, np.int64))

    def _read(self, data: bytes, way: Any) -> Changes | None:
        options = pa_csv.ReadOptions(column_names=self._names, use_threads=False, block_size=max(len(data) + 1, 2))
        try:
            rows = pa_csv.read_csv(
                pa.BufferReader(data), read_options=options, parse_options=self._parse, convert_options=way
            ).combine_chunks()
            columns = [self._column(rows.column(i), i) for i in range(len(self._names))]
        except UNREADABLE:
            return None
        if any(column is None for column in columns):
            return None
        return Changes([c for c in columns if c is not None], np.ones(rows.num_rows, np.int64))

    def _column(self, values: Any, position: int) -> Column | None:
        layout = self._table.columns[position]
        if _type(layout.type) != pa.string() or layout.type.kind in STRINGS:
            if layout.type.kind in STRINGS and layout.type.nullable:
                is_null = pc.is_in(values, pa.array(_NULLS))
                if pc.any(is_null).as_py():
                    values = pc.if_else(is_null, None, values)
            if values.null_count and not layout.type.nullable:
                return None
            return column_from_arrow(values, layout.type, self._pool.making(layout.fate))
        fields = read_fields(values.to_pylist(), layout.type, False)
        column, bad = read_column(fields, layout, text_reading(layout.type), self._pool)
        return None if bad else column


def _conversion(types: Mapping[str, Any]) -> Any:
    return pa_csv.ConvertOptions(
        column_types=types,
        null_values=["", *_NULLS],
        true_values=["true", "TRUE", "True"],
        false_values=["false", "FALSE", "False"],
        strings_can_be_null=False,
    )


def _type(type: SqlType) -> Any:
    """Return the Arrow type that fields are read as; string where there is none that fits."""
    kind = type.kind
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in INTEGER_BITS:
        return pa.int64()
    if kind in FLOATS:
        return pa.float64()
    if kind is Kind.DECIMAL and not type.pooled:
        return pa.decimal128(38, decimal_size(type)[1])
    return pa.string()
