"""INTERSECT and EXCEPT, of sets and of bags: a function f(l, r) of a row's weights on both sides.

State: the two weights of each row. d = f(l_new, r_new) - f(l_old, r_old), for the rows touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Operator, Stateful, batch_of
from penstock.circuit.retention import ForgetRecords, Forgetter
from penstock.data.batch import Batch, Words
from penstock.data.collecting import Coded, coded
from penstock.data.forgetting import place_in
from penstock.data.records import Records
from penstock.data.rows import RowLayout
from penstock.data.zset import consolidate_rows


class SetOperation(Operator):
    """kind "intersect": min of the weights; "except": what is left of the left; as sets unless `all`."""

    def __init__(self, layout: RowLayout, kind: str, all: bool) -> None:
        self.title = f"{kind}{' all' if all else ''}"
        self._layout = layout
        self._kind = kind
        self._all = all
        self._weights = Records(layout.width, 2)

    def _result(self, left: Words, right: Words) -> Words:
        left, right = np.maximum(left, 0), np.maximum(right, 0)
        if not self._all:
            left, right = np.minimum(left, 1), np.minimum(right, 1)
        return np.minimum(left, right) if self._kind == "intersect" else np.maximum(left - right, 0)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        rows, sides, weights = [], [], []
        for index, delta in enumerate(deltas):
            batch = batch_of(delta)
            if batch is not None:
                rows.append(self._layout.pack(batch.columns, len(batch)))
                sides.append(np.full(len(batch), index, np.int64))
                weights.append(batch.weights)
        if not rows:
            return None
        packed, side, weight = np.concatenate(rows), np.concatenate(sides), np.concatenate(weights)
        first, _ = consolidate_rows(packed, np.ones(len(packed), np.int64))
        touched = packed[first]
        ids = self._weights.find_or_add(touched)
        before = self._weights.payloads(ids)
        at = 1 + self._weights.width
        np.add.at(self._weights.records, (self._weights.find(packed), at + side), weight)
        after = self._weights.payloads(ids)
        gone = ~after.any(axis=1)
        if gone.any():
            self._weights.remove(ids[gone])
        change = self._result(after[:, 0], after[:, 1]) - self._result(before[:, 0], before[:, 1])
        changed = np.flatnonzero(change)
        if len(changed) == 0:
            return None
        return Batch(self._layout.unpack(touched[changed]), change[changed])

    def forgetters(self, column: int) -> list[Forgetter]:
        return [ForgetRecords(self._weights, place_in(self._layout, column, 1))]

    def coded(self) -> list[Coded]:
        return coded(self._weights, [1 + i for i in self._layout.pooled])

    def parts(self) -> dict[str, Stateful]:
        return {"weights": self._weights}
