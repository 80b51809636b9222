"""Sessions join, grow, shrink and come apart: after each step their rows and aggregates are what DuckDB says of windows
that are told from the gaps between rows; and whatever the history, they are those of the rows that are left."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

import duckdb
import pytest

from penstock.sql.compile import compile_program
from tests.properties.law import Feed, Row, Run, check_history

COLUMNS = "id INT, p INT, s VARCHAR, t TIMESTAMP, d DATE, v INT, w BIGINT, f DOUBLE"
SOURCES = {
    "x": ("p, s", "t", "INTERVAL '20' MINUTE"),
    "y": ("", "t", "INTERVAL '2' MINUTE"),
    "z": ("s", "d", "INTERVAL '2' DAY"),
}
"""Windows of sessions: keys, time, gap."""

GROUPED = "GROUP BY p, s, window_start, window_end"
QUERIES = {
    "rows": "SELECT id, v, s, window_start, window_end FROM x",
    "counts": f"SELECT p, s, window_start, window_end, COUNT(*) FROM x {GROUPED}",
    "sums": f"SELECT window_end, s, p, COUNT(v), SUM(w), AVG(v), COUNT(*) FILTER (WHERE v > 4), BOOL_OR(v > 8), SUM(f) "
    f"FROM x {GROUPED}",
    "extremes": "SELECT s, p, MIN(v), MAX(s), MAX(f), MAX(t) FROM x GROUP BY s, p, window_start",
    "others": f"SELECT p, s, COUNT(DISTINCT v), SUM(DISTINCT w), ARRAY_AGG(v ORDER BY id), ARG_MAX(id, w) "
    f"FROM x {GROUPED}",
    "some of rows": f"SELECT p, s, window_start, MIN(v), MAX(s), COUNT(DISTINCT p) FROM x {GROUPED}",
    "none": f"SELECT p, window_start FROM x {GROUPED}",
    "more keys": "SELECT p, s, v, window_start, COUNT(*) FROM x GROUP BY p, s, v, window_start",
    "fewer keys": "SELECT p, window_start, window_end, COUNT(*) FROM x GROUP BY p, window_start, window_end",
    "bounds": f"SELECT p, MAX(window_end), COUNT(*) FROM x {GROUPED}",
    "filtered": f"SELECT p, s, window_start, COUNT(*) FROM x WHERE v > 3 {GROUPED}",
    "one key": "SELECT window_start, window_end, COUNT(*), MIN(id) FROM y GROUP BY window_start, window_end",
    "days": "SELECT s, window_start, window_end, COUNT(*), SUM(v) FROM z GROUP BY s, window_end, window_start",
}


def program(options: str = "", queries: list[str] | None = None) -> str:
    views = []
    for i, (name, query) in enumerate(QUERIES.items()):
        if queries is None or name in queries:
            for source, (keys, time, gap) in SOURCES.items():
                listed = f", DESCRIPTOR({keys})" if keys else ""
                window = f"FROM TABLE(SESSION(TABLE t, DESCRIPTOR({time}){listed}, {gap}))"
                query = query.replace(f"FROM {source}", window)
            views.append(f"CREATE VIEW v{i} AS {query};")
    return f"CREATE TABLE t ({COLUMNS}) {options};\n" + "\n".join(views)


def windows() -> str:
    """Return the sources as queries of DuckDB: a session begins where the row before is a gap away."""
    parts = []
    for name, (keys, time, gap) in SOURCES.items():
        by = f"PARTITION BY {keys}" if keys else ""
        per = f"PARTITION BY {keys + ', ' if keys else ''}number"
        start, end = f"MIN({time}) OVER ({per})", f"MAX({time}) OVER ({per}) + {gap}"
        parts.append(f"""CREATE VIEW {name} AS SELECT *, {start} AS window_start, {end} AS window_end FROM (
            SELECT *, SUM(fresh) OVER ({by} ORDER BY {time}) AS number FROM (
                SELECT *, CASE WHEN {time} < LAG({time}) OVER ({by} ORDER BY {time}) + {gap} THEN 0 ELSE 1 END AS fresh
                FROM t WHERE {time} IS NOT NULL) AS gaps) AS numbered""")
    return ";\n".join(parts)


def row(rng: random.Random, id: int) -> Row:
    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.1 else value

    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone
    return (
        id,
        maybe(rng.randrange(2)),
        maybe(rng.choice(("a", "bb"))),
        maybe(start + dt.timedelta(minutes=rng.randrange(2000), microseconds=rng.randrange(2))),
        maybe(dt.date(2024, 1, 1) + dt.timedelta(days=rng.randrange(120))),
        maybe(rng.randrange(10)),
        maybe(rng.randrange(-(10**12), 10**12)),
        maybe(rng.choice((0.125, 0.25, 17.75, -2.5)) * rng.randrange(-3, 9)),
    )


def said(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}") + 0
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    return tuple(value) if isinstance(value, list) else value


def shown(rows: Counter[Any]) -> Counter[Any]:
    """Return rows as both engines give them: DuckDB counts whole days as times, and averages as floats."""
    found: Counter[Any] = Counter()
    for one, weight in rows.items():
        found[repr(tuple([said(v) for v in one]))] += weight
    return found


def check(run: Run, rows: list[Row], when: str) -> None:
    database = duckdb.connect()
    database.execute(f"CREATE TABLE t ({COLUMNS})")
    if rows:
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.execute(windows())
    for i, (name, query) in enumerate(QUERIES.items()):
        asked = query.replace("AVG(v)", "CAST(TRUNC(AVG(v)) AS INT)").replace("SUM(w)", "CAST(SUM(w) AS BIGINT)")
        asked = asked.replace("SUM(v)", "CAST(SUM(v) AS BIGINT)").replace("SUM(DISTINCT w)", "SUM(DISTINCT w)::BIGINT")
        asked = asked.replace(
            "ARRAY_AGG(v ORDER BY id)", "REPLACE(CAST(LIST(v ORDER BY id) AS VARCHAR), 'NULL', 'None')"
        )
        asked = asked.replace("ARG_MAX(id, w)", "COALESCE(ARG_MAX(id, w), MAX(id))")
        answer = Counter([tuple(one) for one in database.execute(asked).fetchall()])

        assert shown(answer) == shown(run.view(f"v{i}")), f"{name} {when}"


@pytest.mark.parametrize("append_only", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_sessions_are_as_the_oracle_says_after_every_step(append_only: bool, seed: int) -> None:
    rng = random.Random(seed)
    run = Run(program("WITH ('append_only' = 'true')" if append_only else ""))
    there: list[Row] = []
    gone: list[Row] = []
    for step in range(10):
        again = [gone.pop(rng.randrange(len(gone))) for _ in range(min(len(gone), 5))]
        fresh = again + [row(rng, 1000 * step + i) for i in range(rng.choice((1, 5, 60)))]
        fresh += fresh[:2]
        leaving = [] if append_only else [there.pop(rng.randrange(len(there))) for _ in range(len(there) // 3)]
        run.step([("t", one, 1) for one in fresh] + [("t", one, -1) for one in leaving])
        there += fresh
        gone += leaving
        if step == 4:
            run.save_and_load()

        check(run, there, f"after step {step}")

    if not append_only:
        run.step([("t", one, -1) for one in there])
        assert run.state_rows() == 0


@pytest.mark.parametrize("append_only", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_sessions_do_not_depend_on_the_history(append_only: bool, seed: int) -> None:
    def other(name: str = "t") -> Row:
        return row(rng, rng.randrange(60))

    rng = random.Random(seed)
    rows = [other() for _ in range(rng.randrange(60))]
    made = compile_program(program("WITH ('append_only' = 'true')" if append_only else ""))

    check_history(made, {"t": rows}, {"t": Feed(append_only=append_only)}, other, seed)


def test_a_session_with_more_rows_keeps_them_when_another_joins_it() -> None:
    """Rows change hands from the smaller session to the larger one: a chain that grows at its front is cheap."""
    run = Run(program(queries=["counts"]))
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone
    [aggregate] = [wired.operator for wired in run.circuit.operators if wired.operator.title.startswith("session")]
    moved: list[int] = []
    whole = aggregate._sessions.changes  # type: ignore[attr-defined]

    def spy(*more: Any) -> Any:
        found = whole(*more)
        moved.append(len(found[1]))
        return found

    aggregate._sessions.changes = spy  # type: ignore[attr-defined]
    for i in reversed(range(200)):
        run.step([("t", (i, 1, "a", start + dt.timedelta(minutes=10 * i), None, 1, 1, 1.0), 1)])
    far = start + dt.timedelta(minutes=2020)
    run.step([("t", (900, 1, "a", far, None, 1, 1, 1.0), 1)])
    run.step([("t", (901, 1, "a", far - dt.timedelta(minutes=15), None, 1, 1, 1.0), 1)])

    assert max(moved) <= 4
    assert list(run.view("v1").values()) == [1]
