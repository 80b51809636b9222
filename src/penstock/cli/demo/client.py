"""The few calls to the server that the demo makes, over HTTP like any other client's."""

import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from penstock.kernel.errors import Invalid, TimedOut, Unavailable

__all__ = ["PipelineClient", "Record"]

Record = dict[str, Any]

_DEADLINE_S = 120.0
_LOOK_EVERY_S = 0.02
_COMPILING = ("Pending", "CompilingSql", "SqlCompiled", "CompilingRust")


class PipelineClient:
    """One pipeline of a server. Not for use by several threads at a time; `changes` has a connection of its own."""

    def __init__(self, url: str, name: str) -> None:
        self._address = urlsplit(url).netloc
        self._path = f"/v0/pipelines/{quote(name, safe='')}"
        self._name = name
        self._connection = HTTPConnection(self._address, timeout=_DEADLINE_S)

    def create(self, program: str) -> None:
        """Make the pipeline and wait until its program is compiled. Raises: Invalid with the compiler's messages."""
        self._call("PUT", "", body=msgspec.json.encode({"name": self._name, "program_code": program}))
        status = self._await("program_status", _COMPILING)
        if status["program_status"] != "Success":
            messages = status["program_error"]["sql_compilation"]["messages"]
            said = "\n".join(f"{m['error_type']}: {m['message']}" for m in messages)
            raise Invalid(f"the program of the demo does not compile\n{said}")

    def start(self) -> None:
        """Start the pipeline, paused, so that its views can be followed from the first change on."""
        self._call("POST", "/start", {"initial": "paused"})
        status = self._await("deployment_status", ("Stopped", "Provisioning", "Initializing"))
        if status["deployment_status"] != "Paused":
            raise Unavailable(f"the pipeline did not start: {status['deployment_error']}")

    def resume(self) -> None:
        """Let a paused pipeline work."""
        self._call("POST", "/resume")
        self._await("deployment_status", ("Paused",))

    def stop(self) -> None:
        """Stop the pipeline, which ends what follows its views."""
        self._call("POST", "/stop", {"force": "true"})
        self._await("deployment_status", ("Running", "Paused", "Stopping"))

    def push(self, table: str, csv: bytes) -> str:
        """Send a CSV document with a header to a table; return the token of its completion."""
        path = f"/ingress/{quote(table, safe='')}"
        return str(self._call("POST", path, {"format": "csv", "headers": "true"}, csv)["token"])

    def wait(self, token: str) -> None:
        """Wait until what a token stands for shows in the views."""
        began = time.monotonic()
        while self._call("GET", "/completion_status", {"token": token})["status"] != "complete":
            if time.monotonic() - began > _DEADLINE_S:
                raise TimedOut(f"the pipeline did not process its input within {_DEADLINE_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)

    def query(self, sql: str) -> list[Record]:
        """Return the rows of an ad-hoc query."""
        lines = self._request("GET", "/query", {"sql": sql, "format": "json"}).splitlines()
        return [msgspec.json.decode(line) for line in lines if line]

    def changes(self, view: str) -> Iterator[list[Record]]:
        """Follow a view to its end: groups of {"insert": row} and {"delete": row}, an empty one at once."""
        connection = HTTPConnection(self._address)
        options = {"format": "json", "array": "true", "backpressure": "true"}
        try:
            reply = _sent(connection, "POST", f"{self._path}/egress/{quote(view, safe='')}?{urlencode(options)}", None)
            _check(reply)
            while line := reply.readline():
                if line.strip():
                    yield msgspec.json.decode(line).get("json_data") or []
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _await(self, field: str, passing: tuple[str, ...]) -> Record:
        began = time.monotonic()
        while True:
            status: Record = self._call("GET", "")
            if status[field] not in passing or status["deployment_error"]:
                return status
            if time.monotonic() - began > _DEADLINE_S:
                raise TimedOut(f"the pipeline stayed {status[field]} for {_DEADLINE_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)

    def _call(self, method: str, path: str, options: dict[str, str] | None = None, body: bytes | None = None) -> Any:
        text = self._request(method, path, options, body)
        return msgspec.json.decode(text) if text else None

    def _request(
        self, method: str, path: str, options: dict[str, str] | None = None, body: bytes | None = None
    ) -> bytes:
        target = self._path + path + (f"?{urlencode(options)}" if options else "")
        reply = _sent(self._connection, method, target, body)
        _check(reply)
        return reply.read()


def _sent(connection: HTTPConnection, method: str, target: str, body: bytes | None) -> HTTPResponse:
    try:
        connection.request(method, target, body, {"Content-Type": "application/json"} if body is not None else {})
        return connection.getresponse()
    except (OSError, HTTPException) as error:
        connection.close()
        raise Unavailable(f"the server of the demo does not answer: {error!r}") from error


def _check(reply: HTTPResponse) -> None:
    if reply.status < 300:
        return
    text = reply.read()
    try:
        message = msgspec.json.decode(text)["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        message = text.decode(errors="replace")[:500]
    raise Unavailable(f"the server of the demo answered with status {reply.status}: {message}")
