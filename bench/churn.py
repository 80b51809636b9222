"""`python -m bench.churn`: what a long stream at constant size leaves behind in memory.

A table of `--rows` rows is kept at its size for `--minutes`: each step takes the oldest rows away and adds as many new
ones, with strings that never occurred before, under views that group, join, sort, collect and compute on them. What the
process holds is looked at after each step and reported by the tenth part of the run: the greatest of each, the growth
from the second to the last, and the longest step. Rows go as fast as they can: minutes here stand for hours elsewhere.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from bench import engine
from bench.results import keep, show

STEP = 500
PARTS = 10
PROGRAM = """
CREATE TABLE event (id BIGINT NOT NULL PRIMARY KEY, place VARCHAR NOT NULL, body VARCHAR NOT NULL, v BIGINT NOT NULL);
CREATE VIEW loud AS SELECT id, UPPER(place) || ' / ' || SUBSTRING(body FROM 1 FOR 12) AS text FROM event;
CREATE VIEW by_place AS SELECT place, COUNT(*) AS n, MAX(body) AS most, COUNT(DISTINCT body) AS bodies FROM event
  GROUP BY place;
CREATE VIEW pairs AS SELECT a.place, b.body FROM event AS a JOIN event AS b ON a.place = b.place AND a.v = b.v + 1;
CREATE VIEW latest AS SELECT place, body FROM (SELECT place, body, ROW_NUMBER() OVER
  (PARTITION BY place ORDER BY id DESC) AS nth FROM event) AS ranked WHERE nth <= 2;
CREATE VIEW bodies AS SELECT DISTINCT LOWER(body) AS body FROM event;
"""


def rows(first: int, count: int, gone: int) -> tuple[pa.RecordBatch, pa.Array]:
    """Make rows `first` .. `first + count` to be added and, of rows `gone` .., as many to be taken away, if any are."""
    ids = np.arange(first, first + count, dtype=np.int64)
    if gone >= 0:
        ids = np.concatenate([np.arange(gone, gone + count, dtype=np.int64), ids])
    weights = np.where(ids < first, -1, 1).astype(np.int64)
    text = ids.astype("U20")
    place = pa.array(np.char.add("place ", (ids // 8).astype("U20")))
    body = pa.array(np.char.add(np.char.add("what happened as number ", text), np.where(ids % 3, ".", ", at length.")))
    names = ["id", "place", "body", "v"]
    return pa.RecordBatch.from_arrays([pa.array(ids), place, body, pa.array(ids % 8)], names), pa.array(weights)


def resident_bytes() -> int:
    """What the process holds at present."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def measure(row_count: int, minutes: float) -> dict[str, object]:
    """Load, then keep rows coming and going until the time is up."""
    circuit = engine.start(PROGRAM)
    for first in range(0, row_count, STEP):
        batch, weights = rows(first, min(STEP, row_count - first), -1)
        circuit.step({"event": batch}, {"event": weights})
    began = time.monotonic()
    parts: list[dict[str, float]] = []
    done, next_row = 0, row_count
    for part in range(PARTS):
        most = pool = longest_ns = 0
        while time.monotonic() < began + 60 * minutes * (part + 1) / PARTS:
            batch, weights = rows(next_row, STEP, next_row - row_count)
            started = time.perf_counter_ns()
            circuit.step({"event": batch}, {"event": weights})
            longest_ns = max(longest_ns, time.perf_counter_ns() - started)
            next_row += STEP
            done += 1
            if done % 20 == 0:
                most = max(most, resident_bytes())
                pool = max(pool, circuit.circuit.pool.size_bytes)
        parts.append({"resident_mb": most / 1e6, "pool_mb": pool / 1e6, "longest_ms": longest_ns / 1e6, "steps": done})
    growth = 100 * (parts[-1]["resident_mb"] / parts[1]["resident_mb"] - 1)
    return {
        "rows": row_count,
        "minutes": minutes,
        "replaced": next_row - row_count,
        "cycles": circuit.circuit.collector.cycles,
        "growth_percent": growth,
        "parts": parts,
    }


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.churn", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10.0, help="60 for the hour")
    parser.add_argument("--discard", action="store_true", help="write no result file")
    options = parser.parse_args()
    found = measure(options.rows, options.minutes)
    table = Table(title=f"{found['replaced']:,} rows came and went at {options.rows:,} in {options.minutes} minutes")
    for title in ("part", "steps", "resident MB", "pool MB", "longest ms"):
        table.add_column(title, justify="right")
    parts = found["parts"]
    assert isinstance(parts, list)
    for i, part in enumerate(parts):
        numbers = [f"{part[name]:.1f}" for name in ("resident_mb", "pool_mb", "longest_ms")]
        table.add_row(str(i + 1), f"{part['steps']:,}", *numbers)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(f"growth from the second part to the last: {found['growth_percent']:.2f} %; cycles {found['cycles']}")
    if not options.discard:
        console.print(f"kept as {show(keep('churn', json.loads(json.dumps(found))))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
