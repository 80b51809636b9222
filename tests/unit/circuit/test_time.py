"""Event time and the clock: what is late, what is final, what is held back, what is forgotten."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np
import pytest

from penstock.circuit.circuit import Circuit
from penstock.circuit.lower import lower
from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.sql.compile import CompileFailed, compile_program
from tests.properties.law import Integral, Run, decoded

SECOND = 1_000_000
START = dt.datetime.fromisoformat("2024-01-01")


def moment(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def micros(seconds: float) -> int:
    return round((moment(seconds) - dt.datetime.fromisoformat("1970-01-01")).total_seconds() * SECOND)


class Stepped(Run):
    """A run that also tells what each step emitted."""

    def emitted(self, view: str, *rows: tuple[object, ...], table: str = "t") -> dict[tuple[object, ...], int]:
        before = self.sums[view].rows.copy()
        self.step([(table, row, 1) for row in rows])
        after = self.sums[view].rows
        return {row: after[row] - before[row] for row in {*after, *before} if after[row] != before[row]}


TUMBLED = """
CREATE TABLE t (ts TIMESTAMP NOT NULL LATENESS INTERVAL 10 SECONDS, v INT NOT NULL);
CREATE VIEW sums WITH ('emit_final' = 'window_start') AS
  SELECT window_start, SUM(v) AS total FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
  GROUP BY window_start;
CREATE VIEW rows WITH ('emit_final' = 'ts') AS SELECT v, ts FROM t WHERE v > 0;
"""


def test_a_group_comes_out_once_when_nothing_can_reach_it_any_more() -> None:
    run = Stepped(TUMBLED)
    assert run.emitted("sums", (moment(5), 1), (moment(65), 2)) == {}
    assert run.emitted("sums", (moment(57), 4)) == {}
    run.save_and_load()
    assert run.emitted("sums", (moment(71), 8)) == {(moment(0), 5): 1}
    assert run.emitted("sums", (moment(30), 100)) == {}
    assert run.emitted("sums", (moment(500), 0)) == {(moment(60), 10): 1}


def test_rows_come_out_final_also_when_what_raises_the_waterline_is_filtered_away() -> None:
    run = Stepped(TUMBLED)
    assert run.emitted("rows", (moment(0), 1), (moment(4), 2)) == {}
    assert run.emitted("rows", (moment(12), -1)) == {(1, moment(0)): 1}
    assert run.emitted("rows", (moment(15), -1)) == {(2, moment(4)): 1}


def test_a_column_that_no_waterline_reaches_cannot_be_final() -> None:
    with pytest.raises(CompileFailed, match="Could not infer a waterline for column 'v'"):
        compile_program(TUMBLED + "CREATE VIEW x WITH ('emit_final' = 'v') AS SELECT v FROM t;")


def test_watermark_holds_rows_back_and_changes_no_answer() -> None:
    run = Stepped(
        "CREATE TABLE t (ts TIMESTAMP WATERMARK INTERVAL 10 SECONDS, v INT); CREATE VIEW x AS SELECT v FROM t;"
    )
    assert run.emitted("x", (moment(0), 1), (moment(5), 2)) == {}
    assert run.emitted("x", (moment(12), 3), (None, 4)) == {(1,): 1, (4,): 1}
    run.save_and_load()
    assert run.emitted("x", (moment(22), 5)) == {(2,): 1, (3,): 1}
    assert run.emitted("x", (moment(3), 6)) == {(6,): 1}


def test_lateness_of_a_view_drops_its_late_rows() -> None:
    run = Stepped("""CREATE TABLE t (ts INT NOT NULL, v INT NOT NULL);
        CREATE VIEW x AS SELECT ts + 100 AS due, v FROM t;
        LATENESS x.due 5;
        CREATE VIEW y WITH ('emit_final' = 'due') AS SELECT due, COUNT(*) AS n FROM x GROUP BY due;""")
    assert run.emitted("x", (0, 1), (10, 2)) == {(100, 1): 1, (110, 2): 1}
    assert run.emitted("x", (4, 3), (5, 4)) == {(105, 4): 1}
    assert run.circuit.late_count == 1
    assert run.emitted("y", (200, 0)) == {(105, 1): 1, (110, 1): 1}


# ------------------------------------------------------------------------------------------------- what is forgotten

STREAM = """
CREATE TABLE t (ts TIMESTAMP NOT NULL LATENESS INTERVAL 30 SECONDS, k INT NOT NULL, s VARCHAR NOT NULL);
CREATE TABLE u (ts TIMESTAMP NOT NULL LATENESS INTERVAL 30 SECONDS, k INT NOT NULL);
CREATE TABLE keyed (ts TIMESTAMP NOT NULL LATENESS INTERVAL 30 SECONDS, k INT NOT NULL, v INT, PRIMARY KEY (ts, k));
CREATE LOCAL VIEW minutes AS SELECT TIMESTAMP_TRUNC(ts, MINUTE) AS m, ts FROM t;
CREATE VIEW counted AS SELECT window_start, k, COUNT(*) AS n, MAX(s) AS most, COUNT(DISTINCT s) AS texts
  FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, k;
