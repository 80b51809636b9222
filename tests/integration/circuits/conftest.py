"""One engine for all tests that need a real one: loading it takes seconds."""

import sys
from collections.abc import AsyncIterator

import pytest_asyncio

from penstock.services.circuits.engine import WarmEngine


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="engine")
async def warm_engine() -> AsyncIterator[WarmEngine]:
    engine = WarmEngine((sys.executable, "-m", "penstock.boot.engine"))
    yield engine
    await engine.close()
