"""`penstock deploy`, `request` and `deployments`: code that answers requests, through the server's own interface."""

from __future__ import annotations

import fnmatch
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.table import Table

from penstock.kernel.errors import Invalid, NotFound, PenstockError, Unavailable, WrongState

__all__ = ["Api", "deploy", "list_deployments", "request", "show_logs"]

BUILT: Final = ("success", "failed")
ENDED: Final = ("completed", "failed", "cancelled")
LOOK_EVERY_S: Final = 0.2
MOST_TOGETHER: Final = 250
_IGNORED: Final = (".git", "__pycache__", ".DS_Store", ".venv", "*.pyc")


@dataclass(frozen=True, slots=True)
class Api:
    """Where the server is, the key to show it, and the project."""

    url: str
    key: str | None = None
    project: str = "default"

    def call(self, verb: str, path: str, body: object = None, *, form: bytes | None = None, **query: Any) -> Any:
        """Send a request below the project and return the reply. Raises: Unavailable, Invalid, NotFound."""
        text = f"{self.url.rstrip('/')}/v2.1/projects/{quote(self.project)}/{path}"
        wanted = {name: value for name, value in query.items() if value is not None}
        if wanted:
            text += f"?{urlencode(wanted)}"
        headers = {"Authorization": f"Token {self.key or 'none'}", "Content-Type": "application/json"}
        data = None
        if form is not None:
            boundary = uuid.uuid4().hex
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
            head = 'Content-Disposition: form-data; name="file"; filename="package.zip"'
            data = f"--{boundary}\r\n{head}\r\n\r\n".encode() + form + f"\r\n--{boundary}--\r\n".encode()
        elif isinstance(body, str):
            headers["Content-Type"], data = "text/plain", body.encode()
        elif body is not None:
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(text, data, headers, method=verb)) as reply:
                content = reply.read()
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (urllib.error.URLError, HTTPException, OSError) as error:
            raise Unavailable(
                f"no server answers at {self.url}: {getattr(error, 'reason', error)}",
                hint="start one with: penstock serve",
            ) from None
        return json.loads(content) if content else None

    def there(self, path: str) -> Any:
        """Return what is at a path; None if nothing is."""
        try:
            return self.call("GET", path)
        except NotFound:
            return None


def deploy(api: Api, folder: Path, name: str | None, version: str, takes: str | None, gives: str | None) -> None:
    """Send code and wait for it. Raises: Invalid if there is none; typer.Exit with status 1 if it cannot be built."""
    if not (folder / "deployment.py").is_file():
        raise Invalid(f"{str(folder)!r} has no deployment.py; give the folder that has one")
    name = name or folder.resolve().name.lower().replace("_", "-").replace(" ", "-")
    content = _zipped(folder)
    path = f"deployments/{quote(name)}"
    if api.there(path) is None:
        sides = {**_side("input", takes), **_side("output", gives)}
        api.call("POST", "deployments", {"name": name, **sides})
    if api.there(f"{path}/versions/{quote(version)}") is None:
        api.call("POST", f"{path}/versions", {"version": version})
    place = f"{path}/versions/{quote(version)}"
    began = time.monotonic()
    made = api.call("POST", f"{place}/revisions", form=content)
    console = Console(highlight=False, stderr=True)
    with console.status("building"):
        while (revision := api.call("GET", f"{place}/revisions/{made['revision']}"))["status"] not in BUILT:
            time.sleep(LOOK_EVERY_S)
    if revision["status"] == "failed":
        print(f"penstock: {name} {version} cannot be built:", file=sys.stderr)
        print(revision["error_message"], file=sys.stderr)
        raise typer.Exit(1)
    print(f"{name} {version} answers requests, after {time.monotonic() - began:.1f} s")


