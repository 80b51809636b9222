"""`python -m bench.start`: how long until something runs - measured over HTTP against `penstock serve`, from outside.

Per round, in a fresh server over an empty directory: start of the process to its ready line; resident size once it has
been idle for a while; a program of 20 views from the PUT that creates it until it is Running; a wrong program from the
PUT until the error can be read. States are polled every 5 ms, which is part of each figure.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.results import keep, show
from bench.server import Server, serving

PROGRAM = Path(__file__).parent / "programs" / "shop_20_views.sql"
POLL_SECONDS = 0.005
IDLE_SECONDS = 2.0
TIMEOUT_SECONDS = 60.0
FAILED = ("SqlError", "RustError", "SystemError")
WRONG = {
    "unknown column": "SELECT nothing_like_this FROM sale",
    "syntax": "SELECT id FROM sale WHERE",
    "types": "SELECT id + since FROM customer",
}


def measure() -> dict[str, float]:
    """Run one round; seconds, and bytes for names that end so."""
    text = PROGRAM.read_text()
    with serving() as server:
        figures = {"server ready s": server.ready_seconds}
        time.sleep(IDLE_SECONDS)
        memory = server.resident_bytes()
        figures["idle, server process bytes"] = memory["server"]
        figures["idle, with all its processes bytes"] = memory["all"]
        for turn in ("first", "second"):
            created, running = _start_program(server, f"shop-{turn}", text)
            figures[f"20 views, {turn}: create to compiled s"] = created
            figures[f"20 views, {turn}: create to Running s"] = running
        for kind, query in WRONG.items():
            wrong = f"{text}\nCREATE VIEW wrong AS {query};\n"
            figures[f"SQL error, {kind}: create to told s"] = _fail_program(server, kind.replace(" ", "-"), wrong)
        figures["engine and two pipelines, added bytes"] = _added_bytes(server, memory["all"])
    return figures


def _start_program(server: Server, name: str, text: str) -> tuple[float, float]:
    """Create and start a pipeline; give the seconds until it was compiled and until it ran."""
    started = time.perf_counter()
    _expect(server.call("PUT", f"/v0/pipelines/{name}", {"name": name, "program_code": text}), 201)
    _await(server, name, lambda shown: shown["program_status"] == "Success")
    compiled = time.perf_counter() - started
    _expect(server.call("POST", f"/v0/pipelines/{name}/start?initial=running"), 202)
    _await(server, name, lambda shown: shown["deployment_status"] == "Running")
    return compiled, time.perf_counter() - started


def _fail_program(server: Server, name: str, text: str) -> float:
    """Create a pipeline whose program is wrong; give the seconds until its error is there."""
    started = time.perf_counter()
    _expect(server.call("PUT", f"/v0/pipelines/{name}", {"name": name, "program_code": text}), 201)
    _await(server, name, lambda shown: shown["program_status"] == "SqlError", ("Success",))
    _, shown = server.call("GET", f"/v0/pipelines/{name}?selector=all")
    seconds = time.perf_counter() - started
    if not shown["program_error"]["sql_compilation"]["messages"]:
        raise RuntimeError(f"{name}: SqlError without a message")
    return seconds


def _added_bytes(server: Server, idle_bytes: int) -> float:
    """What two running pipelines, and the engine's process that they were forked from, added; shared pages once."""
    time.sleep(IDLE_SECONDS)
    return server.resident_bytes()["all"] - idle_bytes


def _await(
    server: Server, name: str, reached: Callable[[dict[str, Any]], bool], hopeless: tuple[str, ...] = FAILED
) -> None:
    """Poll until a state is reached; raise if that can no longer happen (`hopeless`: program states that end it)."""
    deadline = time.perf_counter() + TIMEOUT_SECONDS
    shown: dict[str, Any] = {}
    while time.perf_counter() < deadline:
        _, shown = server.call("GET", f"/v0/pipelines/{name}?selector=status")
        if reached(shown):
            return
        if shown.get("deployment_error") or shown.get("program_status") in hopeless:
            break
        time.sleep(POLL_SECONDS)
    states = {key: shown.get(key) for key in ("program_status", "deployment_status", "deployment_error")}
    raise RuntimeError(f"{name} did not get there: {states}")


def _expect(answer: tuple[int, Any], wanted: int) -> None:
    status, content = answer
    if status != wanted:
        raise RuntimeError(f"answered {status} instead of {wanted}: {str(content)[:300]}")


def main() -> int:
    """Run the rounds, print a table and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--discard", action="store_true", help="write no result file")
    options = parser.parse_args()
    rounds = [measure() for _ in range(options.rounds)]
    table = Table(title=f"Starting, {options.rounds} rounds")
    table.add_column("what")
    for title in ("median", "min", "max"):
        table.add_column(title, justify="right")
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        what, unit = name.rsplit(" ", 1)
        table.add_row(what, *(_human(value, unit) for value in (median(values), min(values), max(values))))
    console = Console()
    console.print(table)
    if not options.discard:
        console.print(f"kept as {show(keep('start', {'rounds': rounds}))}")
    return 0


def _human(value: float, unit: str) -> str:
    return f"{value / 1e6:,.1f} MB" if unit == "bytes" else f"{value * 1e3:,.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
