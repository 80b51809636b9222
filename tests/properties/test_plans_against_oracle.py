"""Each query of `plan_queries.sql` gives what DuckDB gives for the same rows, with the rewrites and without them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from penstock.sql import rules
from tests.properties.law import Row, Run

TABLES = """
CREATE TABLE t(id INT NOT NULL, a INT, b VARCHAR NOT NULL, c INT);
CREATE TABLE s(id INT NOT NULL, x INT, y INT NOT NULL, z VARCHAR);
CREATE TABLE u(k INT, w INT);
"""
QUERIES = [
    line for line in (Path(__file__).parent / "plan_queries.sql").read_text("utf-8").splitlines() if line[:2] != "--"
]


def rows(rng: random.Random, sizes: Sequence[int]) -> dict[str, list[Row]]:
    """Return a few rows for each table, with NULLs and repetitions."""

    def number() -> int | None:
        return None if rng.random() < 0.25 else rng.randrange(6)

    t, s, u = (rng.choice(sizes) for _ in range(3))
    return {
        "t": [(rng.randrange(6), number(), rng.choice("pqr"), number()) for _ in range(t)],
        "s": [(rng.randrange(6), number(), rng.randrange(6), rng.choice(["p", "q", None])) for _ in range(s)],
        "u": [(number(), number()) for _ in range(u)],
    }


def comparable(value: Any) -> Any:
    """Return numbers as integers or rounded floats, whatever their type."""
    if isinstance(value, (Decimal, float)):
        return int(value) if value == int(value) else round(float(value), 6)
    return value


def ours(query: str, tables: Mapping[str, Sequence[Row]], rng: random.Random) -> Counter[Row]:
    run = Run(f"{TABLES} CREATE VIEW v AS {query};")
    events = [(name, row, 1) for name, listed in tables.items() for row in listed]
    rng.shuffle(events)
    middle = len(events) // 2
    run.step(events[:middle])
    run.step(events[middle:])
    found: Counter[Row] = Counter()
    for row, weight in run.view("v").items():
        found[tuple(comparable(v) for v in row)] += weight
    return found


def theirs(query: str, tables: Mapping[str, Sequence[Row]]) -> Counter[Row]:
    with duckdb.connect() as database:
        database.execute(TABLES)
        for name, listed in tables.items():
            for row in listed:
                database.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
        return Counter(tuple(comparable(v) for v in row) for row in database.execute(query).fetchall())


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_gives_what_the_oracle_gives(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(query)
    for sizes in ((0, 4), (6, 12)):
        tables = rows(rng, sizes)
        expected = theirs(query, tables)

        assert expected == ours(query, tables, rng)
    monkeypatch.setattr(rules, "RULES", ())

    assert expected == ours(query, tables, rng), "without rewrites"
