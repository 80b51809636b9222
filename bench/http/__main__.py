"""`python -m bench.http`: rows through the HTTP port of `penstock serve`, measured from outside.

- in: a file of rows as JSON lines, CSV and Parquet into a table with an aggregate view, from the request's beginning
  until its token says that all is processed; beside it DuckDB, which computes the same answer from the same file. The
  view is compared with that answer.
- one row: from the request until its token is complete, one after the other; and from the push until another client has
  read the change of the view.
- out: clients that follow a view, all of them reading, and with one that has stopped.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.http import egress, ingress, sales, through
from bench.results import keep, show
from bench.server import Server, serving


def main() -> int:
    """Run the rounds, print tables and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.http", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the files")
    parser.add_argument("--rounds", type=int, default=3, help="how often each file is sent; rounds are interleaved")
    parser.add_argument("--formats", default="json,csv,parquet")
    parser.add_argument("--singles", type=int, default=500, help="rows that are sent one by one")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--ticks", type=int, default=300, help="pushes while the clients follow")
    parser.add_argument("--tick-rows", type=int, default=100)
    parser.add_argument("--interval-ms", type=int, default=100, help="from push to push")
    parser.add_argument("--discard", action="store_true", help="write no result file")
    options = parser.parse_args()
    os.environ.setdefault("PENSTOCK_LOG_LEVEL", "warning")  # nobody reads the server's output while it runs
    console = Console()
    with tempfile.TemporaryDirectory(prefix="bench-http-") as folder, serving() as server:
        content: dict[str, Any] = {"rows": options.rows}
        files = sales.write(Path(folder), options.rows)
        content["in"] = measure_files(
            server, {form: files[form] for form in options.formats.split(",")}, options.rounds
        )
        content["one_row"] = measure_singles(server, options.singles)
        content["one_row_through"] = measure_through(server, options.singles)
        content["out"] = measure_clients(server, options)
    draw(console, content, options.rows)
    if not options.discard:
        console.print(f"kept as {show(keep('http', content))}")
    return 0


def measure_files(server: Server, files: dict[str, Path], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Send every file in every round, after one that is not counted; DuckDB's turn is right after ours."""
    figures: dict[str, list[dict[str, float]]] = {form: [] for form in files}
    for number in range(rounds + 1):
        for form, path in files.items():
            began = time.perf_counter()
            expected = sales.answer(form, path)
            duckdb_s = time.perf_counter() - began
            ours = ingress.files(server, form, path, expected)
            if number:
                figures[form].append({**ours, "duckdb_s": duckdb_s, "bytes": path.stat().st_size})
    return figures


def measure_singles(server: Server, count: int) -> dict[str, float]:
    """Send rows one by one; the first tenth is not counted."""
    return summarise(ingress.single_rows(server, count + count // 10)[count // 10 :])


def measure_through(server: Server, count: int) -> dict[str, dict[str, float]]:
    """Push rows one by one and read what the view becomes; the first tenth is not counted."""
    busy = server.all_processor_seconds()
    read_s, answered_s = (seconds[count // 10 :] for seconds in through.single_changes(server, count + count // 10))
    cpu_ms = (server.all_processor_seconds() - busy) / (count + count // 10) * 1000
    return {"change_read": summarise(read_s) | {"server_cpu_ms": cpu_ms}, "push_answered": summarise(answered_s)}


def summarise(seconds: list[float]) -> dict[str, float]:
    """Reduce durations to the figures that are kept."""
    ordered = sorted(seconds)
    return {"p50_ms": median(ordered) * 1000, "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000, "rows": len(ordered)}


def measure_clients(server: Server, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Follow with all reading, with one that has stopped, and with all reading again, which shows the noise."""
    given = (options.clients, options.ticks, options.tick_rows, options.interval_ms / 1000)
    return {
        "all read": egress.follow(server, *given, one_stops=False),
        "one has stopped": egress.follow(server, *given, one_stops=True),
        "all read, again": egress.follow(server, *given, one_stops=False),
    }


def draw(console: Console, content: dict[str, Any], rows: int) -> None:
    """Print the figures."""
    table = Table(title=f"In: {rows:,} rows, medians")
    for title in ("format", "MB", "k rows/s", "slowest", "duckdb k rows/s", "ours : duckdb"):
        table.add_column(title, justify="right")
    for form, figures in content["in"].items():
        ours, peer = (median(figure[name] for figure in figures) for name in ("processed_s", "duckdb_s"))
        slowest = max(figure["processed_s"] for figure in figures)
        shown = (figures[0]["bytes"] / 1e6, rows / ours / 1e3, rows / slowest / 1e3, rows / peer / 1e3)
        table.add_row(form, *(f"{value:,.0f}" for value in shown), f"{peer / ours:.2f}")
    console.print(table)
    single = content["one_row"]
    console.print(f"one row to completion: p50 {single['p50_ms']:.2f} ms, p99 {single['p99_ms']:.1f} ms")
    change = content["one_row_through"]["change_read"]
    console.print(f"one row to its change at a reader: p50 {change['p50_ms']:.2f} ms, p99 {change['p99_ms']:.1f} ms")
    table = Table(title="Out: latency of a push at those that read")
    for title in ("", "p50 ms", "p99 ms", "longest ms", "messages", "CPU ms/tick", "server grew MB", "with engine MB"):
        table.add_column(title, justify="right")
    for name, figures in content["out"].items():
        times = (f"{figures[which]:,.1f}" for which in ("p50_ms", "p99_ms", "longest_ms"))
        grown = (f"{figures[which] / 1e6:,.1f}" for which in ("server_grew_bytes", "all_grew_bytes"))
        table.add_row(name, *times, f"{figures['messages']:,}", f"{figures['cpu_ms_per_tick']:.1f}", *grown)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
