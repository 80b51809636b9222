"""What `penstock runs …` and `penstock why cached` do."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from penstock.cli.runs.server import Server
from penstock.cli.runs.text import FINAL, duration, markdown, took
from penstock.cli.runs.tree import View, coloured, draw
from penstock.kernel.errors import NotFound

__all__ = ["follow_run", "list_runs", "retry_run", "show_logs", "show_run", "stop_run", "why_cached"]

REFRESH_S: Final = 0.5
_SHORT_ID: Final = 13
"""Of a run's id, which begins with the time; this much tells runs apart unless they began in the same millisecond."""


def list_runs(server: Server, *, limit: int, state: str | None, form: str) -> None:
    """Print the newest runs."""
    given = {"limit": str(limit)} | ({"state": state} if state else {})
    reply = server.runs(**given)
    runs = reply["runs"]
    if form == "json":
        print(json.dumps(runs, indent=2))
        return
    if form == "markdown":
        print("| run | name | state | created | took |\n|---|---|---|---|---|")
        for run in runs:
            print(f"| {run['id']} | {run['name']} | {run['state']} | {run['created_at']} | {took(run)} |")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("run", "state", "steps", "created", "took", "of", "name"):
        table.add_column(column, no_wrap=column != "name", overflow="fold")
    now = datetime.now(UTC)
    for run in runs:
        done = f"{run.get('done_count', 0)}/{run['step_count']}" if run.get("step_count") else ""
        at = f"{datetime.fromisoformat(run['created_at']).astimezone():%m-%d %H:%M:%S}"
        row = (run["id"][:_SHORT_ID], coloured(run["state"]), done, at, took(run, now), run["origin"])
        table.add_row(*row, escape(run["name"]))
    console = Console(emoji=False, highlight=False)
    console.print(table if runs else "no runs yet")
    if (total := reply["total_count"]) > len(runs):
        console.print(f"[dim]{total - len(runs)} more; see them with --limit {min(total, 200)}[/]")


def show_run(server: Server, wanted: str, *, form: str, watches: bool, is_whole: bool) -> None:
    """Print a run and its steps; with `watches`, anew until it has ended."""
    run_id = server.resolve(wanted)
    if form == "text" and watches:
        follow_run(server, run_id, Console(emoji=False, highlight=False), is_whole=is_whole)
        return
    detail = server.run(run_id)
    if form == "json":
        print(json.dumps(detail, indent=2))
    elif form == "markdown":
        print("\n".join(markdown(detail)))
    else:
        console = Console(emoji=False, highlight=False)
        console.print(draw(detail, View(datetime.now(UTC), is_whole=is_whole)), soft_wrap=True)


def follow_run(server: Server, run_id: str, console: Console, *, is_whole: bool = False) -> dict[str, Any]:
    """Show a run until it has ended; return it as it is then. Without a terminal a line for each change is printed."""
    if not console.is_terminal:
        return _follow_plainly(server, run_id, console)
    detail: dict[str, Any] = server.run(run_id)
    with Live(console=console, auto_refresh=False, transient=True, vertical_overflow="ellipsis") as live:
        while detail["run"]["state"] not in FINAL:
            live.update(draw(detail, View(datetime.now(UTC), max(5, console.height - 4), is_whole)), refresh=True)
            time.sleep(REFRESH_S)
            detail = server.run(run_id)
    console.print(draw(detail, View(datetime.now(UTC), is_whole=is_whole)), soft_wrap=True)
    return detail


def show_logs(server: Server, wanted: str, step: str | None, *, follows: bool, attempt: int | None) -> None:
    """Print the logs of a run's steps, or of one step; with `follows`, as they come until all has ended."""
    run_id = server.resolve(wanted)
    query = {"follow": "true"} if follows else {}
    if step is not None:
        query["step"] = _path(server.run(run_id), step)
        query |= {"attempt": str(attempt)} if attempt is not None else {}
    for line in server.log(run_id, **query):
        print(line, flush=True)


def retry_run(server: Server, wanted: str, *, from_step: str | None) -> None:
    """Have what failed in a run done again."""
    run_id = server.resolve(wanted)
    query = {"from": _path(server.run(run_id), from_step)} if from_step is not None else {}
    server.steer(run_id, "retry", **query)
    print(f"run {run_id} goes on")


def stop_run(server: Server, wanted: str, *, force: bool) -> None:
    """Stop a run."""
    run_id = server.resolve(wanted)
    state = server.steer(run_id, "stop", force=str(force).lower())["state"]
    print(f"run {run_id} is {state}" if state in FINAL else f"run {run_id} is told to stop")


def why_cached(server: Server, wanted: str, step: str, *, form: str) -> None:
    """Print how the cache was asked for a step, and what it answered."""
    run_id = server.resolve(wanted)
    answer = server.why_cached(run_id, _path(server.run(run_id), step))
    if form == "json":
        print(json.dumps(answer, indent=2))
        return
    console = Console(emoji=False, highlight=False)
    verdict = "[green]taken over[/]" if answer["is_hit"] else "[yellow]not taken over[/]"
    console.print(f"[bold]{escape(answer['step'])}[/] of run {answer['run']}: {verdict}: {escape(answer['reason'])}")
    if answer.get("key"):
        console.print(f"key  {answer['key']}", soft_wrap=True)
    if "other_run" in answer:
        word = "from" if answer["is_hit"] else "nearest earlier step:"
        console.print(f"{word} {escape(answer['other_step'])} of run {answer['other_run']}", soft_wrap=True)
    parts = answer.get("parts", [])
    for part in parts:
        _print_part(console, part, is_compared="other_run" in answer)


def _print_part(console: Console, part: dict[str, Any], *, is_compared: bool) -> None:
    if part["is_same"] or not is_compared:
        mark = "[green]same[/]   " if is_compared else ""
        console.print(f"  {mark}{escape(part['name'])}  [dim]{escape(str(part['here']))}[/]", soft_wrap=True)
        return
    console.print(f"  [red]differs[/] {escape(part['name'])}", soft_wrap=True)
    for word, value in (("here ", part["here"]), ("there", part["there"])):
        console.print(f"            {word}  {escape('(none)' if value is None else str(value))}", soft_wrap=True)


def _follow_plainly(server: Server, run_id: str, console: Console) -> dict[str, Any]:
    states: dict[str, str] = {}
    while True:
        detail: dict[str, Any] = server.run(run_id)
        for step in detail.get("steps", []):
            if states.get(step["path"], "waiting") != step["state"]:
                states[step["path"]] = step["state"]
                spent = f"  {took(step)}" if "finished_at" in step else ""
                console.print(f"{step['path']}  {step['state']}{spent}", markup=False, soft_wrap=True)
        run = detail["run"]
        if run["state"] in FINAL:
            since = datetime.fromisoformat(run["created_at"])
            spent_s = (datetime.fromisoformat(run.get("finished_at", run["created_at"])) - since).total_seconds()
            console.print(f"{run['name']}  {run['state']}  {duration(spent_s)}", markup=False, soft_wrap=True)
            return detail
        time.sleep(REFRESH_S)


def _path(detail: dict[str, Any], wanted: str) -> str:
    """Return the path of the step that is meant by its path or name; of several with that name the first one.

    Raises: NotFound with the names there are.
    """
    steps = detail.get("steps", [])
    for member in ("path", "name"):
        for step in steps:
            if step[member] == wanted:
                return str(step["path"])
    there = ", ".join(dict.fromkeys(str(step["path"]) for step in steps[:20])) or "none yet"
    raise NotFound(f"run {detail['run']['id']!r} has no step {wanted!r}; it has {there}")
