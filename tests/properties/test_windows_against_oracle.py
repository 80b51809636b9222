"""Window functions over partitions of hundreds of rows, followed through steps that add, take away and add again: after
each step every view is what DuckDB says of the rows that are there."""

from __future__ import annotations

import datetime as dt
import decimal
import random
from collections import Counter
from typing import Any

import duckdb
import pytest

from penstock.data.sequences import Sequences, Stretches
from tests.properties.law import Row, Run

COLUMNS = (
    "id INT, p INT, k INT, b BIGINT, d DATE, t TIMESTAMP, o TIME, m DECIMAL(8, 2), v INT, w BIGINT, f DOUBLE, s VARCHAR"
)
FRAMES = {
    "rows behind": "ORDER BY k NULLS FIRST, id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW",
    "rows on both sides, downwards": "ORDER BY k DESC NULLS LAST, id DESC ROWS BETWEEN 2 PRECEDING AND 4 FOLLOWING",
    "rows ahead only": "ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 5 FOLLOWING",
    "rows far behind": "ORDER BY id ROWS BETWEEN 40 PRECEDING AND 38 PRECEDING",
    "rows to the end": "ORDER BY k NULLS LAST, id ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING",
    "peers": "ORDER BY k NULLS FIRST RANGE BETWEEN CURRENT ROW AND CURRENT ROW",
    "up to the row's peers": "ORDER BY k NULLS LAST RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "up to peers by two keys": "ORDER BY k NULLS FIRST, s DESC NULLS LAST",
    "numbers": "ORDER BY k NULLS FIRST RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING",
    "numbers downwards": "ORDER BY k DESC NULLS LAST RANGE BETWEEN 3 PRECEDING AND 1 PRECEDING",
    "large numbers": "ORDER BY b NULLS LAST RANGE BETWEEN 5000000000 PRECEDING AND CURRENT ROW",
    "decimals": "ORDER BY m NULLS FIRST RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING",
    "days": "ORDER BY d NULLS FIRST RANGE BETWEEN INTERVAL '3' DAY PRECEDING AND INTERVAL '1' DAY FOLLOWING",
    "hours": "ORDER BY t NULLS LAST RANGE BETWEEN INTERVAL '2' HOUR PRECEDING AND CURRENT ROW",
    "hours downwards": "ORDER BY t DESC NULLS LAST RANGE BETWEEN CURRENT ROW AND INTERVAL '90' MINUTE FOLLOWING",
    "from a time on": "ORDER BY t NULLS LAST RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND UNBOUNDED FOLLOWING",
    "all": "ORDER BY k NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
}
AGGREGATES = (
    "SUM(w) OVER x, COUNT(v) OVER x, COUNT(*) FILTER (WHERE v > 3) OVER x, MIN(v) OVER x, MAX(s) OVER x, "
    "MAX(f) OVER x, SUM(f) OVER x, AVG(f) FILTER (WHERE v < 8) OVER x, BOOL_AND(v > 1) OVER x"
)
POSITIONS = (
    "LAG(v) OVER x, LAG(s, 3) OVER x, LEAD(v, 2, -1) OVER x, LEAD(d) OVER x, LAG(v, 0) OVER x, ROW_NUMBER() OVER x, "
    "RANK() OVER x, DENSE_RANK() OVER x, NTILE(7) OVER x, PERCENT_RANK() OVER x, CUME_DIST() OVER x, "
    "LAG(v IGNORE NULLS) OVER x, LEAD(s, 2, 'z' IGNORE NULLS) OVER x, LAG(f, 30 IGNORE NULLS) OVER x"
)
VALUES = (
    "FIRST_VALUE(v) OVER x, LAST_VALUE(s) OVER x, NTH_VALUE(w, 2) OVER x, FIRST_VALUE(s IGNORE NULLS) OVER x, "
    "LAST_VALUE(v IGNORE NULLS) OVER x, NTH_VALUE(v, 3 IGNORE NULLS) OVER x"
)
DISTINCTS = (
    "COUNT(DISTINCT v) OVER x, SUM(DISTINCT v) OVER x, MAX(DISTINCT s) OVER x, AVG(DISTINCT f) OVER x, "
    "COUNT(DISTINCT s) FILTER (WHERE v > 3) OVER x"
)
ORDERS = {
    "upwards": "ORDER BY k NULLS FIRST, id",
    "downwards": "ORDER BY s DESC NULLS LAST, id DESC",
    "by time": "ORDER BY t DESC NULLS FIRST, id",
}
CASES = {
    **{name: f"{AGGREGATES} FROM t WINDOW x AS (PARTITION BY p {frame})" for name, frame in FRAMES.items()},
    **{
        f"values of {name}": f"{VALUES} FROM t WINDOW x AS (PARTITION BY p {frame})"
        for name, frame in FRAMES.items()
        if "id" in frame
    },
    **{
        f"different values of {name}": f"{DISTINCTS} FROM t WINDOW x AS (PARTITION BY p {frame})"
        for name, frame in FRAMES.items()
    },
    **{f"positions {name}": f"{POSITIONS} FROM t WINDOW x AS (PARTITION BY p {o})" for name, o in ORDERS.items()},
    "several windows": "SUM(w) OVER (PARTITION BY p ORDER BY t NULLS LAST RANGE BETWEEN INTERVAL '1' HOUR PRECEDING "
    "AND CURRENT ROW), LAG(v) OVER (PARTITION BY p ORDER BY t NULLS LAST, id), COUNT(*) OVER (ORDER BY id "
    "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
}


