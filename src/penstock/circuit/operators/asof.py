"""LEFT ASOF JOIN: each left row with the latest right row of its key that is not after it.

Both sides are one relation of tagged rows by key, so a change reads only the rows of the touched keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, batch_of
from penstock.circuit.operators.regroup import Groups, Regroup
from penstock.data.batch import Batch, Column, Words, concat
from penstock.data.order import order_words, sort_positions
from penstock.data.pool import Pool
from penstock.data.types import BOOLEAN, Field
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import ColumnRef, Expr
from penstock.sql.plan.nodes import AsofJoin as AsofNode


class AsofJoin(Regroup):
    """Rows are tagged: side, keys, time, left columns, right columns (those of the other side NULL)."""

    def __init__(self, node: AsofNode, pool: Pool) -> None:
        left, right = node.left.schema, node.right.schema
        keys = [Field(f"key{i}", k.left.type.with_nullable(True)) for i, k in enumerate(node.keys)]
        time = Field("time", node.left_time.type.with_nullable(True))
        nullable = [Field(f.name, f.type.with_nullable(True)) for f in (*left, *right)]
        row = (Field("side", BOOLEAN), *keys, time, *nullable)
        partition: list[Expr] = [ColumnRef(1 + i, k.type) for i, k in enumerate(keys)]
        super().__init__(row, partition, node.schema, False, pool)
        self.title = "asof join"
        self._left = compile_exprs([*(k.left for k in node.keys), node.left_time], pool)
        self._right = compile_exprs([*(k.right for k in node.keys), node.right_time], pool)
        self._widths = (len(left), len(right))
        self._key_count = len(keys)
        self._row = row
        self._matchless = [i for i, k in enumerate(node.keys) if not k.null_safe]

    def _tagged(self, batch: Batch, side: int) -> Batch:
        count = len(batch)
        heads: list[Column] = (self._right if side else self._left)(batch.columns, count)
        absent = Column(np.zeros(count, np.int64), np.ones(count, np.bool_))
        other = [absent] * self._widths[1 - side]
        columns = [*other, *batch.columns] if side else [*batch.columns, *other]
        return Batch([Column(np.full(count, side, np.int64)), *heads, *columns], batch.weights)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        parts = [self._tagged(b, side) for side, b in enumerate(map(batch_of, deltas)) if b is not None]
        return super().step([concat(parts)]) if parts else None

    def evaluate(self, groups: Groups) -> tuple[Batch, Words]:
        side, time = groups.columns[0].words, groups.columns[1 + self._key_count]
        usable = side == 0
        eligible = side == 1
        for column in [*(groups.columns[1 + i] for i in self._matchless), time]:
            if column.nulls is not None:
                eligible &= ~column.nulls
        rows = groups.take(np.flatnonzero(usable | eligible))
        side, time = rows.columns[0].words, rows.columns[1 + self._key_count]
        words = order_words(time, self._row[1 + self._key_count].type, self._pool)
        ties = [
            (order_words(c, f.type, self._pool), c.nulls, False, True)
            for c, f in zip(rows.columns[2 + self._key_count :], self._row[2 + self._key_count :], strict=True)
        ]
        # At equal times right rows come first, so that they are found by the left rows behind them.
        order = sort_positions(
            [(rows.group, None, False, False), (words, time.nulls, False, True), (side, None, True, False), *ties],
            len(rows.group),
        )
        ordered = rows.take(order)
        is_right = ordered.columns[0].words == 1
        position = np.arange(len(order))
        latest = np.maximum.accumulate(np.where(is_right, position, -1)) if len(order) else position
        at = np.flatnonzero(~is_right)
        match = latest[at]
        found = (match >= 0) & (ordered.group[np.maximum(match, 0)] == ordered.group[at])
        for column in [*(ordered.columns[1 + i] for i in self._matchless), ordered.columns[1 + self._key_count]]:
            if column.nulls is not None:
                found &= ~column.nulls[at]
        first = 2 + self._key_count
        middle = first + self._widths[0]
        columns = [c.take(at) for c in ordered.columns[first:middle]]
        for column in ordered.columns[middle:]:
            taken = column.take(np.where(found, match, 0))
            nulls = ~found if taken.nulls is None else ~found | taken.nulls
            columns.append(Column(np.where(nulls, 0, taken.words), nulls))
        return Batch(columns, ordered.weights[at]), np.arange(0)
