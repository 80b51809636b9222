from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from penstock.boot.compose import compose
from penstock.boot.config import Settings
from tests.toy_dialect import DIALECT


@pytest.fixture
async def app() -> AsyncIterator[Starlette]:
    async with compose(Settings(store="memory"), (DIALECT,)) as app:
        yield app


@pytest.fixture
async def toy(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://toy", headers={"X-Toy": "ann:writer"}) as client:
        yield client
