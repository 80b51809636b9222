"""Window functions: LAG, LEAD, ranks, FIRST_VALUE, LAST_VALUE and aggregates over ROWS and RANGE frames.

    d(out) = f(near(d(rows)), new) - f(near(d(rows)), old)

where near() are the rows whose value can be another one because of a changed row: those so many places behind it, or
those whose frame holds it. They are found in an ordered index of each partition (`data/sequences.py`), together with
the rows that their own values are read from; sums of whole numbers and positions come from the index itself, whatever
the frame holds. Cost: a path for each changed row, and the rows near it. What reaches to the end of the partition (a
running total above all) changes to there, and costs so.
State: all rows by partition in order; what no row in reach of later changes is read from is forgotten where the order
is by a time with LATENESS.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Operator, Stateful, batch_of
from penstock.circuit.operators.frames import CallOver, Near
from penstock.circuit.operators.ordering import OrderWords
from penstock.circuit.retention import ForgetBehind, Forgetter, ForgetTrees, TreeOf
from penstock.data.batch import Batch, Words, concat
from penstock.data.collecting import Coded
from penstock.data.forgetting import place_in
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.data.sequences import NEW, OLD, Sequences, Stretches
from penstock.data.zset import consolidate
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.nodes import Window as WindowNode


class Window(Operator):
    """The input's columns followed by one for each call."""

    def __init__(self, node: WindowNode, pool: Pool) -> None:
        self.title = f"window {', '.join(c.name.lower() for c in node.calls)}"
        width = len(node.input.schema)
        self._keys = compile_exprs(node.partition, pool)
        self._key_layout = RowLayout([e.type for e in node.partition])
        self._layout = RowLayout([f.type for f in node.input.schema])
        self._out_layout = RowLayout([f.type for f in node.schema])
        self._order = OrderWords(node.order, self._layout, pool)
        self._calls: list[CallOver] = []
        sums = 0
        for call, field in zip(node.calls, node.schema[width:], strict=True):
            self._calls.append(CallOver(call, field.type, node.order, sums, pool))
            sums += self._calls[-1].sums
        self._sums = sums
        self._spans = list(dict.fromkeys(c.span for c in self._calls))
        self._reach = [s.mirrored() for s in self._spans]
        first = node.order[0] if node.order else None
        self._ascends = first is not None and not first.descending and not first.expr.type.nullable
        self._context = list(dict.fromkeys(c.span for c in self._calls if c.reads_rows))
        self._rows = Sequences(self._key_layout.width, self._layout, self._order.modes, self._order.signs, sums, pool)

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        count, width = len(batch), self._layout.width
        keys = self._key_layout.pack(self._keys(batch.columns, count), count)
        lines = np.empty((count, width + self._order.width), np.int64)
        lines[:, :width] = self._layout.pack(batch.columns, count)
        self._order.write(batch, lines, width)
        changed, source = self._rows.enter(keys, lines, batch.weights)
        moved = changed[self._rows.weights(changed, OLD) != self._rows.weights(changed, NEW)]
        parts: list[Batch] = []
        if len(moved):
            near = self._rows.stretches(moved, self._reach, self._context)
            parts.append(self._evaluate(near, OLD).negated())
            if self._sums:
                self._rows.add_sums(changed, self._units(batch.take(source)))
            parts.append(self._evaluate(near, NEW))
        self._rows.close(changed)
        if not parts:
            return None
        result = consolidate(concat(parts), self._out_layout)
        return result if len(result) else None

    def _units(self, rows: Batch) -> Words:
        """Return what one of each row adds to the summed words, (n, sums)."""
        units = np.zeros((len(rows), self._sums), np.int64)
        for call in self._calls:
            if call.sums:
                call.spread(rows.columns, units)
        return units

    def _evaluate(self, near: Stretches, word: int) -> Batch:
        """Return the rows in reach of a change, as they are with the old or the new weights."""
        weights = self._rows.weights(near.ids, word)
        index = np.repeat(np.arange(len(weights)), weights)
        copies = np.arange(len(index)) - np.repeat(np.cumsum(weights) - weights, weights)
        rows = Near(
            self._rows,
            word,
            near.ids[index],
            copies,
            near.stretch[index],
            np.flatnonzero(near.inner[index]),
            self._layout,
        )
        columns = [c.take(rows.inner) for c in rows.columns]
        columns += [call.evaluate(rows) for call in self._calls]
        return Batch(columns, np.ones(len(rows.inner), np.int64))

    def forgetters(self, column: int) -> list[Forgetter]:
        place = place_in(self._key_layout, column, 1)
        return [ForgetTrees(self._rows.groups, place, TreeOf(self._rows.rows, self._rows.root_at, self._rows.link))]

    def behind(self) -> list[Forgetter]:
        """Return what rids the state of rows by a waterline of the first order key, which must not be null.

        Empty: some value is read from as far as the partition reaches, or it can change there.
        """
        if not self._ascends or any(s.start is None or s.end is None for s in self._spans):
            return []
        lengths = [(s.in_rows, (s.end or 0) - (s.start or 0)) for s in self._spans]
        rows = max([n for in_rows, n in lengths if in_rows], default=-1)
        distance = max([n for in_rows, n in lengths if not in_rows], default=-1)
        return [ForgetBehind(self._rows, rows, distance)]

    def coded(self) -> list[Coded]:
        return self._rows.coded(self._key_layout, self._order.pooled)

    def parts(self) -> dict[str, Stateful]:
        return {"groups": self._rows.groups, "rows": self._rows.rows}
