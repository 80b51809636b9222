"""Arrange: keep a relation's rows by a key, for the joins that look them up. Shared by all that need the same.

The output is the delta itself, with its keys and rows packed. The arrangement takes it in at the end of the step:
during the step every join sees what was there before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Keyed, Operator, Stateful, batch_of
from penstock.circuit.retention import ForgetKeys, Forgetter
from penstock.data.arrangement import Arrangement
from penstock.data.collecting import Coded
from penstock.data.forgetting import place_in
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout, any_null
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import Expr


class Arrange(Operator):
    """keys: expressions over the row; key_layout: common to both sides of the join.

    never_null: positions of the keys whose nulls match nothing; with drop_null such rows are left out altogether.
    keys_only: keep just the keys (for the side of a semi-join that is only asked whether a key is there).
    """

    def __init__(
        self,
        layout: RowLayout,
        keys: Sequence[Expr],
        key_layout: RowLayout,
        never_null: Sequence[int],
        drop_null: bool,
        keys_only: bool,
        append_only: bool,
        pool: Pool,
    ) -> None:
        self.title = f"arrange by {len(keys)} key{'s' if len(keys) != 1 else ''}"
        self.row_layout = key_layout if keys_only else layout
        self.trace = Arrangement(key_layout.width, self.row_layout.width, append_only and not keys_only)
        self._keys = compile_exprs(keys, pool)
        self._key_layout = key_layout
        self._never_null = tuple(never_null)
        self._drop_null = drop_null
        self._keys_only = keys_only
        self._pending: Keyed | None = None

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        keys = self._keys(batch.columns, len(batch))
        if self._drop_null:
            nulls = any_null([keys[i] for i in self._never_null], len(batch))
            if nulls is not None:
                kept = np.flatnonzero(~nulls)
                if len(kept) == 0:
                    return None
                batch = batch.take(kept)
                keys = [k.take(kept) for k in keys]
        packed = self._key_layout.pack(keys, len(batch))
        rows = packed if self._keys_only else self.row_layout.pack(batch.columns, len(batch))
        self._pending = Keyed(batch, packed, rows)
        return self._pending

    def commit(self) -> None:
        if self._pending is not None:
            self.trace.update(self._pending.keys, self._pending.rows, self._pending.batch.weights)
            self._pending = None

    def discard(self) -> None:
        """Do not take the step in: nobody will look it up."""
        self._pending = None

    def forgetters(self, column: int) -> list[Forgetter]:
        return [ForgetKeys(self.trace, place_in(self._key_layout, column, 1))]

    def coded(self) -> list[Coded]:
        return self.trace.coded(self._key_layout, self.row_layout)

    def parts(self) -> dict[str, Stateful]:
        return {"trace": self.trace}
