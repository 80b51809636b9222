"""A Z-set batch: columns of int64 words with null flags, and an int64 weight for each row.

A weight is how often the row is added (positive) or taken away (negative). Order of rows carries no meaning, equal
rows may occur more than once until `zset.consolidate` merges them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Column:
    """n values of one type. words: (n,) int64, 0 where null; nulls: (n,) bool, or None when no value is null."""

    words: Words
    nulls: Mask | None = None

    def __len__(self) -> int:
        return len(self.words)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.int64] | Mask) -> Column:
        """Return the values at index (positions, or a mask)."""
        return Column(self.words[index], None if self.nulls is None else self.nulls[index])


@dataclass(slots=True)
class Batch:
    """n weighted rows of k columns. weights: (n,) int64, dimensionless multiplicities."""

    columns: list[Column]
    weights: Words

    def __len__(self) -> int:
        return len(self.weights)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.int64] | Mask) -> Batch:
        """Return the rows at index (positions, or a mask)."""
        return Batch([c.take(index) for c in self.columns], self.weights[index])

    def negated(self) -> Batch:
        """Return the same rows with the opposite weights."""
        return Batch(self.columns, -self.weights)

    @staticmethod
    def empty(width: int) -> Batch:
        """Return a batch of no rows and `width` columns."""
        zero = np.empty(0, np.int64)
        return Batch([Column(zero) for _ in range(width)], zero)


def concat_columns(parts: Sequence[Column]) -> Column:
    """Put columns end to end."""
    words = np.concatenate([p.words for p in parts])
    if all(p.nulls is None for p in parts):
        return Column(words)
    return Column(words, np.concatenate([np.zeros(len(p), np.bool_) if p.nulls is None else p.nulls for p in parts]))


def concat(batches: Sequence[Batch]) -> Batch:
    """Add Z-sets: put batches of the same width end to end (not consolidated). At least one is needed."""
    if len(batches) == 1:
        return batches[0]
    columns = [concat_columns([b.columns[i] for b in batches]) for i in range(len(batches[0].columns))]
    return Batch(columns, np.concatenate([b.weights for b in batches]))
