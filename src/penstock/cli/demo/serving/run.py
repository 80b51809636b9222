"""The course of the demo of serving: train, deploy through the released client, ask, and show how long answers take."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import typer

from penstock.cli.demo import dataset
from penstock.cli.demo.child import Child, ended_in_order, running_server
from penstock.cli.demo.environment import ClientEnvironment
from penstock.cli.demo.screen import Screen
from penstock.cli.demo.serving.model import Flights, Model, chances, flights_of, sample, trained
from penstock.cli.demo.serving.packages import write_packages
from penstock.kernel.errors import Unavailable

__all__ = ["Answers", "histogram", "run"]

ENVIRONMENT: Final = ClientEnvironment("ubiops", "ubiops>=4.15,<5")
LIKELY: Final = 0.3
"""From this chance on the pipeline advises against a flight."""
DIRECT: Final = 300
BATCH: Final = 1000
_EXAMPLE_PORT: Final = 8080
_BAR: Final = 40
_TOLERANCE: Final = 1e-9


@dataclass(slots=True)
class Answers:
    """What came back. direct, batch: `{id, status, result}` in the order of the flights; seconds: of direct ones."""

    direct: list[dict[str, Any]] = field(default_factory=list)
    batch: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    batch_s: float = 0.0


def run(*, check: bool, keep: bool, limit: int | None, port: int, client: Path | None) -> None:
    """Run the demo. Raises: typer.Exit with status 1 if something is wrong, 130 if interrupted, 143 if told to stop."""
    screen = Screen()
    try:
        with ended_in_order():
            is_right = _with_server(screen, check=check, keep=keep, limit=limit, port=port, client=client)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        screen.line("Interrupted: the server and the client are stopped and their files are removed.")
        raise typer.Exit(130) from None
    if not is_right:
        raise typer.Exit(1)


def histogram(seconds: Sequence[float]) -> list[str]:
    """Return lines that show how often an answer took how long. The steps grow by the root of two."""
    first = math.floor(2 * math.log2(min(seconds)))
    last = math.floor(2 * math.log2(max(seconds)))
    counts = dict.fromkeys(range(first, last + 1), 0)
    for each in seconds:
        counts[math.floor(2 * math.log2(each))] += 1
    most = max(counts.values())
    lines = []
    for number, count in counts.items():
        bar = "█" * round(_BAR * count / most) or ("▏" if count else "")
        lines.append(f"{2 ** (number / 2) * 1e3:9.2f} ms  {bar:<{_BAR}} {count:>5}")
    return lines


def _with_server(screen: Screen, *, check: bool, keep: bool, limit: int | None, port: int, client: Path | None) -> bool:
    screen.line(
        "Penstock demo: is this flight late? A model behind a pipeline, asked by UbiOps' own client", style="bold"
    )
    began = time.monotonic()
    data = dataset.find()
    with screen.busy("training the model"):
        flights = flights_of(data, limit)
        model = trained(flights)
    screen.fact("model", f"{len(model.weights)} weights from {len(flights):,} flights in {_since(began)}")
    screen.fact("", f"area under the curve {model.area:.3f} on {len(model.unseen):,} that it has not seen")
    started = time.monotonic()
    with running_server(port, "--cold") as child:
        screen.fact("server", f"{child.url}, ready in {_since(started)}")
        screen.fact("files", str(child.directory))
        python = client.absolute() if client else _client(screen, child.directory)
        rows = sample(model.unseen, DIRECT + BATCH)
        answers = _asked(screen, child, python, model, flights, rows)
        _show(screen, answers)
        is_right = _check(screen, model, flights, rows, answers) if check else _all_ended(screen, answers)
        child.keep = keep
    screen.fact("took", f"{_since(began)} in all")
    _say_where_next(screen, child)
    return is_right


def _asked(screen: Screen, child: Child, python: Path, model: Model, flights: Flights, rows: Sequence[int]) -> Answers:
    features, chance = write_packages(model, child.directory)
    told = {
        "features": str(features),
        "chance": str(chance),
        "direct": [flights.record(row) for row in rows[:DIRECT]],
        "batch": [flights.record(row) for row in rows[DIRECT:]],
    }
    file = child.directory / "told.json"
    file.write_text(json.dumps(told))
    answers = Answers()
    with _client_at_work(python, child, file) as lines, screen.busy("asking"):
        for line in lines:
            match line["what"]:
                case "ready":
                    screen.fact("client", f"ubiops {line['client']}, unchanged; deployed in {line['seconds']:.1f} s")
                case "answer":
                    answers.seconds.append(line["seconds"])
                    answers.direct.append(line)
                case "batch":
                    answers.batch, answers.batch_s = line["results"], line["seconds"]
    return answers


@contextmanager
def _client_at_work(python: Path, child: Child, file: Path) -> Iterator[Iterator[dict[str, Any]]]:
    """Run the client's script; what is left of it at the end is killed. Raises: Unavailable if it fails."""
    home = child.directory / "home"
    home.mkdir()
    with as_file(files(__package__).joinpath("script.py")) as script:
        variables = {**os.environ, "HOME": str(home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        variables.pop("PYTHONPATH", None)
        process = subprocess.Popen(
            [str(python), "-W", "ignore", str(script), child.url, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(home / "said").open("w"),
            text=True,
            env=variables,
            cwd=home,
            start_new_session=True,
        )
        try:
            yield _lines(process, home / "said")
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _lines(process: subprocess.Popen[str], said: Path) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)
    if process.wait():
        words = [line for line in said.read_text(errors="replace").splitlines() if line.strip()]
        raise Unavailable(
            f"the client ended with status {process.returncode}: {words[-1] if words else 'it said nothing'}",
            retryable=False,
        )


def _client(screen: Screen, scratch: Path) -> Path:
    began, is_there = time.monotonic(), ENVIRONMENT.is_made()
    with screen.busy("installing the client, once"):
        python = ENVIRONMENT.python(scratch)
    if not is_there:
        screen.fact("client", f"installed in {_since(began)} at {python.parents[1]}")
    return python


def _show(screen: Screen, answers: Answers) -> None:
    ordered = sorted(answers.seconds)
    middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    screen.line()
    screen.line(f"{len(ordered)} direct requests, one after the other, through the client:", style="bold")
    for line in histogram(ordered):
        screen.line(line)
    screen.fact("direct", f"half within {middle * 1e3:.1f} ms, 99 of 100 within {high * 1e3:.1f} ms")
    late = [each for each in (*answers.direct, *answers.batch) if (each["result"] or {}).get("chance", 0) >= LIKELY]
    rate = len(answers.batch) / answers.batch_s
    screen.fact("batch", f"{len(answers.batch)} requests ended in {answers.batch_s:.1f} s, {rate:,.0f} per second")
    screen.fact("advice", f"against {len(late)} of {len(answers.direct) + len(answers.batch)} flights")


def _all_ended(screen: Screen, answers: Answers) -> bool:
    failed = [each for each in (*answers.direct, *answers.batch) if each["status"] != "completed"]
    for each in failed[:5]:
        screen.line(f"  request {each['id']} is {each['status']}", style="red")
    return not failed


def _check(screen: Screen, model: Model, flights: Flights, rows: Sequence[int], answers: Answers) -> bool:
    """Work every answer out again, over whole columns, and compare."""
    import numpy as np

    given = (*answers.direct, *answers.batch)
    expected = chances(model, flights, np.array(rows, np.int64))
    wrong = [
        f"flight {row}: the answer is {each['result']}, the model says {chance}"
        for row, each, chance in zip(rows, given, expected, strict=True)
        if not _is_right(each, float(chance))
    ]
    if len({each["id"] for each in given}) != len(rows):
        wrong.append("some requests have the same id")
    for line in wrong[:5]:
        screen.line(f"  {line}", style="red")
    count = f"{len(rows):,}"
    screen.fact(
        "check", f"FAILED: {len(wrong)} of {count}" if wrong else f"all {count} answers are what the model says"
    )
    return not wrong


def _is_right(answer: Mapping[str, Any], chance: float) -> bool:
    result = answer["result"] or {}
    advice = "take an earlier flight" if chance >= LIKELY else "fine"
    is_close = abs(result.get("chance", math.inf) - chance) <= _TOLERANCE
    # At the very limit the last digit decides; both pieces of advice are right there.
    return bool(is_close and (result.get("advice") == advice or abs(chance - LIKELY) <= _TOLERANCE))


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


def _say_where_next(screen: Screen, child: Child) -> None:
    me = shlex.quote(sys.argv[0])
    screen.line()
    if not child.keep:
        screen.line("The server is stopped and its files are removed. To look further, keep it:", style="bold")
        screen.line(f"  {me} demo ubiops --keep --port {_EXAMPLE_PORT}")
        return
    screen.line("The server goes on. To look further:", style="bold")
    screen.line(f"  export PENSTOCK_SERVER={child.url}")
    screen.line(f"  {me} deployments list")
    data = json.dumps({"carrier": "UA", "origin": "EWR", "dest": "ORD", "month": 7, "hour": 18})
    screen.line(f"  {me} request late-flights --data {shlex.quote(data)}")
    screen.line(f"  kill {child.process.pid}; rm -r {child.directory}")
