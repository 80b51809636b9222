"""Two deployments in a row on this server."""

from __future__ import annotations

import io
import time
import uuid
import zipfile
from typing import Any

from bench.server import Server
from bench.serving.load import Target

__all__ = ["prepare"]

STEPS = {"times2": 'data["input"] * 2', "add5": 'data["input"] + 5'}
PROJECT = "/v2.1/projects/default"
FIELDS = {
    "input_type": "structured",
    "output_type": "structured",
    "input_fields": [{"name": "input", "data_type": "int"}],
    "output_fields": [{"name": "output", "data_type": "int"}],
}


def prepare(server: Server) -> Target:
    """Make the pipeline; return what is to be asked."""
    _call(server, "GET", "/v2.1/projects")
    for name, expression in STEPS.items():
        _call(server, "POST", f"{PROJECT}/deployments", {"name": name, **FIELDS})
        version = {"version": "v1", "environment": "python3-11"}
        _call(server, "POST", f"{PROJECT}/deployments/{name}/versions", version)
        _upload(server, f"{PROJECT}/deployments/{name}/versions/v1", expression)
    _call(server, "POST", f"{PROJECT}/pipelines", {"name": "two", **FIELDS})
    objects = [{"name": name, "reference_type": "deployment", "reference_name": name} for name in STEPS]
    links = [_link("times2", "pipeline_start", "input", "input"), _link("add5", "times2", "output", "input")]
    version = {
        "version": "v1",
        "objects": objects,
        "attachments": [*links, _link("pipeline_end", "add5", "output", "output")],
    }
    _call(server, "POST", f"{PROJECT}/pipelines/two/versions", version)
    return Target(
        f"http://{server.host}:{server.port}{PROJECT}/pipelines/two/requests",
        lambda number: b'{"input": %d}' % number,
        lambda number, answer: isinstance(answer, dict) and answer.get("result") == {"output": number * 2 + 5},
    )


def _link(to: str, source: str, field: str, name: str) -> dict[str, Any]:
    mapping = [{"source_field_name": field, "destination_field_name": name}]
    return {"destination_name": to, "sources": [{"source_name": source, "mapping": mapping}]}


def _upload(server: Server, version: str, expression: str) -> None:
    import urllib.request

    code = f'class Deployment:\n    def request(self, data):\n        return {{"output": {expression}}}\n'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("deployment.py", code)
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="code.zip"\r\n\r\n'
    body = head.encode() + buffer.getvalue() + f"\r\n--{edge}--\r\n".encode()
    address = f"http://{server.host}:{server.port}{version}/revisions"
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    urllib.request.urlopen(urllib.request.Request(address, body, headers)).read()
    while (found := _call(server, "GET", version))["status"] != "available":
        if found["status"] == "failed":
            raise RuntimeError("the deployment could not be built")
        time.sleep(0.1)


def _call(server: Server, method: str, path: str, body: object = None) -> Any:
    status, answer = server.call(method, path, body)
    if not 200 <= status < 300:
        raise RuntimeError(f"{method} {path}: {status} {answer}")
    return answer
