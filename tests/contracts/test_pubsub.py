"""Google Pub/Sub's HTTP interface, served by the test: pulls, acknowledgements, seeks, tokens, failures."""

import base64
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from penstock.connect.pubsub import PubSubSource
from penstock.data.pool import Pool
from penstock.ports.source import SourceEnded, TransportRefused
from tests.contracts.transports import TABLE


class Service:
    """messages: not yet pulled. acknowledged: ids. failures: statuses of the next answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages = [b"one", b"two", b"three"]
        self.acknowledged: list[str] = []
        self.seeks: list[Any] = []
        self.failures: list[int] = []
        self.tokens: list[str | None] = []
        self.forms: list[dict[str, str]] = []


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(http.server.BaseHTTPRequestHandler):
        made: Service

        def do_GET(self) -> None:
            assert self.headers["Metadata-Flavor"] == "Google"
            self.answer(200, {"access_token": "of the machine", "expires_in": 3600})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made = self.made
            if self.path == "/token":
                made.forms.append(dict(urllib.parse.parse_qsl(body.decode())))
                self.answer(200, {"access_token": f"token {len(made.forms)}", "expires_in": 3600})
                return
            made.tokens.append(self.headers.get("Authorization"))
            if made.failures:
                self.answer(made.failures.pop(0), {"error": {"message": "not now"}})
                return
            name, _, verb = self.path.removeprefix("/v1/").partition(":")
            if name != "projects/ours/subscriptions/s":
                self.answer(404, {"error": {"message": "no such subscription"}})
                return
            self.answer(200, self.done(verb, json.loads(body)))

        def done(self, verb: str, asked: dict[str, Any]) -> dict[str, Any]:
            made = self.made
            if verb == "seek":
                made.seeks.append(asked)
            elif verb == "acknowledge":
                made.acknowledged += asked["ackIds"]
            elif made.messages:
                given, made.messages = made.messages[:2], made.messages[2:]
                return {
                    "receivedMessages": [
                        {"ackId": f"ack {body.decode()}", "message": {"data": base64.b64encode(body).decode()}}
                        for body in given
                    ]
                }
            return {}

        def answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.made = Service(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Handler.made
        server.shutdown()


class Feed:
    """Keeps messages; ends when there are no more."""

    def __init__(self) -> None:
        self.given: list[bytes] = []
        self.errors: list[str] = []

    def bodies(self, bodies: Sequence[bytes]) -> None:
        self.given += bodies

    def wait_s(self, duration_s: float) -> None:
        if duration_s == 0.1:
            raise SourceEnded

    def error(self, message: str) -> None:
        self.errors.append(message)


def pulled(config: dict[str, Any]) -> Feed:
    feed = Feed()
    with pytest.raises(SourceEnded):
        PubSubSource().open(config, TABLE, Pool()).run(feed)  # type: ignore[arg-type]
    return feed


def test_messages_are_bodies_and_acknowledged_when_they_are_queued(service: Service) -> None:
    emulator = service.url.removeprefix("http://")
    feed = pulled({"subscription": "s", "project_id": "ours", "emulator": emulator})

    assert feed.given == [b"one", b"two", b"three"]
    assert service.acknowledged == ["ack one", "ack two", "ack three"]
    assert set(service.tokens) == {None}


def test_the_backlog_is_set_back(service: Service) -> None:
    config = {"subscription": "projects/ours/subscriptions/s", "emulator": service.url}
    pulled({**config, "timestamp": "2024-08-17T16:39:57-08:00"})
    pulled({**config, "snapshot": "before", "project_id": "ours"})

    assert service.seeks == [{"time": "2024-08-18T00:39:57Z"}, {"snapshot": "projects/ours/snapshots/before"}]


def test_failures_that_pass_are_told_and_others_are_the_end(service: Service) -> None:
    service.failures = [503, 429]
    config = {"subscription": "s", "project_id": "ours", "emulator": service.url}
    feed = pulled(config)
    with pytest.raises(OSError, match="no such subscription"):
        PubSubSource().open({**config, "subscription": "other"}, TABLE, Pool()).run(Feed())  # type: ignore[arg-type]

    assert feed.given == [b"one", b"two", b"three"]
    assert len(feed.errors) == 2


def test_a_service_account_signs_for_its_tokens(service: Service) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"type": "service_account", "client_email": "a@b", "private_key": text, "private_key_id": "7"}
    credentials = json.dumps({**account, "token_uri": f"{service.url}/token", "project_id": "ours"})
    pulled({"subscription": "s", "endpoint": service.url, "credentials": credentials})
    claims = jwt.decode(service.forms[0]["assertion"], key.public_key(), ["RS256"], audience=f"{service.url}/token")

    assert len(service.forms) == 1
    assert claims["iss"] == "a@b"
    assert set(service.tokens) == {"Bearer token 1"}


def test_a_user_and_a_machine_have_tokens_too(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({**user, "token_uri": f"{service.url}/token", "quota_project_id": "ours"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    pulled({"subscription": "s", "endpoint": service.url})
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", service.url.removeprefix("http://"))
    pulled({"subscription": "s", "endpoint": service.url, "project_id": "ours"})

    assert service.forms[0]["refresh_token"] == "r"
    assert service.tokens[-1] == "Bearer of the machine"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "subscription"),
        ({"subscription": "s", "emulator": "h:1"}, "project_id"),
        ({"subscription": "s", "project_id": "p", "emulator": "h:1", "colour": 1}, "colour"),
        ({"subscription": "s", "project_id": "p", "snapshot": "a", "timestamp": "2024-01-01"}, "one of them"),
        ({"subscription": "s", "project_id": "p", "emulator": "h:1", "timestamp": "soon"}, "ISO 8601"),
        ({"subscription": "s", "project_id": "p", "credentials": "{"}, "credentials"),
        ({"subscription": "s", "project_id": "p", "credentials": '{"type": "guess"}'}, "'guess'"),
        ({"subscription": "s", "project_id": "p", "emulator": "h:1", "timeout_seconds": -1}, "timeout_seconds"),
    ],
)
def test_settings_that_do_not_fit_are_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(TransportRefused, match=said):
        PubSubSource().open(config, TABLE, Pool())
