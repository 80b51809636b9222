"""The values that DISTINCT calls of one GROUP BY have seen: one set of records for all calls over the same columns.

A record stands for a value in a group and has a weight for each call, since calls differ by their FILTER. A value comes
to a call when its weight there rises above 0, and goes when it falls back.
Source: incremental distinct, DBSP (Budiu et al., VLDB 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Batch, Column, Mask, Words
from penstock.data.collecting import Coded, coded
from penstock.data.kernels import compiled
from penstock.data.records import Records, add, approach, find, remove
from penstock.data.rows import RowLayout
from penstock.data.types import BIGINT, SqlType

Test = Callable[[Sequence[Column], int], Mask]
"""test(columns, row count) -> which rows take part."""


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1], boolean[:, ::1],"
    " int64[:, ::1])"
)
def _see(
    records: Any,
    directory: Any,
    meta: Any,
    rows: Any,
    width: int,
    hashes: Any,
    weights: Any,
    parts: Any,
    out: Any,
) -> None:  # pragma: no cover - compiled
    """Add each row's weight for each call that it takes part in; out: +1 or -1 where a value comes or goes."""
    calls = parts.shape[0]
    at = 1 + width
    for r in range(len(weights)):
        approach(records, directory, meta, hashes, r)
        i: Any = np.int64(-2)
        zero = False
        for c in range(calls):
            if not parts[c, r]:
                out[c, r] = 0
                continue
            if i == -2:
                i = find(records, directory, meta, rows, r, width, hashes[r])
                if i < 0:
                    i = add(records, directory, meta, rows, r, width, hashes[r])
            old = records[i, at + c]
            new = old + weights[r]
            records[i, at + c] = new
            out[c, r] = np.int64(new > 0) - np.int64(old > 0)
            zero = zero or new == 0
        if zero:
            for c in range(calls):
                if records[i, at + c] != 0:
                    zero = False
            if zero:
                remove(records, directory, meta, i)


class SeenValues:
    """Seen values of some columns, by group and call. Calls are added by `join` before the first step."""

    def __init__(self, types: Sequence[SqlType]) -> None:
        self._layout = RowLayout([BIGINT, *types])
        self._tests: list[Test | None] = []
        self._records: Records | None = None
        self._batch: Batch | None = None
        self._changes = np.empty((0, 0), np.int64)
        self._parts: npt.NDArray[np.bool_] = np.empty((0, 0), np.bool_)

    def join(self, test: Test | None) -> int:
        """Add a call with its FILTER; returns its number."""
        self._tests.append(test)
        return len(self._tests) - 1

    @property
    def records(self) -> Records:
        """The state; the first word of a key is the group."""
        if self._records is None:
            self._records = Records(self._layout.width, len(self._tests))
        return self._records

    def take(self, call: int, batch: Batch, ids: Words, args: Sequence[Column]) -> tuple[Words, Mask]:
        """Return for each row of a step +1 or -1 where its value comes to the call or goes, and which rows take part.

        The rows are taken in when the first of the calls asks; the last one that has joined ends the step.
        """
        if self._batch is not batch:
            self._take_in(batch, ids, args)
        result = self._changes[call], self._parts[call]
        if call == len(self._tests) - 1:
            self._batch = None
        return result

    def _take_in(self, batch: Batch, ids: Words, args: Sequence[Column]) -> None:
        count = len(batch)
        records = self.records
        self._batch = batch
        self._parts = np.ones((len(self._tests), count), np.bool_)
        for call, test in enumerate(self._tests):
            if test is not None:
                self._parts[call] = test(batch.columns, count)
        self._changes = np.empty((len(self._tests), count), np.int64)
        rows = self._layout.pack([Column(ids), *args], count)
        records.make_room(count)
        _see(
            records.records,
            records.directory,
            records.meta,
            rows,
            records.width,
            records.hashes(rows, near=False),
            np.ascontiguousarray(batch.weights),
            self._parts,
            self._changes,
        )

    def coded(self) -> list[Coded]:
        """Return where codes stand in it."""
        return coded(self.records, [1 + i for i in self._layout.pooled])
