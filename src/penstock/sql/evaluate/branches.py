"""CASE: each row takes the value of the first branch whose condition is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penstock.data.batch import Column, Mask
from penstock.sql.evaluate.rows import Rows, scatter
from penstock.sql.functions.registry import Argument, Evaluator

Condition = tuple[Callable[[Sequence[Column], int], Mask], frozenset[int]]
"""A condition's mask evaluator and the columns that it reads."""


def case_evaluator(conditions: Sequence[Condition], values: Sequence[Argument], at_once: bool) -> Evaluator:
    """Return the evaluator of a CASE. values: one for each condition, then ELSE.

    at_once: nothing behind the first condition can fail or costs much, so every branch is computed for every row.
    """
    return _blend(conditions, values) if at_once else _narrowing(conditions, values)


def _blend(conditions: Sequence[Condition], values: Sequence[Argument]) -> Evaluator:
    backwards = [(mask, value.run) for (mask, _), value in zip(conditions, values, strict=False)][::-1]
    last = values[-1].run

    def run(columns: Sequence[Column], row_count: int) -> Column:
        column = last(columns, row_count)
        words, nulls = column.words, column.nulls
        for test, value in backwards:
            mask = test(columns, row_count)
            chosen = value(columns, row_count)
            words = np.where(mask, chosen.words, words)
            if chosen.nulls is not None or nulls is not None:
                nulls = np.where(mask, _mask_of(chosen), False if nulls is None else nulls)
        return Column(words, nulls)

    return run


def _mask_of(column: Column) -> Mask | bool:
    return False if column.nulls is None else column.nulls


def _narrowing(conditions: Sequence[Condition], values: Sequence[Argument]) -> Evaluator:
    def run(columns: Sequence[Column], row_count: int) -> Column:
        parts: list[tuple[Rows | None, Column]] = []
        rows: Rows | None = None
        left = row_count
        for (test, used), value in zip(conditions, values, strict=False):
            mask = test(_narrow(columns, used, rows), left)
            if mask.any():
                reached = np.flatnonzero(mask) if rows is None else rows[mask]
                parts.append(_part(value, columns, reached, row_count))
                rows = np.flatnonzero(~mask) if rows is None else rows[~mask]
                left = len(rows)
                if not left:
                    return scatter(row_count, parts)
        parts.append(
            (None, values[-1].run(columns, row_count)) if rows is None else _part(values[-1], columns, rows, row_count)
        )
        return scatter(row_count, parts)

    return run


def _part(value: Argument, columns: Sequence[Column], rows: Rows, row_count: int) -> tuple[Rows | None, Column]:
    if len(rows) == row_count:
        return None, value.run(columns, row_count)
    return rows, value.over(columns, rows)


def _narrow(columns: Sequence[Column], used: frozenset[int], rows: Rows | None) -> Sequence[Column]:
    if rows is None or not columns:
        return columns
    reads = {i % len(columns) for i in used}
    return [c.take(rows) if i in reads else c for i, c in enumerate(columns)]
