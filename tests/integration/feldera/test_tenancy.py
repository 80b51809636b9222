"""Tenants, their members and the machines they trust: who comes in where, as what, and who says so."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from penstock.services.identity import TokenRules
from penstock.services.identity.access import OwnerTrust
from penstock.services.identity.trusts import fits
from tests.integration.feldera.conftest import Server
from tests.integration.feldera.issuer import AUDIENCE, Issuer, running_issuer

OWNER = "an owner's key, long enough to be one"
Start = Callable[..., Awaitable[Server]]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest_asyncio.fixture
async def start(issuer: Issuer) -> AsyncIterator[Start]:
    """Start a server with rules of the test's own."""
    started: list[Server] = []

    async def begin(**rules: Any) -> Server:
        server = Server(OWNER, rules=TokenRules(issuer.url, AUDIENCE, **rules))
        await server.start()
        started.append(server)
        return server

    yield begin
    for server in started:
        await server.stop()


async def call(server: Server, token: str, verb: str, path: str, tenant: str = "", **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **({"Feldera-Tenant": tenant} if tenant else {})}
    return await server.call(verb, path, headers=headers, **options)


async def session(server: Server, token: str, tenant: str = "") -> dict[str, Any]:
    reply = await call(server, token, "GET", "/config/session", tenant)
    assert reply.status_code == 200, reply.text
    shown: dict[str, Any] = reply.json()
    return shown


async def code(server: Server, token: str, tenant: str = "") -> tuple[int, str]:
    reply = await call(server, token, "GET", "/pipelines", tenant)
    return reply.status_code, reply.json()["error_code"]


# ---- which tenant


async def test_everybody_has_a_tenant_of_his_own_unless_something_else_is_said(start: Start, issuer: Issuer) -> None:
    server = await start()
    for user in ("ann", "ben"):
        body = {"name": "p", "program_code": ""}
        assert (await call(server, issuer.token(sub=user), "POST", "/pipelines", json=body)).status_code == 201

    shown = await session(server, issuer.token())

    assert (shown["tenant_name"], shown["role"]) == ("ann", "admin")
    assert [(m["name"], m["role"]) for m in shown["memberships"]] == [("ann", "admin")]
    assert len((await call(server, issuer.token(), "GET", "/pipelines")).json()) == 1


async def test_the_issuers_host_may_be_the_tenant_of_all(start: Start, issuer: Issuer) -> None:
    server = await start(tenancy="issuer")

    first, second = [await session(server, issuer.token(sub=user)) for user in ("ann", "ben")]

    assert first["tenant_name"] == second["tenant_name"] == "127.0.0.1"
    assert (first["role"], second["role"]) == ("admin", "read")


async def test_a_claim_names_the_tenant_before_any_rule(start: Start, issuer: Issuer) -> None:
    server = await start(tenancy="issuer")

    assert (await session(server, issuer.token(tenant="acme")))["tenant_name"] == "acme"


@pytest.mark.parametrize("tenants", [["acme", "blue"], "acme, blue"])
async def test_of_several_tenants_the_header_chooses_one(start: Start, issuer: Issuer, tenants: object) -> None:
    server = await start()
    token = issuer.token(tenants=tenants)

    assert await code(server, token) == (400, "AmbiguousOidcTenant")
    assert await code(server, token, "other") == (403, "NotATenantMember")
    shown = await session(server, token, "blue")
    assert shown["tenant_name"] == "blue"
    assert (await session(server, token, shown["tenant_id"]))["tenant_name"] == "blue"


async def test_two_claims_contradict_each_other(start: Start, issuer: Issuer) -> None:
    assert await code(await start(), issuer.token(tenant="a", tenants=["b"])) == (400, "AmbiguousOidcTenant")


async def test_whose_token_names_no_tenant_needs_a_membership(start: Start, issuer: Issuer) -> None:
    server = await start(tenancy="claim")
    assert await code(server, issuer.token()) == (403, "NoTenantMemberships")

    for tenant in ("acme", "blue"):
        assert (await call(server, OWNER, "POST", "/tenants", json={"name": tenant})).status_code == 201
        member = {"subject": "ann", "role": "write"}
        assert (await call(server, OWNER, "POST", "/tenant/users", tenant, json=member)).status_code == 200
        if tenant == "acme":
            assert (await session(server, issuer.token()))["tenant_name"] == "acme"

    assert await code(server, issuer.token()) == (400, "AmbiguousTenantMembership")
    assert (await session(server, issuer.token(), "blue"))["role"] == "write"


