"""Operators on whole groups: read the touched groups, evaluate before and after, emit the difference.

For a touched key k: d(k) = f(A_new(k)) - f(A_old(k)). Cost: the size of the touched groups, whatever else is stored.
State: all rows by group; for an append-only input of an operator that says which rows can still matter, only those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penstock.circuit.operator import Delta, Operator, Stateful, batch_of
from penstock.circuit.retention import ForgetKeys, Forgetter
from penstock.data.arrangement import Arrangement
from penstock.data.batch import Batch, Column, Words, concat
from penstock.data.collecting import Coded
from penstock.data.forgetting import place_in
from penstock.data.match import match_rows
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.data.types import BIGINT, Schema
from penstock.data.zset import consolidate, consolidate_rows
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import Expr


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows of several groups: group (n,) says which one each row is of; weights are positive."""

    group: Words
    columns: list[Column]
    weights: Words

    def take(self, index: Words) -> Groups:
        """Return the rows at index."""
        return Groups(self.group[index], [c.take(index) for c in self.columns], self.weights[index])


class Regroup(Operator):
    """Base of operators on whole groups: `evaluate` is f. prunes: only the rows that `evaluate` keeps stay in state."""

    def __init__(self, input: Schema, partition: Sequence[Expr], output: Schema, prunes: bool, pool: Pool) -> None:
        self._pool = pool
        self._prunes = prunes
        self._keys = compile_exprs(partition, pool)
        self._key_layout = RowLayout([e.type for e in partition])
        self._row_layout = RowLayout([f.type for f in input])
        self._group_layout = RowLayout([BIGINT, *(f.type for f in input)])
        self._out_layout = RowLayout([f.type for f in output])
        self._rows = Arrangement(self._key_layout.width, self._row_layout.width)

    def evaluate(self, groups: Groups) -> tuple[Batch, Words]:
        """Return f of the groups, and the positions of the rows that can still matter to an append-only input."""
        raise NotImplementedError

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        keys = self._key_layout.pack(self._keys(batch.columns, len(batch)), len(batch))
        first, _ = consolidate_rows(keys, np.ones(len(keys), np.int64))
        touched = keys[first]
        _, group = match_rows(keys, touched)
        source, rows, weights = self._rows.lookup(touched)
        old = Batch([Column(source), *self._row_layout.unpack(rows)], weights)
        new = consolidate(concat([old, Batch([Column(group), *batch.columns], batch.weights)]), self._group_layout)
        before, _ = self.evaluate(positive(old))
        after, kept = self.evaluate(positive(new))
        if self._prunes:
            change = consolidate(concat([_positive_batch(new).take(kept), old.negated()]), self._group_layout)
            packed = self._row_layout.pack(change.columns[1:], len(change))
            self._rows.update(touched[change.columns[0].words], packed, change.weights)
        else:
            self._rows.update(keys, self._row_layout.pack(batch.columns, len(batch)), batch.weights)
        result = consolidate(concat([after, before.negated()]), self._out_layout)
        return result if len(result) else None

    def forgetters(self, column: int) -> list[Forgetter]:
        return [ForgetKeys(self._rows, place_in(self._key_layout, column, 1))]

    def coded(self) -> list[Coded]:
        return self._rows.coded(self._key_layout, self._row_layout)

    def parts(self) -> dict[str, Stateful]:
        return {"rows": self._rows}


def _positive_batch(batch: Batch) -> Batch:
    return batch if (batch.weights > 0).all() else batch.take(np.flatnonzero(batch.weights > 0))


def positive(batch: Batch) -> Groups:
    """Return the rows that are there, of a batch whose first column says which group each is of."""
    kept = _positive_batch(batch)
    return Groups(kept.columns[0].words, kept.columns[1:], kept.weights)
