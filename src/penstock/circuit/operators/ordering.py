"""ORDER BY as words beside a row: what the kernels that keep rows in order compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.data.batch import Batch, Column
from penstock.data.comparing import comparison, row_modes
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout, Rows
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import SortKey


class OrderWords:
    """The order words of rows: for each key a word that places its nulls, if it may be null, and the value's word.

    modes, signs: how they compare, followed by the row's own columns (`comparing.compare_rows`).
    pooled: which of them are codes.
    """

    def __init__(self, keys: Sequence[SortKey], layout: RowLayout, pool: Pool) -> None:
        self._keys = tuple(keys)
        self._exprs = compile_exprs([k.expr for k in keys], pool)
        modes: list[int] = []
        pooled: list[int] = []
        signs: list[int] = []
        for key in keys:
            if key.expr.type.nullable:
                modes.append(0)
                signs.append(1)
            if key.expr.type.pooled:
                pooled.append(len(modes))
            modes.append(comparison(key.expr.type))
            signs.append(-1 if key.descending else 1)
        self.width = len(signs)
        self.pooled = tuple(pooled)
        self.modes = row_modes(modes, layout.types)
        self.signs = np.array(signs, np.int64)

    def write(self, batch: Batch, lines: Rows, at: int) -> None:
        """Write the order words of n rows into lines (n, .) from word `at` on."""
        values: list[Column] = self._exprs(batch.columns, len(batch))
        for key, value in zip(self._keys, values, strict=True):
            if key.expr.type.nullable:
                lines[:, at] = 0 if value.nulls is None else np.where(value.nulls, -1 if key.nulls_first else 1, 0)
                at += 1
            lines[:, at] = value.words
            at += 1
