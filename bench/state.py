"""`python -m bench.state`: what a change of 1,000 rows costs once millions of rows are kept, and what a row weighs.

Each operator runs in a process of its own: it loads the rows in steps of 10,000, then takes steps of 1,000 changes,
half of them new rows, half of them rows taken away again. Reported are the steps of 1,000 (median, p99, longest, and
the mean of the time on the processor), the longest step while loading, and the growth of the process per stored row. A
cost that follows the change and not the state shows as equal figures for 1 and 5 million rows. Window functions and
aggregates that are neither sums nor extremes are over ten groups, however many rows there are.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from bench import engine
from bench.nexmark.measurement import Ticks, encode, summarise
from bench.results import keep, show

LOAD_STEP = 10_000
CHANGE_STEP = 1_000
CHANGES = 300
ROWS_PER_KEY = 10

_TABLE = "CREATE TABLE fact (id BIGINT NOT NULL, k BIGINT NOT NULL, v BIGINT NOT NULL, label VARCHAR NOT NULL);\n"
PROGRAMS = {
    "aggregate": "CREATE VIEW v AS SELECT k, COUNT(*) AS n, SUM(v) AS total FROM fact GROUP BY k;",
    "extremes": "CREATE VIEW v AS SELECT k, MIN(v) AS least, MAX(v) AS most FROM fact GROUP BY k;",
    "distinct": "CREATE VIEW v AS SELECT DISTINCT k, v FROM fact;",
    "distinct text": "CREATE VIEW v AS SELECT DISTINCT label FROM fact;",
    "top 3": "CREATE VIEW v AS SELECT id, k, v FROM (SELECT id, k, v, ROW_NUMBER() OVER "
    "(PARTITION BY k ORDER BY v DESC) AS place FROM fact) AS ranked WHERE place <= 3;",
    "join": "CREATE VIEW v AS SELECT a.id, b.id AS other FROM fact AS a JOIN fact AS b ON a.id = b.v;",
    "left join": "CREATE VIEW v AS SELECT a.id, b.id AS other FROM fact AS a LEFT JOIN fact AS b ON a.id = b.v;",
    "join with text": "CREATE VIEW v AS SELECT a.label, b.label AS other FROM fact AS a JOIN fact AS b ON a.id = b.v;",
    "lag": "CREATE VIEW v AS SELECT id, LAG(v) OVER (PARTITION BY v % 10 ORDER BY id) AS last FROM fact;",
    "rolling sum": "CREATE VIEW v AS SELECT id, SUM(v) OVER (PARTITION BY v % 10 ORDER BY id "
    "RANGE BETWEEN 1000 PRECEDING AND CURRENT ROW) AS total FROM fact;",
    "rolling max": "CREATE VIEW v AS SELECT id, MAX(v) OVER (PARTITION BY v % 10 ORDER BY id "
    "ROWS BETWEEN 100 PRECEDING AND CURRENT ROW) AS most FROM fact;",
    "variance": "CREATE VIEW v AS SELECT v % 10 AS g, VAR_SAMP(v) AS spread FROM fact GROUP BY v % 10;",
    "mode": "CREATE VIEW v AS SELECT v % 10 AS g, MODE(k) AS most FROM fact GROUP BY v % 10;",
    "arg max": "CREATE VIEW v AS SELECT v % 10 AS g, ARG_MAX(id, k) AS best FROM fact GROUP BY v % 10;",
    "bits": "CREATE VIEW v AS SELECT v % 10 AS g, BIT_AND(v) AS every, BIT_XOR(k) AS odd FROM fact GROUP BY v % 10;",
}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """One operator at one size. `row_bytes`: growth of the process per row of the table, all indexes of it included."""

    operator: str
    row_count: int
    load_seconds: float
    load: Ticks
    change: Ticks
    row_bytes: float
    state_rows: int | None
    change_cpu_ms: float


def measure(operator: str, row_count: int, steps: int) -> Figures:
    """Load and change one operator in this process."""
    text = _TABLE + PROGRAMS[operator]
    _drive(engine.start(text), _loads(20_000))
    circuit = engine.start(text)
    gc.collect()
    before_bytes = _resident_bytes()
    started = time.perf_counter()
    load = summarise(_drive(circuit, _loads(row_count)))
    load_seconds = time.perf_counter() - started
    row_bytes = (_resident_bytes() - before_bytes) / row_count
    changes = list(_changes(row_count, steps))
    started = time.process_time()
    change = summarise(_drive(circuit, iter(changes)))
    cpu_ms = (time.process_time() - started) * 1000 / len(changes)
    return Figures(operator, row_count, load_seconds, load, change, row_bytes, circuit.state_rows(), round(cpu_ms, 3))


def _drive(circuit: engine.Engine, changes: Iterator[tuple[pa.RecordBatch, pa.Array]]) -> list[int]:
    """Step through all changes; give each step's nanoseconds."""
    durations_ns = []
    for rows, weights in changes:
        started = time.perf_counter_ns()
        circuit.step({"fact": rows}, {"fact": weights})
        durations_ns.append(time.perf_counter_ns() - started)
    return durations_ns


