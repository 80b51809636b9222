"""Look-up tables: named files of keys and values below the directory of data sets.

`<name>.csv` has a header; the first column is the key, or that called `key`. `<name>.json` is an object of keys, or
one object a line with a member `key`. `<name>/records.parquet` is a table that a pipeline wrote: its metadata names
the key.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from penstock.transform.jvm.values import print_any

__all__ = ["DatasetMissing", "open_table", "open_values"]


class DatasetMissing(LookupError):
    """No table of that name."""


def open_table(directory: str | None, name: str) -> dict[str, dict[str, Any]]:
    """Return a table's rows by key, without the key column. Raises: DatasetMissing."""
    if directory is None or not re.fullmatch(r"[A-Za-z0-9_.$-]+", name) or name.startswith("."):
        raise DatasetMissing(_missing(name))
    for suffix, read in ((".csv", _read_csv), (".json", _read_json)):
        path = Path(directory) / f"{name}{suffix}"
        if path.is_file():
            return read(path)
    path = Path(directory) / name / "records.parquet"
    if path.is_file():
        return _read_parquet(path)
    raise DatasetMissing(_missing(name))


def open_values(directory: str | None, name: str) -> dict[str, Any]:
    """Return a table of keys and single values. Raises: DatasetMissing."""
    return {key: next(iter(row.values()), None) for key, row in open_table(directory, name).items()}


def _missing(name: str) -> str:
    return (
        f"Dataset '{name}' could not be instantiated. Make sure that a dataset '{name}' of type Table exists: a file "
        f"{name}.csv or {name}.json in the directory of data sets."
    )


def _read_csv(path: Path) -> dict[str, dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or [])
        key = "key" if "key" in names else (names[0] if names else "")
        return {row[key]: {name: value for name, value in row.items() if name != key} for row in reader}


def _read_json(path: Path) -> dict[str, dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(parsed, dict):
        return {key: value if isinstance(value, dict) else {"value": value} for key, value in parsed.items()}
    return {str(row["key"]): {name: value for name, value in row.items() if name != "key"} for row in parsed}


def _read_parquet(path: Path) -> dict[str, dict[str, Any]]:
    table = pq.read_table(path)
    key = (table.schema.metadata or {}).get(b"key", table.schema.names[0].encode()).decode()
    rows = table.drop_columns([key]).to_pylist()
    return dict(zip(map(print_any, table.column(key).to_pylist()), rows, strict=True))