def row(rng: random.Random, id: int) -> Row:
    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.1 else value

    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone
    return (
        id,
        maybe(rng.randrange(2)),
        maybe(rng.randrange(30)),
        maybe(rng.randrange(-5, 30) * 1_000_000_007),
        maybe(dt.date(2024, 1, 1) + dt.timedelta(days=rng.randrange(40))),
        maybe(start + dt.timedelta(minutes=rng.randrange(3000), microseconds=rng.randrange(3))),
        maybe((start + dt.timedelta(minutes=rng.randrange(1440))).time()),
        maybe(decimal.Decimal(rng.randrange(-500, 3000)) / 100),
        maybe(rng.randrange(10)),
        maybe(rng.randrange(-(10**12), 10**12)),
        maybe(rng.choice((0.125, 0.25, 17.75, float("inf"), -2.5)) * rng.randrange(-3, 9)),
        maybe(rng.choice(("a", "b", "bb", "é", ""))),
    )


def shown(rows: Counter[Any]) -> Counter[Any]:
    """Return rows with floats to as many digits as both engines have in common."""
    found: Counter[Any] = Counter()
    for one, weight in rows.items():
        found[tuple("NaN" if v != v else float(f"{v:.6g}") + 0 if isinstance(v, float) else v for v in one)] += weight
    return found


def answer(case: str, rows: list[Row]) -> Counter[Any]:
    database = duckdb.connect()
    database.execute(f"CREATE TABLE t ({COLUMNS})")
    if rows:
        marks = ", ".join(["(" + ", ".join("?" * 12) + ")"] * len(rows))
        database.execute(f"INSERT INTO t VALUES {marks}", [v for one in rows for v in one])
    return Counter(database.execute(f"SELECT id, {CASES[case]}").fetchall())


