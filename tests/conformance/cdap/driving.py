"""Plain HTTP calls, and pipelines to deploy: needs nothing but Python."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["FINAL", "WORKFLOW", "Endpoint", "Reply", "Rest", "pipeline", "slow_pipeline", "stage"]

FINAL = ("COMPLETED", "FAILED", "KILLED", "REJECTED")
WORKFLOW = "DataPipelineWorkflow"
BODY = json.dumps({"type": "record", "name": "etlSchemaBody", "fields": [{"name": "body", "type": "string"}]})


class Reply:
    """What came back."""

    def __init__(self, status: int, raw: bytes, headers: Any) -> None:
        self.status, self.raw, self.headers = status, raw, headers

    @property
    def text(self) -> str:
        return self.raw.decode()

    def json(self) -> Any:
        return json.loads(self.raw)


class Rest:
    """A client like curl: a form's content type, no patience."""

    def __init__(self, url: str, namespace: str = "default") -> None:
        self.url, self.namespace = url, namespace
        self.home = f"/v3/namespaces/{namespace}"

    def send(self, verb: str, path: str, body: Any = None, **headers: str) -> Reply:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if data is not None else {}
        request = urllib.request.Request(self.url + path, data, {**kind, **headers}, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return Reply(reply.status, reply.read(), reply.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read(), error.headers)

    def call(self, verb: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Send, check the status, and return the decoded reply, or its text."""
        reply = self.send(verb, path, body)
        assert reply.status == status, f"{verb} {path}: {reply.status} {reply.text[:500]}"
        try:
            return reply.json()
        except ValueError:
            return reply.text

    def deploy(self, body: Any, name: str | None = None) -> str:
        name = name or f"app_{uuid.uuid4().hex[:10]}"
        self.call("PUT", f"{self.home}/apps/{name}", body)
        return name

    def program(self, app: str) -> str:
        return f"{self.home}/apps/{app}/workflows/{WORKFLOW}"

    def start(self, app: str, **arguments: str) -> str:
        item = {"appId": app, "programType": "workflow", "programId": WORKFLOW, "runtimeargs": arguments}
        (answer,) = self.call("POST", f"{self.home}/start", [item])
        return str(answer["runId"])

    def record(self, app: str, run: str) -> Any:
        return self.call("GET", f"{self.program(app)}/runs/{run}")

    def until(self, app: str, run: str, *statuses: str, timeout_s: float = 60) -> Any:
        deadline = time.monotonic() + timeout_s
        while True:
            record = self.record(app, run)
            if record["status"] in statuses:
                return record
            seen = record["status"]
            assert seen not in FINAL, f"run is {seen}, wanted {statuses}: {self.log(app, run)}"
            assert time.monotonic() < deadline, f"run is still {seen}, wanted {statuses}"
            time.sleep(0.02)

    def ended(self, app: str, run: str) -> Any:
        return self.until(app, run, *FINAL)

    def log(self, app: str, run: str, query: str = "escape=false") -> str:
        return self.send("GET", f"{self.program(app)}/runs/{run}/logs?{query}").text


class Endpoint:
    """Answers requests of pipelines: at once, or after the test lets go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.set()
                if self.path.startswith("/wait"):
                    outer.go.wait(120)
                data = json.dumps({"arguments": [{"name": "set_by_action", "value": "yes"}]}).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass

            do_POST = do_GET

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()


def stage(name: str, plugin: str, type: str, artifact: str = "core-plugins", **properties: str) -> dict[str, Any]:
    return {
        "name": name,
        "plugin": {
            "name": plugin,
            "type": type,
            "label": name,
            "artifact": {"name": artifact, "scope": "SYSTEM"},
            "properties": properties,
        },
    }


def pipeline(folder: Path, lines: int = 3, **config: Any) -> dict[str, Any]:
    """Lines of a text to csv, in `out/${n}` of a folder."""
    (folder / "in.txt").write_text("".join(f"line {n}\n" for n in range(lines)))
    source = stage(
        "Source", "File", "batchsource", referenceName="a", path=f"{folder}/in.txt", format="text", schema=BODY
    )
    sink = stage("Sink", "File", "batchsink", referenceName="b", path=f"{folder}/out/${{n}}", format="csv", schema=BODY)
    return {
        "artifact": {"name": "cdap-data-pipeline", "version": "6.7.2", "scope": "SYSTEM"},
        "config": {
            "stages": [source, sink],
            "connections": [{"from": "Source", "to": "Sink"}],
            "engine": "spark",
            "resources": {"memoryMB": 2048, "virtualCores": 1},
            "processTimingEnabled": "true",
            **config,
        },
    }


def slow_pipeline(folder: Path, endpoint: Endpoint) -> dict[str, Any]:
    """The same, after an action that waits for the endpoint."""
    made = pipeline(folder)
    action = stage(
        "Wait",
        "ArgumentSetter",
        "action",
        "argument-setter-plugins",
        url=f"{endpoint.url}/wait",
        method="GET",
        connectTimeout="60000",
        readTimeout="300000",
        numRetries="0",
        followRedirects="true",
    )
    made["config"]["stages"].insert(0, action)
    made["config"]["connections"].insert(0, {"from": "Wait", "to": "Source"})
    return made
