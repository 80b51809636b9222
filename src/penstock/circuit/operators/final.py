"""What waits for time to pass: rows of `emit_final`, rows held back by WATERMARK, late rows of views.

All of it is kept in the order of the time that it waits for, so a step costs what comes and goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.operator import Delta, Operator, State, Stateful, batch_of
from penstock.circuit.operators.table import Lateness
from penstock.data.batch import concat
from penstock.data.collecting import Coded
from penstock.data.ordered import OrderedRows
from penstock.data.rows import RowLayout
from penstock.sql.waterlines import Waterline

__all__ = ["FinalRows", "Held", "LateRows"]


class FinalRows(Operator):
    """Rows come out once nothing below their time can change any more; those without a time never do.

    Its further inputs say only that the waterline may have risen.
    """

    def __init__(self, layout: RowLayout, column: int, line: Waterline) -> None:
        self.title = f"final rows by column {column}"
        self._waiting = OrderedRows(layout)
        self._column = column
        self._line = line

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is not None:
            time = batch.columns[self._column]
            if time.nulls is not None:
                batch = batch.take(np.flatnonzero(~time.nulls))
            if len(batch):
                self._waiting.add(batch, batch.columns[self._column].words)
        bound = self._line()
        return None if bound is None else self._waiting.take_below(bound)

    def coded(self) -> list[Coded]:
        return self._waiting.coded()

    def parts(self) -> dict[str, Stateful]:
        return {"waiting": self._waiting}


class Held(Operator):
    """WATERMARK: a row is passed on once one is there that is later by the delay; rows without a time at once."""

    def __init__(self, layout: RowLayout, column: int, delay: int) -> None:
        self.title = f"held back by column {column}"
        self._waiting = OrderedRows(layout)
        self._column = column
        self._delay = delay
        self._greatest: int | None = None

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        time = batch.columns[self._column]
        at_once = batch.take(np.zeros(0, np.int64))
        if time.nulls is not None:
            at_once, batch = batch.take(np.flatnonzero(time.nulls)), batch.take(np.flatnonzero(~time.nulls))
        if len(batch):
            words = batch.columns[self._column].words
            added = words[batch.weights > 0]
            if len(added):
                self._greatest = max(int(added.max()), int(added.max()) if self._greatest is None else self._greatest)
            self._waiting.add(batch, words)
        parts = [at_once] if len(at_once) else []
        if self._greatest is not None:
            ready = self._waiting.take_below(self._greatest - self._delay + 1)
            parts += [] if ready is None else [ready]
        return concat(parts) if parts else None

    def line(self) -> int | None:
        """Return the word below which nothing comes any more."""
        return None if self._greatest is None else self._greatest - self._delay + 1

    def coded(self) -> list[Coded]:
        return self._waiting.coded()

    def parts(self) -> dict[str, Stateful]:
        return {"waiting": self._waiting}

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        known = [self._greatest is not None, self._greatest or 0]
        return {**super().snapshot(), "greatest": np.array(known, np.int64)}

    def restore(self, state: State) -> None:
        super().restore(state)
        known, greatest = state["greatest"].tolist()
        self._greatest = greatest if known else None


class LateRows(Operator):
    """LATENESS of a view: changes further behind the greatest value of the steps before than it allows are dropped."""

    title = "lateness"

    def __init__(self, bounds: Sequence[Lateness]) -> None:
        self.bounds = tuple(bounds)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        late = np.zeros(len(batch), np.bool_)
        for bound in self.bounds:
            mask = bound.late(batch.columns[bound.column])
            if mask is not None:
                late |= mask
        if late.any():
            self.late_count += int(late.sum())
            batch = batch.take(np.flatnonzero(~late))
        for bound in self.bounds:
            bound.advance(batch.columns[bound.column].take(np.flatnonzero(batch.weights > 0)))
        return batch if len(batch) else None

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        known = [(b.greatest is not None, b.greatest or 0) for b in self.bounds]
        return {"lateness": np.array(known, np.int64).reshape(-1, 2)}

    def restore(self, state: State) -> None:
        for bound, (known, greatest) in zip(self.bounds, state["lateness"].tolist(), strict=True):
            bound.greatest = greatest if known else None
