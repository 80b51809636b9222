"""`penstock etl run`: deploy an exported pipeline, start it, and show records of its stages as they flow.

Talks to a server over HTTP; without one it starts its own, for this run only. Interrupting it stops the run.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape

from penstock.cli.demo.child import ended_in_order, running_server
from penstock.kernel.errors import Invalid, NotFound, PenstockError, Unavailable

__all__ = ["EtlServer", "follow", "run_pipeline"]

FINAL: Final = ("COMPLETED", "FAILED", "KILLED", "REJECTED")
WORKFLOW: Final = "DataPipelineWorkflow"
STREAMING: Final = "DataStreamsSparkStreaming"
LOOK_EVERY_S: Final = 0.1
LOG_LINES: Final = 8


@dataclass(frozen=True, slots=True)
class EtlServer:
    """Where the server is, the key to show it, and the namespace."""

    url: str
    key: str | None = None
    namespace: str = "default"

    def call(self, verb: str, path: str, body: object = None) -> Any:
        """Send a request and return the reply: decoded if it is JSON, else its text. Raises: Unavailable, Invalid."""
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url.rstrip("/") + path, data, headers, method=verb)
        try:
            with urllib.request.urlopen(request) as reply:
                text = reply.read().decode()
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (urllib.error.URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Unavailable(
                f"no server answers at {self.url}: {reason}", hint="start one with: penstock serve"
            ) from None
        try:
            return json.loads(text)
        except ValueError:
            return text

    def app(self, name: str) -> str:
        """Return the path of an app."""
        return f"/v3/namespaces/{quote(self.namespace)}/apps/{quote(name)}"


def run_pipeline(
    file: Path,
    arguments: Sequence[str],
    *,
    name: str | None,
    namespace: str,
    server: str | None,
    key: str | None,
    is_quiet: bool,
) -> None:
    """Run a pipeline from a file. Raises: typer.Exit with status 1 if it does not complete; Invalid, Unavailable."""
    pipeline, values = _read(file), _arguments(arguments)
    console = Console(stderr=True, emoji=False, quiet=is_quiet, highlight=False)
    with ended_in_order(), _server(server, key, namespace) as at:
        app = name or _name(pipeline, file)
        at.call("PUT", at.app(app), pipeline)
        status = _run(at, app, _program(pipeline), values, console)
    if status != "COMPLETED":
        raise typer.Exit(1)


def follow(at: EtlServer, app: str, program: tuple[str, str], run_id: str, console: Console) -> dict[str, Any]:
    """Show records by stage until a run has ended; return its record."""
    path = f"{at.app(app)}/{program[0]}/{program[1]}/runs/{run_id}"
    order = _stages(at.call("GET", at.app(app)))
    with console.status("") as line:
        while True:
            record: dict[str, Any] = at.call("GET", path)
            line.update(_progress(record, _counts(at, app, run_id), order))
            if record["status"] in FINAL:
                break
            time.sleep(LOOK_EVERY_S)
    console.print(_progress(record, _counts(at, app, run_id), order))
    return record


def _run(at: EtlServer, app: str, program: tuple[str, str], values: Mapping[str, str], console: Console) -> str:
    item = {"appId": app, "programType": program[0], "programId": program[1], "runtimeargs": values}
    item["programType"] = "workflow" if program[0] == "workflows" else "spark"
    (answer,) = at.call("POST", f"/v3/namespaces/{quote(at.namespace)}/start", [item])
    if "runId" not in answer:
        raise Invalid(f"the pipeline was not started: {answer.get('error')}")
    began, run_id = time.monotonic(), answer["runId"]
    path = f"{at.app(app)}/{program[0]}/{program[1]}/runs/{run_id}"
    try:
        record = follow(at, app, program, run_id, console)
    except BaseException:
        with suppress(PenstockError):
            at.call("POST", f"{path}/stop")
        raise
    status = str(record["status"])
    colour = "green" if status == "COMPLETED" else "red"
    console.print(f"[{colour}]{status}[/] in {time.monotonic() - began:.2f} s, run {run_id}")
    if status != "COMPLETED":
        for text in _last_lines(at.call("GET", f"{path}/logs?escape=false&filter=logLevel%3DERROR")):
            console.print(text, markup=False)
    return status


@contextmanager
def _server(url: str | None, key: str | None, namespace: str) -> Iterator[EtlServer]:
    if url is not None:
        yield EtlServer(url, key, namespace)
        return
    with running_server(0) as child:
        at = EtlServer(child.url, None, namespace)
        if namespace != "default":
            at.call("PUT", f"/v3/namespaces/{quote(namespace)}", {})
        yield at


def _counts(at: EtlServer, app: str, run_id: str) -> dict[str, dict[str, int]]:
    """Return records by stage: in, out, error."""
    tags = f"tag=namespace:{quote(at.namespace)}&tag=app:{quote(app)}&tag=run:{quote(run_id)}"
    names = at.call("POST", f"/v3/metrics/search?target=metric&{tags}")
    wanted = [found for name in names if (found := re.fullmatch(r"user\.(.+)\.records\.(in|out|error)", name))]
    if not wanted:
        return {}
    query = {
        "tags": {"namespace": at.namespace, "app": app, "run": run_id},
        "metrics": [found[0] for found in wanted],
        "timeRange": {"aggregate": True},
    }
    stages: dict[str, dict[str, int]] = {}
    answer = at.call("POST", "/v3/metrics/query", {"q": query})
    values = {series["metricName"]: series["data"][0]["value"] for series in answer["q"]["series"]}
    for found in wanted:
        stages.setdefault(found[1], {})[found[2]] = values.get(found[0], 0)
    return stages


def _stages(detail: Mapping[str, Any]) -> list[str]:
    """Return the stages of an app in the order of its configuration."""
    config = json.loads(detail["configuration"])
    return [stage["name"] for stage in config.get("stages") or [] if isinstance(stage, dict) and "name" in stage]


def _progress(record: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]], order: Sequence[str]) -> str:
    """Return the line: status, and records of each stage."""
    parts = []
    for stage in (name for name in order if name in counts):
        of_stage = counts[stage]
        flow = of_stage.get("out") or of_stage.get("in") or 0
        refused = f" [red]({of_stage['error']:,} refused)[/]" if of_stage.get("error") else ""
        parts.append(f"{escape(stage)} [bold]{flow:,}[/]{refused}")
    return f"{record['status'].lower()}  " + "  ".join(parts)


def _last_lines(log: object) -> list[str]:
    return str(log).splitlines()[-LOG_LINES:] if isinstance(log, str) else []


def _read(file: Path) -> dict[str, Any]:
    try:
        pipeline = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise NotFound(f"{str(file)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Invalid(f"{str(file)!r} is no JSON: {error}") from None
    if not isinstance(pipeline, dict) or "config" not in pipeline:
        raise Invalid(f"{str(file)!r} is no exported pipeline: it has no 'config'")
    return pipeline


def _arguments(given: Sequence[str]) -> dict[str, str]:
    values = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise Invalid(f"argument {each!r} has no value; write it as name=value")
        values[name] = value
    return values


def _name(pipeline: Mapping[str, Any], file: Path) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", str(pipeline.get("name") or file.stem)) or "pipeline"


def _program(pipeline: Mapping[str, Any]) -> tuple[str, str]:
    """Return the category and the name of a pipeline's program."""
    artifact = pipeline.get("artifact") or {}
    if str(artifact.get("name", "")).endswith("-streams"):
        return "spark", STREAMING
    return "workflows", WORKFLOW


def _refusal(error: urllib.error.HTTPError) -> PenstockError:
    text = error.read().decode("utf-8", "replace").strip() or error.reason
    if error.code == 404:
        return NotFound(text)
    return (Invalid if error.code < 500 else Unavailable)(text)
