"""What every aggregate call of a group is, and the arguments that it reads from a delta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from penstock.circuit.aggregates.distinct import SeenValues
from penstock.circuit.operator import Stateful
from penstock.circuit.retention import Members
from penstock.data.arrangement import Arrangement
from penstock.data.batch import Batch, Column, Words
from penstock.data.collecting import Coded
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.rows import Rows
from penstock.sql.evaluate import compile_exprs, compile_predicate
from penstock.sql.plan.expr import ColumnRef, Expr
from penstock.sql.plan.nodes import AggregateCall

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xBF58476D1CE4E5B9)


def _traces(args: Sequence[Column], weights: Words) -> Words:
    """Return for each row its hash times its weight: summed up they are 0 when every row has been taken away again."""
    hashes = np.full(len(weights), _NULL)
    for arg in args:
        hashes = (hashes ^ arg.words.view(np.uint64)) * _PRIME
        if arg.nulls is not None:
            hashes += arg.nulls * _NULL
        hashes ^= hashes >> np.uint64(32)
    traces: Words = (hashes * _PRIME).view(np.int64) * weights
    return traces


class AggregateState:
    """A call's part of the state. absorb and settle take a delta in; result reads payload words (t, payload).

    trace_at: a word of the payload that is 0 when the group holds no rows, also none that were taken away too early;
    for calls that keep what their other words do not tell. None: it is not needed.

    kept_at, kept_words: words of the payload beside the linear ones, for calls that keep a result.
    """

    trace_at: int | None = None
    kept_at = 0
    kept_words = 2

    def traced(self) -> bool:
        """Whether the call needs a trace."""
        return False

    def absorb(self, batch: Batch, ids: Words, groups: Records, addends: Rows) -> None:
        """Take in the delta; ids: the group of each row; addends (n, .): words to be added to the payload."""
        raise NotImplementedError

    def settle(self, groups: Records) -> None:
        """Finish the step, after the addends were added."""

    def result(self, payload: Rows) -> Column:
        """Return the call's value for each group."""
        raise NotImplementedError

    def idle(self, groups: Words, payload: Rows) -> npt.NDArray[np.bool_]:
        """Return which of the groups hold nothing of this call any more, so that their record can go."""
        return np.ones(len(groups), np.bool_)

    def unites(self) -> bool:
        """Whether groups to which rows are only added can be made one without their rows."""
        return False

    def unite(self, groups: Records, gone: Words, into: Words) -> None:
        """Take into groups what others hold in the words that it keeps beside the linear ones, which are added up."""

    def parts(self) -> dict[str, Stateful]:
        """Return further state."""
        return {}

    def words_coded(self) -> list[int]:
        """Return the words of the payload that are codes."""
        return []

    def coded(self) -> list[Coded]:
        """Return where codes stand in the further state."""
        return []

    def seen(self) -> list[Records]:
        """Return the values kept for DISTINCT, whose first word is their group."""
        return []

    def rows(self) -> list[Arrangement]:
        """Return the rows kept by their group."""
        return []

    def trees(self, groups: Records) -> list[Members]:
        """Return what stands in search trees of the groups."""
        return []

    def _untraced(self, payload: Rows) -> npt.NDArray[np.bool_]:
        """Return of which groups the trace is 0."""
        if self.trace_at is None:
            return np.ones(len(payload), np.bool_)
        return np.asarray(payload[:, self.trace_at] == 0)


@dataclass(slots=True)
class Among:
    """What the calls of one GROUP BY have in common. seen: what DISTINCT calls have seen, by the columns."""

    append_only: bool
    pool: Pool
    seen: dict[tuple[int, ...], SeenValues] = field(default_factory=dict)


class Input:
    """The arguments of a call, with the weights of the rows that take part (FILTER; DISTINCT by transitions).

    Calls with DISTINCT over the same columns share what they have seen. Where rows are never taken away, no trace of
    them is needed.
    """

    def __init__(self, call: AggregateCall, exprs: Sequence[Expr], among: Among) -> None:
        pool, shared = among.pool, among.seen
        self._exprs = compile_exprs(exprs, pool)
        self._total = all(isinstance(e, ColumnRef) for e in exprs)
        self._filter = None if call.filter is None else compile_predicate(call.filter, pool)
        self._seen: SeenValues | None = None
        self._owns = False
        self._number = 0
        if call.distinct and exprs:
            columns = tuple([e.index for e in exprs if isinstance(e, ColumnRef)])
            known = shared.get(columns) if self._total else None
            self._seen = known or SeenValues([e.type for e in exprs])
            self._owns = known is None
            self._number = self._seen.join(self._filter if self._total else None)
            if self._total:
                shared[columns] = self._seen
        self.traced = self._seen is not None and not among.append_only

    def read(
        self, batch: Batch, ids: Words, addends: Rows, trace_at: int | None
    ) -> tuple[list[Column], Words | None, Words, Words]:
        """Return arguments, positions of the rows kept (None: all), their groups and their weights.

        The traces of the rows are written into addends.

        Expressions that cannot fail are read for all rows, with weight 0 where the filter is not true; others only
        for the rows that take part, since elsewhere they need not have a value.
        """
        kept: Words | None = None
        weights = batch.weights
        if self._filter is not None and not (self._total and self._seen is not None):
            mask = self._filter(batch.columns, len(batch))
            if self._total:
                weights = np.where(mask, weights, 0)
            elif not mask.all():
                kept = np.flatnonzero(mask)
                batch, ids = batch.take(kept), ids[kept]
                weights = batch.weights
        args: list[Column] = self._exprs(batch.columns, len(batch))
        changes: Words | None = None
        if self._seen is not None and len(batch):
            changes, parts = self._seen.take(self._number, batch, ids, args)
            weights = np.where(parts, weights, 0) if trace_at is not None else weights
        if trace_at is not None:
            addends[slice(None) if kept is None else kept, trace_at] = _traces(args, weights)
        return args, kept, ids, np.ascontiguousarray(weights if changes is None else changes)

    @property
    def distinct(self) -> bool:
        """Whether only the first of equal rows counts."""
        return self._seen is not None

    def seen(self) -> list[Records]:
        """Return the values kept for DISTINCT; of calls that share them the first one does."""
        return [self._seen.records] if self._seen is not None and self._owns else []

    def parts(self) -> dict[str, Stateful]:
        return dict(zip(("distinct",), self.seen(), strict=False))

    def coded(self) -> list[Coded]:
        return self._seen.coded() if self._seen is not None and self._owns else []
