"""UNION ALL: d(A + B) = dA + dB. No state."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.circuit.operator import Delta, Operator, batch_of
from penstock.data.batch import concat


class Union(Operator):
    """The sum of its inputs."""

    title = "union all"

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batches = [b for b in map(batch_of, deltas) if b is not None]
        return concat(batches) if batches else None
