"""Who may do what: every operation by every role, keys, and scopes that do not see each other."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from penstock.api.feldera import DIALECT
from penstock.api.shared.operation import Operation
from penstock.kernel.principal import Role
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.identity import KEY, KeyDocument
from tests.integration.feldera.conftest import Server

OWNER = "an owner's key, long enough to be one"
OPERATIONS = tuple(operation for operation in DIALECT.operations if operation.verb != "WS")
ANYBODY = {"GET /healthz", "GET /config/authentication", "GET /v0/config/authentication"}
KEY_TEXT = re.compile(r"apikey:[^\s]{40,}")


@pytest_asyncio.fixture
async def guarded() -> AsyncIterator[Server]:
    """A server that wants to know who calls."""
    made = Server(owner_key=OWNER)
    await made.start()
    await made.client.aclose()
    # Hundreds of requests, none of which needs a socket.
    made.client = httpx.AsyncClient(transport=httpx.ASGITransport(made.app), base_url=made.url)
    yield made
    await made.stop()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def issued(server: Server, role: Role, scope: Scope | None = None) -> str:
    """Make a key of a role that the wire cannot make."""
    services = server.app.state.services
    _, text = await services.identity.issue(scope or DEFAULT_SCOPE, f"k-{role.name}", role)
    return f"apikey:{text}"


async def ask(server: Server, operation: Operation, key: str | None) -> httpx.Response:
    """Call an operation with nothing that exists, so that it answers at once and changes nothing."""
    path = re.sub(r"\{[a-z_]+\}", "absent", operation.path)
    headers = bearer(key) if key else {}
    return await server.client.request(operation.verb, path, headers=headers, content=b"null")


def expected_role(operation: Operation) -> Role | None:
    """Say what the wire's description gives each operation, in its own words and not in ours.

    Source: Feldera 0.337: looking is for readers, changing and reading data for writers, trusts and members for
    admins, tenants and owners for owners.
    """
    verb, path = operation.verb, operation.path
    if f"{verb} {path}" in ANYBODY:
        return None
    if path.startswith(("/v0/tenants", "/v0/config/owners")):
        return Role.OWNER
    if path.startswith(("/v0/oidc_trust", "/v0/tenant/users")):
        return Role.ADMIN
    reads_data = path.endswith(("/query", "/connectors/{connector}/completion_token"))
    if verb != "GET" or reads_data or path.startswith("/v0/api_keys"):
        return Role.WRITER
    return Role.READER


@pytest.mark.parametrize("operation", DIALECT.operations, ids=lambda operation: f"{operation.verb} {operation.path}")
def test_an_operation_wants_the_role_that_the_wire_gives_it(operation: Operation) -> None:
    assert operation.role is (Role.WRITER if operation.verb == "WS" else expected_role(operation))


async def test_every_operation_lets_in_those_of_its_role_and_above_and_nobody_else(guarded: Server) -> None:
    keys = {role: await issued(guarded, role) for role in Role}
    wrong: list[str] = []
    for operation in OPERATIONS:
        for role, key in keys.items():
            reply = await ask(guarded, operation, key)
            is_refused = reply.status_code == 403 and reply.json()["error_code"] == "InsufficientPermissions"
            if reply.status_code == 401 or is_refused is not (operation.role is not None and role < operation.role):
                wrong.append(f"{operation.verb} {operation.path} as {role.name}: {reply.status_code}")

    assert wrong == []


async def test_every_operation_but_those_for_anybody_wants_a_key_that_is_known(guarded: Server) -> None:
    for key in (None, "apikey:nothing", "apikey:" + "x" * 128, ""):
        for operation in OPERATIONS:
            reply = await ask(guarded, operation, key)
            if operation.role is None:
                assert reply.status_code == 200, operation
            else:
                assert (reply.status_code, reply.json()["error_code"]) == (401, "InvalidApiKey"), operation


async def test_a_key_is_shown_once_and_only_its_digest_is_kept(guarded: Server) -> None:
    made = await guarded.call("POST", "/api_keys", json={"name": "k", "role": "write"}, headers=bearer(OWNER))
    text = made.json()["api_key"]
    secret = text.removeprefix("apikey:").partition(".")[2]

    shown = [
        (await guarded.call("GET", path, headers=bearer(OWNER))).text
        for path in ("/api_keys", "/api_keys/k", "/config")
    ]
    stored = await guarded.app.state.services.documents.page(KEY, DEFAULT_SCOPE)

    assert KEY_TEXT.fullmatch(text)
    assert not any(secret in reply for reply in shown)
    assert secret not in repr(stored)
    assert (await guarded.call("GET", "/pipelines", headers=bearer(text))).status_code == 200


async def test_a_deleted_key_opens_nothing_and_its_name_is_free(guarded: Server) -> None:
    first = (await guarded.call("POST", "/api_keys", json={"name": "k"}, headers=bearer(OWNER))).json()["api_key"]
    assert (await guarded.call("DELETE", "/api_keys/k", headers=bearer(OWNER))).status_code == 200

    again = await guarded.call("POST", "/api_keys", json={"name": "k"}, headers=bearer(OWNER))

    assert (await guarded.call("GET", "/pipelines", headers=bearer(first))).status_code == 401
    assert (await guarded.call("GET", "/pipelines", headers=bearer(again.json()["api_key"]))).status_code == 200


@pytest.mark.parametrize("role", ["admin", "owner"])
async def test_a_key_cannot_be_made_for_more_than_writing(guarded: Server, role: str) -> None:
    reply = await guarded.call("POST", "/api_keys", json={"name": "k", "role": role}, headers=bearer(OWNER))

    assert (reply.status_code, reply.json()["error_code"]) == (403, "OwnerAdminNotMintableAsApiKey")


async def test_tenants_do_not_see_each_other(guarded: Server) -> None:
    tenant, _ = await guarded.app.state.services.identity.tenants.ensure("elsewhere")
    here = bearer(await issued(guarded, Role.WRITER))
    there = bearer(await issued(guarded, Role.WRITER, tenant.scope))
    body: dict[str, Any] = {"name": "p", "program_code": "CREATE TABLE t(x INT);"}
    assert (await guarded.call("POST", "/pipelines", json=body, headers=here)).status_code == 201
    assert (await guarded.call("POST", "/api_keys", json={"name": "k"}, headers=here)).status_code == 201

    for operation in OPERATIONS:
        if "{name}" in operation.path and operation.handler is not None and operation.verb != "PUT":
            path = re.sub(r"\{[a-z_]+\}", "absent", operation.path.replace("{name}", "p"))
            reply = await guarded.client.request(operation.verb, path, headers=there, content=b"{}")
            assert (reply.status_code, reply.json()["error_code"]) == (404, "UnknownPipelineName"), path
    assert (await guarded.call("POST", "/pipelines/p/start", headers=here)).status_code == 202
    assert 'pipeline="p"' in (await guarded.call("GET", "/metrics", headers=here)).text
    assert (await guarded.call("GET", "/metrics", headers=there)).text == ""
    assert (await guarded.call("GET", "/pipelines", headers=there)).json() == []
    assert [key["name"] for key in (await guarded.call("GET", "/api_keys", headers=there)).json()] == ["k-WRITER"]
    assert (await guarded.call("GET", "/api_keys/k", headers=there)).json()["error_code"] == "UnknownApiKey"
    assert (await guarded.call("POST", "/pipelines", json=body, headers=there)).status_code == 201
    assert len((await guarded.call("GET", "/pipelines", headers=here)).json()) == 1
    shown = (await guarded.call("GET", "/config/session", headers=there)).json()
    assert (shown["tenant_name"], shown["role"]) == ("elsewhere", "write")


@pytest.mark.parametrize(("stored", "word"), [(1, "read"), (2, "write"), (3, "owner"), (4, "admin")])
async def test_what_a_stored_number_opens_never_changes(guarded: Server, stored: int, word: str) -> None:
    services = guarded.app.state.services
    key = await issued(guarded, Role.READER)
    document = await services.identity.find(DEFAULT_SCOPE, "k-READER")
    await services.documents.replace(document, KeyDocument(stored, document.body.digest))

    shown = await guarded.call("GET", "/config/session", headers=bearer(key))

    assert shown.json()["role"] == word
