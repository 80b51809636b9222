"""Runs recipes over a few rows, as a batch and row by row: both must give the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.ports.transform import Surroundings
from penstock.transform.frames.data import scalars
from penstock.transform.frames.frame import Column, Frame
from penstock.transform.jvm.values import column_of
from penstock.transform.recipe.program import compile_recipe

Row = Mapping[str, Any]


@dataclass
class Outcome:
    """What came of it. rows: without columns that a row does not have. failures: message by number of the record."""

    rows: list[dict[str, Any]]
    failures: dict[int, str] = field(default_factory=dict)
    codes: dict[int, int] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    reported: list[tuple[int, str]] = field(default_factory=list)


def over(recipe: str, rows: Sequence[Row], surroundings: Surroundings | None = None) -> Outcome:
    """Run a recipe over rows as one batch."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [Column(name, column_of([row.get(name) for row in rows]), _present(name, rows)) for name in names]
    frame = compile_recipe(recipe, surroundings or Surroundings("Wrangler")).run(Frame(columns, len(rows)))
    cells = [(column.name, scalars(column.data), column.there()) for column in frame.columns]
    shown = [{name: values[row] for name, values, there in cells if there[row]} for row in range(frame.rows)]
    failures = frame.failures.by_record
    return Outcome(
        shown,
        {record: failure.message for record, failure in failures.items()},
        {record: failure.code for record, failure in failures.items()},
        {record for record, failure in failures.items() if failure.refused},
        [(record, failure.message) for record, failure in frame.failures.reported],
    )


def _present(name: str, rows: Sequence[Row]) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    there = np.array([name in row for row in rows])
    return None if there.all() else there


def wrangle(recipe: str, *rows: Row) -> Outcome:
    """Run a recipe over rows; assert that each row alone gives what it gives in the batch."""
    together = over(recipe, rows)
    alone = [over(recipe, [row]) for row in rows]
    assert [shown for one in alone for shown in one.rows] == together.rows
    assert {at: one.failures[0] for at, one in enumerate(alone) if one.failures} == together.failures
    return together


def rows_of(recipe: str, *rows: Row) -> list[dict[str, Any]]:
    """Return the rows that a recipe gives; none may fail."""
    outcome = wrangle(recipe, *rows)
    assert outcome.failures == {}
    return outcome.rows


def failure_of(recipe: str, row: Row) -> str:
    """Return the message of the one row, which must fail."""
    outcome = wrangle(recipe, row)
    assert outcome.rows == []
    return outcome.failures[0]