async def test_a_tenant_that_is_there_and_one_that_is_not_are_refused_alike(start: Start, issuer: Issuer) -> None:
    server = await start()
    await session(server, issuer.token(sub="ben"))

    there, nowhere = [(await call(server, issuer.token(), "GET", "/pipelines", name)).json() for name in ("ben", "x")]

    assert there["error_code"] == nowhere["error_code"] == "NotATenantMember"
    assert there["message"] == nowhere["message"].replace("'x'", "'ben'")


async def test_members_are_made_by_hand_only_if_the_settings_say_so(start: Start, issuer: Issuer) -> None:
    server = await start(enrolls=False)

    assert await code(server, issuer.token(tenant="acme")) == (403, "NoTenantMemberships")
    assert [t["name"] for t in (await call(server, OWNER, "GET", "/tenants")).json()] == ["default"]


async def test_only_the_groups_of_the_settings_come_in(start: Start, issuer: Issuer) -> None:
    server = await start(groups=frozenset({"eng"}))

    assert await code(server, issuer.token()) == (401, "UnauthorizedOidcToken")
    assert await code(server, issuer.token(groups=["ops"])) == (401, "UnauthorizedOidcToken")
    assert (await session(server, issuer.token(groups=["ops", "eng"])))["role"] == "admin"


# ---- owners


async def test_owners_are_known_by_subject_or_by_an_address_that_was_verified(start: Start, issuer: Issuer) -> None:
    server = await start(owners=frozenset({"root", f"{issuer.url} boss", "ops@example.com"}))
    ops = {"sub": "x", "email": "ops@example.com"}

    roles = [
        (await session(server, issuer.token(**claims)))["role"]
        for claims in ({"sub": "root"}, {"sub": "boss"}, {**ops, "email_verified": True}, ops, {"sub": "ops"})
    ]

    assert roles == ["owner", "owner", "owner", "admin", "admin"]
    shown = (await call(server, issuer.token(sub="root"), "GET", "/config/owners")).json()
    assert shown == {"owners": sorted(["root", f"{issuer.url} boss", "ops@example.com"]), "owner_trusts": []}


async def test_an_owner_acts_in_the_default_tenant_or_in_the_one_he_names(start: Start, issuer: Issuer) -> None:
    server = await start(owners=frozenset({"root"}))
    await session(server, issuer.token())

    for owner in (OWNER, issuer.token(sub="root")):
        assert (await session(server, owner))["tenant_name"] == "default"
        shown = await session(server, owner, "ann")
        assert (shown["tenant_name"], shown["role"]) == ("ann", "owner")
        assert await code(server, owner, "nobody") == (404, "UnknownTenantName")


# ---- tenants


async def test_owners_make_rename_and_delete_tenants(start: Start, issuer: Issuer) -> None:
    server = await start()
    made = await call(server, OWNER, "POST", "/tenants", json={"name": "acme"})
    again = await call(server, OWNER, "POST", "/tenants", json={"name": "acme"})
    acme = made.json()
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json() == acme == {"id": acme["id"], "name": "acme", "initial_provider": ""}
    for selector in ("acme", acme["id"]):
        assert (await call(server, OWNER, "GET", f"/tenants/{selector}")).json() == acme
    other = (await call(server, OWNER, "POST", "/tenants", json={"name": "blue"})).json()

    taken = await call(server, OWNER, "PATCH", f"/tenants/{acme['id']}", json={"name": "blue"})
    renamed = await call(
        server, OWNER, "PATCH", f"/tenants/{acme['id']}", json={"name": "blue", "displace_existing": True}
    )

    assert (taken.status_code, taken.json()["error_code"]) == (409, "DuplicateName")
    assert (renamed.json()["name"], renamed.json()["displaced"]["name"]) == ("blue", f"blue ({other['id']})")
    assert (await session(server, OWNER, "blue"))["tenant_id"] == acme["id"]
    assert (await call(server, OWNER, "DELETE", f"/tenants/{acme['id']}")).status_code == 200
    gone = await call(server, OWNER, "GET", f"/tenants/{acme['id']}")
    assert (gone.status_code, gone.json()["error_code"]) == (404, "UnknownTenant")
    default = (await call(server, OWNER, "GET", "/tenants/default")).json()
    assert (await call(server, OWNER, "DELETE", f"/tenants/{default['id']}")).status_code == 400


