"""`penstock runs`: list, show, follow, retry and stop the runs of a server, over its HTTP interface.

Speaks v1beta1 of the pipelines dialect, so that it works from another machine as well. A run is named by its id, the
beginning of its id, or its name.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import quote, urlencode

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from penstock.kernel.errors import Invalid, NotFound, PenstockError, Unavailable

__all__ = ["Server", "list_runs", "retry_run", "show_logs", "show_run", "stop_run"]

API: Final = "/apis/v1beta1"
FINAL: Final = ("Succeeded", "Failed", "Error", "Skipped")
REFRESH_S: Final = 0.5
_COLOURS: Final = {
    "Succeeded": "green",
    "Failed": "red",
    "Error": "red",
    "Running": "cyan",
    "Terminating": "yellow",
    "Skipped": "dim",
    "Omitted": "dim",
    "Pending": "yellow",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and the key to show it, if it wants one."""

    url: str
    key: str | None = None

    def call(self, verb: str, path: str, **query: str) -> Any:
        """Send a request and return the decoded reply. Raises: Unavailable, NotFound, Invalid."""
        with self._open(verb, path, query) as reply:
            return json.load(reply)

    def lines(self, path: str, **query: str) -> Iterator[str]:
        """Yield the lines of a reply as they come. Raises: as `call`."""
        with self._open("GET", path, query) as reply:
            for line in reply:
                yield line.decode("utf-8", "replace").rstrip("\n")

    def _open(self, verb: str, path: str, query: dict[str, str]) -> Any:
        url = self.url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            return urllib.request.urlopen(urllib.request.Request(url, method=verb, headers=headers))
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (urllib.error.URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Unavailable(
                f"no server answers at {self.url}: {reason}", hint="start one with: penstock serve"
            ) from None


def list_runs(server: Server, *, limit: int, as_json: bool) -> None:
    """Print the newest runs."""
    reply = server.call("GET", f"{API}/runs", page_size=str(limit), sort_by="created_at desc")
    runs = reply.get("runs", [])
    if as_json:
        print(json.dumps(runs, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("run", "name", "state", "created", "took"):
        table.add_column(column, no_wrap=column != "name")
    for run in runs:
        table.add_row(
            run["id"][:18], escape(run["name"]), _coloured(run.get("status", "")), run["created_at"], _took(run)
        )
    console = Console(emoji=False)
    console.print(table if runs else "no runs yet")
    if (total := reply.get("total_size", 0)) > len(runs):
        console.print(f"[dim]{total - len(runs)} more; see them with --limit {min(total, 200)}[/]")


def show_run(server: Server, wanted: str, *, as_json: bool, as_markdown: bool, watches: bool) -> None:
    """Print a run and the tree of its steps; with `watches`, anew until it has ended."""
    run_id = _resolved(server, wanted)
    detail = _detail(server, run_id)
    if as_json:
        print(json.dumps(detail, indent=2))
    elif as_markdown:
        print("\n".join(_markdown(detail)))
    elif watches and detail["run"]["status"] not in FINAL:
        with Live(_tree(detail), console=Console(emoji=False), auto_refresh=False) as live:
            while detail["run"]["status"] not in FINAL:
                time.sleep(REFRESH_S)
                detail = _detail(server, run_id)
                live.update(_tree(detail), refresh=True)
    else:
        Console(emoji=False).print(_tree(detail))


def show_logs(server: Server, wanted: str, step: str | None, *, follows: bool) -> None:
    """Print the logs of a run's steps, or of one step; with `follows`, as they come until the run has ended."""
    run_id = _resolved(server, wanted)
    seen: set[str] = set()
    while True:
        detail = _detail(server, run_id)
        is_final = detail["run"]["status"] in FINAL
        fresh = [node for node in _pods(detail, step) if node["id"] not in seen]
        for node in fresh:
            seen.add(node["id"])
            path = f"/apis/v1alpha1/runs/{quote(run_id)}/nodes/{quote(node['id'], safe='')}/log"
            for line in server.lines(path, follow="true" if follows else "false"):
                print(line if step else f"{node['displayName']} | {line}", flush=True)
        if is_final or not follows:
            break
        if not fresh:
            time.sleep(REFRESH_S)
    if step is not None and not seen:
        raise NotFound(f"run {run_id!r} has no step {step!r}, or its turn has not come")


def retry_run(server: Server, wanted: str) -> None:
    """Have what failed in a run done again."""
    run_id = _resolved(server, wanted)
    server.call("POST", f"{API}/runs/{quote(run_id)}/retry")
    print(f"run {run_id} goes on")


def stop_run(server: Server, wanted: str) -> None:
    """Stop a run."""
    run_id = _resolved(server, wanted)
    server.call("POST", f"{API}/runs/{quote(run_id)}/terminate")
    print(f"run {run_id} is told to stop")


def _resolved(server: Server, wanted: str) -> str:
    """Return the id of the run that is meant. Raises: NotFound; Invalid if several are."""
    try:
        return str(server.call("GET", f"{API}/runs/{quote(wanted, safe='')}")["run"]["id"])
    except NotFound:
        pass
    runs = server.call("GET", f"{API}/runs", page_size="200", sort_by="created_at desc").get("runs", [])
    found = [run["id"] for run in runs if run["id"].startswith(wanted)]
    found = found or [run["id"] for run in runs if run["name"] == wanted][:1]
    if not found:
        raise NotFound(f"there is no run {wanted!r}", hint="list them with: penstock runs list")
    if len(found) > 1:
        raise Invalid(f"{len(found)} runs begin with {wanted!r}; write more of the id")
    return str(found[0])


def _detail(server: Server, run_id: str) -> dict[str, Any]:
    detail = server.call("GET", f"{API}/runs/{quote(run_id)}")
    manifest = json.loads(detail["pipeline_runtime"]["workflow_manifest"])
    return {
        "run": {"status": "Pending"} | detail["run"],
        "status": manifest["status"],
        "name": manifest["metadata"]["name"],
    }


def _pods(detail: dict[str, Any], step: str | None) -> list[dict[str, Any]]:
    found = []
    for node in detail["status"]["nodes"].values():
        names = (node["displayName"], node["templateName"], node["id"])
        if node["type"] == "Pod" and node["phase"] != "Pending" and (step is None or step in names):
            found.append(node)
    return sorted(found, key=lambda node: node.get("startedAt") or "")


def _tree(detail: dict[str, Any]) -> Tree:
    run, status = detail["run"], detail["status"]
    nodes = status["nodes"]
    message = f"  [dim]{escape(run['error'])}[/]" if run.get("error") else ""
    head = f"{escape(run['name'])}  {_coloured(run['status'])}  {_progress(status)}{message}"
    tree = Tree(head)
    children: dict[str, list[dict[str, Any]]] = {}
    for node in nodes.values():
        if node["id"] != detail["name"]:
            children.setdefault(node.get("boundaryID", ""), []).append(node)
    waiting = [(tree, detail["name"])]
    while waiting:
        branch, parent = waiting.pop()
        for node in children.get(parent, []):
            text = f"{escape(node['displayName'])}  {_coloured(node['phase'])}  [dim]{_took_node(node)}[/]"
            if node.get("message") and node["phase"] in ("Failed", "Error"):
                text += f"  [red]{escape(node['message'])}[/]"
            waiting.append((branch.add(text), node["id"]))
    return tree


def _progress(status: dict[str, Any]) -> str:
    """Say how many steps are done, and when the rest may be, if those done tell."""
    done, _, total = str(status.get("progress", "0/0")).partition("/")
    if not total.isdigit() or total == "0":
        return ""
    text = f"{done}/{total} steps"
    started = status.get("startedAt")
    if status["phase"] == "Running" and started and 0 < int(done) < int(total):
        elapsed_s = time.time() - datetime.fromisoformat(started).timestamp()
        text += f", about {elapsed_s / int(done) * (int(total) - int(done)):.0f} s to go"
    return text


def _markdown(detail: dict[str, Any]) -> Iterator[str]:
    run = detail["run"]
    yield f"# {run['name']}"
    yield ""
    yield f"{run['status']}; run `{run['id']}`, created {run['created_at']}, took {_took(run) or 'nothing yet'}."
    if run.get("error"):
        yield f"\n{run['error']}"
    yield ""
    yield "| step | state | took | message |"
    yield "|---|---|---|---|"
    for node in detail["status"]["nodes"].values():
        if node["id"] != detail["name"]:
            message = str(node.get("message", "")).replace("|", "\\|").replace("\n", " ")
            path = node["name"].removeprefix(detail["name"] + ".")
            yield f"| {path} | {node['phase']} | {_took_node(node)} | {message} |"
    for metric in run.get("metrics", []):
        yield f"\n- {metric['name']}: {metric.get('number_value', 0.0)}"


def _coloured(state: str) -> str:
    colour = _COLOURS.get(state)
    return f"[{colour}]{state}[/]" if colour else state


def _took(run: dict[str, Any]) -> str:
    finished = run.get("finished_at", "1970-01-01T00:00:00Z")
    return "" if finished.startswith("1970") else _between(run["created_at"], finished)


def _took_node(node: dict[str, Any]) -> str:
    if not node.get("startedAt"):
        return ""
    return _between(node["startedAt"], node["finishedAt"]) if node.get("finishedAt") else "…"


def _between(start: str, end: str) -> str:
    duration_s = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    return f"{duration_s:.1f} s" if duration_s < 120 else f"{duration_s / 60:.1f} min"


def _refusal(error: urllib.error.HTTPError) -> PenstockError:
    try:
        message = str(json.load(error).get("error") or error.reason)
    except (ValueError, AttributeError):
        message = str(error.reason)
    if error.code == 404:
        return NotFound(message)
    return Invalid(message)
