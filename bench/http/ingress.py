"""Rows in: whole files, and one row after the other, each until it is processed."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.http import sales
from bench.server import Server

BLOCK_BYTES = 1 << 18
POLL_S = 0.001
TIMEOUT_S = 300.0


def files(server: Server, form: str, path: Path, expected: list[tuple[object, ...]]) -> dict[str, float]:
    """Send a file into a fresh pipeline; the seconds until it was taken, and until it was processed."""
    with pipeline(server, f"in-{form}"), _connection(server) as connection:
        began = time.perf_counter()
        with path.open("rb") as content:
            headers = {"Content-Length": str(path.stat().st_size), "Content-Type": "application/octet-stream"}
            target = f"/v0/pipelines/in-{form}/ingress/sale?{sales.OPTIONS[form]}"
            token = _ask(connection, "POST", target, iter(lambda: content.read(BLOCK_BYTES), b""), headers)["token"]
        taken_s = time.perf_counter() - began
        _await(connection, f"in-{form}", token)
        processed_s = time.perf_counter() - began
        if _total(connection, f"in-{form}") != expected:
            raise RuntimeError(f"{form}: the view does not hold what DuckDB computes")
    return {"taken_s": taken_s, "processed_s": processed_s}


def single_rows(server: Server, count: int) -> list[float]:
    """Send one row at a time; the seconds from each request to its completion, as a client asks for it."""
    seconds = []
    with pipeline(server, "single"), _connection(server) as connection:
        for number in range(count):
            row = json.dumps({"id": number, "region": "north", "product": 1, "amount": 2, "price": 3.0}).encode()
            began = time.perf_counter()
            target = f"/v0/pipelines/single/ingress/sale?{sales.OPTIONS['json']}"
            _await(connection, "single", _ask(connection, "POST", target, row)["token"])
            seconds.append(time.perf_counter() - began)
    return seconds


@contextmanager
def pipeline(server: Server, name: str, program: str = sales.PROGRAM) -> Iterator[None]:
    """Have a pipeline that runs and is empty; it is deleted afterwards."""
    path = f"/v0/pipelines/{name}"
    expect(server.call("PUT", path, {"name": name, "program_code": program}))
    expect(server.call("POST", f"{path}/start?initial=running"))
    deadline = time.perf_counter() + TIMEOUT_S
    while (shown := expect(server.call("GET", f"{path}?selector=status")))["deployment_status"] != "Running":
        if shown["deployment_error"] or time.perf_counter() > deadline:
            raise RuntimeError(f"{name} did not start: {shown['deployment_error']}")
        time.sleep(0.01)
    try:
        yield
    finally:
        server.call("POST", f"{path}/stop?force=true")
        while server.call("GET", f"{path}?selector=status")[1].get("deployment_status") not in ("Stopped", None):
            time.sleep(0.01)
        server.call("POST", f"{path}/clear")
        server.call("DELETE", path)


def expect(answer: tuple[int, Any]) -> Any:
    """Return what was answered. Raises: RuntimeError if that is a refusal."""
    status, content = answer
    if status >= 300:
        raise RuntimeError(f"answered {status}: {str(content)[:300]}")
    return content


@contextmanager
def _connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT_S)
    try:
        yield connection
    finally:
        connection.close()


def _ask(
    connection: http.client.HTTPConnection,
    verb: str,
    target: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Any:
    connection.request(verb, target, body, headers or {})
    reply = connection.getresponse()
    return expect((reply.status, json.loads(reply.read())))


def _await(connection: http.client.HTTPConnection, name: str, token: str) -> None:
    target = f"/v0/pipelines/{name}/completion_status?token={quote(token)}"
    while _ask(connection, "GET", target)["status"] != "complete":
        time.sleep(POLL_S)


def _total(connection: http.client.HTTPConnection, name: str) -> list[tuple[object, ...]]:
    connection.request("GET", f"/v0/pipelines/{name}/query?format=json&sql={quote('SELECT * FROM total')}")
    lines = connection.getresponse().read().decode().splitlines()
    shown = [json.loads(line) for line in lines if line]
    return sorted((row["region"], row["sales"], row["amount"], row["price"]) for row in shown)
