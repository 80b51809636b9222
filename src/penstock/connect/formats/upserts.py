"""Changes of a relation as changes by key: what is new, what is gone, what has taken the place of what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.data.batch import Batch
from penstock.data.order import SortWords, order_words, sort_positions
from penstock.data.pool import Pool
from penstock.ports.format import FormatRefused, Layout

__all__ = ["ByKey", "by_key", "refuse_index"]


@dataclass(frozen=True, slots=True)
class ByKey:
    """Rows in the order of their keys, each key in one of them. before, after: of the same key, row by row."""

    deleted: Batch
    inserted: Batch
    before: Batch
    after: Batch


def by_key(batch: Batch, relation: Layout, pool: Pool) -> ByKey:
    """Return consolidated changes by the relation's index.

    Raises: ValueError if two rows of one key come, or two go: the columns of the index do not tell rows apart.
    """
    keys: list[SortWords] = []
    for at in relation.index:
        column = batch.columns[at]
        keys.append((order_words(column, relation.columns[at].type, pool), column.nulls, False, True))
    order = sort_positions([*keys, ((batch.weights > 0).astype(np.int64), None, False, True)], len(batch))
    ordered = batch.take(order)
    same = np.ones(len(batch), np.bool_)
    same[:1] = False
    for words, nulls, _, _ in keys:
        sorted_words = words[order]
        same[1:] &= sorted_words[1:] == sorted_words[:-1]
        if nulls is not None:
            sorted_nulls = nulls[order]
            same[1:] &= sorted_nulls[1:] == sorted_nulls[:-1]
    comes = ordered.weights > 0
    if (np.abs(ordered.weights) > 1).any() or (same[1:] & (comes[1:] == comes[:-1])).any():
        names = ", ".join(relation.columns[at].name for at in relation.index)
        raise ValueError(f"several rows of {relation.name!r} have the same values in the columns of its index: {names}")
    after = same  # the row that comes stands right after the one of its key that goes
    before = np.append(same[1:], False)
    return ByKey(
        ordered.take(~comes & ~before), ordered.take(comes & ~after), ordered.take(before), ordered.take(after)
    )


def refuse_index(relation: Layout, format_name: str) -> None:
    """Raise FormatRefused if changes are to be written by key in a format that has no form for that."""
    if relation.index:
        raise FormatRefused(f"format {format_name!r} has no form for changes by the key of an index")
