"""Window functions of where a row stands: tiles, shares of the partition, and the n-th value of a frame.

A value is found by its place among the rows that count: all rows, or those that are not NULL with IGNORE NULLS.
Source: SQL:2011, 6.10 (NTILE, PERCENT_RANK, CUME_DIST, LAG, LEAD, FIRST_VALUE, LAST_VALUE, NTH_VALUE).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from penstock.data.batch import Column, Words


class Places(NamedTuple):
    """Which rows count. at (m,): their positions; before (n + 1,): how many of them stand before each position."""

    at: Words
    before: Words

    def choose(self, wanted: Words, low: Words, high: Words) -> Words:
        """Return the position of the row that is number `wanted` of those that count, -1 outside of [low, high)."""
        if len(self.at) == 0:
            return np.full(len(wanted), -1)
        inside = (wanted >= self.before[low]) & (wanted < self.before[high])
        return np.where(inside, self.at[np.clip(wanted, 0, len(self.at) - 1)], -1)


def places(values: Column, count: int, ignore_nulls: bool) -> Places:
    """Return the rows that count: all of them, or those whose value is not NULL."""
    if not ignore_nulls or values.nulls is None:
        return Places(np.arange(count), np.arange(count + 1))
    kept = ~values.nulls
    return Places(np.flatnonzero(kept), np.concatenate(([0], np.cumsum(kept))))


def tiles(number: Words, count: Words, size: int) -> Words:
    """Return NTILE(size) of rows by their number from 1 and how many there are; the first tiles have one row more."""
    small, more = count // size, count % size
    index = number - 1
    first = more * (small + 1)
    later = (index - first) // np.maximum(small, 1)
    return np.asarray(np.where(index < first, index // (small + 1), more + later) + 1)


def percent_ranks(rank: Words, count: Words) -> Words:
    """Return PERCENT_RANK as words of DOUBLE: the rank from 0 as a share of the other rows."""
    return (np.maximum(rank - 1, 0) / np.maximum(count - 1, 1)).view(np.int64)


def cumulative_shares(through: Words, count: Words) -> Words:
    """Return CUME_DIST as words of DOUBLE: the share of the rows up to the row and its peers."""
    return (through / count).view(np.int64)
