"""Changes on their way into a table: what an input format makes of a body, before the table's state resolves them.

A table without a primary key takes them as they are: a Z-set. For a table with one, rows are operations in order:
a row of positive weight is put under its key (replacing what is there), a row of negative weight deletes its key (other
columns mean nothing), and a patch changes the columns given for a row that is there and does nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penstock.data.batch import Batch, Column, Mask, concat

__all__ = ["Changes", "concat_changes", "first_of", "without_first"]


@dataclass(slots=True)
class Changes(Batch):
    """A batch of n operations in the order they were sent.

    patches: (n,) bool, which rows are patches, or None when none is; a patch has weight 1 and gives all key columns.
    present: one (n,) bool for each column, whether the row gives a value for it; None when there are no patches.
    """

    patches: Mask | None = None
    present: list[Mask] | None = None

    @staticmethod
    def of(batch: Batch) -> Changes:
        """Return a Z-set as operations."""
        return Changes(batch.columns, batch.weights)


def concat_changes(parts: Sequence[Changes]) -> Changes:
    """Put operations one after the other. At least one part is needed."""
    if len(parts) == 1:
        return parts[0]
    joined = concat(parts)
    if all(p.patches is None for p in parts):
        return Changes(joined.columns, joined.weights)
    width = len(joined.columns)
    patches = np.concatenate([np.zeros(len(p), np.bool_) if p.patches is None else p.patches for p in parts])
    present = [
        np.concatenate([np.ones(len(p), np.bool_) if p.present is None else p.present[i] for p in parts])
        for i in range(width)
    ]
    return Changes(joined.columns, joined.weights, patches, present)


def first_of(changes: Changes, count: int) -> Changes:
    """Return the first `count` operations."""
    return _cut(changes, slice(None, count))


def without_first(changes: Changes, count: int) -> Changes:
    """Return the operations after the first `count`."""
    return changes if count == 0 else _cut(changes, slice(count, None))


def _cut(changes: Changes, part: slice) -> Changes:
    columns = [Column(c.words[part], None if c.nulls is None else c.nulls[part]) for c in changes.columns]
    patches = None if changes.patches is None else changes.patches[part]
    present = None if changes.present is None else [given[part] for given in changes.present]
    return Changes(columns, changes.weights[part], patches, present)
