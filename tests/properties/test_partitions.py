"""Queries that must agree with each other, whatever another engine would say: a condition parts the rows in three.

For any condition p, the rows where p is true, where it is false and where it is NULL are all rows, once each; sums and
counts of the parts add up, the greatest of the parts is the greatest, and DISTINCT over the parts is DISTINCT over all.
Sources: ternary logic partitioning (Rigger and Su, OOPSLA 2020); non-optimizing reference construction (ESEC/FSE 2020).
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from penstock.sql.compile import CompileFailed
from penstock.sql.functions.registry import EvaluationError
from tests.properties.choices import Choices
from tests.properties.expressions import Expr, Expressions, Sql
from tests.properties.law import Run, splits
from tests.properties.programs import TABLES, Table, random_rows

CONDITIONS = 4
"""For each table and seed."""


def views(table: Table, condition: str, number: int) -> str:
    """Return the views that part the rows of a table by a condition, over the table and over its join with itself."""
    columns = ", ".join(name for name, _, _ in table.columns)
    first = table.columns[0][0]
    parts = (f"{condition}", f"NOT ({condition})", f"({condition}) IS NULL")
    made = []
    for i, part in enumerate(parts):
        made.append(f"CREATE VIEW part{number}_{i} AS SELECT {columns} FROM {table.name} WHERE {part};")
    union = " UNION ALL ".join(f"SELECT {columns} FROM part{number}_{i}" for i in range(3))
    sets = " UNION ".join(f"SELECT {columns} FROM part{number}_{i}" for i in range(3))
    source = table.name
    greatest = " UNION ALL ".join(f"SELECT MAX({first}) AS m FROM part{number}_{i}" for i in range(3))
    made += [
        f"CREATE VIEW whole{number} AS {union};",
        f"CREATE VIEW distinct_whole{number} AS {sets};",
        f"CREATE VIEW counted{number} AS SELECT SUM(n) AS n FROM (SELECT COUNT(*) AS n FROM part{number}_0 UNION ALL "
        f"SELECT COUNT(*) AS n FROM part{number}_1 UNION ALL SELECT COUNT(*) AS n FROM part{number}_2) AS c;",
        f"CREATE VIEW counted_if{number} AS SELECT SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS n FROM {source};",
        f"CREATE VIEW counted_where{number} AS SELECT COUNT(*) AS n FROM {source} WHERE {condition};",
        f"CREATE VIEW filtered{number} AS SELECT COUNT(*) FILTER (WHERE {condition}) AS n FROM {table.name};",
        f"CREATE VIEW grouped{number} AS SELECT {first}, COUNT(*) AS n FROM whole{number} GROUP BY {first};",
        f"CREATE VIEW greatest{number} AS SELECT MAX(m) AS m FROM ({greatest}) AS c;",
    ]
    return "\n".join(made)


def program(table: Table, conditions: list[str]) -> str:
    """Return the program of a table and its partitions."""
    columns = ", ".join(name for name, _, _ in table.columns)
    first = table.columns[0][0]
    return "\n".join(
        [
            table.ddl(ours=True) + ";",
            f"CREATE VIEW everything AS SELECT {columns} FROM {table.name};",
            f"CREATE VIEW distinct_everything AS SELECT DISTINCT {columns} FROM {table.name};",
            f"CREATE VIEW counted AS SELECT COUNT(*) AS n FROM {table.name};",
            f"CREATE VIEW grouped AS SELECT {first}, COUNT(*) AS n FROM {table.name} GROUP BY {first};",
            f"CREATE VIEW greatest AS SELECT MAX({first}) AS m FROM {table.name};",
            *(views(table, condition, i) for i, condition in enumerate(conditions)),
        ]
    )


def number(rows: Counter[tuple[object, ...]]) -> int:
    """Return the count that a view of one row gives; NULL is none."""
    [(value,)] = rows
    return int(value or 0)  # type: ignore[call-overload, no-any-return]


def check(run: Run, count: int, at: str) -> None:
    """Compare the partitions' views with those of the whole table."""
    for i in range(count):
        assert run.view(f"whole{i}") == run.view("everything"), f"{at}: {i}"
        assert run.view(f"distinct_whole{i}") == run.view("distinct_everything"), f"{at}: {i}"
        assert run.view(f"grouped{i}") == run.view("grouped"), f"{at}: {i}"
        assert run.view(f"greatest{i}") == run.view("greatest"), f"{at}: {i}"
        assert number(run.view(f"counted{i}")) == number(run.view("counted")), f"{at}: {i}"
        where = number(run.view(f"counted_where{i}"))
        assert where == number(run.view(f"counted_if{i}")) == number(run.view(f"filtered{i}")), f"{at}: {i}"


@pytest.mark.parametrize("table", [t for t in TABLES if not t.key], ids=lambda t: t.name)
@pytest.mark.parametrize("seed", range(5))
def test_a_condition_parts_the_rows_in_three(seed: int, table: Table) -> None:
    choices = Choices(seed)
    expressions = Expressions(choices)
    scope = [Expr(Sql(name, name), type) for name, type, _ in table.columns]
    conditions = [expressions.of(scope, "bool", 2).ours for _ in range(CONDITIONS)]
    conditions = [c for c in conditions if _usable(table, c)]
    rng = random.Random(seed)
    rows = random_rows([table], rng)[table.name]
    run = Run(program(table, conditions))
    events = [(table.name, row, 1) for row in rows]
    try:
        run.step([])
        for step in splits(events, rng):
            run.step(step)
            check(run, len(conditions), f"{conditions}")
        rng.shuffle(events)
        for step in splits([(name, row, -1) for name, row, _ in events], rng):
            run.step(step)
            check(run, len(conditions), f"{conditions} as rows go")
    except EvaluationError:
        pytest.skip("a value beyond its type")
    assert not run.view("everything")


def _usable(table: Table, condition: str) -> bool:
    try:
        Run(program(table, [condition]))
    except CompileFailed:
        return False
    return True
