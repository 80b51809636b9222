"""UNNEST: a row once for each element of a collection it holds. Linear, no state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.circuit.operator import Delta, Operator, batch_of
from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.data.types import BIGINT, Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.evaluate import compile_exprs
from penstock.sql.plan.expr import Expr


class Unnest(Operator):
    """Elements of an ARRAY (a ROW's fields spread out) or entries of a MAP, optionally with their ordinality."""

    title = "unnest"

    def __init__(self, collection: Expr, added: Sequence[SqlType], ordinality: bool, outer: bool, pool: Pool) -> None:
        self._collection = compile_exprs([collection], pool)
        self._type = collection.type
        self._added = tuple(added)
        self._ordinality = ordinality
        self._outer = outer
        self._pool = pool
        element = collection.type.element
        self._spread = collection.type.kind is Kind.ARRAY and element is not None and element.kind is Kind.STRUCT

    def _items(self, value: object) -> list[tuple[object, ...]]:
        width = len(self._added) - self._ordinality
        if value is None:
            items: list[tuple[object, ...]] = []
        elif isinstance(value, dict):
            items = list(value.items())
        elif self._spread:
            items = [(None,) * width if v is None else tuple(v.values()) for v in value]  # type: ignore[attr-defined]
        else:
            items = [(v,) for v in value]  # type: ignore[attr-defined]
        if self._ordinality:
            items = [(*item, n) for n, item in enumerate(items, 1)]
        if not items and self._outer:
            items = [(None,) * len(self._added)]
        return items

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        batch = batch_of(deltas[0])
        if batch is None:
            return None
        [collection] = self._collection(batch.columns, len(batch))
        nulls = np.zeros(len(batch), np.bool_) if collection.nulls is None else collection.nulls
        codes, inverse = np.unique(np.where(nulls, -1, collection.words), return_inverse=True)
        distinct = Column(np.maximum(codes, 0), codes < 0)
        items = [self._items(value) for value in decode_column(distinct, self._type, self._pool)]
        sizes = np.array([len(i) for i in items], np.int64)
        flat = [item for some in items for item in some]
        counts = sizes[inverse]
        total = int(counts.sum())
        if total == 0:
            return None
        starts = (np.cumsum(sizes) - sizes)[inverse]
        source = np.repeat(np.arange(len(batch)), counts)
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        at = starts[source] + within
        added = []
        for i, type in enumerate(self._added):
            ordinal = self._ordinality and i == len(self._added) - 1
            values = [item[i] for item in flat]
            added.append(encode_values(values, BIGINT.with_nullable(True) if ordinal else type, self._pool).take(at))
        rows = batch.take(source)
        return Batch(rows.columns + added, rows.weights)