CREATE VIEW hopped AS SELECT window_end, AVG(k) AS a
  FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '20' SECONDS, INTERVAL '1' MINUTE)) GROUP BY window_end;
CREATE VIEW paired AS SELECT t.ts, t.k, u.k AS other FROM t JOIN u ON t.ts = u.ts;
CREATE VIEW alone AS SELECT t.ts, t.k FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.ts = t.ts AND u.k = t.k);
CREATE VIEW outer_pairs AS SELECT t.ts, t.k, u.k AS other FROM t LEFT JOIN u ON t.ts = u.ts AND t.k = u.k;
CREATE VIEW most_counted AS SELECT c.window_start, c.k, c.n FROM counted AS c JOIN
  (SELECT window_start, MAX(n) AS most FROM counted GROUP BY window_start) AS p
  ON c.window_start = p.window_start AND c.n = p.most;
CREATE VIEW latest AS SELECT k, window_start FROM (SELECT k, window_start, RANK() OVER
  (PARTITION BY k ORDER BY n) AS nth FROM counted) AS r WHERE nth = 1;
CREATE VIEW different AS SELECT DISTINCT TIMESTAMP_TRUNC(ts, MINUTE) AS m, k FROM t;
CREATE VIEW unlike AS SELECT ts, k FROM t EXCEPT SELECT ts, k FROM u;
CREATE VIEW best AS SELECT m, k FROM (SELECT TIMESTAMP_TRUNC(ts, MINUTE) AS m, k, ROW_NUMBER() OVER
  (PARTITION BY TIMESTAMP_TRUNC(ts, MINUTE) ORDER BY k DESC) AS nth FROM t) AS r WHERE nth <= 2;
CREATE VIEW lagging AS SELECT ts, k, LAG(k) OVER (PARTITION BY TIMESTAMP_TRUNC(ts, MINUTE) ORDER BY ts, k) AS before
  FROM t;
CREATE VIEW neighbours AS SELECT ts, k, LAG(k, 2) OVER (ORDER BY ts, k, s) AS before,
  LEAD(s) OVER (ORDER BY ts, k, s) AS next FROM t;
CREATE VIEW rolling AS SELECT ts, k, SUM(k) OVER w AS total, MAX(s) OVER w AS most FROM t
  WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '20' SECONDS PRECEDING AND CURRENT ROW);
CREATE VIEW around AS SELECT ts, COUNT(*) OVER (ORDER BY ts
  RANGE BETWEEN CURRENT ROW AND INTERVAL '5' SECONDS FOLLOWING) AS n FROM t;
CREATE VIEW final WITH ('emit_final' = 'ts') AS SELECT ts, k, total FROM rolling;
CREATE VIEW final_counts WITH ('emit_final' = 'ts') AS SELECT ts, n FROM around;
CREATE VIEW visits AS SELECT k, s, window_start, COUNT(*) AS n, MAX(ts) AS last
  FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), DESCRIPTOR(k, s), INTERVAL '2' SECONDS)) GROUP BY k, s, window_start;
CREATE VIEW seen AS SELECT k, s, window_end, COUNT(DISTINCT ts) AS n, ARG_MAX(ts, ts) AS last, ARRAY_AGG(ts) AS listed
  FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), DESCRIPTOR(k, s), INTERVAL '2' SECONDS)) GROUP BY k, s, window_end;
CREATE VIEW visited AS SELECT ts, k, window_start, window_end
  FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), DESCRIPTOR(k, s), INTERVAL '2' SECONDS));
CREATE VIEW by_minute AS SELECT m, window_end, COUNT(*) AS n FROM TABLE(SESSION(
  TABLE minutes, DESCRIPTOR(ts), DESCRIPTOR(m), INTERVAL '3' SECONDS)) GROUP BY m, window_end;
CREATE VIEW final_visits WITH ('emit_final' = 'window_end') AS SELECT k, s, window_end, SUM(k) AS n
  FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), DESCRIPTOR(k, s), INTERVAL '2' SECONDS)) GROUP BY k, s, window_end;
