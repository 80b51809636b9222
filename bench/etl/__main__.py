"""`python -m bench.etl`: a join and a grouping over csv files, deployed and run over HTTP, beside Spark.

Ours: from the call that starts the run until its record says COMPLETED; the server is up and its engine is warm, as it
is after the first deployment. Spark: from the session that is up to the end of the job, and with its start. CPU seconds
are those of all processes of either side; on a machine that does other things too they say more than the clock.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.etl.data import write_data
from bench.etl.timing import cpu_of, pipeline, run_pipeline, stage
from bench.results import keep, show


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="bench.etl")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "penstock-etl")
    parser.add_argument("--spark", help="a Python that has pyspark; without it only ours is measured")
    parser.add_argument("--cores", default="2", help="of Spark")
    options = parser.parse_args()
    sales, shops = write_data(options.data, options.rows)
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        found: dict[str, Any] = {"ours": _ours(sales, shops, options.data / f"ours-{number}")}
        if options.spark:
            found["spark"] = _spark(options.spark, sales, shops, options.data / f"spark-{number}", options.cores)
            found["same"] = _same(options.data / f"ours-{number}", options.data / f"spark-{number}")
        rounds.append(found)
    path = keep("etl", {"rows": options.rows, "rounds": rounds})
    _print(rounds, options.rows)
    Console().print(f"kept in {show(path)}")


def _ours(sales: Path, shops: Path, out: Path) -> dict[str, float]:
    shutil.rmtree(out, ignore_errors=True)
    return run_pipeline(_pipeline(sales, shops, out))


def _pipeline(sales: Path, shops: Path, out: Path) -> dict[str, Any]:
    fields = "sales.amount as amount,sales.quantity as quantity,shops.city as city,shops.region as region"
    aggregates = "n:count(*),total:sum(amount),most:max(amount),mean:avg(quantity)"
    stages = [
        stage("sales", "File", "batchsource", referenceName="s", path=str(sales), format="csv", skipHeader="true"),
        stage("shops", "File", "batchsource", referenceName="p", path=str(shops), format="csv", skipHeader="true"),
        stage(
            "join",
            "Joiner",
            "batchjoiner",
            selectedFields=fields,
            requiredInputs="sales,shops",
            joinKeys="sales.shop_id = shops.shop",
        ),
        stage("group", "GroupByAggregate", "batchaggregator", groupByFields="city,region", aggregates=aggregates),
        stage("out", "File", "batchsink", referenceName="o", path=str(out), format="csv"),
    ]
    edges = [("sales", "join"), ("shops", "join"), ("join", "group"), ("group", "out")]
    return pipeline(stages, edges)


def _spark(python: str, sales: Path, shops: Path, out: Path, cores: str) -> dict[str, float]:
    shutil.rmtree(out, ignore_errors=True)
    job = Path(__file__).parent / "spark_job.py"
    command = [python, str(job), str(sales), str(shops), str(out), cores]
    cpu_s = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        while process.poll() is None:
            # The JVM is a child that nobody waits for: it is looked at while it lives.
            cpu_s = max(cpu_s, cpu_of(process.pid))
            time.sleep(0.1)
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"the job of Spark ended with {process.returncode}")
    found: dict[str, float] = json.loads(printed.strip().splitlines()[-1])
    return {**found, "cpu_s": cpu_s}


def _same(ours: Path, theirs: Path) -> bool:
    """Compare groups and counts; sums may differ in their last digits."""

    def groups(folder: Path) -> dict[tuple[str, str], tuple[int, float]]:
        found = {}
        for file in folder.glob("part-*"):
            for line in file.read_text().splitlines():
                city, region, n, total, *_ = line.split(",")
                found[city, region] = int(n), round(float(total), 2)
        return found

    return groups(ours) == groups(theirs)


def _print(rounds: list[dict[str, Any]], rows: int) -> None:
    table = Table(title=f"join and group by over {rows:,} rows, median of {len(rounds)}")
    for column in ("", "job s", "rows/s", "CPU s", "start s"):
        table.add_column(column, justify="right")
    for name in ("ours", "spark"):
        some = [found[name] for found in rounds if name in found]
        if some:
            job_s, cpu_s = (median(one[key] for one in some) for key in ("job_s", "cpu_s"))
            start_s = median(one.get("start_s", 0.0) for one in some)
            table.add_row(name, f"{job_s:.1f}", f"{rows / job_s:,.0f}", f"{cpu_s:.1f}", f"{start_s:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
