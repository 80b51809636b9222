"""Inner join of two arranged relations.

d(A * B) = dA * B_old + A_old * dB + dA * dB: no pair is made only to be taken back, so the join of two relations that
only grow only grows. The state is the two arrangements, which other joins may share.
Source: bilinear operators, DBSP (Budiu et al., VLDB 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.circuit.operator import Delta, Keyed, Operator
from penstock.circuit.operators.arrange import Arrange
from penstock.circuit.operators.linear import Linear
from penstock.data.batch import Batch, concat
from penstock.data.match import match_rows
from penstock.data.rows import RowLayout
from penstock.data.zset import consolidate


class Join(Operator):
    """Left columns, then right columns of the pairs with equal keys; then the residual condition and projection."""

    title = "join"

    def __init__(self, left: Arrange, right: Arrange, then: Linear | None, layout: RowLayout) -> None:
        self._left = left
        self._right = right
        self._then = then
        self._layout = layout

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        left, right = deltas
        parts = []
        multiplies = False
        if isinstance(left, Keyed) and len(left):
            source, rows, weights = self._right.trace.lookup(left.keys)
            if len(source):
                columns = left.batch.take(source)
                parts.append(Batch(columns.columns + self._right.row_layout.unpack(rows), columns.weights * weights))
        if isinstance(right, Keyed) and len(right):
            source, rows, weights = self._left.trace.lookup(right.keys)
            if len(source):
                columns = right.batch.take(source)
                parts.append(Batch(self._left.row_layout.unpack(rows) + columns.columns, columns.weights * weights))
        if isinstance(left, Keyed) and isinstance(right, Keyed):
            i, j = match_rows(left.keys, right.keys)
            multiplies = len(i) > len(left) + len(right)
            if len(i):
                a, b = left.batch.take(i), right.batch.take(j)
                parts.append(Batch(a.columns + b.columns, a.weights * b.weights))
        if not parts:
            return None
        whole = concat(parts)
        result = whole if self._then is None else self._then.apply(whole)
        # Rows that came and went in one step are still there, each with each: a chain of joins would square them again
        # and again.
        return consolidate(result, self._layout) if multiplies and result is not None else result
