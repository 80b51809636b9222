"""The 22 queries of TPC-H as views of one program, loaded in steps with updates and deletes, against DuckDB.

PENSTOCK_TPCH_SCALE sets the scale; what it prints with `pytest -s` is the time of both sides.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.properties.law import Event, Row, Run
from tests.sql.tpch.data import Maker

HERE = Path(__file__).parent
SCALE = float(os.environ.get("PENSTOCK_TPCH_SCALE", "0.001"))
STEPS = 60
KEYS = {"partsupp": (0, 1), "lineitem": (0, 3)}


def queries() -> dict[str, str]:
    """Return the queries by name."""
    found = {}
    for part in (HERE / "queries.sql").read_text("utf-8").split("\n-- q")[1:]:
        number, text = part.split("\n", 1)
        found[f"q{number.strip()}"] = text.strip().rstrip(";")
    return found


def story(maker: Maker, rng: random.Random) -> list[list[Event]]:
    """Return steps that load all tables, with rows changed, taken away and added again on the way."""
    tables = maker.tables()
    loads: list[tuple[str, Row]] = [(table, row) for table, rows in tables.items() for row in rows]
    rng.shuffle(loads)
    others = {
        "supplier": maker.supplier,
        "part": maker.part,
        "customer": maker.customer,
        "orders": lambda key: maker.order(key)[0],
    }
    there: list[tuple[str, Row]] = []
    steps: list[list[Event]] = []
    size = -(-len(loads) // STEPS)
    for start in range(0, len(loads), size):
        step: list[Event] = []
        for _ in range(min(len(there), max(size // 10, 2))):
            table, row = there.pop(rng.randrange(len(there)))
            step.append((table, row, -1))
            if table in others and rng.random() < 0.6:
                row = others[table](row[0])
            if rng.random() < 0.8:
                loads.append((table, row))
        coming = loads[start : start + size]
        step += [(table, row, 1) for table, row in coming]
        there += coming
        steps.append(step)
    return steps


class Oracle:
    """DuckDB with the same tables."""

    def __init__(self) -> None:
        self.database = duckdb.connect()
        self.database.execute(
            (HERE / "tables.sql")
            .read_text("utf-8")
            .replace(" PRIMARY KEY", "")
            .replace(", (ps_partkey, ps_suppkey)", "")
            .replace(", (l_orderkey, l_linenumber)", "")
        )

    def apply(self, step: Sequence[Event]) -> None:
        for table in {t for t, _, _ in step}:
            keys = KEYS.get(table, (0,))
            names = [r[0] for r in self.database.execute(f"DESCRIBE {table}").fetchall()]
            gone = [row for t, row, n in step if t == table and n < 0]
            if gone:
                lost = pa.table({names[k]: [row[k] for row in gone] for k in keys})
                self.database.register("lost", lost)
                on = " AND ".join(f"{table}.{names[k]} = lost.{names[k]}" for k in keys)
                self.database.execute(f"DELETE FROM {table} USING lost WHERE {on}")
            come = [row for t, row, n in step if t == table and n > 0]
            if come:
                columns = zip(*come, strict=True)
                self.database.register("come", pa.table({n: list(c) for n, c in zip(names, columns, strict=True)}))
                self.database.execute(f"INSERT INTO {table} SELECT * FROM come")

    def rows(self, query: str) -> list[Row]:
        return self.database.execute(query).fetchall()


def comparable(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return rows in an order of their own; numbers as exact as a double's sum is."""

    def plain(value: Any) -> Any:
        if isinstance(value, (float, Decimal)):
            return float(f"{float(value):.10g}") if math.isfinite(value) else None
        return value

    return sorted((tuple(plain(v) for v in row) for row in rows), key=repr)


@pytest.mark.parametrize("seed", [1])
def test_all_queries_are_as_in_the_oracle_after_every_tenth_step(seed: int) -> None:
    texts = queries()
    assert len(texts) == 22
    program = (HERE / "tables.sql").read_text("utf-8")
    program += "".join(f"CREATE MATERIALIZED VIEW {name} AS {text};\n" for name, text in texts.items())
    run, oracle = Run(program), Oracle()
    ours = theirs = 0.0
    filled: Counter[str] = Counter()
    steps = story(Maker(SCALE, seed), random.Random(seed))
    checks = 0
    for number, step in enumerate(steps, 1):
        began = time.perf_counter()
        run.step(step)
        ours += time.perf_counter() - began
        oracle.apply(step)
        if number % 10 and number != len(steps):
            continue
        checks += 1
        for name, text in texts.items():
            began = time.perf_counter()
            expected = oracle.rows(text)
            theirs += time.perf_counter() - began
            found = [row for row, n in run.view(name).items() for _ in range(n)]
            filled[name] += bool(expected) and any(v is not None for v in expected[0])
            assert comparable(expected) == comparable(found), f"{name} after step {number}"
    empty = [name for name in texts if not filled[name]]
    print(f"scale {SCALE}: ours {ours:.2f} s over {len(steps)} steps, theirs {theirs:.2f} s in {checks} answers")
    print(f"without rows: {empty}")
    assert len(empty) <= 4
