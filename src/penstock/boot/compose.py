"""The composition root: from settings to services, and to the application that serves the dialects with them."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette

from penstock.api.shared.app import build_app
from penstock.api.shared.dialect import Dialect, Launch
from penstock.boot.config import Settings
from penstock.boot.identity import fetch, token_rules
from penstock.boot.registry import DIALECTS, STORES
from penstock.kernel.errors import Invalid
from penstock.kernel.triggers import Firing
from penstock.services.artifacts import Artifacts
from penstock.services.changes import Changes
from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.service import Circuits
from penstock.services.documents import Documents
from penstock.services.identity import Identity
from penstock.services.logs import Logs
from penstock.services.metrics import Metrics
from penstock.services.phases.service import Phases
from penstock.services.runs.circuit_steps import CircuitSteps
from penstock.services.runs.service import Runs
from penstock.services.runs.stream_steps import StreamSteps
from penstock.services.runs.submission import Submission
from penstock.services.secrets import Secrets
from penstock.services.services import Services
from penstock.services.serving import Serving
from penstock.services.timekeeper import SystemClock
from penstock.services.triggers import Launcher, Triggers
from penstock.services.upkeep import Upkeep

__all__ = ["ENGINE_COMMAND", "compose", "open_services"]

ENGINE_COMMAND = (sys.executable, "-m", "penstock.boot.engine")
"""Starts the process that loads the engine and forks one process per circuit; this process never loads it."""


@asynccontextmanager
async def compose(settings: Settings, dialects: tuple[Dialect, ...] = DIALECTS) -> AsyncIterator[Starlette]:
    """Open the services and build the application; close the services at the end.

    Raises: as `open_services`.
    """
    async with open_services(settings) as services:
        for dialect in dialects:
            if dialect.launcher is not None:
                services.triggers.register(dialect.name, _launcher(dialect.launcher, services))
        async with AsyncExitStack() as beside:
            for dialect in dialects:
                if dialect.beside is not None:
                    await beside.enter_async_context(dialect.beside(services))
            await services.triggers.open()
            yield build_app(dialects, services)


def _launcher(launch: Launch, services: Services) -> Launcher:
    async def launcher(document: str, firing: Firing) -> Submission | None:
        return await launch(services, document, firing)

    return launcher


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open everything a handler may use; close it in the opposite order.

    Raises: Invalid if there is no such store; Unavailable if the data directory is in use or cannot be used.
    """
    if settings.store not in STORES:
        raise Invalid(f"there is no store {settings.store!r}; there are {', '.join(STORES)}")
    rules = token_rules(settings)
    clock = SystemClock()
    async with STORES[settings.store](settings) as stores:
        store = Changes(stores.metadata)
        documents = Documents(store, clock)
        engine = WarmEngine(ENGINE_COMMAND)
        secrets = Secrets(documents, stores.secret)
        circuits = Circuits(documents, store, clock, engine, stores.circuits, secrets)
        await circuits.open()
        logs = Logs(stores.log_book)
        metrics = Metrics(store, clock)
        steps = CircuitSteps(stores.work, engine, stores.log_book, metrics, secrets.read)
        streams = StreamSteps(stores.work / "streams", engine, stores.log_book, metrics, secrets.read, max_forks=1000)
        executors = (*stores.executors(secrets.read), steps, streams)
        runs = Runs(
            store,
            stores.blobs,
            clock,
            executors,
            logged=logs.logged,
            forget_logs=logs.forget,
            intents=stores.intents,
            max_running=settings.max_running_runs,
            max_queued=settings.max_waiting_runs,
        )
        runs.listen(steps.run_ended)
        triggers = Triggers(store, clock, runs)
        upkeep = Upkeep(store, stores.blobs, clock)
        serving = Serving(store, clock, stores.pools, stores.log_book, secrets.read)
        try:
            await serving.open()
            await runs.open()
            upkeep.open()
            yield Services(
                clock=clock,
                store=store,
                blobs=stores.blobs,
                documents=documents,
                identity=Identity(
                    documents, owner_key=settings.owner_key, pepper=stores.secret, rules=rules, fetch=fetch
                ),
                secrets=secrets,
                circuits=circuits,
                runs=runs,
                serving=serving,
                triggers=triggers,
                logs=logs,
                metrics=metrics,
                phases=Phases(engine),
                artifacts=Artifacts(stores.blobs),
                started_at=clock.now(),
                is_full=settings.edition == "full",
            )
        finally:
            await upkeep.close()
            await triggers.close()
            await runs.close()
            await serving.close()
            await circuits.close()
