"""A token of an identity provider opens every dialect, each in the tenant it leads to."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from penstock.boot.compose import compose
from penstock.boot.config import Settings
from penstock.kernel.expr import Literal
from penstock.kernel.graph import Body, Command, Graph, Step
from penstock.kernel.scope import Scope
from penstock.services.runs.submission import Submission
from penstock.services.services import Services
from penstock.services.tenancy import PLATFORM, handling, may_read
from tests.integration.feldera.issuer import AUDIENCE, Issuer, running_issuer

PLACES = (
    "/v0/pipelines",
    "/apis/v1beta1/experiments",
    "/apis/v2beta1/experiments",
    "/v2.1/projects",
    "/v3/namespaces",
    "/api/penstock/v1/runs",
)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest_asyncio.fixture
async def app(issuer: Issuer, tmp_path: Path) -> AsyncIterator[Starlette]:
    settings = Settings(store="memory", data=tmp_path, oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
    async with compose(settings) as made:
        yield made


@pytest_asyncio.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as made:
        yield made


@pytest.fixture
def services(app: Starlette) -> Services:
    found: Services = app.state.services
    return found


def shown(issuer: Issuer, user: str = "ann", **claims: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.token(sub=user, **claims)}"}


@pytest.mark.parametrize("place", PLACES)
async def test_a_token_opens_every_dialect_and_a_wrong_one_none(
    client: httpx.AsyncClient, issuer: Issuer, place: str
) -> None:
    assert (await client.get(place)).status_code == 401
    assert (await client.get(place, headers=shown(issuer, aud="x"))).status_code == 401
    assert (await client.get(place, headers=shown(issuer))).status_code == 200


async def test_what_one_tenant_makes_in_a_dialect_the_other_does_not_see(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    place = "/apis/v1beta1/experiments"
    made = await client.post(place, headers=shown(issuer), json={"name": "mine"})
    assert made.status_code == 200, made.text

    theirs = await client.get(place, headers=shown(issuer, "ben"))
    id = made.json()["id"]

    assert "mine" not in theirs.text
    assert (await client.get(f"{place}/{id}", headers=shown(issuer, "ben"))).status_code == 404
    assert (await client.get(f"{place}/{id}", headers=shown(issuer))).status_code == 200


@pytest.mark.parametrize("action", ["", "/log", "/cached?step=s", "/retry", "/stop"])
async def test_a_run_of_one_tenant_is_not_there_for_the_other(
    client: httpx.AsyncClient, issuer: Issuer, services: Services, action: str
) -> None:
    for user in ("ann", "ben"):
        assert (await client.get("/v0/config/session", headers=shown(issuer, user))).status_code == 200
    tenant = await services.identity.tenants.find("ann")
    step = Step("s", Command((Literal("sleep"), Literal("60"))))
    run = await services.runs.submit(
        Submission(tenant.scope, Graph({"main": Body((step,), {})}), "mine", origin="test")
    )
    verb = "POST" if action in ("/retry", "/stop") else "GET"
    place = f"/api/penstock/v1/runs/{run.id}{action}"

    theirs = await client.request(verb, place, headers=shown(issuer, "ben", tenant="ben"))
    mine = await client.get(f"/api/penstock/v1/runs/{run.id}", headers=shown(issuer))

    assert (theirs.status_code, mine.status_code) == (404, 200), theirs.text
    await services.runs.stop(run.id, is_forced=True)


async def test_only_the_task_of_a_call_is_held_to_its_tenant() -> None:
    mine, other = Scope.parse("a/b"), Scope.parse("c")

    async def beside() -> bool:
        return may_read(other)

    with handling(Scope.parse("a")):
        assert may_read(mine) and may_read(PLATFORM) and not may_read(other)
        assert await asyncio.create_task(beside())
        with handling(other):
            assert may_read(other) and not may_read(mine)
        assert may_read(mine)

    assert may_read(other)
