"""DuckDB with the same tables: the same changes are made to them, and all queries are computed anew."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from bench.tpch.program import KEYS, TABLES
from bench.tpch.story import Change

THREADS = 2


class Recomputing:
    """A database that is changed step by step. Without keys: an index would have to be kept, and no query uses it."""

    def __init__(self) -> None:
        self.database = duckdb.connect(config={"threads": THREADS})
        text = TABLES
        for constraint in (
            ", PRIMARY KEY (ps_partkey, ps_suppkey)",
            ", PRIMARY KEY (l_orderkey, l_linenumber)",
            " PRIMARY KEY",
        ):
            text = text.replace(constraint, "")
        self.database.execute(text)

    def apply(self, step: Mapping[str, Change]) -> None:
        """Take away and add the rows of one step."""
        for table, (batch, weights) in step.items():
            names = [batch.schema.names[key] for key in KEYS.get(table, (0,))]
            rows = pa.Table.from_batches([batch])
            self.database.register("lost", rows.filter(pc.less(weights, 0)).select(names))
            self.database.register("come", rows.filter(pc.greater(weights, 0)))
            on = " AND ".join(f"{table}.{name} = lost.{name}" for name in names)
            self.database.execute(f"DELETE FROM {table} USING lost WHERE {on}")
            self.database.execute(f"INSERT INTO {table} SELECT * FROM come")

    def answer(self, query: str) -> pa.Table:
        """Compute one query."""
        return self.database.sql(query).to_arrow_table()


def comparable(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return rows in an order of their own; numbers as exact as a double's sum is."""

    def plain(value: Any) -> Any:
        if isinstance(value, (float, Decimal)):
            return float(f"{float(value):.10g}") if math.isfinite(value) else None
        return value

    return sorted((tuple(plain(v) for v in row) for row in rows), key=repr)
