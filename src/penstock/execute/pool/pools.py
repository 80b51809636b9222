"""All pools of a server: the port `ports.workers`, and the executor of jobs of kind `serve`.

The spec of such a job is a constant object whose member `pool` names the pool. Its input `data` is the request, a list
being many at once; `context`, if given, is an object for the user's code. The facts `step.request` (the id that log
and code know the request by) and `run.is_awaited` (whether somebody waits for it) are looked at. Its output is `data`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final

import structlog

from penstock.execute.environments import Environments
from penstock.execute.pool.crew import Crew, Request, Surroundings
from penstock.execute.pool.files import bring, keep
from penstock.execute.pool.nest import Nest
from penstock.execute.pool.packages import Packages, remove
from penstock.execute.pool.start import Starter
from penstock.kernel.errors import PenstockError
from penstock.kernel.events import LogEvent
from penstock.kernel.expr import Literal
from penstock.kernel.graph import Job
from penstock.kernel.policies import Cause
from penstock.kernel.runs import Failure, Result
from penstock.kernel.signature import Misfit, Signature, fit
from penstock.kernel.values import Value
from penstock.ports.blobs import BlobStore
from penstock.ports.executor import Observer, Task
from penstock.ports.workers import FilePlace, Inspection, Line, PoolSpec, PoolStatus

__all__ = ["WarmPools"]

MAX_WORKERS: Final = 64
SPARE_S: Final = 60.0
"""How long a worker that was only started to look at it waits for its pool."""
SWEEP_S: Final = 1.0

_log = structlog.get_logger("penstock.execute")


class WarmPools:
    """Executor of kind `serve`, and the port of worker pools.

    Args:
        directory: for unpacked packages, environments, and the workers' own directories.
        blobs: where packages are. python: the interpreter environments are made of; see `Environments`.
        max_workers: most worker processes of all pools together.
    """

    name = "pool"
    kinds = frozenset({"serve"})

    def __init__(
        self, directory: Path, blobs: BlobStore, *, python: str | None = None, max_workers: int = MAX_WORKERS
    ) -> None:
        self._directory = directory.absolute()
        self._environments = Environments(self._directory / "environments", python)
        self._packages = Packages(self._directory / "packages", blobs)
        self._nest = Nest()
        self._starter = Starter(self._directory / "workers", self._packages, self._environments, self._nest)
        self._around = Surroundings(self._starter, self._log_lines, self._update, self._may_start, self._keep_files)
        self._max_workers = max_workers
        self._crews: dict[str, Crew] = {}
        self._spares: dict[str, tuple[Crew, float]] = {}
        self._retired: list[Crew] = []
        self._requests: dict[tuple[str, str], tuple[Crew | None, Request]] = {}
        self._last = 0
        self._observer: Observer | None = None
        self._place: FilePlace | None = None
        self._logged: Callable[[PoolSpec, list[Line]], None] = lambda spec, lines: None
        self._updated: Callable[[str, str, str], None] = lambda run, request, text: None
        self._sweeping: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # The port of pools.

    def attend(self, logged: Callable[[PoolSpec, list[Line]], None], updated: Callable[[str, str, str], None]) -> None:
        """Say whom to tell."""
        self._logged, self._updated = logged, updated

    def set_files(self, place: FilePlace) -> None:
        """Say where files of requests are kept."""
        self._place = place

    async def inspect(self, spec: PoolSpec) -> Inspection:
        """Start one worker and say what it found."""
        found = self._crews.get(spec.id)
        if found is not None and found.spec == spec and found.inspection is not None:
            return found.inspection
        crew = Crew(spec, self._around)
        inspection = await crew.inspect()
        self._discard_spare(spec.id)
        self._spares[spec.id] = crew, time.monotonic()
        return inspection

    def configure(self, spec: PoolSpec) -> None:
        """Make a pool, or replace its spec."""
        old = self._crews.get(spec.id)
        if old is not None and old.spec == spec:
            return
        spare = self._spares.pop(spec.id, None)
        if spare is not None and spare[0].spec == spec:
            crew = spare[0]
        else:
            crew = Crew(spec, self._around)
            if spare is not None:
                spare[0].end("replaced")
        self._crews[spec.id] = crew
        if old is not None:
            for request in old.retire():
                self._move(request, crew)
            self._retired.append(old)
        crew.staff()

    async def remove(self, pool: str) -> None:
        """End a pool."""
        self._discard_spare(pool)
        crew = self._crews.pop(pool, None)
        if crew is not None:
            crew.end("the version was deleted")
        for retired in [retired for retired in self._retired if retired.spec.id == pool]:
            retired.end("the version was deleted")

    def waiting(self, pool: str) -> int:
        """Return how many requests wait in a pool."""
        crew = self._crews.get(pool)
        return crew.waiting_count if crew else 0

    def status(self, pool: str) -> PoolStatus | None:
        """Return how a pool is."""
        crew = self._crews.get(pool)
        return crew.status() if crew else None

    # The executor.

    async def open(self, observer: Observer) -> None:
        """Get ready. Workers are started when they are needed."""
        self._observer = observer
        self._sweeping = asyncio.create_task(self._sweep())

    def launch(self, task: Task) -> None:
        """Hand a request to its pool, once."""
        key = task.run, task.attempt
        if key in self._requests:
            return
        self._last += 1
        request = self._request(task, key)
        crew = self._crew_of(task)
        if crew is None:
            request.done(Failure(Cause.FAILED, "The version of the deployment is not available"))
            return
        takes = crew.spec.takes
        if not takes.is_plain:
            try:
                request.data = _fitted(takes, request.data)
            except Misfit as error:
                request.done(Failure(Cause.FAILED, f"Invalid message format: {error}"))
                return
        if takes.has_files:
            self._requests[key] = None, request
            self._later(self._bring_files(key, crew, request))
            return
        self._requests[key] = crew, request
        crew.submit(request)

    async def attach(self, task: Task) -> bool:
        """Know nothing of requests of an earlier process: they ended with it, and may be begun again."""
        return (task.run, task.attempt) in self._requests

    def cancel(self, run: str, attempt: str, reason: str, grace_s: float) -> None:
        """Forget a request; a worker that is busy with it is killed and replaced."""
        found = self._requests.pop((run, attempt), None)
        if found is None:
            return
        crew, request = found
        if crew is None:
            request.is_over = True
        else:
            crew.cancel(request, reason)

    def release(self, run: str, attempt: str) -> None:
        """Nothing is kept."""

    async def forget(self, run: str) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """End all workers."""
        self._observer = None
        tasks = [*self._tasks, *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for crew in self._all():
            await crew.close()
        await self._packages.close()
        await self._environments.close()
        await self._nest.close()
        await asyncio.to_thread(remove, self._directory / "workers")

    # Inside.

    def _request(self, task: Task, key: tuple[str, str]) -> Request:
        facts = task.facts
        id = str(facts.get("step.request") or f"{task.run}/{task.attempt}")
        given = task.inputs.get("context")
        context: dict[str, Value] = {**given, "id": id} if isinstance(given, dict) else {"id": id}

        def started(handle: str) -> None:
            if self._observer is not None:
                self._observer.started(task, handle)

        def done(outcome: Value | Failure) -> None:
            self._requests.pop(key, None)
            if self._observer is not None:
                ended = outcome if isinstance(outcome, Failure) else Result({"data": outcome})
                self._observer.finished(task, ended)

        is_urgent = bool(facts.get("run.is_awaited"))
        return Request(self._last, id, task.run, task.inputs.get("data"), context, is_urgent, started, done)

    def _crew_of(self, task: Task) -> Crew | None:
        assert isinstance(task.work, Job) and isinstance(task.work.spec, Literal), "a serve job has a constant spec"
        spec = task.work.spec.value
        return self._crews.get(str(spec.get("pool"))) if isinstance(spec, dict) else None

    async def _bring_files(self, key: tuple[str, str], crew: Crew, request: Request) -> None:
        directory = self._directory / "workers" / "files" / str(request.number)
        done = request.done

        def done_with_files(outcome: Value | Failure) -> None:
            self._later(asyncio.to_thread(remove, directory))
            done(outcome)

        request.done = done_with_files
        try:
            request.data = await bring(self._place, crew.spec, request.data, directory)
        except (PenstockError, OSError) as error:
            if not request.is_over:
                message = error.message if isinstance(error, PenstockError) else str(error)
                request.done(Failure(Cause.FAILED, message))
            return
        if not request.is_over:
            self._requests[key] = crew, request
            crew.submit(request)

    def _keep_files(self, spec: PoolSpec, request: Request, data: Value, directory: Path) -> asyncio.Future[Value]:
        return asyncio.ensure_future(keep(self._place, spec, request.id, data, directory))

    def _move(self, request: Request, crew: Crew) -> None:
        for key, (_, known) in self._requests.items():
            if known is request:
                self._requests[key] = crew, request
                break
        crew.submit(request)

    def _may_start(self, crew: Crew) -> bool:
        """Tell whether there is room for another instance; make some by ending one that idles."""
        count = sum(other.worker_count for other in self._all())
        if count + crew.spec.processes <= self._max_workers or count == 0:
            return True
        now = time.monotonic()
        longest = max(self._all(), key=lambda other: other.idle_for(now))
        if longest.idle_for(now) <= 0:
            return False
        longest.give_up_one(now)
        return True

    def _all(self) -> list[Crew]:
        return [*self._crews.values(), *self._retired, *(crew for crew, _ in self._spares.values())]

    def _discard_spare(self, pool: str) -> None:
        spare = self._spares.pop(pool, None)
        if spare is not None:
            spare[0].end("not needed")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            try:
                for crew in self._all():
                    crew.sweep(now)
                self._retired = [crew for crew in self._retired if not crew.is_empty]
                for pool in [pool for pool, (_, since) in self._spares.items() if now - since > SPARE_S]:
                    self._discard_spare(pool)
            except Exception as error:
                _log.error(LogEvent.EXECUTOR_FAILED, executor=self.name, exc_info=error)

    def _log_lines(self, spec: PoolSpec, lines: list[Line]) -> None:
        self._logged(spec, lines)
        if self._observer is not None:
            for run in {line.run for line in lines if line.run is not None}:
                self._observer.logged(run, "")

    def _update(self, run: str, request: str, text: str) -> None:
        self._updated(run, request, text)

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fitted(takes: Signature, data: Value) -> Value:
    return [fit(takes, item) for item in data] if isinstance(data, list) else fit(takes, data)
