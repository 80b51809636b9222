"""`python -m bench.etl.wrangler`: a recipe of 13 directives over lines of 18 columns, deployed and run over HTTP.

From the call that starts the run until its record says COMPLETED: files are read, every line goes through the recipe,
and the records that are left are written as csv. Published figures for the same recipe on the original: 62,000 to
65,000 rows/s.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from bench.etl.timing import pipeline, run_pipeline, stage
from bench.results import keep, show

RECIPE = """parse-as-csv demo , true
drop demo
drop demo_12
fill-null-or-empty demo_11 N/A
uppercase demo_17
mask-number demo_18 xxx###
drop demo_6
drop demo_7
fill-null-or-empty demo_5 N/A
uppercase demo_3
filter-row-if-true demo_9 =~ "CA"
mask-number demo_10 xxx##
mask-shuffle demo_4"""
DROPPED = (6, 7, 12)
_AT_ONCE = 200_000


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="bench.etl.wrangler")
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "penstock-etl")
    options = parser.parse_args()
    lines = write_lines(options.data, options.rows)
    rounds = []
    for number in range(options.rounds):
        out = options.data / f"wrangled-{number}"
        shutil.rmtree(out, ignore_errors=True)
        rounds.append(run_pipeline(_pipeline(lines, out)))
    path = keep("wrangler", {"rows": options.rows, "bytes": lines.stat().st_size, "rounds": rounds})
    job_s, cpu_s = (median(one[key] for one in rounds) for key in ("job_s", "cpu_s"))
    table = Table(title=f"13 directives over {options.rows:,} lines of 18 columns, median of {len(rounds)}")
    for column in ("job s", "rows/s", "CPU s", "rows per CPU s"):
        table.add_column(column, justify="right")
    rates = (options.rows / job_s, options.rows / cpu_s)
    table.add_row(f"{job_s:.1f}", f"{rates[0]:,.0f}", f"{cpu_s:.1f}", f"{rates[1]:,.0f}")
    Console().print(table)
    Console().print(f"kept in {show(path)}")


def _pipeline(lines: Path, out: Path) -> dict[str, Any]:
    names = [f"demo_{i}" for i in range(1, 19) if i not in DROPPED]
    fields = [{"name": name, "type": ["string", "null"]} for name in names]
    output = json.dumps({"type": "record", "name": "wrangled", "fields": fields})
    text = json.dumps({"type": "record", "name": "lines", "fields": [{"name": "body", "type": "string"}]})
    demo = text.replace("body", "demo")
    stages = [
        stage("lines", "File", "batchsource", referenceName="l", path=str(lines), format="text", schema=text),
        stage("named", "Projection", "transform", rename="body:demo"),
        stage("wrangler", "Wrangler", "transform", field="*", directives=RECIPE, schema=output),
        stage("out", "File", "batchsink", referenceName="o", path=str(out), format="csv", schema=output),
    ]
    stages[1]["outputSchema"] = demo
    return pipeline(stages, [("lines", "named"), ("named", "wrangler"), ("wrangler", "out")])


def write_lines(folder: Path, rows: int) -> Path:
    """Write a file of so many lines, the same for the same number; what is there already is taken as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"lines-{rows}.csv"
    if path.exists():
        return path
    rng = np.random.default_rng(1)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        for start in range(0, rows, _AT_ONCE):
            count = min(_AT_ONCE, rows - start)
            text = pc.binary_join_element_wise(*_cells(rng, start, count), ",")
            file.write("\n".join(text.to_pylist()).encode() + b"\n")
    partial.rename(path)
    return path


def _cells(rng: np.random.Generator, start: int, count: int) -> list[pa.Array]:
    """Return the 18 columns: numbers, names, words, codes, a few empty cells; about 190 characters in all."""

    def picked(*choices: str) -> pa.Array:
        return pa.array(np.array(choices)[rng.integers(0, len(choices), count)])

    def letters(size: int) -> pa.Array:
        codes = rng.integers(97, 123, (count, size), dtype=np.uint8)
        return pa.array(codes.view(f"S{size}").reshape(count).astype(str))

    def digits(size: int) -> pa.Array:
        return pa.array(np.char.zfill(rng.integers(0, 10**size, count).astype(str), size))

    return [
        pa.array(np.arange(start, start + count).astype(str)),
        picked("Ann", "Bob", "Carla", "Dmitri", "Eve"),
        letters(12),
        letters(16),
        picked("", "x1", "y2", "z3"),
        pa.array(np.round(rng.random(count), 12).astype(str)),
        picked("retail", "wholesale"),
        picked("north east", "north west", "south"),
        picked("CA", "NY", "TX", "WA"),
        digits(9),
        picked("", "n"),
        letters(40),
        letters(20),
        digits(12),
        picked("2019-04-05", "2020-11-12", "2021-01-30"),
        letters(10),
        picked("low", "medium", "high"),
        digits(6),
    ]


if __name__ == "__main__":
    main()
