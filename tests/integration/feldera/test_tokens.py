"""Tokens of an identity provider: which are taken, and what is said of those that are not."""

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from penstock.services.identity import TokenRules, keyrings
from tests.integration.feldera.conftest import Server
from tests.integration.feldera.issuer import AUDIENCE, Issuer, running_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest_asyncio.fixture
async def server(issuer: Issuer) -> AsyncIterator[Server]:
    made = Server(rules=TokenRules(issuer.url, AUDIENCE, client_id="console", scopes=("email",)))
    await made.start()
    yield made
    await made.stop()


async def ask(server: Server, token: str, **headers: str) -> httpx.Response:
    return await server.call("GET", "/pipelines", headers={"Authorization": f"Bearer {token}", **headers})


async def refused(server: Server, token: str) -> tuple[int, str, str]:
    reply = await ask(server, token)
    body = reply.json()
    assert set(body) == {"message", "error_code", "details"}
    return reply.status_code, body["error_code"], body["message"]


def forged(header: object, claims: object, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384"])
async def test_a_token_opens_whatever_its_kind_of_key(server: Server, issuer: Issuer, algorithm: str) -> None:
    issuer.add("k", algorithm)

    assert (await ask(server, issuer.token("k"))).status_code == 200


async def test_without_a_token_the_reply_says_what_to_send(server: Server) -> None:
    reply = await server.call("GET", "/pipelines")

    assert (reply.status_code, reply.json()["error_code"]) == (401, "InvalidApiKey")
    assert reply.headers["www-authenticate"] == "Bearer"


async def test_clients_are_told_where_to_get_a_token(server: Server, issuer: Issuer) -> None:
    expected = {"GenericOidc": {"issuer": issuer.url, "client_id": "console", "extra_oidc_scopes": ["email"]}}

    assert (await server.client.get("/config/authentication")).json() == expected


async def test_keys_are_asked_for_once(server: Server, issuer: Issuer) -> None:
    for _ in range(5):
        assert (await ask(server, issuer.token())).status_code == 200

    assert issuer.asked == 2  # where the keys are, and the keys


async def test_a_new_key_is_found_when_a_token_names_it_and_a_withdrawn_one_opens_no_more(
    server: Server, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.token()
    assert (await ask(server, old)).status_code == 200
    issuer.add("k2")
    issuer.drop("k1")
    monkeypatch.setattr(keyrings, "_PAUSE_S", 0.0)

    assert (await ask(server, issuer.token("k2"))).status_code == 200
    assert (await refused(server, old))[:2] == (401, "InvalidOidcToken")


async def test_tokens_that_name_keys_nobody_has_do_not_have_the_issuer_asked_each_time(
    server: Server, issuer: Issuer
) -> None:
    for number in range(20):
        token = issuer.token(headers={"kid": f"invented-{number}"})
        assert (await refused(server, token))[:2] == (401, "InvalidOidcToken")

    assert issuer.asked == 2


async def test_an_issuer_that_is_down_is_said_to_be_and_its_known_keys_serve_on(
    server: Server, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyrings, "_PAUSE_S", 0.0)
    issuer.is_down = True
    first = await ask(server, issuer.token())
    issuer.is_down = False
    assert (await ask(server, issuer.token())).status_code == 200
    issuer.is_down = True

    assert (first.status_code, first.json()["error_code"]) == (503, "OidcIssuerUnreachable")
    assert (await ask(server, issuer.token())).status_code == 200


async def test_clocks_may_differ_by_a_minute(server: Server, issuer: Issuer) -> None:
    now = int(time.time())

    assert (await ask(server, issuer.token(exp=now - 30))).status_code == 200
    assert (await ask(server, issuer.token(nbf=now + 30, iat=now + 30))).status_code == 200


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"exp": 1_000_000}, "expired"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"aud": "somebody else"}, "audience 'pipelines'"),
        ({"aud": None}, "audience"),
        ({"exp": None}, "exp"),
        ({"sub": None}, "sub"),
        ({"iss": None}, "issuer"),
        ({"iss": "https://elsewhere.example"}, "not taken here"),
    ],
)
async def test_a_token_that_does_not_fit_is_refused_with_the_reason(
    server: Server, issuer: Issuer, changes: dict[str, object], word: str
) -> None:
    status, code, message = await refused(server, issuer.token(**changes))

    assert (status, code) == (401, "InvalidOidcToken")
    assert word in message


async def test_a_token_without_a_signature_is_refused(server: Server, issuer: Issuer) -> None:
    for algorithm in ("none", "None", "NONE", "", None):
        token = forged({"alg": algorithm, "kid": "k1"}, issuer.claims())
        assert (await refused(server, token))[:2] == (401, "InvalidOidcToken")


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(server: Server, issuer: Issuer) -> None:
    import hashlib
    import hmac

    for format in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
        secret = issuer.public("k1").public_bytes(Encoding.PEM, format)
        unsigned = forged({"alg": "HS256", "kid": "k1", "typ": "JWT"}, issuer.claims()).rpartition(".")[0]
        signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
        token = f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

        assert (await refused(server, token))[:2] == (401, "InvalidOidcToken")


async def test_a_token_signed_by_somebody_else_is_refused(server: Server, issuer: Issuer) -> None:
    stranger = Issuer()
    stranger.add("k1")
    stranger.url = issuer.url

    assert (await refused(server, stranger.token()))[:2] == (401, "InvalidOidcToken")


async def test_a_token_that_was_changed_is_refused(server: Server, issuer: Issuer) -> None:
    header, _, signature = issuer.token().split(".")
    _, claims, _ = forged({}, issuer.claims(sub="somebody else")).split(".")

    assert (await refused(server, f"{header}.{claims}.{signature}"))[:2] == (401, "InvalidOidcToken")


async def test_a_key_of_another_kind_than_the_algorithm_is_not_used(server: Server, issuer: Issuer) -> None:
    issuer.add("k2", "ES256")
    token = jwt.encode(issuer.claims(), issuer._keys["k1"][1], "RS256", {"kid": "k2"})

    assert (await refused(server, token))[:2] == (401, "InvalidOidcToken")


@pytest.mark.parametrize("text", ["eyJ..", "eyJhbGciOiJSUzI1NiJ9.e30.", "eyJ.eyJ.eyJ", "eyJ" + "a" * 20_000 + ".a.b"])
async def test_what_merely_looks_like_a_token_is_refused(server: Server, text: str) -> None:
    assert (await refused(server, text))[:2] == (401, "InvalidOidcToken")


async def test_a_token_opens_a_websocket_where_a_browser_can_put_it(server: Server, issuer: Issuer) -> None:
    import websockets

    await server.call("PUT", "/pipelines/p", json={"name": "p", "program_code": ""}, headers={
        "Authorization": f"Bearer {issuer.token()}"
    })  # fmt: skip
    address = server.url.replace("http", "ws") + "/v0/pipelines/p/query"

    async with websockets.connect(address, subprotocols=["feldera-ws-v1", issuer.token()]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "feldera-ws-v1"
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(address, subprotocols=["feldera-ws-v1", issuer.token(aud="x")])  # type: ignore[list-item]
