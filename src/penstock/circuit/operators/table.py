"""A table's input: operations in the order they were sent become the change of the table's contents.

Without a primary key they are the change. With one, a row replaces the row of the same key, a deletion takes away the
row of its key, a patch changes some columns; the state is the table's rows by key. Rows later than LATENESS allows are
dropped before anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.operator import Delta, Operator, State, Stateful
from penstock.circuit.retention import ForgetRecords, Forgetter
from penstock.data.batch import Batch, Column, Mask, Words, concat
from penstock.data.changes import Changes
from penstock.data.collecting import Coded, coded
from penstock.data.forgetting import place_in
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.records import Records, add, find, remove
from penstock.data.rows import RowLayout
from penstock.data.types import FLOATS, Kind, SqlType
from penstock.data.zset import Contents, consolidate
from penstock.sql.diagnostics import NotSupported
from penstock.sql.evaluate import compile_expr
from penstock.sql.plan.nodes import Relation


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[::1], int64[::1],"
    " int64[:, ::1], int64[::1])"
)
def _resolve(
    records: Any,
    directory: Any,
    meta: Any,
    keys: Any,
    rows: Any,
    weights: Any,
    hashes: Any,
    out: Any,
    out_weights: Any,
) -> int:  # pragma: no cover - compiled
    """Put or delete each row by its key, in order; rows taken away and added into out; their number is returned."""
    width = keys.shape[1]
    first = 1 + width
    n = 0
    for r in range(len(weights)):
        i = find(records, directory, meta, keys, r, width, hashes[r])
        if weights[r] > 0:
            if i >= 0:
                same = True
                for j in range(rows.shape[1]):
                    if records[i, first + j] != rows[r, j]:
                        same = False
                        break
                if same:
                    continue
                for j in range(rows.shape[1]):
                    out[n, j] = records[i, first + j]
                out_weights[n] = -1
                n += 1
            else:
                i = add(records, directory, meta, keys, r, width, hashes[r])
            for j in range(rows.shape[1]):
                records[i, first + j] = rows[r, j]
                out[n, j] = rows[r, j]
            out_weights[n] = 1
            n += 1
        elif weights[r] < 0 and i >= 0:
            for j in range(rows.shape[1]):
                out[n, j] = records[i, first + j]
            out_weights[n] = -1
            n += 1
            remove(records, directory, meta, i)
    return n


class Lateness:
    """The bound of one column: rows whose value lies further behind the greatest seen before this step are late."""

    def __init__(self, column: int, type: SqlType, distance: int) -> None:
        self.column = column
        self._unsigned = type.kind is Kind.UBIGINT
        self._distance = distance
        self.greatest: int | None = None

    def late(self, column: Column) -> Mask | None:
        """Return which rows are late, or None when none is."""
        if self.greatest is None:
            return None
        late = np.asarray(self._ordered(column.words) < self.greatest - self._distance)
        if column.nulls is not None:
            late &= ~column.nulls
        return late if late.any() else None

    def advance(self, column: Column) -> None:
        """Take note of rows that were let in."""
        words = column.words if column.nulls is None else column.words[~column.nulls]
        if len(words):
            greatest = int(self._ordered(words).max())
            self.greatest = greatest if self.greatest is None else max(self.greatest, greatest)

    def line(self) -> int | None:
        """Return the word below which values are late from now on."""
        return None if self.greatest is None else self.greatest - self._distance

    def _ordered(self, words: Words) -> Words:
        """Return words that compare as the values do."""
        return words ^ np.int64(-(2**63)) if self._unsigned else words


def distance_of(type: SqlType, lateness: SqlType, word: int) -> int:
    """Return a lateness in the unit of the column's word."""
    if lateness.kind is Kind.INTERVAL_MICROS:
        units = {
            Kind.TIMESTAMP: (1, 1),
            Kind.TIMESTAMP_TZ: (1, 1),
            Kind.TIME: (1000, 1),
            Kind.DATE: (1, 86_400_000_000),
        }
        if type.kind in units:
            times, over = units[type.kind]
            return word * times // over
    elif lateness.kind is not Kind.INTERVAL_MONTHS and type.kind not in FLOATS and not type.pooled:
        return word * int(10 ** ((type.scale or 0) - (lateness.scale or 0)))
    raise NotSupported(f"LATENESS of type {lateness.kind.value} on a column of type {type.kind.value}", None)


