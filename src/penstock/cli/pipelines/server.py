"""Requests about standing pipelines, and whom the refusals are told to."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import quote, urlencode

from penstock.kernel.errors import Invalid, NotFound, PenstockError, Unavailable

__all__ = ["Server"]

API: Final = "/v0/pipelines"
PIECE_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and the key to show it, if it wants one. All raise Unavailable, NotFound, Invalid."""

    url: str
    key: str | None = None

    def pipelines(self) -> list[dict[str, Any]]:
        """Return the states of all pipelines."""
        shown: list[dict[str, Any]] = self.call("GET", "", selector="status")
        return shown

    def show(self, name: str, selector: str = "status") -> dict[str, Any]:
        """Return a pipeline. selector: `status`, or `all` for its program and its errors as well."""
        shown: dict[str, Any] = self.call("GET", _at(name), selector=selector)
        return shown

    def create(self, name: str, program: str) -> None:
        """Create a pipeline."""
        self.call("POST", "", {"name": name, "program_code": program})

    def edit(self, name: str, program: str) -> None:
        """Give a stopped pipeline another program."""
        self.call("PATCH", _at(name), {"program_code": program})

    def delete(self, name: str) -> None:
        """Delete a stopped and cleared pipeline."""
        self.call("DELETE", _at(name))

    def stats(self, name: str) -> dict[str, Any] | None:
        """Return the counters of a pipeline; None if it does not run."""
        try:
            shown: dict[str, Any] = self.call("GET", f"{_at(name)}/stats")
        except Unavailable:
            return None
        return shown

    def act(self, name: str, action: str, **query: str) -> None:
        """Move a pipeline through its states: `start`, `pause`, `resume`, `approve`, `stop`, `clear`."""
        self.call("POST", f"{_at(name)}/{action}", **query)

    def is_processed(self, name: str, token: str) -> bool:
        """Tell whether all that a token stands for was processed."""
        return bool(self.call("GET", f"{_at(name)}/completion_status", token=token)["status"] == "complete")

    def push(self, name: str, table: str, size_bytes: int, chunks: Iterable[bytes], **query: str) -> str:
        """Send a body into a table and return its token."""
        path = f"{_at(name)}/ingress/{quote(table, safe='')}"
        headers = {"Content-Length": str(size_bytes), "Content-Type": "application/octet-stream"}
        with self._open("POST", path, query, chunks, headers) as reply:
            return str(json.load(reply)["token"])

    def changes(self, name: str, relation: str, *, snapshot: bool) -> Iterator[dict[str, Any]]:
        """Yield what happens to a table or view, one message for each step; ends when the pipeline stops."""
        query = {"format": "json", "send_snapshot": "true" if snapshot else "false"}
        with self._open("POST", f"{_at(name)}/egress/{quote(relation, safe='')}", query) as reply:
            for line in reply:
                if line.strip():
                    yield json.loads(line)

    def query(self, name: str, sql: str, form: str) -> Iterator[bytes]:
        """Yield pieces of a query's result."""
        with self._open("GET", f"{_at(name)}/query", {"sql": sql, "format": form}) as reply:
            while piece := reply.read1(PIECE_BYTES):
                yield piece

    def profile(self, name: str) -> dict[str, Any]:
        """Return what the operators of a running pipeline have done and keep."""
        shown: dict[str, Any] = self.call("GET", f"{_at(name)}/circuit_json_profile")["profile"]
        return shown

    def call(self, verb: str, path: str, body: object = None, **query: str) -> Any:
        """Send a request below the pipelines and return the decoded reply; None if it is empty."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with self._open(verb, path, query, data, headers) as reply:
            content = reply.read()
        return json.loads(content) if content else None

    @contextmanager
    def _open(
        self,
        verb: str,
        path: str,
        query: dict[str, str],
        data: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Iterator[HTTPResponse]:
        if not self.url.startswith(("http://", "https://")):
            raise Invalid(f"the server is {self.url!r}; its URL begins with http:// or https://")
        url = self.url.rstrip("/") + API + path + (f"?{urlencode(query)}" if query else "")
        shown = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        request = urllib.request.Request(url, data, {**(headers or {}), **shown}, method=verb)
        try:
            with urllib.request.urlopen(request) as reply:
                yield reply
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (urllib.error.URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Unavailable(
                f"the server at {self.url} does not answer, or no longer: {reason}",
                hint="start one with: penstock serve",
            ) from None


def _at(name: str) -> str:
    return f"/{quote(name, safe='')}"


def _refusal(error: urllib.error.HTTPError) -> PenstockError:
    try:
        message = str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        message = str(error.reason)
    return {404: NotFound, 503: Unavailable}.get(error.code, Invalid)(message)
