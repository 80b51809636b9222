"""A server of this dialect alone, over an engine in memory, on a port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest_asyncio
import uvicorn

from penstock.api.feldera import DIALECT
from penstock.api.shared.app import build_app
from penstock.boot.identity import fetch
from penstock.execute.pool.pools import WarmPools
from penstock.services.artifacts import Artifacts
from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.service import Circuits
from penstock.services.documents import Documents
from penstock.services.identity import Identity, TokenRules
from penstock.services.logs import Logs
from penstock.services.metrics import Metrics
from penstock.services.phases.service import Phases
from penstock.services.runs.service import Runs
from penstock.services.secrets import Secrets
from penstock.services.services import Services
from penstock.services.serving import Serving
from penstock.services.timekeeper import SystemClock
from penstock.services.triggers import Triggers
from penstock.store.logfiles import LogFiles
from penstock.store.memory import MemoryBlobs, MemoryStore
from tests.integration.feldera.fake_engine import FakeEngine


async def until(holds: Callable[[], bool], timeout_s: float = 30) -> None:
    """Wait for a condition that nobody announces."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


class Server:
    """What a test talks to. `restart` is a crash: the store stays, all else is made anew."""

    def __init__(self, owner_key: str | None = None, *, is_full: bool = True, rules: TokenRules | None = None) -> None:
        self.rules = rules
        self.is_full = is_full
        self.owner_key = owner_key
        self.store = MemoryStore()
        self.engine = FakeEngine()
        self.client = httpx.AsyncClient()
        self.circuits: Circuits

    async def start(self) -> None:
        clock = SystemClock()
        documents = Documents(self.store, clock)
        self.circuits = Circuits(documents, self.store, clock, self.engine)
        await self.circuits.open()
        services = Services(
            is_full=self.is_full,
            clock=clock,
            store=self.store,
            blobs=MemoryBlobs(),
            documents=documents,
            identity=Identity(documents, owner_key=self.owner_key, pepper=bytes(32), rules=self.rules, fetch=fetch),
            secrets=Secrets(documents, bytes(32)),
            circuits=self.circuits,
            runs=(runs := Runs(self.store, MemoryBlobs(), clock, ())),
            serving=Serving(self.store, clock, WarmPools(Path("unused"), MemoryBlobs()), LogFiles(Path("unused"))),
            triggers=Triggers(self.store, clock, runs),
            logs=Logs(LogFiles(Path("unused"))),
            metrics=Metrics(self.store, clock),
            phases=Phases(WarmEngine(("false",))),
            artifacts=Artifacts(MemoryBlobs()),
            started_at=clock.now(),
        )
        bound = socket.create_server(("127.0.0.1", 0))
        self.app = build_app((DIALECT,), services)
        self._uvicorn = uvicorn.Server(uvicorn.Config(self.app, log_config=None, lifespan="off"))
        self._task = asyncio.create_task(self._uvicorn.serve([bound]))
        await until(lambda: self._uvicorn.started)
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        self.client = httpx.AsyncClient(base_url=self.url, timeout=10)

    async def stop(self) -> None:
        await self.client.aclose()
        self._uvicorn.should_exit = True
        self._uvicorn.force_exit = True
        await self._task
        await self.circuits.close()

    async def restart(self) -> None:
        await self.stop()
        self.engine = FakeEngine()
        await self.start()

    # ---- requests

    async def call(self, verb: str, path: str, **options: object) -> httpx.Response:
        return await self.client.request(verb, "/v0" + path, **options)  # type: ignore[arg-type]

    async def make(
        self, name: str = "p", program: str = "CREATE TABLE t(x INT);", **fields: object
    ) -> dict[str, object]:
        reply = await self.call("PUT", f"/pipelines/{name}", json={"name": name, "program_code": program, **fields})
        assert reply.status_code in (200, 201), reply.text
        body: dict[str, object] = reply.json()
        return body

    async def show(self, name: str = "p", selector: str = "all") -> dict[str, object]:
        reply = await self.call("GET", f"/pipelines/{name}?selector={selector}")
        assert reply.status_code == 200, reply.text
        body: dict[str, object] = reply.json()
        return body

    async def settled(self, status: str, name: str = "p") -> dict[str, object]:
        async with asyncio.timeout(3):
            while (shown := await self.show(name))["deployment_status"] != status:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return shown

    async def act(self, action: str, name: str = "p", **options: object) -> httpx.Response:
        return await self.call("POST", f"/pipelines/{name}/{action}", **options)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def free_server() -> AsyncIterator[Server]:
    """A server that shows the face of the free edition."""
    made = Server(is_full=False)
    await made.start()
    yield made
    await made.stop()
