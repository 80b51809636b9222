"""Requests as actions: a call, and arguments read from an answer.

Properties: `url`, `method`, `body`, `requestHeaders`, `connectTimeout`, `readTimeout`, `numRetries`, `followRedirects`;
times in milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from penstock.connect.web import Answer, WebFailed, WebRequest, headers_of, send
from penstock.ports.action import ActionFailed
from penstock.ports.transform import Finding, Surroundings

__all__ = ["ArgumentsRequest", "CallRequest"]

_TIMES = ("connectTimeout", "connectTimeoutMillis", "readTimeout", "readTimeoutMillis")
_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")


class CallRequest:
    """Action `request.call`: an answer of 400 and above fails."""

    name = "request.call"

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> tuple[Finding, ...]:
        """Check method and numbers."""
        findings = []
        method = properties.get("method")
        if method and method.upper() not in _METHODS:
            findings.append(Finding(f"Invalid method '{method}'.", f"Use one of {', '.join(_METHODS)}.", "method"))
        for name in (*_TIMES, "numRetries"):
            text = properties.get(name)
            if text and not text.strip().isdigit():
                findings.append(Finding(f"'{name}' is no whole number: '{text}'.", "Use a number.", name))
        return tuple(findings)

    def run(self, properties: Mapping[str, str], surroundings: Surroundings) -> Mapping[str, str]:
        """Send it."""
        answer = _send(properties)
        surroundings.log("INFO", f"{properties.get('method', 'GET')} {properties.get('url')} answered {answer.status}")
        return {}


class ArgumentsRequest(CallRequest):
    """Action `request.arguments`: the answer is an object with `arguments`, a list of objects with name and value."""

    name = "request.arguments"

    def run(self, properties: Mapping[str, str], surroundings: Surroundings) -> Mapping[str, str]:
        """Send it and read the arguments."""
        answer = _send(properties)
        try:
            found = json.loads(answer.body)
            arguments = {str(item["name"]): _text(item["value"]) for item in found["arguments"]}
        except (ValueError, KeyError, TypeError) as error:
            shown = answer.body[:200].decode(errors="replace")
            raise ActionFailed(f"the answer of {properties.get('url')} holds no arguments ({error}): {shown}") from None
        surroundings.log("INFO", f"arguments set: {', '.join(sorted(arguments))}")
        return arguments


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _send(properties: Mapping[str, str]) -> Answer:
    timeout_ms = max(_number(properties, name) for name in _TIMES)
    body = properties.get("body")
    request = WebRequest(
        url=(properties.get("url") or "").strip(),
        method=(properties.get("method") or "GET").upper(),
        headers=headers_of(properties.get("requestHeaders")),
        body=None if body is None else body.encode(),
        timeout_s=(timeout_ms or 60_000) / 1000,
        retries=_number(properties, "numRetries"),
        follows=(properties.get("followRedirects") or "true").strip().lower() == "true",
    )
    try:
        answer = send(request)
    except WebFailed as error:
        raise ActionFailed(str(error)) from None
    if answer.status >= 400:
        shown = answer.body[:200].decode(errors="replace")
        raise ActionFailed(f"{request.method} {request.url} answered {answer.status}: {shown}")
    return answer


def _number(properties: Mapping[str, str], name: str) -> int:
    text = (properties.get(name) or "").strip()
    return int(text) if text.isdigit() else 0
