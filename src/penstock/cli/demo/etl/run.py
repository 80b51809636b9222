"""The course of the demo: deploy, start and watch by plain HTTP calls, then look at what was written."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import typer
from rich.table import Table

from penstock.cli.demo import dataset
from penstock.cli.demo.child import Child, ended_in_order, running_server
from penstock.cli.demo.dataset import Dataset
from penstock.cli.demo.etl.check import Row, differences, expected, read_csv, read_parquet
from penstock.cli.demo.etl.pipeline import COLUMNS, pipeline
from penstock.cli.demo.screen import Screen
from penstock.cli.etl import WORKFLOW, EtlServer, follow

__all__ = ["run"]

APP = "FlightsByAirline"
PROGRAM = ("workflows", WORKFLOW)
_EXAMPLE_PORT = 8080


def run(*, check: bool, keep: bool, limit: int | None, port: int) -> None:
    """Run the demo. Raises: typer.Exit with status 1 if something is wrong, 130 if interrupted, 143 if told to stop."""
    screen, data = Screen(), dataset.find()
    try:
        with ended_in_order():
            is_right = _with_server(screen, data, check=check, keep=keep, limit=limit, port=port)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        screen.line("Interrupted: the server is stopped and its files are removed.")
        raise typer.Exit(130) from None
    if not is_right:
        raise typer.Exit(1)


def _with_server(screen: Screen, data: Dataset, *, check: bool, keep: bool, limit: int | None, port: int) -> bool:
    screen.line(
        "Penstock demo: flights by airline and wind, through a pipeline as CDAP's studio exports it", style="bold"
    )
    began = time.monotonic()
    with running_server(port) as child:
        screen.fact("server", f"{child.url}, ready in {time.monotonic() - began:.1f} s")
        screen.fact("files", str(child.directory))
        count = _unpack(data, child.directory / "input", limit)
        screen.fact("data", f"{count:,} flights, 16 airlines, the weather of each hour")
        at = EtlServer(child.url)
        status = _orchestrate(screen, at, child.directory)
        is_right = status == "COMPLETED"
        if is_right:
            rows = read_csv(child.directory / "output" / "csv")
            screen.console.print(_table(rows))
            if check:
                is_right = _check(screen, child.directory, rows)
        child.keep = keep
    screen.fact("took", f"{time.monotonic() - began:.1f} s in all")
    _say_where_next(screen, child)
    return is_right


def _unpack(data: Dataset, folder: Path, limit: int | None) -> int:
    """Put the files where the pipeline reads them; return how many flights there are."""
    folder.mkdir()
    for name in ("airlines", "weather"):
        shutil.copyfile(data.directory / f"{name}.csv", folder / f"{name}.csv")
    header, *records = data.flights_file().splitlines(keepends=True)
    chosen = records[:limit]
    (folder / "flights.csv").write_bytes(b"".join([header, *chosen]))
    return len(chosen)


def _orchestrate(screen: Screen, at: EtlServer, directory: Path) -> str:
    """Deploy, start, and follow the run to its end."""
    deployed = time.monotonic()
    _say_call(screen, at, "PUT", at.app(APP), "@pipeline.json")
    at.call("PUT", at.app(APP), pipeline())
    arguments = {"input": str(directory / "input"), "output": str(directory / "output")}
    item = {"appId": APP, "programType": "workflow", "programId": WORKFLOW, "runtimeargs": arguments}
    _say_call(screen, at, "POST", "/v3/namespaces/default/start", json.dumps([item]))
    started = time.monotonic()
    answers = at.call("POST", "/v3/namespaces/default/start", [item])
    screen.line(f"  {json.dumps(answers)}", style="dim")
    run_id = answers[0]["runId"]
    _say_call(screen, at, "GET", f"{at.app(APP)}/workflows/{WORKFLOW}/runs/{run_id}", None)
    record = follow(at, APP, PROGRAM, run_id, screen.console)
    ended = time.monotonic()
    screen.line(f"  {json.dumps(record)}", style="dim")
    screen.fact(
        "run", f"{record['status']} {ended - started:.2f} s after its start; checked in {started - deployed:.2f} s"
    )
    if record["status"] != "COMPLETED":
        log = at.call("GET", f"{at.app(APP)}/workflows/{WORKFLOW}/runs/{run_id}/logs?escape=false")
        for line in str(log).splitlines()[-10:]:
            screen.line(f"  {line}", style="red")
    return str(record["status"])


def _say_call(screen: Screen, at: EtlServer, verb: str, path: str, body: str | None) -> None:
    given = "" if verb == "GET" else f" -X {verb}"
    data = "" if body is None else f" -d {shlex.quote(body)}"
    screen.line(f"$ curl{given} {at.url}{path}{data}")


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        is_text = column in ("airline", "wind")
        table.add_column(column.replace("_", " "), justify="left" if is_text else "right", no_wrap=True)
    for airline, wind, flights, late, mean, longest, miles in rows:
        table.add_row(airline, wind, f"{flights:,}", f"{late:,}", f"{mean:.1f}", f"{longest:.0f}", f"{miles:,}")
    return table


def _check(screen: Screen, directory: Path, rows: list[Row]) -> bool:
    with screen.busy("computing the same by DuckDB"):
        wanted = expected(directory / "input")
        found = {"csv": rows, "parquet": read_parquet(directory / "output" / "parquet")}
    problems = [f"{name}: {line}" for name, answer in found.items() for line in differences(answer, wanted)]
    if problems:
        screen.fact("check", "FAILED")
        for line in problems:
            screen.line(f"  {line}", style="red")
        return False
    screen.fact("check", f"both files have the {len(wanted)} rows that DuckDB comes to")
    return True


def _say_where_next(screen: Screen, child: Child) -> None:
    me = shlex.quote(sys.argv[0])
    screen.line()
    if not child.keep:
        screen.line("The server is stopped and its files are removed. To look further, keep it:", style="bold")
        screen.line(f"  {me} demo cdap --keep --port {_EXAMPLE_PORT}")
        return
    screen.line("The server goes on. What was written is in:", style="bold")
    screen.line(f"  {child.directory / 'output'}")
    screen.line("To stop it and remove its files:", style="bold")
    screen.line(f"  kill {child.process.pid}; sleep 2; rm -r {shlex.quote(str(child.directory))}")
