"""Queries written in two ways agree at every step, over keys of every type, those included that no other engine has.

The keys are functions of small integers, so that few different values meet; each pair of queries is two views of one
program, compared after each step of a random history that ends with empty tables.
Source: metamorphic testing by equivalent queries (Rigger and Su, ESEC/FSE 2020).
"""

from __future__ import annotations

import random

import pytest

from tests.properties.law import Event, Row, Run, splits

KEYS = {
    "integer": "i",
    "boolean": "i > 1",
    "unsigned": "CAST(i AS BIGINT UNSIGNED)",
    "decimal": "CAST(i AS DECIMAL(38, 10)) / 4",
    "double": "CASE WHEN i = 2 THEN 0e0 / 0e0 ELSE -i * 0.5e0 END",
    "char": "CAST(CAST(i AS VARCHAR) AS CHAR(3))",
    "text": "REPEAT('é', i)",
    "binary": "CAST(CAST(i AS VARCHAR) AS VARBINARY)",
    "date": "TIMESTAMPADD(DAY, i, DATE '1969-12-31')",
    "zoned": "CAST(TIMESTAMPADD(HOUR, i, DATE '2024-02-29') AS TIMESTAMP WITH TIME ZONE)",
    "days": "i * INTERVAL '1' DAY",
    "months": "i * INTERVAL '1' MONTH",
    "array": "CASE WHEN i IS NOT NULL THEN ARRAY[NULLIF(i, 2), NULL] END",
    "map": "CASE WHEN i IS NOT NULL THEN MAP['a', NULLIF(i, 2)] END",
    "row": "CASE WHEN i IS NOT NULL THEN ROW(i % 2, NULLIF(i, 2)) END",
    "variant": "CAST(CAST(i AS VARCHAR) AS VARIANT)",
}
"""Key types, as a function of an INTEGER column `i` that may be NULL."""

PAIRS = {
    "distinct is grouping": ("SELECT DISTINCT k FROM t", "SELECT k FROM t GROUP BY k"),
    "distinct is a union with itself": ("SELECT DISTINCT k FROM t", "SELECT k FROM t UNION SELECT k FROM t"),
    "inner join is a filtered product": (
        "SELECT t.v, u.w FROM t JOIN u ON {t.k = u.k}",
        "SELECT t.v, u.w FROM t CROSS JOIN u WHERE {t.k = u.k}",
    ),
    "padded rows of a join are those without a partner": (
        "SELECT t.k, t.v FROM t LEFT JOIN u ON {t.k = u.k} WHERE u.w IS NULL",
        "SELECT k, v FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE {t.k = u.k})",
    ),
    "full join is a left join and the rest": (
        "SELECT t.v, u.w FROM t FULL JOIN u ON {t.k = u.k}",
        "SELECT t.v, u.w FROM t LEFT JOIN u ON {t.k = u.k} UNION ALL "
        "SELECT CAST(NULL AS INT), w FROM u WHERE NOT EXISTS (SELECT 1 FROM t WHERE {t.k = u.k})",
    ),
    "intersect is distinct and semijoin": (
        "SELECT k FROM t INTERSECT SELECT k FROM u",
        "SELECT DISTINCT k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k IS NOT DISTINCT FROM t.k)",
    ),
    "except is distinct and antijoin": (
        "SELECT k FROM t EXCEPT SELECT k FROM u",
        "SELECT DISTINCT k FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k IS NOT DISTINCT FROM t.k)",
    ),
    "what is common and what is not are all": (
        "SELECT k FROM t",
        "(SELECT k FROM t EXCEPT ALL SELECT k FROM u) UNION ALL (SELECT k FROM t INTERSECT ALL SELECT k FROM u)",
    ),
    "a count of the row is a join with counts": (
        "SELECT v, (SELECT COUNT(*) FROM u WHERE {t.k = u.k}) AS n FROM t",
        "SELECT v, COALESCE(n, 0) AS n FROM t "
        "LEFT JOIN (SELECT k, COUNT(*) AS n FROM u GROUP BY k) AS u ON {t.k = u.k}",
    ),
    "the greatest is the first from above": (
        "SELECT v, MAX(k) AS k FROM t GROUP BY v",
        "SELECT v, k FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY v ORDER BY k DESC NULLS LAST) = 1",
    ),
    "ranked first are the least": (
        "SELECT k, v FROM t QUALIFY RANK() OVER (ORDER BY k NULLS LAST) = 1 AND k IS NOT NULL",
        "SELECT k, v FROM t WHERE k IS NOT NULL AND k IS NOT DISTINCT FROM (SELECT MIN(k) FROM t)",
    ),
    "distinct values are counted": (
        "SELECT COUNT(DISTINCT k) AS n FROM t",
        "SELECT COUNT(*) AS n FROM (SELECT DISTINCT k FROM t WHERE k IS NOT NULL) AS x",
    ),
    "having is a filter of groups": (
        "SELECT k, SUM(v) AS s FROM t GROUP BY k HAVING COUNT(*) > 1",
        "SELECT k, s FROM (SELECT k, SUM(v) AS s, COUNT(*) AS n FROM t GROUP BY k) AS x WHERE n > 1",
    ),
    "a windowed count is a join with the group": (
        "SELECT v, COUNT(*) OVER (PARTITION BY k) AS n FROM t",
        "SELECT t.v, x.n FROM t JOIN (SELECT k, COUNT(*) AS n FROM t GROUP BY k) AS x ON t.k IS NOT DISTINCT FROM x.k",
    ),
    "a filter is a case": (
        "SELECT v, COUNT(*) FILTER (WHERE k IS NULL) AS n FROM t GROUP BY v",
        "SELECT v, COUNT(CASE WHEN k IS NULL THEN 1 END) AS n FROM t GROUP BY v",
    ),
}
MEMBERSHIP = {
    "in is exists": (
        "SELECT v FROM t WHERE k IN (SELECT k FROM u)",
        "SELECT v FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t.k = u.k)",
    ),
    "not in is never equal and never unknown": (
        "SELECT v FROM t WHERE k NOT IN (SELECT k FROM u)",
        "SELECT v FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE (t.k = u.k) IS NOT FALSE)",
    ),
    "using is on": (
        "SELECT k, v, w FROM t JOIN u USING (k)",
        "SELECT t.k, v, w FROM t JOIN u ON t.k = u.k",
    ),
}
"""For types whose values are compared by equality, so not for rows."""


