"""The course of the demo of the training pipeline: server, client, the run as it goes, its metrics."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from penstock.cli.demo import dataset
from penstock.cli.demo.child import Child, ended_in_order, running_server
from penstock.cli.demo.dataset import Dataset
from penstock.cli.demo.screen import Screen
from penstock.cli.demo.training.client import ENVIRONMENT, submitted
from penstock.cli.runs.commands import follow_run
from penstock.cli.runs.server import Server
from penstock.cli.runs.text import FINAL
from penstock.kernel.errors import PenstockError

__all__ = ["run"]

_EXAMPLE_PORT = 8080
_STOP_DEADLINE_S = 10.0


def run(*, check: bool, keep: bool, limit: int | None, port: int, client: Path | None) -> None:
    """Run the demo. Raises: typer.Exit with status 1 if something is wrong, 130 if interrupted, 143 if told to stop."""
    screen = Screen()
    data = dataset.find()
    try:
        with ended_in_order():
            is_right = _with_server(screen, data, check=check, keep=keep, limit=limit, port=port, client=client)
    except KeyboardInterrupt:
        # Whoever sees this has the prompt back: a second Ctrl-C is not for us any more.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        screen.line("Interrupted: the server and the client are stopped and their files are removed.")
        raise typer.Exit(130) from None
    if not is_right:
        raise typer.Exit(1)


def _with_server(
    screen: Screen, data: Dataset, *, check: bool, keep: bool, limit: int | None, port: int, client: Path | None
) -> bool:
    screen.line("Penstock demo: which flights out of New York come late? A training pipeline of kfp", style="bold")
    began = time.monotonic()
    with running_server(port, "--cold") as child:
        screen.fact("server", f"{child.url}, ready in {time.monotonic() - began:.1f} s")
        screen.fact("files", str(child.directory))
        python = client or _client(screen, child.directory)
        file = data.directory / "flights.csv.zip"
        with submitted(python, child.url, file, limit, child.directory / "home") as at_work:
            screen.fact("client", f"kfp {at_work.version}, unchanged; it submitted run {at_work.run_id}")
            screen.line("(the first step waits until its Python environment, with scikit-learn, is made)", style="dim")
            server = Server(child.url)
            with _stopped_if_left(server, at_work.run_id):
                detail = follow_run(server, at_work.run_id, screen.console)
                outcome = at_work.outcome()
        is_right = bool(detail["run"]["state"] == "succeeded")
        if is_right:
            screen.console.print(_metrics(detail))
            screen.fact("picked", f"{detail['outputs']['kind']}, area under the curve {detail['outputs']['area']:.4f}")
        if is_right and check:
            is_right = _check(screen, data, limit, child.url, detail, outcome)
        child.keep = keep
    screen.fact("took", f"{time.monotonic() - began:.0f} s in all")
    _say_where_next(screen, child, at_work.run_id)
    return is_right


@contextmanager
def _stopped_if_left(server: Server, run_id: str) -> Iterator[None]:
    """Stop the run if the block is left early: its steps would go on for a while after their server."""
    try:
        yield
    except BaseException:
        with suppress(PenstockError):
            server.steer(run_id, "stop", force="true")
            deadline = time.monotonic() + _STOP_DEADLINE_S
            while server.run(run_id)["run"]["state"] not in FINAL and time.monotonic() < deadline:
                time.sleep(0.1)
        raise


def _client(screen: Screen, scratch: Path) -> Path:
    began = time.monotonic()
    is_there = ENVIRONMENT.is_made()
    with screen.busy("installing the client, once"):
        python = ENVIRONMENT.python(scratch)
    if not is_there:
        screen.fact("client", f"installed in {time.monotonic() - began:.0f} s at {python.parents[1]}")
    return python


def _metrics(detail: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model")
    for column in ("area under curve", "log loss", "accuracy"):
        table.add_column(column, justify="right")
    steps = {step["path"]: step for step in detail["steps"]}
    for path, training in (("evaluate", "train-regression"), ("evaluate-2", "train-trees")):
        values = steps[path]["artifacts"]["metrics"]["metadata"]
        kind = steps[training]["artifacts"]["model"]["metadata"]["kind"]
        table.add_row(kind, *(f"{values[name]:.4f}" for name in ("auc", "log_loss", "accuracy")))
    return table


def _check(
    screen: Screen, data: Dataset, limit: int | None, url: str, detail: Mapping[str, Any], outcome: Mapping[str, Any]
) -> bool:
    from penstock.cli.demo.training.check import facts_of, problems

    with screen.busy("computing the metrics again"):
        facts = facts_of(data, limit)
        found = list(problems(url, detail, outcome, facts))
    if found:
        screen.fact("check", "FAILED")
        for line in found:
            screen.line(f"  {line}", style="red")
        return False
    screen.fact("check", f"{facts.known:,} flights are split, and both models' metrics are what their predictions give")
    return True


def _say_where_next(screen: Screen, child: Child, run_id: str) -> None:
    me = shlex.quote(sys.argv[0])
    screen.line()
    if not child.keep:
        screen.line("The server is stopped and its files are removed. To look further, keep it:", style="bold")
        screen.line(f"  {me} demo kfp --keep --port {_EXAMPLE_PORT}")
        return
    screen.line("The server goes on. To look further:", style="bold")
    screen.line(f"  export PENSTOCK_SERVER={child.url}")
    screen.line(f"  {me} runs show {run_id}")
    screen.line(f"  {me} runs logs {run_id} evaluate")
    screen.line(f"  {me} why cached {run_id} load")
    screen.line("To stop it and remove its files:", style="bold")
    screen.line(f"  kill {child.process.pid}; sleep 2; rm -r {shlex.quote(str(child.directory))}")