def _loads(row_count: int) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    for start in range(0, row_count, LOAD_STEP):
        ids = np.arange(start, min(start + LOAD_STEP, row_count), dtype=np.int64)
        yield _rows(ids, row_count), pa.array(np.ones(len(ids), dtype=np.int64))


def _changes(row_count: int, steps: int) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Take rows away from random places, each once, and add as many with new ids."""
    half = CHANGE_STEP // 2
    old = np.random.default_rng(1).permutation(row_count)[: half * steps].astype(np.int64)
    weights = pa.array(np.repeat(np.array([-1, 1], dtype=np.int64), half))
    for step in range(min(steps, len(old) // half)):
        new = row_count + step * half + np.arange(half, dtype=np.int64)
        yield _rows(np.concatenate([old[step * half : (step + 1) * half], new]), row_count), weights


def _rows(ids: Ints, row_count: int) -> pa.RecordBatch:
    """Make the rows of these ids, always the same for the same id: `v` is scattered over the ids, `k` over a tenth."""
    scattered = (ids * 2_654_435_761) % row_count
    keys = scattered // ROWS_PER_KEY
    labels = pa.array(scattered).cast(pa.string())
    return pa.RecordBatch.from_arrays(
        [pa.array(ids), pa.array(keys), pa.array(scattered), labels], ["id", "k", "v", "label"]
    )


def _resident_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def main() -> int:
    """Measure all operators, each in a process of its own, or one of them here (`--operator`)."""
    parser = argparse.ArgumentParser(prog="python -m bench.state", description=__doc__)
    parser.add_argument("--rows", default="1_000_000,5_000_000", help="comma-separated")
    parser.add_argument("--operator", choices=PROGRAMS, help="only this one, in this process; prints JSON")
    parser.add_argument("--steps", type=int, default=CHANGES, help="steps of 1,000 changes")
    parser.add_argument("--discard", action="store_true", help="write no result file")
    options = parser.parse_args()
    sizes = [int(size.replace("_", "")) for size in options.rows.split(",")]
    if options.operator:
        for size in sizes:
            print(encode(measure(options.operator, size, options.steps)))
        return 0
    figures = [_child(operator, size, options.steps) for operator in PROGRAMS for size in sizes]
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(_draw([f for f in figures if isinstance(f, Figures)]))
    failures = [f for f in figures if isinstance(f, str)]
    for failure in failures:
        console.print(failure, highlight=False)
    if not options.discard:
        content = {"figures": [asdict(f) for f in figures if isinstance(f, Figures)], "failures": failures}
        console.print(f"kept as {show(keep('state', content))}")
    return 0


def _child(operator: str, size: int, steps: int) -> Figures | str:
    command = [sys.executable, "-m", "bench.state", "--operator", operator, "--rows", str(size), "--steps", str(steps)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode:
        last = (outcome.stderr.strip().splitlines() or [f"ended with status {outcome.returncode}"])[-1]
        return f"{operator} at {size:,} rows failed: {last[:300]}"
    fields = json.loads(outcome.stdout.strip().splitlines()[-1])
    return Figures(**{**fields, "load": Ticks(**fields["load"]), "change": Ticks(**fields["change"])})


def _draw(figures: list[Figures]) -> Table:
    table = Table(title=f"Steps of {CHANGE_STEP:,} changes on a loaded state")
    table.add_column("operator")
    for title in (
        "rows",
        "median ms",
        "p99 ms",
        "longest ms",
        "mean cpu ms",
        "longest ms loading",
        "load rows/s",
        "bytes/row",
    ):
        table.add_column(title, justify="right")
    for f in figures:
        change = (
            f"{value:.2f}" for value in (f.change.median_ms, f.change.p99_ms, f.change.longest_ms, f.change_cpu_ms)
        )
        rate = f"{f.row_count / f.load_seconds:,.0f}"
        table.add_row(f.operator, f"{f.row_count:,}", *change, f"{f.load.longest_ms:.2f}", rate, f"{f.row_bytes:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
