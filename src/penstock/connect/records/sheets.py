"""Sheets of workbooks as records of texts.

Properties: `filePath`, `filePattern`, `sheet` (`Sheet Name` or `Sheet Number`), `sheetValue`, `memoryTableName` and
`reprocess` (files that were read once are passed over), `columnList`, `columnMapping`, `skipFirstRow`,
`terminateIfEmptyRow`, `rowsLimit`, `outputSchema` (`column:type,…`), `ifErrorRecord`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from penstock.connect.records.listing import list_files
from penstock.connect.records.places import Places, PlaceUnknown
from penstock.data.conversion import ConversionFailed, from_text, print_value
from penstock.ports.records import ReadFailed
from penstock.ports.transform import MAIN, Described, Finding, Surroundings

__all__ = ["SheetSource"]

_KINDS = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
_ROWS_AT_ONCE = 4096


class SheetSource:
    """Source `sheet`."""

    name = "sheet"

    def __init__(self, places: Places) -> None:
        self._places = places

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Check the columns; file and sheet are fields too."""
        findings: list[Finding] = []
        columns = _columns(properties, findings)
        try:
            re.compile(properties.get("filePattern") or ".*")
        except re.error as error:
            findings.append(Finding(f"Invalid file pattern: {error}.", None, "filePattern"))
        fields = [pa.field("file", pa.string(), nullable=False), pa.field("sheet", pa.string(), nullable=False)]
        fields += [pa.field(name, kind, nullable=True) for name, kind in columns.values()]
        known = not findings and "outputSchema" not in hidden
        return Described({MAIN: pa.schema(fields) if known else None}, tuple(findings))

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the sheet of each file."""
        memory = _Memory(properties, surroundings)
        try:
            path = self._places.local((properties.get("filePath") or "").strip())
        except PlaceUnknown as error:
            raise ReadFailed(str(error)) from None
        files = list_files(path, recursive=False, pattern=None)
        if files is None:
            raise ReadFailed(f"Input path does not exist: {path}")
        pattern = re.compile(properties.get("filePattern") or ".*")
        for file in files:
            if not pattern.fullmatch(file.name) or memory.knows(file):
                continue
            yield from _sheet(file, properties, schema)
            memory.add(file)
        memory.save()


class _Memory:
    """Which files were read before, in a named table that the server keeps."""

    def __init__(self, properties: Mapping[str, str], surroundings: Surroundings) -> None:
        name = properties.get("memoryTableName")
        reads_again = (properties.get("reprocess") or "false").strip().lower() == "true"
        self._path: Path | None = None
        if name and surroundings.datasets is not None and not reads_again and not surroundings.is_preview:
            self._path = Path(surroundings.datasets) / f"{name}.json"
        known = json.loads(self._path.read_text()) if self._path is not None and self._path.exists() else {}
        self._known: dict[str, str] = known

    def knows(self, file: Path) -> bool:
        """Whether a file was read before."""
        return str(file) in self._known

    def add(self, file: Path) -> None:
        """A file was read."""
        if self._path is not None:
            self._known[str(file)] = ""

    def save(self) -> None:
        """Keep what was read."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._known))


def _columns(properties: Mapping[str, str], findings: list[Finding]) -> dict[str, tuple[str, pa.DataType]]:
    """Return field and type by the column's letter, in the order of the output."""
    renamed = dict(_pairs(properties.get("columnMapping")))
    typed = dict(_pairs(properties.get("outputSchema")))
    letters = [name.strip() for name in (properties.get("columnList") or "").split(",") if name.strip()]
    back = {name: letter for letter, name in renamed.items()}
    letters = letters or [back.get(name, name) for name in typed]
    columns: dict[str, tuple[str, pa.DataType]] = {}
    for letter in letters:
        name = renamed.get(letter, letter)
        wanted = (typed.get(name) or typed.get(letter) or "string").lower()
        if wanted not in _KINDS:
            message = f"Invalid type '{wanted}' of column '{name}'."
            findings.append(Finding(message, f"Use one of {', '.join(_KINDS)}.", "outputSchema", f"{name}:{wanted}"))
        columns[letter] = (name, _KINDS.get(wanted, pa.string()))
    return columns


def _pairs(text: str | None) -> Iterator[tuple[str, str]]:
    for item in (text or "").split(","):
        name, colon, value = (part.strip() for part in item.partition(":"))
        if colon and name and value:
            yield name, value


def _sheet(file: Path, properties: Mapping[str, str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    from openpyxl import load_workbook
    from openpyxl.utils import column_index_from_string

    try:
        book = load_workbook(file, read_only=True, data_only=True)
    except Exception as error:
        raise ReadFailed(f"'{file}' is no workbook: {error}") from None
    try:
        sheet = _chosen(book, properties, file)
        columns = _columns(properties, [])
        places = [column_index_from_string(letter) - 1 for letter in columns]
        rows: list[list[str | None]] = []
        for row in _rows(sheet, properties):
            rows.append([_text(row[at]) if at < len(row) else None for at in places])
            if len(rows) == _ROWS_AT_ONCE:
                yield _batch(rows, file, sheet.title, schema)
                rows = []
        if rows:
            yield _batch(rows, file, sheet.title, schema)
    finally:
        book.close()


def _chosen(book: Any, properties: Mapping[str, str], file: Path) -> Any:
    wanted = (properties.get("sheetValue") or "").strip()
    if (properties.get("sheet") or "Sheet Name").strip().lower() == "sheet number":
        number = int(wanted or 0)
        if number >= len(book.sheetnames):
            raise ReadFailed(f"'{file}' has no sheet number {number}")
        return book[book.sheetnames[number]]
    if wanted not in book.sheetnames:
        raise ReadFailed(f"'{file}' has no sheet '{wanted}'; it has {', '.join(book.sheetnames)}")
    return book[wanted]


def _rows(sheet: Any, properties: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    skips = (properties.get("skipFirstRow") or "false").strip().lower() == "true"
    ends = (properties.get("terminateIfEmptyRow") or "false").strip().lower() == "true"
    limit = (properties.get("rowsLimit") or "").strip()
    left = int(limit) if limit.isdigit() else None
    for i, row in enumerate(sheet.iter_rows(values_only=True)):
        if skips and i == 0:
            continue
        if all(cell is None for cell in row):
            if ends:
                return
            continue
        if left == 0:
            return
        left = None if left is None else left - 1
        yield row


def _text(cell: Any) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return print_value(float(cell))
    return cell.isoformat() if isinstance(cell, datetime) else str(cell)


def _batch(rows: list[list[str | None]], file: Path, sheet: str, schema: pa.Schema) -> pa.RecordBatch:
    columns: list[pa.Array] = [
        pa.repeat(pa.scalar(file.name), len(rows)),
        pa.repeat(pa.scalar(sheet), len(rows)),
    ]
    for i, field in enumerate(list(schema)[2:]):
        texts = pa.array([row[i] for row in rows], pa.string())
        try:
            columns.append(_typed(texts, field.type))
        except ConversionFailed as failed:
            raise ReadFailed(f"column '{field.name}' of '{file}': {failed}") from None
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _typed(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind):
        return from_text(texts, pa.float64()).cast(kind, safe=False)
    return from_text(texts, kind)
