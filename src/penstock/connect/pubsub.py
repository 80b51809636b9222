"""Google Pub/Sub as input, by its HTTP interface: messages are pulled, queued, and acknowledged then."""

from __future__ import annotations

import base64
import datetime as dt
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.connect.google_auth import Access, default_credentials
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

__all__ = ["PubSubSource"]

_SETTINGS = (
    "subscription", "project_id", "credentials", "endpoint", "emulator", "snapshot", "timestamp", "pool_size",
    "timeout_seconds", "connect_timeout_seconds",
)  # fmt: skip
_TEXTS = ("project_id", "credentials", "endpoint", "emulator", "snapshot", "timestamp")
_SERVICE = "https://pubsub.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/pubsub"
_MESSAGES = 1000
_TIMEOUT_S = 90.0
_RETRY_S = 1.0
_PASSING = (408, 429, 500, 502, 503, 504)


class PubSubSource:
    """The transport "pub_sub_input": each message of a subscription of Google Pub/Sub is a body. Settings:
    subscription (a name, or projects/…/subscriptions/…); project_id; credentials (text of a credentials file, otherwise
    those of the environment); endpoint; emulator (host:port, without credentials); snapshot or timestamp (the
    subscription's backlog is set back to it at the start); timeout_seconds (90); pool_size and connect_timeout_seconds
    are taken and change nothing.

    A message is acknowledged when it is queued, so a pipeline with this input cannot be kept by checkpoints.
    """

    name = "pub_sub_input"
    needs_format = True

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenPubSub:
        """Return a source. Raises: TransportRefused."""
        for name in config:
            if name not in _SETTINGS:
                raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(_SETTINGS)}")
        for name in _TEXTS:
            if config.get(name) is not None and not isinstance(config[name], str):
                raise TransportRefused(f"{name} is a text, not {type(config[name]).__name__}")
        if config.get("snapshot") and config.get("timestamp"):
            raise TransportRefused("snapshot and timestamp both say where to begin; give one of them")
        timeout = config.get("timeout_seconds") or _TIMEOUT_S
        if not isinstance(timeout, int | float) or isinstance(timeout, bool) or timeout <= 0:
            raise TransportRefused(f"timeout_seconds is a number above 0, not {timeout!r}")
        access, project = (None, None) if config.get("emulator") else _access(config)
        subscription = _full(config, "subscription", config.get("project_id") or project)
        return OpenPubSub(_Service(_base(config), access, float(timeout)), subscription, _seek(config, project))


def _access(config: Mapping[str, Any]) -> tuple[Access, str | None]:
    """Return the access, and the project that the credentials name. Raises: TransportRefused."""
    try:
        given = config.get("credentials")
        credentials = default_credentials() if given is None else json.loads(given)
        if credentials is not None and not isinstance(credentials, dict):
            raise ValueError("they are no object")
        project = (credentials or {}).get("project_id") or (credentials or {}).get("quota_project_id")
        return Access(credentials, _SCOPE), project
    except (ValueError, OSError) as error:
        raise TransportRefused(f"the credentials cannot be used: {error}") from None


def _base(config: Mapping[str, Any]) -> str:
    if emulator := config.get("emulator"):
        return f"http://{emulator}" if "://" not in emulator else str(emulator)
    endpoint = config.get("endpoint")
    if not endpoint:
        return _SERVICE
    return str(endpoint) if "://" in endpoint else f"https://{endpoint}"


def _full(config: Mapping[str, Any], kind: str, project: str | None) -> str:
    """Return the whole name of a subscription or a snapshot. Raises: TransportRefused."""
    name = config.get(kind)
    if not isinstance(name, str) or not name:
        raise TransportRefused(f"the setting {kind!r} is missing")
    if name.startswith("projects/"):
        return name
    if not project:
        raise TransportRefused(f"the setting 'project_id' is missing: it says whose {kind} {name!r} is")
    return f"projects/{project}/{kind}s/{name}"


def _seek(config: Mapping[str, Any], project: str | None) -> dict[str, str] | None:
    if config.get("snapshot"):
        return {"snapshot": _full(config, "snapshot", config.get("project_id") or project)}
    given = config.get("timestamp")
    if not given:
        return None
    try:
        moment = dt.datetime.fromisoformat(given)
    except ValueError:
        raise TransportRefused(f"timestamp is an instant of ISO 8601, not {given!r}") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
    return {"time": moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")}


class _Passing(OSError):
    """A failure that may be over the next time."""


@dataclass(frozen=True, slots=True)
class _Service:
    base: str
    access: Access | None
    timeout_s: float

    def call(self, name: str, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer. Raises: _Passing, OSError."""
        request = urllib.request.Request(f"{self.base}/v1/{name}:{verb}", json.dumps(body).encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        try:
            if self.access is not None:
                request.add_header("Authorization", f"Bearer {self.access.token()}")
            with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:
                answer: dict[str, Any] = json.load(reply)
                return answer
        except urllib.error.HTTPError as error:
            said = f"{verb} of {name}: {error.code} {error.read()[:500].decode(errors='replace')}"
            raise (_Passing if error.code in _PASSING else OSError)(said) from None
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise _Passing(f"{verb} of {name}: {error}") from None


class OpenPubSub:
    """Pulls one subscription. seek: where its backlog is set at the start, None for where it is."""

    def __init__(self, service: _Service, subscription: str, seek: dict[str, str] | None) -> None:
        self._service, self._subscription, self._seek = service, subscription, seek

    def run(self, feed: Feed) -> None:
        """Give every message, as long as the feed lives. Raises: OSError for what the service refuses for good."""
        if self._seek is not None:
            self._call(feed, "seek", self._seek)
        while True:
            feed.wait_s(0)
            received = self._call(feed, "pull", {"maxMessages": _MESSAGES}).get("receivedMessages") or []
            if not received:
                feed.wait_s(0.1)
                continue
            feed.bodies([base64.b64decode(one["message"].get("data") or "") for one in received])
            self._call(feed, "acknowledge", {"ackIds": [one["ackId"] for one in received]})

    def _call(self, feed: Feed, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            try:
                return self._service.call(self._subscription, verb, body)
            except _Passing as error:
                feed.error(str(error))
                feed.wait_s(_RETRY_S)
