"""A client of a schema registry, and the header by which messages refer to it: a zero byte, four bytes of an id.

Source: Confluent Schema Registry API reference, wire format.
"""

from __future__ import annotations

import base64
import json
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from penstock.ports.format import FormatRefused

__all__ = ["REGISTRY_OPTIONS", "Registry", "header", "read_header"]

REGISTRY_OPTIONS = (
    "registry_urls", "registry_headers", "registry_proxy", "registry_timeout_secs", "registry_username",
    "registry_password", "registry_authorization_token",
)  # fmt: skip
_HEADER = struct.Struct(">bI")
_TIMEOUT_S = 10.0
_ROUNDS = 5
_FIRST_PAUSE_S = 0.2


def header(id: int) -> bytes:
    """Return what stands before a datum of a schema."""
    return _HEADER.pack(0, id)


def read_header(body: bytes, at: int) -> tuple[int, int]:
    """Return a schema's id and where the datum begins. Raises: ValueError."""
    if len(body) - at < _HEADER.size or body[at] != 0:
        raise ValueError("a message begins with a zero byte and the four bytes of its schema's id")
    return _HEADER.unpack_from(body, at)[1], at + _HEADER.size


class Registry:
    """The registries of a connector, any of which will do. Each schema is fetched once."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options of a format. Raises: FormatRefused."""
        urls = options.get("registry_urls")
        if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
            raise FormatRefused(f"registry_urls is a list of addresses, not {urls!r}", "registry_urls")
        self._urls = [url.rstrip("/") for url in urls]
        timeout = options.get("registry_timeout_secs")
        if timeout is not None and (not isinstance(timeout, int | float) or timeout <= 0):
            raise FormatRefused(
                f"registry_timeout_secs is a number of seconds, not {timeout!r}", "registry_timeout_secs"
            )
        self._timeout_s = float(timeout or _TIMEOUT_S)
        self._headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        self._headers |= {str(name): str(value) for name, value in _pairs(options.get("registry_headers"))}
        self._authorize(options)
        proxy = options.get("registry_proxy")
        handlers = [urllib.request.ProxyHandler({"http": proxy, "https": proxy})] if proxy else []
        self._opener = urllib.request.build_opener(*handlers)
        self._texts: dict[int, str] = {}

    def _authorize(self, options: Mapping[str, Any]) -> None:
        user, token = options.get("registry_username"), options.get("registry_authorization_token")
        if user is not None and token is not None:
            raise FormatRefused("a registry takes a user name or a token, not both", "registry_authorization_token")
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        if user is not None:
            pair = f"{user}:{options.get('registry_password') or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    def schema(self, id: int) -> str:
        """Return a schema's text. Raises: ValueError if there is none of that id; OSError if no registry answers."""
        if id not in self._texts:
            answer = self._call("GET", f"/schemas/ids/{id}", None)
            if answer.get("references"):
                raise ValueError(f"schema {id} refers to others, which is not supported")
            self._texts[id] = str(answer["schema"])
        return self._texts[id]

    def register(self, subject: str, schema: str) -> int:
        """Store a schema under a subject and return its id. Raises: ValueError if it is refused; OSError."""
        answer = self._call("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": schema})
        return int(answer["id"])

    def _call(self, verb: str, path: str, body: Any) -> dict[str, Any]:
        """Ask one registry after the other, several times: they may be about to come back."""
        pause_s = _FIRST_PAUSE_S
        failures: list[str] = []
        for round in range(_ROUNDS):
            if round:
                time.sleep(pause_s)
                pause_s *= 2
            failures = []
            for url in self._urls:
                try:
                    return self._ask(verb, url + path, body)
                except urllib.error.HTTPError as error:
                    said = error.read(2000).decode(errors="replace")
                    if error.code < 500 and error.code != 429:
                        raise ValueError(
                            f"the schema registry answers {verb} {path} with {error.code}: {said}"
                        ) from None
                    failures.append(f"{url}: {error.code}")
                except (OSError, json.JSONDecodeError) as error:
                    failures.append(f"{url}: {error}")
        raise OSError(f"no schema registry answers {verb} {path}: {'; '.join(failures)}")

    def _ask(self, verb: str, url: str, body: Any) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, self._headers, method=verb)
        with self._opener.open(request, timeout=self._timeout_s) as response:
            answer: dict[str, Any] = json.load(response)
            return answer


def _pairs(headers: Any) -> list[tuple[Any, Any]]:
    if headers is None:
        return []
    if isinstance(headers, dict):
        return [*headers.items()]
    if isinstance(headers, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in headers):
        return [(name, value) for name, value in headers]
    raise FormatRefused("registry_headers is an object of names and values", "registry_headers")
