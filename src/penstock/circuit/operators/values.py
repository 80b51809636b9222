"""VALUES: constant rows, which arrive in the first step and never change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Operator
from penstock.data.batch import Batch, Column, concat
from penstock.data.pool import Pool
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import Expr


class Values(Operator):
    """Rows given as constant expressions; they are evaluated in the first step, so that a failure is a run-time one."""

    title = "values"
    runs_first = True

    def __init__(self, rows: Sequence[Sequence[Expr]], pool: Pool) -> None:
        self._rows = [compile_exprs(row, pool) for row in rows]
        self._done = False

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        if self._done or not self._rows:
            return None
        self._done = True
        one = np.ones(1, np.int64)
        parts: list[list[Column]] = [list(row([], 1)) for row in self._rows]
        return concat([Batch([Column(c.words.copy(), c.nulls) for c in part], one) for part in parts])