@pytest.mark.parametrize("kind", ["pipelines", "api_keys", "oidc_trust"])
async def test_a_tenant_that_holds_something_is_not_deleted(start: Start, issuer: Issuer, kind: str) -> None:
    server = await start()
    tenant = (await session(server, issuer.token()))["tenant_id"]
    bodies = {
        "pipelines": {"name": "p", "program_code": ""},
        "api_keys": {"name": "k"},
        "oidc_trust": {"name": "t", "issuer": "https://i.example", "subject": "s"},
    }
    assert (await call(server, issuer.token(), "POST", f"/{kind}", json=bodies[kind])).status_code == 201

    reply = await call(server, OWNER, "DELETE", f"/tenants/{tenant}")

    assert (reply.status_code, reply.json()["error_code"]) == (409, "TenantNotEmpty")
    assert await session(server, issuer.token())


async def test_the_default_tenant_can_be_given_the_name_that_a_login_leads_to(start: Start, issuer: Issuer) -> None:
    server = await start()
    assert (await call(server, OWNER, "POST", "/pipelines", json={"name": "p", "program_code": ""})).status_code == 201
    default = (await call(server, OWNER, "GET", "/tenants/default")).json()["id"]

    await call(server, OWNER, "PATCH", f"/tenants/{default}", json={"name": "ann"})

    assert [p["name"] for p in (await call(server, issuer.token(), "GET", "/pipelines")).json()] == ["p"]
    assert [t["name"] for t in (await call(server, OWNER, "GET", "/tenants")).json()] == ["ann"]


# ---- members


async def test_admins_say_who_may_do_what_in_their_tenant(start: Start, issuer: Issuer) -> None:
    server = await start()
    ann, ben = issuer.token(tenant="acme"), issuer.token(sub="ben", tenant="acme", email="b@x", name="Ben")
    await session(server, ann)
    assert (await session(server, ben))["role"] == "read"
    listed = (await call(server, ann, "GET", "/tenant/users")).json()
    member = listed[1]
    expected = {"provider": issuer.url, "subject": "ben", "email": "b@x", "email_verified": False,
                "display_name": "Ben", "role": "read", "origin": "login"}  # fmt: skip
    assert [m["subject"] for m in listed] == ["ann", "ben"]
    assert member == {"user_id": member["user_id"], **expected}
    assert (await call(server, ben, "GET", "/tenant/users")).status_code == 403

    path = f"/tenant/users/{member['user_id']}"
    changed = await call(server, ann, "PUT", path, json={"role": "write"})

    assert changed.json() == {**member, "role": "write", "origin": "granted"}
    assert (await session(server, ben))["role"] == "write"
    assert (await call(server, ann, "DELETE", path)).status_code == 200
    assert (await call(server, ann, "DELETE", path)).json()["error_code"] == "UnknownUser"
    assert (await session(server, ben))["role"] == "read"  # coming makes him a member again


async def test_nobody_makes_an_owner_or_reaches_into_another_tenant(start: Start, issuer: Issuer) -> None:
    server = await start()
    ann, ben = issuer.token(), issuer.token(sub="ben")
    await session(server, ann)
    await session(server, ben)
    (own,) = (await call(server, ann, "GET", "/tenant/users")).json()

    for verb, path, body in (
        ("POST", "/tenant/users", {"subject": "x", "role": "owner"}),
        ("PUT", f"/tenant/users/{own['user_id']}", {"role": "owner"}),
        ("POST", "/oidc_trust", {"name": "t", "issuer": "https://i.example", "subject": "s", "role": "owner"}),
    ):
        reply = await call(server, ann, verb, path, json=body)
        assert (reply.status_code, reply.json()["error_code"]) == (403, "OwnerRoleNotAssignable")
    for verb in ("PUT", "DELETE"):
        reply = await call(server, ben, verb, f"/tenant/users/{own['user_id']}", json={"role": "read"})
        assert (reply.status_code, reply.json()["error_code"]) == (404, "UnknownUser")
    assert (await call(server, ann, "GET", "/tenants")).status_code == 403


