"""Operators over inputs that end: what cannot be said before the end is said at the end, and never taken back.

`closed(k)` is called once when input k gives nothing more, after the step that brought its last rows; it yields what
can be said now. Batches are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from penstock.circuit.aggregates.running import RUNNING, running_state
from penstock.circuit.operator import Delta, Keyed, Operator, batch_of
from penstock.circuit.operators.aggregate import Aggregate
from penstock.circuit.operators.arrange import Arrange
from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.types import Field, Schema
from penstock.sql.plan.expr import Expr
from penstock.sql.plan.nodes import AggregateCall

__all__ = ["AT_ONCE", "Late", "LateAggregate", "LateAntiJoin"]

AT_ONCE = 65_536
"""Rows of one batch that is given at the end."""


@runtime_checkable
class Late(Protocol):
    """An operator that has something to say when an input ends."""

    def closed(self, input: int) -> Iterator[Batch]:
        """Take the end of an input."""
        ...


class LateAntiJoin(Operator):
    """Rows of the left side without a match on the right: known when the right side has ended."""

    title = "anti-join at the end"

    def __init__(self, left: Arrange, right: Arrange) -> None:
        self._left = left
        self._right = right
        self._knows = False

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        left = deltas[0]
        if not self._knows or not isinstance(left, Keyed) or not len(left):
            return None
        alone = self._right.trace.totals(left.keys) <= 0
        return left.batch.take(np.flatnonzero(alone)) if alone.any() else None

    def closed(self, input: int) -> Iterator[Batch]:
        """At the right side's end, give the left rows that came before it and have no match."""
        if input == 0:
            return
        self._knows = True
        records = self._left.trace.keys
        ids = np.flatnonzero(records.filled[:, 0] >= 0)
        for start in range(0, len(ids), AT_ONCE):
            keys = records.keys(ids[start : start + AT_ONCE])
            alone = np.ascontiguousarray(keys[self._right.trace.totals(keys) <= 0])
            _, rows, weights = self._left.trace.lookup(alone)
            if len(rows):
                yield Batch(self._left.row_layout.unpack(rows), weights)


class LateAggregate(Aggregate):
    """GROUP BY whose rows are given at the end. It also takes the calls of `aggregates.running`."""

    def __init__(
        self, input: Schema, keys: Sequence[Expr], calls: Sequence[AggregateCall], schema: Schema, pool: Pool
    ) -> None:
        results = list(schema[len(keys) :])
        plain = [i for i, call in enumerate(calls) if call.name not in RUNNING]
        running = [i for i, call in enumerate(calls) if call.name in RUNNING]
        inner: tuple[Field, ...] = (*schema[: len(keys)], *(results[i] for i in (*plain, *running)))
        super().__init__(input, keys, [calls[i] for i in plain], inner[: len(keys) + len(plain)], True, pool)
        self.title = f"aggregate at the end {', '.join(c.name.lower() for c in calls)}"
        at = self._groups.payload
        for i in running:
            state, size = running_state(calls[i], results[i].type, at, pool)
            self._calls.append(state)
            at += size
        self._groups = Records(self._groups.width, at)
        order = {i: position for position, i in enumerate((*plain, *running))}
        self._order = [len(keys) + order[i] for i in range(len(calls))]
        self._key_count = len(keys)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        if (batch.weights != 1).any():
            batch = batch.take(np.repeat(np.arange(len(batch)), batch.weights))
            batch = Batch(batch.columns, np.ones(len(batch), np.int64))
        self._steps += 1
        keys = self._key_layout.pack(self._keys(batch.columns, len(batch)), len(batch))
        ids, _ = self._assign(keys, batch.weights)
        self._absorb(batch, ids)
        return None

    def closed(self, input: int) -> Iterator[Batch]:
        """Give one row for each group."""
        ids = np.flatnonzero(self._groups.filled[:, 0] >= 0)
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            payload = self._groups.payloads(some)
            columns: list[Column] = self._key_layout.unpack(self._groups.keys(some))
            columns += [call.result(payload) for call in self._calls]
            ordered = [*columns[: self._key_count], *(columns[i] for i in self._order)]
            yield Batch(ordered, np.ones(len(some), np.int64))
