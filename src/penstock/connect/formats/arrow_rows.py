"""Rows that come as Arrow's record batches, to be inserted into a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.arrow_reading import from_arrow
from penstock.data.batch import Column
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.types import Field
from penstock.data.values_scalars import ValueOutOfRange
from penstock.ports.format import Layout

__all__ = ["arrow_changes"]


def arrow_changes(batch: Any, table: Layout, pool: Pool) -> Changes:
    """Return a pyarrow.RecordBatch as insertions: columns by name, a missing one has its DEFAULT or NULL.

    Raises: ValueError for values that do not fit, or for a missing column that is NOT NULL.
    """
    folded = {str(name).lower() for name in batch.schema.names}
    columns: list[Column] = []
    for layout in table.columns:
        if layout.default is not None and layout.name.lower() not in folded:
            word, is_null = layout.default
            nulls = np.ones(batch.num_rows, np.bool_) if is_null else None
            columns.append(Column(np.full(batch.num_rows, word, np.int64), nulls))
            continue
        try:
            field = Field(layout.name, layout.type)
            columns += from_arrow(batch, (field,), pool, fates={0: layout.fate}).columns
        except ValueOutOfRange as error:
            raise ValueError(f"a value of column {layout.name!r} does not fit the table: {error}") from error
    return Changes(columns, np.ones(batch.num_rows, np.int64))
