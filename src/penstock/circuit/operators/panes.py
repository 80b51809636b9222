"""Panes: before rows are spread over overlapping windows, those of one pane are made one.

Which windows a row falls in depends only on the pane (the greatest common divisor of slide and size) its time is in.
Where nothing else asks for the time, it is replaced by the pane's start and equal rows are added up. Linear, no state.
Source: paned window aggregation (Li et al., "No pane, no gain", SIGMOD Record 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np

from penstock.circuit.operator import Delta, Operator, batch_of
from penstock.data.batch import Batch, Column
from penstock.data.rows import RowLayout
from penstock.data.zset import consolidate


class Panes(Operator):
    """column: position of the time; slide, size, offset in the unit of its word."""

    title = "panes"

    def __init__(self, layout: RowLayout, column: int, slide: int, size: int, offset: int) -> None:
        self._layout = layout
        self._column = column
        self._pane = gcd(slide, size)
        self._offset = offset

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        time = batch.columns[self._column]
        words = (time.words - self._offset) // self._pane * self._pane + self._offset
        if time.nulls is not None:
            words = np.where(time.nulls, 0, words)
        columns = list(batch.columns)
        columns[self._column] = Column(words, time.nulls)
        result = consolidate(Batch(columns, batch.weights), self._layout)
        return result if len(result) else None
