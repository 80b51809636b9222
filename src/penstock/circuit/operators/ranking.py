"""Order within groups: sort keys, positions, ranks. What top-k and window functions share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operators.regroup import Groups
from penstock.data.batch import Column, Mask, Words
from penstock.data.order import SortWords, order_words, sort_positions
from penstock.data.pool import Pool
from penstock.data.types import Schema, SqlType
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import SortKey


class Ordering:
    """ORDER BY within a group; rows equal by it are ordered by their own values, so there is one order only."""

    def __init__(self, keys: Sequence[SortKey], row: Schema, pool: Pool) -> None:
        self._keys = tuple(keys)
        self._exprs = compile_exprs([k.expr for k in keys], pool)
        self._row = row
        self._pool = pool

    def _sort_keys(self, columns: Sequence[Column], types: Sequence[SqlType]) -> list[SortWords]:
        return [
            (order_words(c, t, self._pool), c.nulls, k.descending, k.nulls_first)
            for c, t, k in zip(columns, types, self._keys, strict=True)
        ]

    def sort(self, groups: Groups) -> tuple[Words, Words, Mask]:
        """Return the order of the rows, and for each ordered row its group's start and whether it ties.

        The order is by group, then keys. A row ties if it equals its predecessor by both. All three are (n,).
        """
        count = len(groups.group)
        values: list[Column] = self._exprs(groups.columns, count)
        keys = self._sort_keys(values, [k.expr.type for k in self._keys])
        first: SortWords = (groups.group, None, False, False)
        order = sort_positions([first, *keys], count)
        same = _same_as_previous([groups.group, *_key_words(keys)], order)
        if same.any():
            rest: list[SortWords] = [
                (order_words(c, f.type, self._pool), c.nulls, False, True)
                for c, f in zip(groups.columns, self._row, strict=True)
            ]
            order = sort_positions([first, *keys, *rest], count)
        group = groups.group[order]
        fresh = np.ones(count, np.bool_)
        fresh[1:] = group[1:] != group[:-1]
        starts = np.flatnonzero(fresh)
        begin = starts[np.cumsum(fresh) - 1] if count else starts
        return order, begin, same


def _key_words(keys: Sequence[SortWords]) -> list[Words]:
    words = []
    for key, nulls, _, _ in keys:
        words.append(key)
        if nulls is not None:
            words.append(nulls.astype(np.int64))
    return words


def _same_as_previous(words: Sequence[Words], order: Words) -> Mask:
    same = np.ones(len(order), np.bool_)
    same[:1] = False
    for column in words:
        ordered = column[order]
        same[1:] &= ordered[1:] == ordered[:-1]
    return same


def expand(groups: Groups) -> tuple[Groups, Words]:
    """Return each row as often as its weight says, with weight 1, and where each came from."""
    index = np.arange(len(groups.weights))
    if (groups.weights == 1).all():
        return groups, index
    index = np.repeat(index, groups.weights)
    taken = groups.take(index)
    return Groups(taken.group, taken.columns, np.ones(len(index), np.int64)), index


def ranks(kind: str, begin: Words, same: Mask) -> Words:
    """Return ROW_NUMBER, RANK or DENSE_RANK of ordered rows, from 1."""
    position = np.arange(len(begin))
    if kind == "row_number":
        return position - begin + 1
    if kind == "rank":
        leader = np.maximum.accumulate(np.where(same, 0, position)) if len(position) else position
        return leader - begin + 1
    steps = np.cumsum(~same)
    return np.asarray(steps - steps[begin] + 1) if len(position) else position
