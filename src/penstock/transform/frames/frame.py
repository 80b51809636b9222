"""A batch of rows under way through a recipe. Pure; knows no directive.

Rows come from records: `origin` says from which one. A column may be missing in some of the rows, which is not the same
as being null. Names are looked up whatever their case, as rows do it; two columns may have one name, then the first
counts. What fails, fails for the record it came from: all rows of that record are gone, and the failure is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.transform.frames.data import Data, Mask, Rows, choose, from_arrow, null_mask, take

__all__ = ["Column", "Failure", "Failures", "Frame"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record went no further.

    refused: whether the recipe itself refused it: then it goes out of the error port whatever is done on errors.
    """

    message: str
    code: int = 0
    refused: bool = False


@dataclass(slots=True)
class Failures:
    """Failures of one batch, the first of each record, and what was reported on the way without stopping a record."""

    by_record: dict[int, Failure] = field(default_factory=dict)
    reported: list[tuple[int, Failure]] = field(default_factory=list)

    def add(self, record: int, failure: Failure) -> None:
        """Keep the first failure of a record."""
        self.by_record.setdefault(record, failure)


@dataclass(frozen=True, slots=True)
class Column:
    """A name and values; `present` is None if the column is there in every row. Where it is not, the value is null."""

    name: str
    data: Data
    present: Mask | None = None

    def there(self) -> Mask:
        """Tell in which rows the column is."""
        return np.ones(len(self.data), dtype=bool) if self.present is None else self.present


class Frame:
    """Rows. Never changed in place: each method returns another frame, sharing what it can."""

    __slots__ = ("columns", "failures", "origin", "rows", "variables")

    def __init__(
        self,
        columns: Iterable[Column],
        rows: int,
        origin: Rows | None = None,
        failures: Failures | None = None,
        variables: Mapping[str, Data] | None = None,
    ) -> None:
        self.columns = list(columns)
        self.rows = rows
        self.origin = np.arange(rows, dtype=np.int64) if origin is None else origin
        self.failures = Failures() if failures is None else failures
        self.variables = dict(variables or {})

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Frame:
        """Return the rows of a batch, one for each record."""
        columns = [
            Column(name, from_arrow(column)) for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return cls(columns, batch.num_rows)

    def with_columns(self, columns: Iterable[Column]) -> Frame:
        """Return the same rows with other columns."""
        return Frame(columns, self.rows, self.origin, self.failures, self.variables)

    def find(self, name: str) -> int:
        """Return where a column is; -1 if there is none."""
        wanted = name.lower()
        for i, column in enumerate(self.columns):
            if column.name == name or column.name.lower() == wanted:
                return i
        return -1

    def value(self, name: str) -> Column | None:
        """Return a column by name."""
        at = self.find(name)
        return None if at < 0 else self.columns[at]

    def put(self, at: int, data: Data, present: Mask | None = None) -> Frame:
        """Replace the values of a column; it is there wherever it was, and where `present` is set."""
        columns = list(self.columns)
        column = columns[at]
        there = column.present
        if there is not None and present is not None:
            there = there | present
            if there.all():
                there = None
        columns[at] = replace(column, data=data, present=there)
        return self.with_columns(columns)

    def add(self, name: str, data: Data, present: Mask | None = None) -> Frame:
        """Append a column, even if one has that name already."""
        if present is not None and present.all():
            present = None
        return self.with_columns([*self.columns, Column(name, data, present)])

    def set(self, name: str, data: Data, where: Mask | None = None) -> Frame:
        """Set a column in all rows or in those of a mask, adding it where it is not."""
        at = self.find(name)
        if at < 0:
            if where is not None and not where.all():
                data = choose(
                    where, data, pa.nulls(self.rows, data.type if isinstance(data, pa.Array) else pa.string())
                )
            return self.add(name, data, where)
        column = self.columns[at]
        if where is not None and not where.all():
            data = choose(where, data, column.data)
        return self.put(at, data, np.ones(self.rows, dtype=bool) if where is None else where)

    def take(self, rows: Rows) -> Frame:
        """Pick rows by index, in the order given and as often as given."""
        columns = [
            Column(c.name, take(c.data, rows), None if c.present is None else c.present[rows]) for c in self.columns
        ]
        variables = {name: take(data, rows) for name, data in self.variables.items()}
        return Frame(columns, len(rows), self.origin[rows], self.failures, variables)

    def keep(self, mask: Mask) -> Frame:
        """Keep the rows of a mask."""
        return self if mask.all() else self.take(np.flatnonzero(mask))

    def fail(self, failed: Mapping[int, Failure]) -> Frame:
        """Note failures by row, and let go of all rows of their records."""
        if not failed:
            return self
        for row in sorted(failed):
            self.failures.add(int(self.origin[row]), failed[row])
        records = np.unique(self.origin[np.fromiter(failed, np.int64, len(failed))])
        return self.keep(~np.isin(self.origin, records))

    def fail_where(self, mask: Mask, failure: Failure) -> Frame:
        """Let all rows of a mask fail in the same way."""
        return self.fail(dict.fromkeys(map(int, np.flatnonzero(mask)), failure)) if mask.any() else self

    def nulls_of(self, at: int) -> Mask:
        """Tell where a column is there and null."""
        column = self.columns[at]
        mask = null_mask(column.data)
        return mask if column.present is None else mask & column.present

    def row(self, at: int) -> dict[str, Any]:
        """Return one row's values by name."""
        from penstock.transform.jvm.values import scalars

        values: dict[str, Any] = {}
        for column in self.columns:
            if column.present is None or column.present[at]:
                values.setdefault(column.name, scalars(take(column.data, np.array([at])))[0])
        return values
