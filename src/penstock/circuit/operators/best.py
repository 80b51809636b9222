"""The rows of each group that tie for the first place: RANK() = 1, also when rows go.

Of each group those near the top are kept: all rows up to a bound, which is the order of one of the first rows. Most
changes lie behind the bound and cost one comparison. When the last row before the bound has gone, the group's rows are
read again from where all of them are: from the groups of the aggregation that gives them, or from an arrangement of
the operator's own. An input that only grows needs neither: a row that is behind another one stays there.

near(g) = rows of g up to bound(g); what is shown are those of its rows that are there and before which there is none.
How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from penstock.circuit.operator import Delta, Operator, Stateful, batch_of
from penstock.circuit.operators.ordering import OrderWords
from penstock.circuit.operators.ranking import Ordering, ranks
from penstock.circuit.operators.regroup import positive
from penstock.circuit.retention import ForgetKeys, ForgetRecords, Forgetter
from penstock.data.arrangement import Arrangement
from penstock.data.batch import Batch, Column, Mask, Words, concat
from penstock.data.collecting import Coded, coded
from penstock.data.comparing import compare_words
from penstock.data.forgetting import place_in
from penstock.data.kernels import compiled
from penstock.data.match import match_rows
from penstock.data.pool import Pool
from penstock.data.records import Records, find
from penstock.data.rows import RowLayout, Rows
from penstock.data.types import BIGINT
from penstock.data.zset import consolidate, consolidate_rows
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.nodes import TopK as TopKNode

LEAST, SPREAD = 2, 4
"""A bound is set so that LEAST rows are near (and those that tie with the last of them), when more than SPREAD times as
many are. Of a group that had to be read again, as many as the root of its size are to be near in the place of LEAST: so
rows that leave from its top one after the other cost that root each, and so does every change near the top."""


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[:, ::1], int64[::1],"
    " int64[::1], uint8[::1], int64[:, ::1], int64[::1])"
)
def _screen(
    bounds: Any,
    directory: Any,
    meta: Any,
    keys: Any,
    width: int,
    hashes: Any,
    orders: Any,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    out: Any,
) -> int:  # pragma: no cover - compiled
    """List the rows that are not behind the bound of their group, if it has one; returns how many."""
    n = 0
    for r in range(len(hashes)):
        g = find(bounds, directory, meta, keys, r, width, hashes[r])
        c = np.int64(0)
        if g >= 0:
            for j in range(len(signs)):
                c = compare_words(orders[r, j], bounds[g, 1 + width + j], modes[j], heap, entries) * signs[j]
                if c != 0:
                    break
        if c <= 0:
            out[n] = r
            n += 1
    return n


class Source(Protocol):
    """Where all rows of a group are found."""

    def rows(self, keys: Rows) -> tuple[Words, Batch]:
        """Return all rows of n groups as they are now, and for each the position of its group, (m,)."""


class _Kept:
    """An arrangement of all rows by their group."""

    def __init__(self, keys: RowLayout, row: RowLayout) -> None:
        self._row = row
        self.trace = Arrangement(keys.width, row.width)

    def rows(self, keys: Rows) -> tuple[Words, Batch]:
        source, rows, weights = self.trace.lookup(keys)
        return source, Batch(self._row.unpack(rows), weights)


class Best(Operator):
    """Rows that no other row of their group is before, with their rank, 1, as a last column if asked for.

    source: where all rows of a group are found if they are kept somewhere already.
    """

    def __init__(self, node: TopKNode, append_only: bool, source: Source | None, pool: Pool) -> None:
        self.title = "first of each group, with ties" if node.partition else "first, with ties"
        self._pool = pool
        self._ranked = node.with_rank
        self._keys = compile_exprs(node.partition, pool)
        self._key_layout = RowLayout([e.type for e in node.partition])
        self._layout = RowLayout([f.type for f in node.input.schema])
        self._group_layout = RowLayout([BIGINT, *(f.type for f in node.input.schema)])
        self._out_layout = RowLayout([f.type for f in node.schema])
        self._ordering = Ordering(node.order, node.input.schema, pool)
        self._order = OrderWords(node.order, self._layout, pool)
        self._bounds = Records(self._key_layout.width, self._order.width + 1)
        self._near = Arrangement(self._key_layout.width, self._layout.width)
        self._kept = None if append_only or source is not None else _Kept(self._key_layout, self._layout)
        self._source = self._kept if source is None else source
        self._least, self._spread = (1, 1) if append_only else (LEAST, SPREAD)

    @staticmethod
    def serves(node: TopKNode) -> bool:
        """Whether a top-k asks for rows that tie for the first place."""
        return node.rank != "row_number" and node.limit == 1 and node.offset == 0

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        keys = self._key_layout.pack(self._keys(batch.columns, len(batch)), len(batch))
        if self._kept is not None:
            self._kept.trace.update(keys, self._layout.pack(batch.columns, len(batch)), batch.weights)
        passing = self._screen(batch, keys)
        if len(passing) == 0:
            return None
        return self._change(batch.take(passing), keys[passing])

    def _screen(self, batch: Batch, keys: Rows) -> Words:
        """Return the rows that are not behind the bound of their group."""
        bounds = self._bounds
        orders = np.empty((len(batch), self._order.width), np.int64)
        self._order.write(batch, orders, 0)
        out = np.empty(len(batch), np.int64)
        n = _screen(
            bounds.records,
            bounds.directory,
            bounds.meta,
            keys,
            bounds.width,
            bounds.hashes(keys, near=False),
            orders,
            self._order.modes,
            self._order.signs,
            *self._pool.arrays,
            out,
        )
        return out[:n]

    def _change(self, batch: Batch, keys: Rows) -> Batch | None:
        """Bring what is near up to date, and return the change of the first rows."""
        first, _ = consolidate_rows(keys, np.ones(len(keys), np.int64))
        touched = keys[first]
        _, group = match_rows(keys, touched)
        source, rows, weights = self._near.lookup(touched)
        old = Batch([Column(source), *self._layout.unpack(rows)], weights)
        new = consolidate(concat([old, Batch([Column(group), *batch.columns], batch.weights)]), self._group_layout)
        new, after = self._bound(new, touched)
        change = consolidate(concat([new, old.negated()]), self._group_layout)
        if len(change):
            rows = self._layout.pack(change.columns[1:], len(change))
            self._near.update(touched[change.columns[0].words], rows, change.weights)
        result = consolidate(concat([after, self._shown(old).negated()]), self._out_layout)
        return result if len(result) else None

    def _bound(self, rows: Batch, touched: Rows) -> tuple[Batch, Batch]:
        """Return what is near of these rows of groups, and the first of them; bounds are set and taken away.

        Groups of which nothing is left up to their bound are read again.
        """
        bounds = self._bounds
        counts = _counts(rows, len(touched))
        bounded = bounds.find(touched)
        aims = np.where(bounded >= 0, bounds.records[bounded, -1], self._least)
        again = np.flatnonzero((bounded >= 0) & (counts == 0))
        if len(again) and self._source is not None:
            bounds.remove(bounded[again])
            source, all_rows = self._source.rows(np.ascontiguousarray(touched[again]))
            fresh = Batch([Column(again[source]), *all_rows.columns], all_rows.weights)
            others = rows.take(np.flatnonzero(~np.isin(rows.columns[0].words, again)))
            rows = concat([others, fresh])
            counts = _counts(rows, len(touched))
            aims[again] = np.maximum(np.sqrt(counts[again]).astype(np.int64), self._least)
        many = counts > self._spread * aims
        if not many.any():
            return rows, self._shown(rows)
        there = positive(rows)
        order, begin, same = self._ordering.sort(there)
        starts = np.flatnonzero(begin == np.arange(len(begin)))
        starts = starts[many[there.group[order[starts]]]]
        aims = aims[there.group[order[starts]]]
        at = there.take(order[starts + aims - 1])
        words = np.empty((len(starts), self._order.width + 1), np.int64)
        words[:, -1] = aims
        self._order.write(Batch(at.columns, at.weights), words, 0)
        ids = bounds.find_or_add(np.ascontiguousarray(touched[at.group]))
        bounds.records[ids, 1 + bounds.width :] = words
        near = self._screen(Batch(rows.columns[1:], rows.weights), np.ascontiguousarray(touched[rows.columns[0].words]))
        first = order[ranks("rank", begin, same) == 1]
        return rows.take(near), self._output(there.take(first).columns, there.weights[first])

    def _shown(self, rows: Batch) -> Batch:
        """Return the first of these rows of groups (their first column)."""
        there = positive(rows)
        order, begin, same = self._ordering.sort(there)
        first = order[ranks("rank", begin, same) == 1]
        return self._output(there.take(first).columns, there.weights[first])

    def _output(self, columns: list[Column], weights: Words) -> Batch:
        return Batch([*columns, Column(np.ones(len(weights), np.int64))] if self._ranked else columns, weights)

    def forgetters(self, column: int) -> list[Forgetter]:
        place = place_in(self._key_layout, column, 1)
        found: list[Forgetter] = [ForgetRecords(self._bounds, place), ForgetKeys(self._near, place)]
        return found if self._kept is None else [*found, ForgetKeys(self._kept.trace, place)]

    def coded(self) -> list[Coded]:
        key, row = self._key_layout, self._layout
        words = [*(1 + i for i in key.pooled), *(1 + key.width + i for i in self._order.pooled)]
        kept = [] if self._kept is None else self._kept.trace.coded(key, row)
        return [*coded(self._bounds, words), *self._near.coded(key, row), *kept]

    def parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {"bounds": self._bounds, "near": self._near}
        return parts if self._kept is None else {**parts, "rows": self._kept.trace}


def _counts(rows: Batch, groups: int) -> Words:
    """Return how many rows of each group are there."""
    present: Mask = rows.weights > 0
    counted: Words = np.bincount(rows.columns[0].words[present], minlength=groups)
    return counted
