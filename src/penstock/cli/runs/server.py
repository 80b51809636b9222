"""Requests to a server, and whom its refusals are told to."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import quote, urlencode

from penstock.kernel.errors import Invalid, NotFound, PenstockError, Unavailable

__all__ = ["Server"]

API: Final = "/api/penstock/v1"
SEARCHED: Final = 200
"""So many of the newest runs are searched for one whose id begins as given."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and the key to show it, if it wants one."""

    url: str
    key: str | None = None

    def runs(self, **query: str) -> Any:
        """Return a page of runs, the newest first. Raises: Unavailable, Invalid."""
        return self._call("GET", "/runs", query)

    def run(self, run_id: str) -> Any:
        """Return a run with its steps. Raises: Unavailable, NotFound."""
        return self._call("GET", f"/runs/{quote(run_id, safe='')}", {})

    def why_cached(self, run_id: str, path: str) -> Any:
        """Return how the cache was asked for a step, and what it answered. Raises: Unavailable, NotFound."""
        return self._call("GET", f"/runs/{quote(run_id, safe='')}/cached", {"step": path})

    def steer(self, run_id: str, deed: str, **query: str) -> Any:
        """Retry or stop a run. Raises: Unavailable, NotFound, Invalid."""
        return self._call("POST", f"/runs/{quote(run_id, safe='')}/{deed}", query)

    def log(self, run_id: str, **query: str) -> Iterator[str]:
        """Yield lines of a run's log as they come. Raises: Unavailable, NotFound."""
        with self._open("GET", f"/runs/{quote(run_id, safe='')}/log", query) as reply:
            for line in reply:
                yield line.decode("utf-8", "replace").rstrip("\n")

    def resolve(self, wanted: str) -> str:
        """Return the id of the run that is meant by its id, the beginning of that, or its name (the newest of it).

        Raises: NotFound; Invalid if several ids begin so; Unavailable.
        """
        runs = self.runs(limit=str(SEARCHED))["runs"]
        found = [run["id"] for run in runs if run["id"].startswith(wanted)]
        if not found:
            found = [run["id"] for run in self.runs(name=wanted, limit="1")["runs"]]
        if len(found) > 1 and wanted not in found:
            raise Invalid(f"{len(found)} runs begin with {wanted!r}; write more of the id")
        if found:
            return str(wanted if wanted in found else found[0])
        try:
            return str(self.run(wanted)["run"]["id"])
        except NotFound:
            raise NotFound(f"there is no run {wanted!r}", hint="list them with: penstock runs list") from None

    def _call(self, verb: str, path: str, query: dict[str, str]) -> Any:
        with self._open(verb, path, query) as reply:
            return json.load(reply)

    def _open(self, verb: str, path: str, query: dict[str, str]) -> Any:
        url = self.url.rstrip("/") + API + path + (f"?{urlencode(query)}" if query else "")
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


def _refusal(error: urllib.error.HTTPError) -> PenstockError:
    try:
        body = json.load(error)
        message, hint = str(body.get("message") or error.reason), body.get("hint")
    except (ValueError, AttributeError):
        message, hint = str(error.reason), None
    return (NotFound if error.code == 404 else Invalid)(message, hint=hint)