class Table(Operator):
    """The input of a declared table. It takes `Changes`, given by the circuit, and emits the resolved change."""

    def __init__(self, relation: Relation, pool: Pool) -> None:
        self.title = f"table {relation.name}"
        self.late_count = 0
        self._layout = RowLayout([f.type for f in relation.schema])
        self._key = relation.primary_key
        self._key_layout = RowLayout([relation.schema[i].type for i in relation.primary_key])
        self._by_key = Records(self._key_layout.width, self._layout.width) if relation.primary_key else None
        self._contents = Contents(self._layout) if relation.materialized and not relation.primary_key else None
        self._lateness: list[Lateness] = []
        for i, (column, declared) in enumerate(zip(relation.columns, relation.schema, strict=True)):
            if column.lateness is not None:
                value = compile_expr(column.lateness, pool)([], 1)
                distance = distance_of(declared.type, column.lateness.type, int(value.words[0]))
                self._lateness.append(Lateness(i, declared.type, distance))

    def lines(self) -> dict[int, Lateness]:
        """Return the bounds by column."""
        return {bound.column: bound for bound in self._lateness}

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        changes = deltas[0]
        if changes is None or len(changes) == 0:
            return None
        assert isinstance(changes, Batch)
        changes = self._in_time(changes)
        if len(changes) == 0:
            return None
        if self._by_key is None:
            result = Batch(changes.columns, changes.weights)
            if self._contents is not None:
                self._contents.add(result)
        else:
            result = self._keyed(changes)
        return result if len(result) else None

    def _in_time(self, changes: Batch) -> Batch:
        if not self._lateness:
            return changes
        late = np.zeros(len(changes), np.bool_)
        for bound in self._lateness:
            mask = bound.late(changes.columns[bound.column])
            if mask is None:
                continue
            # Of a deletion by key no more than the key means something.
            late |= mask if not self._key or bound.column in self._key else mask & (changes.weights > 0)
        if late.any():
            self.late_count += int(late.sum())
            changes = _take(changes, np.flatnonzero(~late))
        for bound in self._lateness:
            bound.advance(changes.columns[bound.column].take(np.flatnonzero(changes.weights > 0)))
        return changes

    def _keyed(self, changes: Batch) -> Batch:
        """Resolve operations by key; runs of patches are looked up and become full rows first."""
        patches = changes.patches if isinstance(changes, Changes) else None
        if patches is None or not patches.any():
            return consolidate(self._put(changes), self._layout)
        parts = []
        edges = np.flatnonzero(np.diff(patches)) + 1
        for run in np.split(np.arange(len(changes)), edges):
            part = _take(changes, run)
            if not patches[run[0]]:
                parts.append(self._put(part))
            else:
                parts += [self._put(self._patched(_take(part, np.array([i])))) for i in range(len(part))]
        return consolidate(concat(parts), self._layout)

    def _put(self, changes: Batch) -> Batch:
        assert self._by_key is not None
        state = self._by_key
        count = len(changes)
        keys = self._key_layout.pack([changes.columns[i] for i in self._key], count)
        rows = self._layout.pack(_absent_where_deleted(changes), count)
        out = np.empty((2 * count, self._layout.width), np.int64)
        weights = np.empty(2 * count, np.int64)
        state.make_room(count)
        n = _resolve(
            state.records,
            state.directory,
            state.meta,
            keys,
            rows,
            np.ascontiguousarray(changes.weights),
            state.hashes(keys),
            out,
            weights,
        )
        return Batch(self._layout.unpack(out[:n]), weights[:n])

    def _patched(self, patch: Batch) -> Batch:
        """Return the full row that one patch makes of the row of its key, or no row."""
        assert self._by_key is not None and isinstance(patch, Changes) and patch.present is not None
        keys = self._key_layout.pack([patch.columns[i] for i in self._key], 1)
        ids = self._by_key.find(keys)
        if ids[0] < 0:
            return _take(patch, np.arange(0))
        current = self._layout.unpack(self._by_key.payloads(ids))
        columns = [
            new if present[0] else old for new, old, present in zip(patch.columns, current, patch.present, strict=True)
        ]
        return Batch(columns, patch.weights)

    @property
    def kept(self) -> bool:
        """Whether the table's contents are kept."""
        return self._by_key is not None or self._contents is not None

    def contents(self) -> Batch:
        """Return all rows of a kept table."""
        if self._by_key is not None:
            ids = self._by_key.live()
            return Batch(self._layout.unpack(self._by_key.payloads(ids)), np.ones(len(ids), np.int64))
        assert self._contents is not None
        return self._contents.batch()

    def forgetters(self, column: int) -> list[Forgetter]:
        if self._by_key is None or column not in self._key:
            return []
        return [ForgetRecords(self._by_key, place_in(self._key_layout, self._key.index(column), 1))]

    def coded(self) -> list[Coded]:
        if self._by_key is None:
            return [] if self._contents is None else self._contents.coded()
        row = [self._key_layout.width + i for i in self._layout.pooled]
        return coded(self._by_key, [1 + i for i in [*self._key_layout.pooled, *row]])

    def parts(self) -> dict[str, Stateful]:
        if self._by_key is not None:
            return {"rows": self._by_key}
        return {} if self._contents is None else {"rows": self._contents}

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        known = [(b.greatest is not None, b.greatest or 0) for b in self._lateness]
        return {**super().snapshot(), "lateness": np.array(known, np.int64).reshape(-1, 2)}

    def restore(self, state: State) -> None:
        super().restore(state)
        for bound, (known, greatest) in zip(self._lateness, state["lateness"].tolist(), strict=True):
            bound.greatest = greatest if known else None


def _take(changes: Batch, index: Words) -> Batch:
    taken = changes.take(index)
    if isinstance(changes, Changes) and changes.patches is not None and changes.present is not None:
        return Changes(taken.columns, taken.weights, changes.patches[index], [p[index] for p in changes.present])
    return taken


def _absent_where_deleted(changes: Batch) -> list[Column]:
    """Return the columns without what a deletion by key has in them: it means nothing and may be null."""
    deleted = changes.weights < 0
    if not deleted.any():
        return changes.columns
    columns = []
    for column in changes.columns:
        nulls = None if column.nulls is None else column.nulls & ~deleted
        columns.append(Column(np.where(deleted, 0, column.words), nulls))
    return columns
