"""DISTINCT: each row that is there at least once, once.

Per row only the weight is kept; +1 is emitted when it rises above 0, -1 when it falls back.
Source: incremental distinct, DBSP (Budiu et al., VLDB 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Operator, Stateful, batch_of
from penstock.circuit.retention import ForgetRecords, Forgetter
from penstock.data.batch import Batch
from penstock.data.collecting import Coded
from penstock.data.forgetting import place_in
from penstock.data.rows import RowLayout
from penstock.data.zset import Contents


class Distinct(Operator):
    """The set of a bag."""

    title = "distinct"

    def __init__(self, layout: RowLayout) -> None:
        self._counts = Contents(layout)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        before, after = self._counts.add(batch)
        weights = (after > 0).astype(np.int64) - (before > 0)
        changed = np.flatnonzero(weights)
        if len(changed) == 0:
            return None
        return Batch([c.take(changed) for c in batch.columns], weights[changed])

    def forgetters(self, column: int) -> list[Forgetter]:
        return [ForgetRecords(self._counts.records, place_in(self._counts.layout, column, 1))]

    def coded(self) -> list[Coded]:
        return self._counts.coded()

    def parts(self) -> dict[str, Stateful]:
        return {"counts": self._counts}
