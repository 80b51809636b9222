"""Order: words whose signed comparison is the SQL order of the values, and sorting of rows by several keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.data import decimal128
from penstock.data.batch import Column, Mask, Words
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, Kind, SqlType

_LOWEST = np.int64(-(2**63))


def order_words(column: Column, type: SqlType, pool: Pool) -> Words:
    """Return words that order among themselves as the column's values do (NaN greatest); 0 where null.

    Words of pooled types may be ranks within this column only: they mean nothing beside those of another call.
    """
    words = column.words
    if type.pooled:
        return decimal128.ranks(words, pool) if type.wide else pool.ranks(words)
    if type.kind in FLOATS:
        return np.where(words < 0, words ^ np.int64(0x7FFFFFFFFFFFFFFF), words)
    if type.kind is Kind.UBIGINT:
        return words ^ _LOWEST
    return words


SortWords = tuple[Words, Mask | None, bool, bool]
"""One sort key: order words, nulls or None, descending, nulls first."""


def sort_positions(keys: Sequence[SortWords], count: int) -> Words:
    """Return the stable order of `count` rows by several keys, the first the most significant."""
    if not keys:
        return np.arange(count)
    columns: list[Words] = []
    for words, nulls, descending, nulls_first in reversed(keys):
        columns.append(~words if descending else words)
        if nulls is not None and nulls.any():
            columns.append(np.where(nulls, -1 if nulls_first else 1, 0))
    if len(columns) == 1:
        return np.argsort(columns[0], kind="stable")
    return np.lexsort(columns)
