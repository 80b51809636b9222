"""`--check`: the views once more by DuckDB, computed in one go from the same files, and how two answers differ."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from penstock.cli.demo.client import Record
from penstock.cli.demo.dataset import SMALL_TABLES, Dataset

__all__ = ["Answer", "Oracle", "differences"]

RELATIVE_TOLERANCE = 1e-9
"""Floating-point numbers are equal to nine significant digits: two engines add in different orders."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a view. floats: the positions of the columns that hold floating-point numbers."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    floats: frozenset[int]

    def same_shape(self, records: Iterable[Record]) -> "Answer":
        """Return other rows of the same columns, as JSON gives them."""
        rows = [tuple(map(_plain, (record[name] for name in self.columns))) for record in records]
        return Answer(self.columns, rows, self.floats)


class Oracle:
    """DuckDB with the tables and views of the demo."""

    def __init__(self, dataset: Dataset, limit: int | None, scratch: Path) -> None:
        import duckdb  # Heavy, and only needed here.

        self._connection = duckdb.connect()
        unpacked = scratch / "flights.csv"
        unpacked.write_bytes(dataset.flights_file())
        try:
            self._read("every_flight", unpacked)
        finally:
            unpacked.unlink()
        bound = "" if limit is None else f"LIMIT {limit}"
        self._connection.execute(f"CREATE TABLE flights AS FROM every_flight ORDER BY time_hour, rowid {bound}")
        for table in SMALL_TABLES:
            self._read(table, dataset.directory / f"{table}.csv")
        self._connection.execute(files(__package__).joinpath("oracle.sql").read_text("utf-8"))

    def _read(self, table: str, file: Path) -> None:
        # All rows are looked at to find the types, but a moment with a Z is to be a moment without zone, in UTC.
        options = "nullstr = 'NA', sample_size = -1"
        if table in ("every_flight", "weather"):
            options += ", types = {'time_hour': 'TIMESTAMP'}"
        self._connection.execute(f"CREATE TABLE {table} AS FROM read_csv(?, {options})", [str(file)])

    def answer(self, view: str) -> Answer:
        """Return the contents of a view."""
        result = self._connection.execute(f"FROM {view}")
        columns = tuple(column[0] for column in result.description)
        floats = frozenset(i for i, column in enumerate(result.description) if str(column[1]) in ("DOUBLE", "FLOAT"))
        return Answer(columns, [tuple(map(_plain, row)) for row in result.fetchall()], floats)


def differences(expected: Answer, found: Answer) -> list[str]:
    """Say how two bags of rows differ, a line for each row that only one of them has; nothing if they are equal."""
    wanted, given = _grouped(expected), _grouped(found)
    lines: list[str] = []
    for key in {**wanted, **given}:
        ours, theirs = given.get(key, []), wanted.get(key, [])
        if len(ours) == len(theirs) and all(map(_close, ours, theirs)):
            continue
        lines += [f"expected {_row(expected, key, numbers)}" for numbers in theirs]
        lines += [f"found    {_row(expected, key, numbers)}" for numbers in ours]
    return lines


_Key = tuple[Any, ...]
_Numbers = tuple[float | None, ...]


def _grouped(answer: Answer) -> dict[_Key, list[_Numbers]]:
    """Return the floating-point parts of the rows by their other parts, in an order that rounding hardly changes."""
    groups: dict[_Key, list[_Numbers]] = defaultdict(list)
    for row in answer.rows:
        key = tuple(value for i, value in enumerate(row) if i not in answer.floats)
        groups[key].append(tuple(row[i] for i in sorted(answer.floats)))
    for numbers in groups.values():
        numbers.sort(key=lambda parts: [(-math.inf if part is None else part) for part in parts])
    return groups


def _close(left: Sequence[float | None], right: Sequence[float | None]) -> bool:
    return all(
        a is b if a is None or b is None else math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE)
        for a, b in zip(left, right, strict=True)
    )


def _row(answer: Answer, key: _Key, numbers: _Numbers) -> str:
    rest, floats = iter(key), iter(numbers)
    parts = [f"{name}={next(floats if i in answer.floats else rest)!r}" for i, name in enumerate(answer.columns)]
    return ", ".join(parts)


def _plain(value: Any) -> Any:
    """Return a value in one spelling: moments as text with a blank between date and time."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, str) and len(value) >= 19 and value[10] == "T" and value[4] == value[7] == "-":
        return value.replace("T", " ", 1)
    return value
