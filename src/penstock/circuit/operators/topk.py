"""The first rows of each group: ORDER BY ... LIMIT, and ROW_NUMBER, RANK or DENSE_RANK <= k.

An append-only input needs no more state than the answer: a row that has been beaten cannot come back.
"""

from __future__ import annotations

import numpy as np

from penstock.circuit.operators.ranking import Ordering, expand, ranks
from penstock.circuit.operators.regroup import Groups, Regroup
from penstock.data.batch import Batch, Column, Words
from penstock.data.pool import Pool
from penstock.sql.plan.nodes import TopK as TopKNode


class TopK(Regroup):
    """Rows whose rank is in (offset, offset + limit], with the rank as a last column if asked for."""

    def __init__(self, node: TopKNode, append_only: bool, pool: Pool) -> None:
        prunes = append_only and node.limit is not None
        super().__init__(node.input.schema, node.partition, node.schema, prunes, pool)
        self.title = f"top {node.limit} by {node.rank}" if node.limit is not None else node.rank
        self._ordering = Ordering(node.order, node.input.schema, pool)
        self._rank = node.rank
        self._offset = node.offset
        self._last = None if node.limit is None else node.offset + node.limit
        self._with_rank = node.with_rank

    def evaluate(self, groups: Groups) -> tuple[Batch, Words]:
        rows, source = expand(groups)
        order, begin, same = self._ordering.sort(rows)
        rank = ranks(self._rank, begin, same)
        within = np.ones(len(rank), np.bool_) if self._last is None else rank <= self._last
        shown = np.flatnonzero(within & (rank > self._offset))
        columns = [c.take(order[shown]) for c in rows.columns]
        if self._with_rank:
            columns.append(Column(rank[shown]))
        return Batch(columns, np.ones(len(shown), np.int64)), np.unique(source[order[within]])
