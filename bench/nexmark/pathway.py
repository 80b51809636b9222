"""The peer Pathway: its environment, its files and one measured run.

Pathway comes from the package index into an environment of its own in the benchmark cache, made when first asked for.
It reads the same rows as we do, parsing included, from copies of the files: its CSV reader wants a line of names, and
times with a `T`. Each part of a stream is read in a thread of its own; the workers are as many as Flink's.

The files are read in its static mode, which ends when they do: all rows are one commit, so that a result is computed
once and nothing is taken back on the way. That is to Pathway's advantage. What is measured is `pw.run`: reading,
parsing and the view, into its null sink; the start of Python and the making of the graph are left out.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import venv
from pathlib import Path

import duckdb

from bench.cache import cache_directory
from bench.nexmark.answer import Answer, Verdict
from bench.nexmark.dataset import Dataset, load_dataset, side_input
from bench.nexmark.duck import open_tables
from bench.nexmark.layout import PART_COUNT, STREAMS
from bench.nexmark.measurement import Measurement, encode
from bench.nexmark.queries import QUERIES, Query

VERSION = "0.33.0"
THREADS = 2
KINDS = {"BIGINT": "integer", "VARCHAR": "text", "TIMESTAMP_MS": "moment"}
LACKING = {"q6": "Pathway has no aggregate over the rows before a row"}
RENAMED = {"id": "number"}
"""Columns that are called otherwise in Pathway's copies: a table's `id` is its own."""


class PathwayMissing(Exception):
    """Pathway cannot run here; the message says what is missing."""


def find_pathway() -> Path:
    """Give the Python of Pathway's environment, installing it if need be; raise PathwayMissing where that cannot be."""
    home = cache_directory() / "pathway-venv"
    python = home / "bin" / "python"
    ready = home / f"pathway-{VERSION}.installed"
    if not ready.exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", f"pathway=={VERSION}"]
        outcome = subprocess.run(install, capture_output=True, text=True, check=False)
        if outcome.returncode:
            reason = (outcome.stderr.strip().splitlines() or ["no message"])[-1]
            raise PathwayMissing(f"pathway {VERSION} could not be installed: {reason}")
        ready.touch()
    return python


def run(query: Query, dataset: Dataset, limit_s: float) -> Measurement:
    """Let Pathway keep one query over the whole data set; a run longer than `limit_s` is ended."""
    try:
        answer = _run_job(query, dataset, limit_s, None)
    except (PathwayMissing, RuntimeError) as error:
        return Measurement("pathway", query.name, None, dataset.event_count, failure=str(error))
    return Measurement(
        "pathway",
        query.name,
        None,
        dataset.event_count,
        seconds=answer["seconds"],
        cpu_seconds=answer["cpu_seconds"],
        rss_peak_bytes=int(answer["rss_peak_bytes"]),
    )


def check(query: Query, dataset: Dataset, limit_s: float) -> Verdict:
    """Compare the sum of all changes with DuckDB's answer."""
    with tempfile.TemporaryDirectory(prefix="pathway-") as folder:
        path = Path(folder) / "answer.csv"
        try:
            _run_job(query, dataset, limit_s, path)
        except (PathwayMissing, RuntimeError) as error:
            return Verdict(query.name, dataset.event_count, failure=str(error))
        answer = Answer(query, dataset)
        with duckdb.connect() as connection:
            rows = connection.sql(
                f"SELECT * FROM read_csv('{path}', all_varchar = true, nullstr = '')"
            ).to_arrow_table()
    weights = rows["diff"].combine_chunks().cast("int64")
    answer.add(rows.drop_columns(["time", "diff"]), weights)
    return answer.compare()


def describe_job(query: Query, files: dict[str, list[str]], answer: str | None) -> dict[str, object]:
    """Build what `pathway_job` reads: the query's name, and for each table its files and the columns it needs."""
    reads = dict(query.reads)
    if query.side:
        reads["side_input"] = ("id", "label")
    with open_tables() as connection:
        described = {
            name: {row[0]: KINDS[row[1]] for row in connection.sql(f"DESCRIBE {name}").fetchall()} for name in reads
        }
    tables = {
        name: {
            "files": files[name],
            "columns": {RENAMED.get(column, column): described[name][column] for column in columns},
        }
        for name, columns in reads.items()
    }
    return {"query": query.name, "tables": tables, "answer": answer}


def files_of(dataset: Dataset) -> dict[str, list[str]]:
    """Give the files of each stream as Pathway reads them, written once for each data set."""
    home = cache_directory() / f"pathway-{dataset.path.name}"
    if not home.exists():
        unfinished = home.with_name(f"{home.name}.{os.getpid()}.unfinished")
        _write(dataset, unfinished)
        try:
            unfinished.rename(home)
        except OSError:  # somebody else wrote the same files meanwhile
            shutil.rmtree(unfinished)
    parts = {name: [str(home / name / f"part-{part}.csv") for part in range(PART_COUNT)] for name in STREAMS}
    return {**parts, "side_input": [str(home / "side_input" / "part-0.csv")]}


def _write(dataset: Dataset, home: Path) -> None:
    sources = {name: [dataset.file(stream, part) for part in range(PART_COUNT)] for name, stream in STREAMS.items()}
    sources["side_input"] = [side_input() / "part-0.csv"]
    with open_tables() as connection:
        for name, paths in sources.items():
            (home / name).mkdir(parents=True)
            described = {row[0]: row[1] for row in connection.sql(f"DESCRIBE {name}").fetchall()}
            shown = ", ".join(
                f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%g') AS {column}"
                if KINDS[kind] == "moment"
                else f"{column} AS {RENAMED.get(column, column)}"
                for column, kind in described.items()
            )
            for path in paths:
                connection.execute(
                    f"COPY (SELECT {shown} FROM read_csv('{path}', header = false, quote = '', columns = {described})) "
                    f"TO '{home / name / path.name}' (HEADER true, QUOTE '')"
                )


def _run_job(query: Query, dataset: Dataset, limit_s: float, answer: Path | None) -> dict[str, float]:
    if query.name in LACKING:
        raise RuntimeError(LACKING[query.name])
    python = find_pathway()
    job = describe_job(query, files_of(dataset), None if answer is None else str(answer))
    environment = {**os.environ, "PATHWAY_THREADS": str(THREADS), "PATHWAY_PROCESSES": "1"}
    environment.pop("PYTHONPATH", None)
    try:
        outcome = subprocess.run(
            [str(python), str(Path(__file__).with_name("pathway_job"))],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=limit_s,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"ended after {limit_s:.0f} s") from None
    if outcome.returncode:
        raise RuntimeError("pathway: " + (outcome.stderr.strip().splitlines() or ["no message"])[-1][:300])
    found: dict[str, float] = json.loads(outcome.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Measure, or check, one query from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dataset", type=Path, required=True)
    options.add_argument("--query", choices=QUERIES, required=True)
    options.add_argument("--limit", type=float, default=600.0, help="seconds")
    options.add_argument("--check", action="store_true", help="compare with DuckDB's answer instead of measuring")
    chosen = options.parse_args()
    query, dataset = QUERIES[chosen.query], load_dataset(chosen.dataset)
    print(encode(check(query, dataset, chosen.limit) if chosen.check else run(query, dataset, chosen.limit)))


if __name__ == "__main__":
    main()
