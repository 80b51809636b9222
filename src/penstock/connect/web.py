"""Requests over HTTP, with time-outs, repetitions and bounded answers, for actions and records. Blocking."""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Answer", "WebFailed", "WebRequest", "headers_of", "send"]

MAX_ANSWER_BYTES = 256 << 20


class WebFailed(Exception):
    """A request that got no answer."""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request. timeout_s: for connecting and for each read. retries: repetitions after no answer or a status of 500
    and above, waiting longer each time. max_answer_bytes: a longer answer is none."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 60.0
    retries: int = 0
    follows: bool = True
    max_answer_bytes: int = MAX_ANSWER_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def headers_of(text: str | None) -> dict[str, str]:
    """Read headers, one on each line, `name: value`."""
    headers: dict[str, str] = {}
    for line in (text or "").replace("\r", "").split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.strip():
            headers[name.strip()] = value.strip()
    return headers


def send(request: WebRequest) -> Answer:
    """Send a request. Raises: WebFailed."""
    scheme = urllib.parse.urlsplit(request.url).scheme.lower()
    if scheme not in ("http", "https"):
        raise WebFailed(f"'{request.url}' is no http or https address")
    wait_s = 0.5
    for left in range(request.retries, -1, -1):
        try:
            answer = _once(request)
        except (OSError, ValueError) as error:
            if not left:
                raise WebFailed(f"{request.method} {request.url}: {error}") from None
        else:
            if answer.status < 500 or not left:
                return answer
        time.sleep(wait_s)
        wait_s = min(wait_s * 2, 8.0)
    raise AssertionError("unreachable")


def _once(request: WebRequest) -> Answer:
    handlers = () if request.follows else (_Stay(),)
    opener = urllib.request.build_opener(*handlers)
    sent = urllib.request.Request(
        request.url, data=request.body, headers=dict(request.headers), method=request.method.upper()
    )
    try:
        with opener.open(sent, timeout=request.timeout_s) as answer:
            body = answer.read(request.max_answer_bytes + 1)
            status, headers = answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        body, status, headers = error.read(request.max_answer_bytes), error.code, dict(error.headers)
    if len(body) > request.max_answer_bytes:
        raise ValueError(f"the answer has more than {request.max_answer_bytes >> 20} MiB")
    return Answer(status, headers, body)
