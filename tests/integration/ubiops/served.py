"""A server of this dialect as a process, spoken to over plain HTTP."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

FINAL = ("completed", "failed", "cancelled")
PATIENCE_S = 120.0


def package(code: str, **files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {"deployment.py": code, **files}.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def deployment(body: str, head: str = "", method: str = "request") -> str:
    lines = "\n".join("        " + line for line in body.strip("\n").splitlines())
    return f"{head}\n\nclass Deployment:\n    def {method}(self, data):\n{lines}\n"


def fields(text: str) -> list[dict[str, str]]:
    pairs = (item.split(":") for item in text.split(",") if item.strip())
    return [{"name": name.strip(), "data_type": kind.strip()} for name, kind in pairs]


def chain(*names: str, field: str = "input") -> list[dict[str, Any]]:
    """Attachments from the start through objects to the end, one field each."""
    made, source, mapped = [], "pipeline_start", field
    for name in (*names, "pipeline_end"):
        target = "output" if name == "pipeline_end" else field
        mapping = [{"source_field_name": mapped, "destination_field_name": target}]
        made.append({"destination_name": name, "sources": [{"source_name": source, "mapping": mapping}]})
        source, mapped = name, "output"
    return made


class Served:
    """The server of one directory; it can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[str] | None = None
        self.client = httpx.Client(timeout=PATIENCE_S, trust_env=False)
        self.project = "default"

    def start(self) -> None:
        command = [sys.executable, "-m", "penstock.cli", "serve", "--port", "0", "--data", str(self.directory)]
        log = (self.directory.parent / "server.log").open("a")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=dict(os.environ))
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"ready at (http://\S+)", line):
                self.client.base_url = httpx.URL(f"{found[1]}/v2.1/")
                return
        raise AssertionError("the server ended before it was ready")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def call(self, verb: str, path: str, body: object = None, *, expects: int = 200, **query: Any) -> Any:
        reply = self.client.request(verb, f"projects/{self.project}/{path}", json=body, params=query or None)
        assert reply.status_code == expects, (reply.status_code, reply.text)
        return reply.json() if reply.content else None

    def deploy(
        self, name: str, code: str, inputs: str = "input:int", outputs: str = "output:int", **settings: Any
    ) -> None:
        self.client.get("projects")
        sides = {"input_type": "structured", "output_type": "structured"}
        body = {"name": name, **sides, "input_fields": fields(inputs), "output_fields": fields(outputs)}
        self.call("POST", "deployments", body, expects=201)
        version = {"version": "v1", "environment": "python3-11", **settings}
        self.call("POST", f"deployments/{name}/versions", version, expects=201)
        self.upload(name, code)

    def upload(self, name: str, code: str) -> None:
        path = f"projects/{self.project}/deployments/{name}/versions/v1/revisions"
        reply = self.client.post(path, files={"file": ("code.zip", package(code))})
        assert reply.is_success, reply.text
        revision = reply.json()["revision"]
        path = f"deployments/{name}/versions/v1/revisions/{revision}"
        until(lambda: self.call("GET", path)["status"] in ("success", "failed"))
        built = self.call("GET", path)
        assert built["status"] == "success", built

    def pipeline(
        self, name: str, *steps: str, inputs: str = "input:int", outputs: str = "output:int", field: str = "input"
    ) -> None:
        sides = {"input_type": "structured", "output_type": "structured"}
        body = {"name": name, **sides, "input_fields": fields(inputs), "output_fields": fields(outputs)}
        self.call("POST", "pipelines", body, expects=201)
        objects = [{"name": each, "reference_type": "deployment", "reference_name": each} for each in steps]
        version = {"version": "v1", "objects": objects, "attachments": chain(*steps, field=field)}
        self.call("POST", f"pipelines/{name}/versions", version, expects=201)

    def collected(self, pipeline: str, ids: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), 250):
            found += self.call("POST", f"pipelines/{pipeline}/requests/collect", ids[start : start + 250])
        return found

    def ended(self, pipeline: str, ids: list[str], patience_s: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Return requests when all of them have ended."""
        waiting, done = list(ids), []
        deadline = time.monotonic() + patience_s
        while waiting:
            found = self.collected(pipeline, waiting)
            done += [each for each in found if each["status"] in FINAL]
            waiting = [each["id"] for each in found if each["status"] not in FINAL]
            assert time.monotonic() < deadline, f"{len(waiting)} requests have not ended"
            if waiting:
                time.sleep(0.05)
        return done


def until(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def serving(directory: Path) -> Iterator[Served]:
    server = Served(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