# ---- machines


async def test_a_tenant_trusts_machines_whose_tokens_fit(start: Start, issuer: Issuer) -> None:
    server = await start()
    ann = issuer.token()
    trust = {"name": "ci", "issuer": issuer.url, "subject": "repo:acme/*:main", "audience": "ci-*", "role": "write"}
    made = await call(server, ann, "POST", "/oidc_trust", json=trust)
    assert (made.status_code, set(made.json())) == (201, {"id", "name"})
    shown = (await call(server, ann, "GET", "/oidc_trust/ci")).json()
    assert shown == {**trust, "id": made.json()["id"], "description": None}

    machine = issuer.token(sub="repo:acme/web:main", aud=["ci-1"])

    seen = await session(server, machine)
    assert (seen["tenant_name"], seen["role"]) == ("ann", "write")
    assert await code(server, issuer.token(sub="repo:acme/web:dev", aud="ci-1")) == (401, "UnauthorizedOidcToken")
    assert await code(server, issuer.token(sub="repo:acme/web:main", aud="x")) == (401, "UnauthorizedOidcToken")
    assert await code(server, machine, "default") == (403, "OidcTenantNotTrusted")
    await call(server, issuer.token(sub="ben"), "POST", "/oidc_trust", json=trust)
    assert await code(server, machine) == (400, "AmbiguousOidcTenant")
    assert (await session(server, machine, "ben"))["tenant_name"] == "ben"
    assert (await call(server, ann, "DELETE", "/oidc_trust/ci")).status_code == 200
    assert (await session(server, machine))["tenant_name"] == "ben"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"issuer": ""}, (400, "EmptyOidcTrustField")),
        ({"subject": None}, (400, "EmptyOidcTrustField")),
        ({"audience": ""}, (400, "EmptyOidcTrustField")),
        ({"issuer": "http://127.0.0.1:9/x"}, (400, "InvalidOidcIssuerUrl")),
        ({"issuer": "https://u:p@x.example"}, (400, "InvalidOidcIssuerUrl")),
        ({"issuer": "https://x.example/?a=b"}, (400, "InvalidOidcIssuerUrl")),
        ({"issuer": "file:///etc/passwd"}, (400, "InvalidOidcIssuerUrl")),
        ({"name": "a b"}, (400, "NameDoesNotMatchPattern")),
        ({"role": "god"}, (400, "InvalidParam")),
    ],
)
async def test_a_wrong_trust_is_refused(
    start: Start, issuer: Issuer, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    server = await start()
    trust = {"name": "ci", "issuer": "https://i.example", "subject": "s"}

    reply = await call(server, issuer.token(), "POST", "/oidc_trust", json=trust | changes)

    assert (reply.status_code, reply.json()["error_code"]) == expected


async def test_machines_of_the_settings_are_owners(start: Start, issuer: Issuer) -> None:
    server = await start(owner_trusts=(OwnerTrust(issuer.url, "infra:*", "ops"),))

    shown = await session(server, issuer.token(sub="infra:main", aud="ops"))

    assert (shown["role"], shown["tenant_name"]) == ("owner", "default")
    assert await code(server, issuer.token(sub="web:main", aud="ops")) == (401, "UnauthorizedOidcToken")


@pytest.mark.parametrize(
    ("pattern", "text", "does_fit"),
    [
        ("a", "a", True), ("a", "ab", False), ("*", "", True), ("a*", "ab", True), ("*b", "ab", True),
        ("a*b", "ab", True), ("a*b", "a", False), ("aa*aa", "aaa", False), ("a*b*c", "a1b2c", True),
        ("a*b*c", "acb", False), ("*a*", "bab", True), ("a.c", "abc", False), ("*x*x*", "x", False),
    ],
)  # fmt: skip
def test_a_star_stands_for_any_characters(pattern: str, text: str, does_fit: bool) -> None:
    assert fits(pattern, text) is does_fit
