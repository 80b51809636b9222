"""Semi-join and anti-join: the left rows whose key is, or is not, there on the right.

With p(k) = "the right side's weight of key k is positive": d = dA where p_new has the wanted value, and for each key
whose p changed all of A_old(k), added or taken away. State: the arrangements of both sides, as before this step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Keyed, Operator
from penstock.circuit.operators.arrange import Arrange
from penstock.data.batch import Batch, concat
from penstock.data.match import match_rows
from penstock.data.zset import consolidate_rows


class SemiJoin(Operator):
    """anti: rows without a match instead of rows with one. The output is the left side's columns."""

    def __init__(self, left: Arrange, right: Arrange, anti: bool) -> None:
        self.title = "anti-join" if anti else "semi-join"
        self._left = left
        self._right = right
        self._anti = anti

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        left, right = deltas
        changed = appeared = None
        if isinstance(right, Keyed) and len(right):
            first, sums = consolidate_rows(right.keys, right.batch.weights)
            keys = right.keys[first]
            before = self._right.trace.totals(keys)
            flipped = (before > 0) != (before + sums > 0)
            if flipped.any():
                changed, appeared = np.ascontiguousarray(keys[flipped]), before[flipped] <= 0
        parts = []
        if isinstance(left, Keyed) and len(left):
            present = self._right.trace.totals(left.keys) > 0
            if changed is not None:
                at, _ = match_rows(left.keys, changed)
                present[at] = ~present[at]
            wanted = ~present if self._anti else present
            if wanted.any():
                parts.append(left.batch.take(np.flatnonzero(wanted)))
        if changed is not None and appeared is not None:
            source, rows, weights = self._left.trace.lookup(changed)
            if len(source):
                gained = appeared[source] != self._anti
                columns = self._left.row_layout.unpack(rows)
                parts.append(Batch(columns, np.where(gained, weights, -weights)))
        return concat(parts) if parts else None
