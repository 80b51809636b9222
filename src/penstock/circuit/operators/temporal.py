"""Temporal filters: rows that come and go as time passes, by comparison of their own value with one of the clock.

Rows whose time has come are kept in the order in which they leave, rows whose time is to come in the order in which
they enter: a tick of the clock costs what enters and leaves. What has left can never come back and is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.operator import Delta, Operator, State, Stateful, batch_of
from penstock.data.batch import Batch, Column, Words, concat
from penstock.data.collecting import Coded
from penstock.data.ordered import OrderedRows
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import Expr

_FIRST = -(2**63)


class Edge:
    """One comparison: of `row` (over the row) with `now` (over a row of just the clock's time).

    inclusive: equal values are inside.
    """

    def __init__(self, row: Expr, now: Expr, inclusive: bool, pool: Pool) -> None:
        self._row = compile_exprs([row], pool)
        self._now = compile_exprs([now], pool)
        self.inclusive = inclusive

    def words(self, batch: Batch) -> Column:
        """Return what is compared of each row."""
        column: Column = self._row(batch.columns, len(batch))[0]
        return column

    def at(self, now: int) -> int | None:
        """Return what it is compared with at a time."""
        value = self._now([Column(np.array([now], np.int64))], 1)[0]
        return None if value.nulls is not None and value.nulls[0] else int(value.words[0])


class TemporalFilter(Operator):
    """leaves: inside while row >= now; enters: inside as soon as row <= now. Inputs: the rows, the clock."""

    title = "temporal filter"

    def __init__(self, layout: RowLayout, leaves: Edge | None, enters: Edge | None) -> None:
        self._leaves = leaves
        self._enters = enters
        self._inside = OrderedRows(layout)
        self._coming = OrderedRows(layout)
        self.now: int | None = None

    def leave_bound(self) -> int | None:
        """Return the word below which rows have left."""
        if self._leaves is None or self.now is None:
            return None
        at = self._leaves.at(self.now)
        return None if at is None else at if self._leaves.inclusive else at + 1

    def _enter_bound(self) -> int | None:
        """Return the word below which rows have entered."""
        assert self.now is not None
        if self._enters is None:
            return 2**63 - 1
        at = self._enters.at(self.now)
        return None if at is None else at + 1 if self._enters.inclusive else at

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        rows, clock = batch_of(deltas[0]), batch_of(deltas[1])
        parts: list[Batch] = []
        if clock is not None:
            now = int(clock.columns[0].words[clock.weights > 0].max())
            self.now = now if self.now is None else max(now, self.now)
            parts += self._tick()
        if rows is not None:
            parts += self._arrive(rows)
        parts = [p for p in parts if len(p)]
        return concat(parts) if parts else None

    def _tick(self) -> list[Batch]:
        parts = []
        bound = self.leave_bound()
        if bound is not None:
            left = self._inside.take_below(bound)
            parts += [] if left is None else [left.negated()]
        enter = self._enter_bound()
        come = None if enter is None else self._coming.take_below(enter)
        if come is not None:
            parts += self._let_in(come)
        return parts

    def _arrive(self, rows: Batch) -> list[Batch]:
        words = np.full(len(rows), _FIRST) if self._enters is None else self._enters.words(rows).words
        known = np.ones(len(rows), np.bool_)
        for edge in (self._leaves, self._enters):
            nulls = None if edge is None else edge.words(rows).nulls
            known = known if nulls is None else known & ~nulls
        enter = None if self.now is None else self._enter_bound()
        inside = known & (words < enter) if enter is not None else np.zeros(len(rows), np.bool_)
        waits = np.flatnonzero(known & ~inside)
        if len(waits):
            self._coming.add(rows.take(waits), words[waits])
        at = np.flatnonzero(inside)
        return self._let_in(rows.take(at)) if len(at) else []

    def _let_in(self, rows: Batch) -> list[Batch]:
        """Pass on the rows whose time has come and not passed."""
        if self._leaves is None:
            return [rows]
        words: Words = self._leaves.words(rows).words
        bound = self.leave_bound()
        if bound is None:
            return []
        at = np.flatnonzero(words >= bound)
        if len(at) == 0:
            return []
        rows = rows.take(at)
        self._inside.add(rows, words[at])
        return [rows]

    def coded(self) -> list[Coded]:
        return [*self._inside.coded(), *self._coming.coded()]

    def parts(self) -> dict[str, Stateful]:
        return {"inside": self._inside, "coming": self._coming}

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        return {**super().snapshot(), "now": np.array([self.now is not None, self.now or 0], np.int64)}

    def restore(self, state: State) -> None:
        super().restore(state)
        known, now = state["now"].tolist()
        self.now = now if known else None
