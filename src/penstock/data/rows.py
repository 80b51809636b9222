"""Rows as words in a line: how the columns of a batch are packed for the state structures, and unpacked again.

A packed row has one word for each column and, only if some column may be null, one word of null bits for each 63
columns. Equal rows are equal words, so state compares and hashes words and knows no types.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Column
from penstock.data.types import SqlType

Rows = npt.NDArray[np.int64]
"""(n, width) int64, C order: one packed row after the other."""

_BITS = 63


class RowLayout:
    """The packed form of rows of the given types."""

    def __init__(self, types: Sequence[SqlType]) -> None:
        self.types = tuple(types)
        self.columns = len(self.types)
        nullable = any(t.nullable for t in self.types)
        self.null_words = (self.columns + _BITS - 1) // _BITS if nullable else 0
        self.width = self.columns + self.null_words
        self.pooled = tuple([i for i, t in enumerate(self.types) if t.pooled])
        """Words of a packed row that are codes into the pool."""

    def pack(self, columns: Sequence[Column], row_count: int) -> Rows:
        """Return the packed rows of columns of row_count values each."""
        rows = np.empty((row_count, self.width), np.int64)
        if self.null_words:
            rows[:, self.columns :] = 0
        for i, column in enumerate(columns):
            rows[:, i] = column.words
            if column.nulls is not None and column.nulls.any():
                if not self.null_words:
                    raise ValueError(f"column {i} is declared NOT NULL and holds a null")
                rows[:, self.columns + i // _BITS] |= column.nulls.astype(np.int64) << (i % _BITS)
        return rows

    def unpack(self, rows: Rows) -> list[Column]:
        """Return the columns of packed rows."""
        by_column = np.ascontiguousarray(rows.T)
        if not self.null_words or not by_column[self.columns :].any():
            return [Column(by_column[i]) for i in range(self.columns)]
        columns = []
        for i in range(self.columns):
            nulls = (by_column[self.columns + i // _BITS] >> (i % _BITS)) & 1 != 0
            columns.append(Column(by_column[i], nulls if nulls.any() else None))
        return columns


def any_null(columns: Sequence[Column], row_count: int) -> npt.NDArray[np.bool_] | None:
    """Return which rows have a null in one of the columns, or None when no row has."""
    result: npt.NDArray[np.bool_] | None = None
    for column in columns:
        if column.nulls is not None:
            result = column.nulls if result is None else result | column.nulls
    if result is None or not result.any():
        return None
    return result