def request(
    api: Api, name: str, data: Sequence[str], version: str | None, *, is_batch: bool, timeout_s: int | None
) -> None:
    """Ask and print results. Raises: NotFound if nothing is called so; typer.Exit with status 1 if a request fails."""
    kind = "pipelines" if api.there(f"pipelines/{quote(name)}") is not None else "deployments"
    target = api.there(f"{kind}/{quote(name)}")
    if target is None:
        raise NotFound(f"project {api.project!r} has neither a pipeline nor a deployment called {name!r}")
    path = f"{kind}/{quote(name)}" + (f"/versions/{quote(version)}" if version else "") + "/requests"
    inputs = [_input(text, is_plain=target["input_type"] == "plain") for text in data]
    if not inputs:
        raise Invalid("there is nothing to send; say what with --data")
    asked = _batch if is_batch else _direct
    failed = False
    for answer in asked(api, path, inputs, timeout_s):
        if answer["status"] == "completed":
            print(json.dumps(answer["result"], ensure_ascii=False))
            continue
        failed = True
        print(f"penstock: request {answer['id']} {answer['status']}: {answer['error_message']}", file=sys.stderr)
        for part in (*answer.get("deployment_requests", ()), *answer.get("operator_requests", ())):
            if part["error_message"]:
                print(f"  {part['pipeline_object']}: {part['error_message']}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def list_deployments(api: Api, *, as_json: bool) -> None:
    """Print deployments with their versions."""
    found = []
    for deployment in api.call("GET", "deployments"):
        versions = api.call("GET", f"deployments/{quote(deployment['name'])}/versions")
        found.append(deployment | {"versions": versions})
    if as_json:
        print(json.dumps(found, indent=1))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("deployment", "version", "status", "input", "output", "instances"):
        table.add_column(column)
    for deployment in found:
        ends = (_fields(deployment, "input"), _fields(deployment, "output"))
        for version in deployment["versions"] or [{"version": "-", "status": "-", "default": False}]:
            mark = f"{version['version']}{' *' if version['default'] else ''}"
            limits = f"{version.get('minimum_instances', '')}..{version.get('maximum_instances', '')}"
            table.add_row(deployment["name"], mark, version["status"], *ends, limits)
    Console(highlight=False).print(table if found else f"project {api.project} has no deployments")


def show_logs(api: Api, name: str, version: str | None, *, follows: bool) -> None:
    """Print log lines, and go on if wanted. Raises: NotFound."""
    api.call("GET", f"deployments/{quote(name)}")
    query = f"| deployment_name=`{name}`" + (f" and deployment_version=`{version}`" if version else "")
    start = time.time_ns() - 86_400 * 10**9
    try:
        while True:
            # Lines that are as young as this moment may still get company of the same time.
            lines = api.call("GET", "logs", query=query, start=start, end=time.time_ns() + 10**9, limit=5000)
            for line in lines:
                start = line["timestamp"] + 1
                print(f"{line['timestamp_str'][:23]}  {line['log']}", flush=True)
            if not follows:
                return
            if not lines:
                time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _direct(api: Api, path: str, inputs: list[Any], timeout_s: int | None) -> Iterator[Any]:
    for each in inputs:
        yield api.call("POST", path, each, timeout=timeout_s)


def _batch(api: Api, path: str, inputs: list[Any], timeout_s: int | None) -> Iterator[Any]:
    ids: list[str] = []
    for start in range(0, len(inputs), MOST_TOGETHER):
        made = api.call("POST", f"{path}/batch", inputs[start : start + MOST_TOGETHER], timeout=timeout_s)
        ids += [each["id"] for each in made]
    for id in ids:
        while (found := api.call("GET", f"{path}/{id}"))["status"] not in ENDED:
            time.sleep(LOOK_EVERY_S)
        yield found


def _input(text: str, *, is_plain: bool) -> Any:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"the file {text[1:]!r} cannot be read: {error}") from None
    if is_plain:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise Invalid(f"{text[:80]!r} is no JSON: {error}") from None


def _side(side: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {f"{side}_type": "plain"}
    fields = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, colon, kind = part.partition(":")
        if not colon:
            raise Invalid(f"--{side}: {part!r} is no field; write NAME:TYPE")
        fields.append({"name": name.strip(), "data_type": kind.strip()})
    return {f"{side}_type": "structured", f"{side}_fields": fields}


def _fields(deployment: Any, side: str) -> str:
    names = ", ".join(f"{each['name']}:{each['data_type']}" for each in deployment[f"{side}_fields"])
    return names or str(deployment[f"{side}_type"])


def _zipped(folder: Path) -> bytes:
    """Return the folder as a package, without what is listed in its `.*-ignore` and nobody wants. Raises: Invalid."""
    ignored = list(_IGNORED)
    for listing in folder.glob(".*-ignore"):
        lines = (line.strip() for line in listing.read_text("utf-8").splitlines())
        ignored += [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for top, folders, names in os.walk(folder):
            here = Path(top).relative_to(folder)
            folders[:] = sorted(each for each in folders if not _is_ignored(here / each, ignored))
            for name in sorted(names):
                file = Path(top) / name
                if file.is_file() and not _is_ignored(here / name, ignored):
                    try:
                        archive.write(file, str(Path("package") / here / name))
                    except (OSError, ValueError) as error:
                        raise Invalid(f"the file {str(file)!r} cannot be sent: {error}") from None
    return content.getvalue()


def _is_ignored(path: Path, patterns: Sequence[str]) -> bool:
    text = path.as_posix()
    return any(fnmatch.fnmatch(text, each) or fnmatch.fnmatch(path.name, each) for each in patterns)


def _refusal(error: urllib.error.HTTPError) -> PenstockError:
    text = error.read().decode("utf-8", "replace")
    try:
        message = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        message = f"the server answers {error.code}: {text[:200]}"
    match error.code:
        case 404:
            return NotFound(message)
        case 400 | 409 | 413:
            return Invalid(message)
        case 401 | 403:
            return WrongState(message, hint="show a key with --key or PENSTOCK_KEY")
    return Unavailable(message)
