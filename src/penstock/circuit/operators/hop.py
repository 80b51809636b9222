"""TUMBLE and HOP: each row once for each window it falls in. Linear, no state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Operator, batch_of
from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import Expr


class Hop(Operator):
    """Windows of `size` that begin every `slide` from `offset` on; all in the unit of the time's word."""

    def __init__(self, time: Expr, slide: int, size: int, offset: int, pool: Pool) -> None:
        self.title = "tumble" if slide == size else "hop"
        self._time = compile_exprs([time], pool)
        self._slide = slide
        self._size = size
        self._offset = offset

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        [time] = self._time(batch.columns, len(batch))
        words = time.words
        if time.nulls is not None:
            kept = np.flatnonzero(~time.nulls)
            batch, words = batch.take(kept), words[kept]
        last = (words - self._offset) // self._slide * self._slide + self._offset
        if self._slide == self._size:
            start = last
        else:
            windows = (self._size + self._slide - 1) // self._slide
            starts = last[:, None] - np.arange(windows, dtype=np.int64) * self._slide
            inside = starts + self._size > words[:, None]
            at, which = np.nonzero(inside)
            batch, start = batch.take(at), starts[at, which]
        if len(batch) == 0:
            return None
        return Batch([*batch.columns, Column(start), Column(start + self._size)], batch.weights)
