"""Filter and project: linear, so the change of the output is the same function of the change of the input.

d(pi_e(sigma_p(A))) = pi_e(sigma_p(dA)). No state. A chain of filters and projections is one operator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Operator, batch_of
from penstock.data.batch import Batch, Column
from penstock.data.fate import Fate
from penstock.data.pool import Pool
from penstock.sql.evaluate import compile_exprs, compile_predicate
from penstock.sql.plan.expr import Expr


class Linear(Operator):
    """Rows for which the predicate is true, projected. predicate None: all rows; exprs None: the row as it is.

    fate: what becomes of what the expressions give.
    """

    def __init__(
        self, predicate: Expr | None, exprs: Sequence[Expr] | None, pool: Pool, fate: Fate = Fate.COMPARED
    ) -> None:
        self.title = "filter" if exprs is None else "project" if predicate is None else "filter and project"
        self._predicate = None if predicate is None else compile_predicate(predicate, pool)
        self._exprs = None if exprs is None else compile_exprs(exprs, pool, fate)

    def apply(self, batch: Batch) -> Batch | None:
        """Return the rows that remain of a batch, or None."""
        if self._predicate is not None:
            mask = self._predicate(batch.columns, len(batch))
            if not mask.any():
                return None
            if not mask.all():
                batch = batch.take(np.flatnonzero(mask))
        if self._exprs is None:
            return batch
        columns: list[Column] = self._exprs(batch.columns, len(batch))
        return Batch(columns, batch.weights)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        return None if batch is None else self.apply(batch)
