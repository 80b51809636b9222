"""Records to changes: match members to columns, build the columns, sort out the records that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from penstock.connect.formats.columns import MISSING, BadValue, Reading, read_column
from penstock.data.batch import Batch, Column
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.ports.format import Layout, Parsed, ParseError

MAX_TEXT = 500
"""Characters of a bad record that are shown."""


@dataclass(slots=True)
class Operations:
    """Rows in order, each an object or a positional array. weights: 1, -1, ...; patches: positions of partial updates.

    events: the number of each row's record in the body, from 1.
    """

    rows: list[Any] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    patches: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    errors: list[ParseError] = field(default_factory=list)


class RowReader:
    """Builds the columns of one table from objects and positional arrays."""

    def __init__(self, table: Layout, readings: Sequence[Reading], pool: Pool) -> None:
        self._table = table
        self._readings = readings
        self._pool = pool
        self._names = [column.name for column in table.columns]
        self._shapes: dict[tuple[str, ...], Mapping[int, str]] = {}

    def read(self, operations: Operations) -> Parsed:
        """Return the changes of rows that can be read, and an error for each that cannot."""
        parsed = Parsed(errors=operations.errors)
        if not operations.rows:
            return parsed
        rows = self._objects(operations)
        if not rows:
            return parsed
        partial = self._partial(operations)
        bad: list[BadValue] = []
        columns: list[Column] = []
        present: list[np.ndarray[Any, np.dtype[np.bool_]]] = []
        for position, column in enumerate(self._table.columns):
            values = self._values(rows, position)
            lenient = None if position in self._table.primary_key else partial
            made, wrong = read_column(values, column, self._readings[position], self._pool, lenient)
            columns.append(made)
            bad += wrong
            if operations.patches:
                present.append(np.array([value is not MISSING for value in values], np.bool_))
        keep = self._sort_out(operations, bad, parsed)
        self._batches(operations, columns, present, keep, parsed)
        return parsed

    def _objects(self, operations: Operations) -> list[Any]:
        """Return the rows as objects; a positional array of the wrong length, or anything else, is an error."""
        rows = operations.rows
        if {*map(type, rows)} == {dict}:
            return rows
        result: list[Any] = []
        keep: list[int] = []
        for position, row in enumerate(rows):
            if type(row) is list and len(row) == len(self._names):
                row = dict(zip(self._names, row, strict=True))
            elif type(row) is not dict:
                what = f"an array of {len(row)} values" if type(row) is list else type(row).__name__
                reason = (
                    f"a row of {self._table.name!r} is an object or an array of {len(self._names)} values, not {what}"
                )
                self._fail(operations, position, reason, None, operations.errors)
                continue
            result.append(row)
            keep.append(position)
        if len(keep) < len(rows):
            _retain(operations, keep)
        operations.rows = result
        return result

    def _partial(self, operations: Operations) -> list[bool] | None:
        """Return which rows need to give no more than the key: patches, and deletions where there is a key."""
        if not self._table.primary_key or (not operations.patches and min(operations.weights) > 0):
            return None
        partial = [weight < 0 for weight in operations.weights]
        for position in operations.patches:
            partial[position] = True
        return partial

    def _values(self, rows: list[Any], position: int) -> list[Any]:
        name = self._names[position]
        values = [row.get(name, MISSING) for row in rows]
        if self._table.columns[position].case_sensitive or MISSING not in values:
            return values
        for at, value in enumerate(values):
            if value is MISSING and (spelling := self._spelling(rows[at], position)) is not None:
                values[at] = rows[at][spelling]
        return values

    def _spelling(self, row: Mapping[str, Any], position: int) -> str | None:
        """Return under which name, spelled in other cases, a row has a column; one look for all rows of a shape."""
        shape = tuple(row)
        found = self._shapes.get(shape)
        if found is None:
            folded = {name.lower(): name for name in shape}
            found = {
                at: folded[column.name.lower()]
                for at, column in enumerate(self._table.columns)
                if not column.case_sensitive and column.name.lower() in folded
            }
            if len(self._shapes) < 10_000:
                self._shapes[shape] = found
        return found.get(position)

    def _sort_out(
        self, operations: Operations, bad: list[BadValue], parsed: Parsed
    ) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """Report bad values, the first of each row, and return which rows stay (None: all)."""
        seen: set[int] = set()
        for wrong in sorted(bad, key=lambda b: b.row):
            if wrong.row not in seen:
                seen.add(wrong.row)
                self._fail(operations, wrong.row, wrong.reason, wrong.column, parsed.errors)
        if not seen:
            return None
        keep = np.ones(len(operations.rows), np.bool_)
        keep[list(seen)] = False
        return keep

    def _fail(
        self, operations: Operations, position: int, reason: str, column: str | None, errors: list[ParseError]
    ) -> None:
        shown = shown_text(operations.rows[position])
        errors.append(ParseError(reason, operations.events[position], column, shown))

    def _batches(
        self,
        operations: Operations,
        columns: list[Column],
        present: list[np.ndarray[Any, np.dtype[np.bool_]]],
        keep: np.ndarray[Any, np.dtype[np.bool_]] | None,
        parsed: Parsed,
    ) -> None:
        batch = Batch(columns, np.array(operations.weights, np.int64))
        patches = None
        if operations.patches:
            patches = np.zeros(len(batch), np.bool_)
            patches[operations.patches] = True
        if keep is not None:
            batch = batch.take(keep)
            patches = None if patches is None else patches[keep]
            present = [mask[keep] for mask in present]
        if len(batch):
            parsed.batches.append(Changes(batch.columns, batch.weights, patches, present or None))


def shown_text(record: Any) -> str:
    """Return a record as JSON text, shortened, for messages."""
    try:
        text = _json.encode(record).decode()
    except (TypeError, ValueError):
        text = str(record)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


_json = msgspec.json.Encoder(decimal_format="number")


def _retain(operations: Operations, keep: list[int]) -> None:
    """Keep only the operations at these positions."""
    place = {old: new for new, old in enumerate(keep)}
    operations.weights = [operations.weights[i] for i in keep]
    operations.events = [operations.events[i] for i in keep]
    operations.patches = [place[i] for i in operations.patches if i in place]
