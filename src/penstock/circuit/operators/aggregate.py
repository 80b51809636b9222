"""GROUP BY: one record for each group, holding what its aggregates need; only touched groups are read and emitted.

For the groups that a delta touches: the output row before is taken back, the row after is added, if they differ.
State: the groups' records (key, row count, stamp, words of the aggregates), for DISTINCT the weights of each value, for
aggregates that may have to read their group again its rows by group; for readers of whole parts of the groups, lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.calls import build_states
from penstock.circuit.aggregates.listing import WORDS, Listing
from penstock.circuit.aggregates.state import AggregateState
from penstock.circuit.operator import Delta, Operator, State, Stateful, batch_of
from penstock.circuit.retention import ForgetGroups, Forgetter
from penstock.data.batch import Batch, Column, Mask, Words, concat_columns
from penstock.data.collecting import Coded, coded
from penstock.data.forgetting import place_in
from penstock.data.kernels import compiled
from penstock.data.pool import Pool
from penstock.data.records import Records, add, approach, find
from penstock.data.rows import RowLayout
from penstock.data.types import Schema
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import Expr
from penstock.sql.plan.nodes import AggregateCall

_ROWS, _STAMP, _SHOWN, FIRST = 0, 1, 2, 3
"""Payload of a group: sum of its rows' weights, the last step that touched it, whether its row is out; then calls."""


@compiled(
    "int64(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1], int64[::1],"
    " int64, int64[::1])"
)
def _assign(
    records: Any,
    directory: Any,
    meta: Any,
    keys: Any,
    width: int,
    hashes: Any,
    ids: Any,
    touched: Any,
    stamp: int,
    weights: Any,
) -> int:  # pragma: no cover - compiled
    """Give each row its group's record; list the records not yet touched in this step, and return their number."""
    count = 0
    at = 1 + width + _STAMP
    for r in range(len(ids)):
        approach(records, directory, meta, hashes, r)
        i = find(records, directory, meta, keys, r, width, hashes[r])
        if i < 0:
            i = add(records, directory, meta, keys, r, width, hashes[r])
        ids[r] = i
        if records[i, at] != stamp:
            records[i, at] = stamp
            touched[count] = i
            count += 1
    return count


@compiled("void(int64[:, ::1], int64, int64[::1], int64[:, ::1])")
def _accumulate(records: Any, at: int, ids: Any, addends: Any) -> None:  # pragma: no cover - compiled
    for r in range(len(ids)):
        i = ids[r]
        for j in range(addends.shape[1]):
            records[i, at + j] += addends[r, j]


