"""All rows of a part of an aggregation, for whoever reads them now and then: from the groups, with what comes after.

Nothing is kept twice: the groups are listed by the keys that make out a part (`aggregates/listing.py`), their rows are
made from their records and go through the projections and filters between the aggregation and the reader.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operators.aggregate import Aggregate
from penstock.circuit.operators.linear import Linear
from penstock.data.batch import Batch, Column, Words
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout, Rows
from penstock.data.types import BIGINT
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import ColumnRef, Expr


class ListedRows:
    """Rows of an aggregation by some of its keys. then: what its rows go through, in this order.

    positions: of these keys; layout: how they are packed where the rows are asked for.
    """

    def __init__(
        self,
        aggregate: Aggregate,
        positions: Sequence[int],
        layout: RowLayout,
        then: Sequence[nodes.Project | nodes.Filter],
        pool: Pool,
    ) -> None:
        self._aggregate = aggregate
        self._listing = aggregate.list_by(positions, layout)
        self._then = [_passing_on(node, pool) for node in then]

    def rows(self, keys: Rows) -> tuple[Words, Batch]:
        """Return the rows of n parts, and for each the position of its part (m,)."""
        source, ids = self._listing.find(keys)
        rows = self._aggregate.shown(ids)
        batch = Batch([*rows.columns, Column(source)], rows.weights)
        for linear in self._then:
            left = linear.apply(batch)
            batch = batch.take(np.zeros(0, np.int64)) if left is None else left
        return batch.columns[-1].words, Batch(batch.columns[:-1], batch.weights)


def _passing_on(node: nodes.Project | nodes.Filter, pool: Pool) -> Linear:
    """Return a projection or filter of rows that have one more column, which stays the last one."""
    if isinstance(node, nodes.Filter):
        return Linear(node.predicate, None, pool)
    exprs: list[Expr] = [*node.exprs, ColumnRef(len(node.input.schema), BIGINT)]
    return Linear(None, exprs, pool)
