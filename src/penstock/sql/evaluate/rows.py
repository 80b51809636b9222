"""Columns made of one value, of some rows, and of the rows where no argument is null."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Column, Mask
from penstock.sql.functions.registry import EvaluationError, Evaluator, Kernel, is_constant

Rows = npt.NDArray[np.intp]
_Masked = Callable[[Sequence[Column], Mask, int], Column]


def broadcast(one: Column, row_count: int) -> Column:
    """Return the only value of `one` repeated row_count times, at stride 0."""
    words = np.ndarray((row_count,), np.int64, one.words, 0, (0,))
    if one.nulls is None:
        return Column(words)
    return Column(words, np.ndarray((row_count,), np.bool_, one.nulls, 0, (0,)))


def constant(one: Column) -> Evaluator:
    """Return the evaluator that gives the only value of `one` for every row."""
    words = np.ascontiguousarray(one.words).copy()
    nulls = one.nulls.copy() if one.nulls is not None and bool(one.nulls[0]) else None
    held = Column(words, nulls)

    def run(columns: Sequence[Column], row_count: int) -> Column:
        return broadcast(held, row_count)

    return run


def empty_column() -> Column:
    """Return a column of no rows."""
    return Column(np.empty(0, np.int64))


def take(column: Column, rows: Rows) -> Column:
    """Return the column's values at rows; a constant stays one."""
    if is_constant(column) and len(rows):
        return broadcast(Column(column.words[:1], None if column.nulls is None else column.nulls[:1]), len(rows))
    return column.take(rows)


def nulls_of(arguments: Sequence[Column]) -> Mask | None:
    """Return which rows have a null among the arguments, None if none can."""
    nulls: Mask | None = None
    for argument in arguments:
        if argument.nulls is not None:
            nulls = argument.nulls if nulls is None else nulls | argument.nulls
    return nulls


def strict(arguments: Sequence[Evaluator], kernel: Kernel, can_fail: bool, tolerant: bool) -> Evaluator:
    """Return the evaluator of a function whose result is NULL where an argument is."""
    masked = _careful(kernel, tolerant) if can_fail else _carefree(kernel)
    if len(arguments) == 1:
        return _strict_unary(arguments[0], kernel, masked)

    def run(columns: Sequence[Column], row_count: int) -> Column:
        given = [argument(columns, row_count) for argument in arguments]
        nulls = nulls_of(given)
        if nulls is None:
            return kernel(given, row_count)
        return masked(given, nulls, row_count)

    return run


def _strict_unary(argument: Evaluator, kernel: Kernel, masked: _Masked) -> Evaluator:
    def run(columns: Sequence[Column], row_count: int) -> Column:
        given = argument(columns, row_count)
        if given.nulls is None:
            return kernel((given,), row_count)
        return masked((given,), given.nulls, row_count)

    return run


def _finish(out: Column, nulls: Mask) -> Column:
    if out.nulls is not None:
        nulls = nulls | out.nulls
    return Column(np.where(nulls, 0, out.words), nulls)


def _carefree(kernel: Kernel) -> _Masked:
    """Run a kernel that cannot fail on every row, then set the nulls."""

    def run(arguments: Sequence[Column], nulls: Mask, row_count: int) -> Column:
        return _finish(kernel(arguments, row_count), nulls)

    return run


def _careful(kernel: Kernel, tolerant: bool) -> _Masked:
    """Run a kernel that may fail on the rows without a null; if tolerant, on all rows unless that fails."""

    def run(arguments: Sequence[Column], nulls: Mask, row_count: int) -> Column:
        if not nulls.any():
            return kernel(arguments, row_count)
        if tolerant:
            try:
                return _finish(kernel(arguments, row_count), nulls)
            except EvaluationError:
                pass  # perhaps only of a null's zero word: the rows without nulls decide
        rows = np.flatnonzero(~nulls)
        if not len(rows):
            return Column(np.zeros(row_count, np.int64), nulls)
        out = kernel([take(a, rows) for a in arguments], len(rows))
        words = np.zeros(row_count, np.int64)
        words[rows] = out.words
        if out.nulls is not None:
            nulls = nulls.copy()
            nulls[rows] = out.nulls
        return Column(words, nulls)

    return run


def scatter(row_count: int, parts: Sequence[tuple[Rows | None, Column]]) -> Column:
    """Put together a column from parts, each with its rows (None: all rows)."""
    if len(parts) == 1 and parts[0][0] is None:
        return parts[0][1]
    words = np.zeros(row_count, np.int64)
    nulls: Mask | None = None
    for rows, part in parts:
        at: Rows | slice = slice(None) if rows is None else rows
        words[at] = part.words
        if part.nulls is not None:
            if nulls is None:
                nulls = np.zeros(row_count, np.bool_)
            nulls[at] = part.nulls
    return Column(words, nulls)