CREATE VIEW of_keyed AS SELECT ts, SUM(v) AS total FROM keyed GROUP BY ts;
"""


def stream(run: Run, seconds: range, rng: random.Random) -> None:
    for second in seconds:
        events = []
        for _ in range(6):
            at = moment(second - rng.randrange(25))
            events.append(("t", (at, rng.randrange(3), f"text {rng.randrange(10)}"), 1))
            events.append(("u", (at, rng.randrange(3)), 1))
            events.append(("keyed", (at, rng.randrange(3), rng.randrange(9)), rng.choice((1, 1, -1))))
        run.step(events)


@pytest.mark.parametrize("append_only", [False, True])
def test_state_stays_bounded_over_a_long_stream_and_nothing_else_changes(append_only: bool) -> None:
    text = (
        STREAM.replace("NOT NULL);\nCREATE", "NOT NULL) WITH ('append_only' = 'true');\nCREATE", 2)
        if append_only
        else STREAM
    )
    run, whole = Run(text), Run(text)
    whole.circuit.retentions.clear()
    sizes = []
    run.circuit.collector.eager = whole.circuit.collector.eager = False
    for part in range(4):
        for each in (run, whole):
            stream(each, range(part * 60, part * 60 + 60), random.Random(part))
        run.compare(whole, f"after {part}")
        sizes.append(run.state_rows())
    assert len(run.circuit.retentions) >= 15
    assert sizes[3] < 1.2 * max(sizes[1:3]), sizes
    assert whole.state_rows() > 4 * run.state_rows()
    run.save_and_load()
    stream(run, range(240, 260), random.Random(9))
    stream(whole, range(240, 260), random.Random(9))
    run.compare(whole, "after the restart")


# ------------------------------------------------------------------------------------------------------ the clock

FILTERS = (
    "ts >= NOW() - INTERVAL 1 MINUTE",
    "ts > NOW() - INTERVAL 1 MINUTE AND v <> 3",
    "ts <= NOW()",
    "NOW() > ts",
    "ts BETWEEN NOW() - INTERVAL 90 SECONDS AND NOW() - INTERVAL 30 SECONDS",
    "ts >= TIMESTAMP_TRUNC(NOW(), MINUTE) AND ts < NOW() + INTERVAL 20 SECONDS",
    "ts + INTERVAL 5 SECONDS >= NOW()",
    "CAST(ts AS DATE) >= CAST(NOW() AS DATE)",
)


def circuit(where: str) -> Circuit:
    text = f"CREATE TABLE t (ts TIMESTAMP, v INT NOT NULL); CREATE VIEW x AS SELECT ts, v FROM t WHERE {where};"
    return lower(compile_program(text), Pool())


@pytest.mark.parametrize("where", FILTERS)
def test_a_temporal_filter_gives_what_a_filter_computed_anew_gives(where: str) -> None:
    rng = random.Random(where)
    kept, anew = circuit(where), circuit(f"({where}) OR NOW() < TIMESTAMP '1900-01-01 00:00:00'")
    assert any("temporal" in w.operator.title for w in kept.operators)
    assert not any("temporal" in w.operator.title for w in anew.operators)
    sums = {id(c): Integral() for c in (kept, anew)}
    there: list[tuple[int | None, int]] = []
    now = 0.0
    for step in range(50):
        rows, weights = [], []
        for _ in range(rng.randrange(4)):
            if there and rng.random() < 0.3:
                rows.append(there.pop(rng.randrange(len(there))))
                weights.append(-1)
            else:
                rows.append((None if rng.random() < 0.1 else micros(now + rng.randrange(-150, 60)), rng.randrange(5)))
                weights.append(1)
                there.append(rows[-1])
        now += rng.choice((0, 0, 7, 30))
        nulls = np.array([ts is None for ts, _ in rows], np.bool_)
        columns = [Column(np.array([ts or 0 for ts, _ in rows], np.int64), nulls if nulls.any() else None)]
        columns.append(Column(np.array([v for _, v in rows], np.int64)))
        for each in (kept, anew):
            batch = Batch([Column(c.words.copy(), c.nulls) for c in columns], np.array(weights, np.int64))
            given = {"t": batch} if rows else {}
            change = each.step(given, micros(now) if step else None).get("x")
            if change is not None:
                sums[id(each)].add(decoded(change, each.outputs["x"].schema, each.pool))
        assert sums[id(kept)].rows == sums[id(anew)].rows, f"step {step}"


def test_a_tick_of_the_clock_costs_what_leaves() -> None:
    one = circuit("ts >= NOW() - INTERVAL 1 MINUTE")
    times = np.array([micros(i) for i in range(2000)], np.int64)
    one.step({"t": Batch([Column(times), Column(times % 5)], np.ones(2000, np.int64))}, micros(0))
    passed = sum(w.rows_out for w in one.operators)

    change = one.step({}, micros(61.5))["x"]

    assert sorted(change.columns[0].words.tolist()) == [micros(0), micros(1)]
    assert change.weights.tolist() == [-1, -1]
    assert sum(w.rows_out for w in one.operators) - passed < 10