class Aggregate(Operator):
    """Groups of the input by `keys`; without keys there is one group, whose row is there from the first step on."""

    def __init__(
        self,
        input: Schema,
        keys: Sequence[Expr],
        calls: Sequence[AggregateCall],
        schema: Schema,
        append_only: bool,
        pool: Pool,
    ) -> None:
        self.title = f"aggregate {', '.join(c.name.lower() for c in calls)}" if calls else "group"
        self.runs_first = not keys
        self._global = not keys
        self._keys = compile_exprs(keys, pool)
        self._key_layout = RowLayout([k.type for k in keys])
        self._calls: list[AggregateState] = []
        linear_words, at = build_states(
            calls, [f.type for f in schema[len(keys) :]], FIRST, append_only, pool, self._calls
        )
        self._linear_words = linear_words
        self._groups = Records(self._key_layout.width, at)
        self._payload_at = 1 + self._groups.width
        self._listings: list[Listing] = []
        self._listed_by: list[tuple[tuple[int, ...], RowLayout]] = []
        self._steps = 0

    def list_by(self, positions: Sequence[int], layout: RowLayout) -> Listing:
        """Have what is shown listed by some keys, packed by a layout; asked for before the first step."""
        listing = Listing(self._groups, self._groups.extend(WORDS), layout)
        self._listings.append(listing)
        self._listed_by.append((tuple(positions), layout))
        return listing

    def shown(self, ids: Words) -> Batch:
        """Return the rows of groups as they are now, by the numbers of their records."""
        payload = self._groups.payloads(ids)
        keys = self._key_layout.unpack(self._groups.keys(ids))
        return Batch([*keys, *(call.result(payload) for call in self._calls)], np.ones(len(ids), np.int64))

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            if not self._global or self._steps:
                return None
            batch = Batch.empty(0)
        self._steps += 1
        count = len(batch)
        keys = self._key_layout.pack(self._keys(batch.columns, count), count)
        ids, touched = self._assign(keys, batch.weights)
        before = self._groups.payloads(touched)
        if count:
            self._absorb(batch, ids)
        after = self._groups.payloads(touched)
        return self._emit(touched, before, after)

    def _assign(self, keys: npt.NDArray[np.int64], weights: Words) -> tuple[Words, Words]:
        groups = self._groups
        if self._global:
            groups.find_or_add(np.empty((1, self._key_layout.width), np.int64))
            return np.zeros(len(keys), np.int64), np.zeros(1, np.int64)
        ids = np.empty(len(keys), np.int64)
        touched = np.empty(len(keys), np.int64)
        groups.make_room(len(keys))
        count = _assign(
            groups.records,
            groups.directory,
            groups.meta,
            keys,
            groups.width,
            groups.hashes(keys, near=False),
            ids,
            touched,
            self._steps,
            np.ascontiguousarray(weights),
        )
        return ids, touched[:count]

    def _absorb(self, batch: Batch, ids: Words) -> None:
        """Add the delta to the groups' words."""
        addends = np.zeros((len(batch), FIRST + self._linear_words), np.int64)
        addends[:, _ROWS] = batch.weights
        for call in self._calls:
            call.absorb(batch, ids, self._groups, addends)
        _accumulate(self._groups.records, self._payload_at, ids, addends)
        for call in self._calls:
            call.settle(self._groups)

    def _emit(self, touched: Words, before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> Batch | None:
        shown = before[:, _SHOWN] != 0
        live = np.ones(len(touched), np.bool_) if self._global else after[:, _ROWS] > 0
        old, new = self._results(before, shown), self._results(after, live)
        same = shown & live
        for mine, yours in zip(old, new, strict=True):
            same &= mine.words == yours.words
            if mine.nulls is not None or yours.nulls is not None:
                same &= _nulls(mine) == _nulls(yours)
        gone = np.flatnonzero(shown & ~same)
        come = np.flatnonzero(live & ~same)
        self._groups.records[touched, self._payload_at + _SHOWN] = live
        for listing, (positions, layout) in zip(self._listings, self._listed_by, strict=True):
            listing.unlink(touched[shown & ~live])
            fresh = np.flatnonzero(live & ~shown)
            columns = self._key_layout.unpack(self._groups.keys(touched[fresh]))
            listing.link(touched[fresh], layout.pack([columns[i] for i in positions], len(fresh)))
        keys = self._key_layout.unpack(self._groups.keys(touched[np.concatenate([gone, come])]))
        if not self._global:
            dead = np.flatnonzero((after[:, _ROWS] == 0) & ~live)
            for call in self._calls:
                dead = dead[call.idle(touched[dead], after[dead])]
            if len(dead):
                self._groups.remove(touched[dead])
        if len(gone) + len(come) == 0:
            return None
        results = [concat_columns([a.take(gone), b.take(come)]) for a, b in zip(old, new, strict=True)]
        weights = np.concatenate([np.full(len(gone), -1, np.int64), np.ones(len(come), np.int64)])
        return Batch(keys + results, weights)

    def _results(self, payload: npt.NDArray[np.int64], wanted: Mask) -> list[Column]:
        """Return the results of the calls for groups; where they are not wanted they mean nothing."""
        if wanted.all():
            return [call.result(payload) for call in self._calls]
        at = np.flatnonzero(wanted)
        place = np.cumsum(wanted) - 1
        if len(at) == 0:
            return [Column(np.zeros(len(payload), np.int64)) for _ in self._calls]
        found = [call.result(payload[at]) for call in self._calls]
        return [column.take(np.maximum(place, 0)) for column in found]

    def forgetters(self, column: int) -> list[Forgetter]:
        seen = [records for call in self._calls for records in call.seen()]
        rows = [rows for call in self._calls for rows in call.rows()]
        trees = [tree for call in self._calls for tree in call.trees(self._groups)]
        return [ForgetGroups(self._groups, place_in(self._key_layout, column, 1), seen, rows, trees, self._listings)]

    def coded(self) -> list[Coded]:
        words = [
            *self._key_layout.pooled,
            *(self._groups.width + at for call in self._calls for at in call.words_coded()),
        ]
        listed = (c for listing in self._listings for c in listing.coded())
        calls = (c for call in self._calls for c in call.coded())
        return [*coded(self._groups, [1 + i for i in words]), *listed, *calls]

    def parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {"groups": self._groups}
        parts.update({f"listing{i}": listing.lists for i, listing in enumerate(self._listings)})
        for i, call in enumerate(self._calls):
            parts.update({f"call{i}.{name}": part for name, part in call.parts().items()})
        return parts

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        return {**super().snapshot(), "steps": np.array([self._steps])}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._steps = int(state["steps"][0])


def _nulls(column: Column) -> Mask:
    return np.zeros(len(column), np.bool_) if column.nulls is None else column.nulls