def pairs(key: str) -> dict[str, tuple[str, str]]:
    """Return the pairs of queries for a type of key."""
    equal = "t.k IS NOT DISTINCT FROM u.k AND t.k IS NOT NULL" if key == "row" else "t.k = u.k"
    some = PAIRS if key == "row" else {**PAIRS, **MEMBERSHIP}
    return {n: (a.replace("{t.k = u.k}", equal), b.replace("{t.k = u.k}", equal)) for n, (a, b) in some.items()}


def program(key: str) -> str:
    """Return the tables, and two views for each pair of queries."""
    statements = [
        "CREATE TABLE left_rows (i INT, v INT)",
        "CREATE TABLE right_rows (i INT, w INT NOT NULL)",
        f"CREATE LOCAL VIEW t AS SELECT {KEYS[key]} AS k, v FROM left_rows",
        f"CREATE LOCAL VIEW u AS SELECT {KEYS[key]} AS k, w FROM right_rows",
    ]
    for i, (first, second) in enumerate(pairs(key).values()):
        statements += [f"CREATE VIEW a{i} AS {first}", f"CREATE VIEW b{i} AS {second}"]
    return ";\n".join(statements) + ";"


@pytest.mark.parametrize("key", KEYS)
def test_a_query_written_in_two_ways_has_one_answer(key: str) -> None:
    rng = random.Random(key)
    run = Run(program(key))

    def row() -> Row:
        return rng.choice((None, 0, 1, 1, 2, 3)), rng.choice((1, 2, 3))

    there: list[Event] = [(rng.choice(("left_rows", "right_rows")), row(), 1) for _ in range(30)]
    events = list(there)
    for _ in range(20):
        passing = (rng.choice(("left_rows", "right_rows")), row())
        at = rng.randrange(len(events))
        events[at:at] = [(*passing, 1)]
        events.insert(rng.randrange(at + 1, len(events) + 1), (*passing, -1))
    rng.shuffle(there)
    run.step([])
    for step in splits([*events, *[(name, row, -1) for name, row, _ in there]], rng):
        run.step(step)
        for i, (name, texts) in enumerate(pairs(key).items()):
            assert run.view(f"a{i}") == run.view(f"b{i}"), f"{name}: {texts}"