@pytest.mark.parametrize("case", CASES)
def test_large_partitions_are_as_the_oracle_says_after_every_step(case: str) -> None:
    rng = random.Random(case)
    run = Run(f"CREATE TABLE t ({COLUMNS});\nCREATE VIEW a AS SELECT id, {CASES[case]};")
    there: list[Row] = []
    gone: list[Row] = []
    for step in range(12):
        again = [gone.pop(rng.randrange(len(gone))) for _ in range(min(len(gone), 5))]
        fresh = again + [row(rng, 1000 * step + i) for i in range((150, 3, 40)[step % 3])]
        leaving = [there.pop(rng.randrange(len(there))) for _ in range(min(len(there), (0, 4, 30)[step % 3]))]
        run.step([("t", one, 1) for one in fresh] + [("t", one, -1) for one in leaving])
        there += fresh
        gone += leaving
        if step == 5:
            run.save_and_load()

        assert shown(answer(case, there)) == shown(run.view("a")), f"after step {step}"

    run.step([("t", one, -1) for one in there])
    assert not run.view("a")
    assert run.state_rows() == 0


@pytest.mark.parametrize(
    ("sql", "at", "most"),
    [
        ("LAG(v) OVER (PARTITION BY p ORDER BY id) FROM t", 2500, 4),
        ("SUM(v) OVER (PARTITION BY p ORDER BY id ROWS BETWEEN 20 PRECEDING AND CURRENT ROW) FROM t", 2500, 50),
        ("MAX(v) OVER (PARTITION BY p ORDER BY id RANGE BETWEEN 20 PRECEDING AND CURRENT ROW) FROM t", 2500, 50),
        ("SUM(v) OVER (PARTITION BY p ORDER BY id) FROM t", 4997, 3),
        ("ROW_NUMBER() OVER (PARTITION BY p ORDER BY id) FROM t", 4997, 3),
    ],
)
def test_a_change_of_one_row_looks_at_its_neighbours_only(
    sql: str, at: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []
    whole = Sequences.stretches

    def spy(self: Sequences, *more: Any) -> Stretches:
        found = whole(self, *more)
        looked_at.append(len(found.ids))
        return found

    monkeypatch.setattr(Sequences, "stretches", spy)
    run = Run(f"CREATE TABLE t ({COLUMNS});\nCREATE VIEW a AS SELECT id, {sql};")
    rest = (1, 2, 3, None, None, None, None, 4, 5, None, None)
    run.step([("t", (i, *rest), 1) for i in range(5000)])

    run.step([("t", (at, *rest), -1)])

    assert looked_at[-1] <= most


def sessions(rows: list[Row], gap: dt.timedelta) -> Counter[Any]:
    found: Counter[Any] = Counter()
    by_key: dict[Any, list[Row]] = {}
    for one in rows:
        if one[5] is not None:
            by_key.setdefault(one[1], []).append(one)
    for some in by_key.values():
        some.sort(key=lambda one: one[5])
        parts: list[list[Row]] = []
        for one in some:
            if parts and one[5] - parts[-1][-1][5] < gap:
                parts[-1].append(one)
            else:
                parts.append([one])
        for part in parts:
            for one in part:
                found[(one[0], part[0][5], part[-1][5] + gap)] += 1
    return found


def test_sessions_join_and_come_apart() -> None:
    rng = random.Random("sessions")
    run = Run(f"""CREATE TABLE t ({COLUMNS});
        CREATE VIEW a AS SELECT id, window_start, window_end
        FROM TABLE(SESSION(TABLE t, DESCRIPTOR(t), DESCRIPTOR(p), INTERVAL '20' MINUTE));""")
    there: list[Row] = []
    for step in range(20):
        fresh = [row(rng, 1000 * step + i) for i in range(rng.choice((100, 5, 1)))]
        leaving = [there.pop(rng.randrange(len(there))) for _ in range(min(len(there), rng.choice((0, 3, 60))))]
        run.step([("t", one, 1) for one in fresh] + [("t", one, -1) for one in leaving])
        there += fresh
        if step == 9:
            run.save_and_load()

        assert sessions(there, dt.timedelta(minutes=20)) == run.view("a"), f"after step {step}"

    run.step([("t", one, -1) for one in there])
    assert not run.view("a")
    assert run.state_rows() == 0
