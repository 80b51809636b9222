"""Runs: submit a graph, watch it, stop, suspend, resume, retry it, list and delete runs.

A run is on disk before `submit` returns, so one that was accepted is never lost. At most `max_running` runs are
admitted at a time; the others wait in the order of their coming.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from penstock.flow.checks import check_graph
from penstock.flow.machine import RunMachine, check_inputs
from penstock.kernel.errors import AlreadyExists, Exhausted, NotFound, PenstockError, TimedOut, WrongState
from penstock.kernel.events import LogEvent
from penstock.kernel.graph import Graph
from penstock.kernel.ids import RunId
from penstock.kernel.instants import unix_us
from penstock.kernel.network import Network
from penstock.kernel.policies import Durability
from penstock.kernel.query import AllOf, Cursor, IndexValue, Order, Predicate, Query
from penstock.kernel.records import Delete, DropStream, Insert, Write
from penstock.kernel.runs import (
    Event,
    ResumeRequested,
    RetryRequested,
    RunAccepted,
    RunRejected,
    RunStarted,
    RunState,
    StepRecord,
    StopRequested,
    SuspendRequested,
    WaitAnswered,
    decode_event,
)
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.values import Value
from penstock.ports.blobs import BlobStore
from penstock.ports.clock import Clock
from penstock.ports.executor import Executor
from penstock.ports.intents import IntentLog, NoIntents
from penstock.ports.metadata import MetadataStore
from penstock.services.metrics import metrics_stream
from penstock.services.runs.alarms import Alarms
from penstock.services.runs.briefs import BriefRuns
from penstock.services.runs.cache import CacheExplanation, StepCache
from penstock.services.runs.dispatch import Dispatcher
from penstock.services.runs.machines import decode_plan, graph_of
from penstock.services.runs.pump import Pump, Surroundings
from penstock.services.runs.record import (
    EXPIRY_KIND,
    GRAPH_KIND,
    RUN_KIND,
    STEPS_KIND,
    Run,
    RunBody,
    RunPage,
    append_event,
    check_columns,
    decode_steps,
    graph_digest,
    insert_run,
    read_run,
    replace_run,
    stream_of,
)
from penstock.services.runs.recovery import open_runs, replay
from penstock.services.runs.submission import Submission, first_record
from penstock.services.tenancy import may_read

__all__ = ["Run", "RunPage", "Runs", "Submission"]

GRAPHS_KEPT: Final = 256
"""How many decoded graphs are kept in memory."""

_log = structlog.get_logger("penstock.runs")


class Runs:
    """The run engine as a service."""

    def __init__(
        self,
        store: MetadataStore,
        blobs: BlobStore,
        clock: Clock,
        executors: Iterable[Executor],
        *,
        logged: Callable[[str, str], None] = lambda run, attempt: None,
        forget_logs: Callable[[str], Awaitable[None]] | None = None,
        intents: IntentLog | None = None,
        max_running: int = 200,
        max_queued: int = 1_000_000,
    ) -> None:
        self._store = store
        self._clock = clock
        self._max_running = max_running
        self._max_queued = max_queued
        self._forget_logs = forget_logs
        self._alarms = Alarms(clock)
        self._cache = StepCache(store, blobs, clock)
        self._dispatcher = Dispatcher(executors, clock, self._deliver, logged)
        self._around = Surroundings(
            store, clock, self._alarms, self._cache, self._dispatcher, self._changed, self._finished
        )
        self._brief = BriefRuns(store, clock, self._around, intents or NoIntents())
        self._pumps: dict[str, Pump] = {}
        self._queue: deque[str] = deque()
        self._graphs: OrderedDict[str, Graph] = OrderedDict()
        self._stored_graphs: set[str] = set()
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._listeners: list[Callable[[str, RunState], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def cache(self) -> StepCache:
        """The cache of steps."""
        return self._cache

    @property
    def brief(self) -> BriefRuns:
        """Runs that are written as a whole: short, or many."""
        return self._brief

    async def open(self) -> None:
        """Open the executors and take up all runs that have not ended."""
        await self._dispatcher.open()
        await self._recover()
        await self._brief.open()
        await self._expire()

    async def close(self) -> None:
        """Stop moving runs; the next server goes on with them."""
        self._is_closed = True
        await self._brief.close()
        for pump in list(self._pumps.values()):
            await pump.close()
        for task in list(self._tasks):
            task.cancel()
        await self._alarms.close()
        await self._dispatcher.close()

    def listen(self, listener: Callable[[str, RunState], None]) -> None:
        """Have a function called with every run that ends, and how. It returns at once."""
        self._listeners.append(listener)

    # Submitting.

    async def submit(self, submission: Submission) -> Run:
        """Store a run and begin it when its turn comes. It is on disk when this returns.

        A network becomes a brief run, and keeps its place in no queue.

        Raises: Invalid if the graph or an input is wrong; Exhausted if too many runs wait.
        """
        if isinstance(submission.graph, Network):
            return await self._brief.submit(submission)
        check_columns(submission.columns)
        if submission.key is not None and (found := await self.find(submission.scope, submission.key)):
            return found
        run, accepted, graph_writes = await self._prepare(submission)
        is_full = len(self._pumps) - len(self._queue) >= self._max_running
        if is_full and len(self._queue) >= self._max_queued:
            raise Exhausted(f"{len(self._queue)} runs wait already; wait until some have ended")
        is_stored = submission.durability is Durability.EVENT
        first = append_event(run.id, accepted, run.created_at)
        if is_stored:
            try:
                await self._store.commit(*graph_writes, *insert_run(run), first, *submission.also)
            except AlreadyExists:
                return await self._settle_clash(submission, is_graph_new=bool(graph_writes))
        else:
            await self._store_graph(graph_writes, submission.also)
        self._stored_graphs.add(run.body.graph)
        machine = RunMachine(graph_of(submission.graph))
        machine.handle(accepted)
        pump = Pump(run, machine, self._around, is_stored=is_stored, journal=[] if is_stored else [first])
        self._pumps[run.id] = pump
        self._queue.append(run.id)
        self._admit()
        return run

    async def submit_and_wait(self, submission: Submission, timeout_s: float | None = None) -> Run:
        """Submit a run and return it when it has ended.

        Raises: as `submit`; TimedOut if it has not ended by then. It goes on.
        """
        run = await self.submit(submission)
        return await self.wait(run.id, timeout_s)

    async def reject(self, submission: Submission, message: str) -> Run:
        """Store a run that will never begin, so that whoever asks for it learns why. Raises: Invalid as `submit`."""
        run, accepted, graph_writes = await self._prepare(submission)
        rejected = RunRejected(self._now_us(), message)
        run.body.state, run.body.message, run.body.finished_at_us = RunState.REJECTED, message, rejected.at_us
        facts = [append_event(run.id, event, run.created_at) for event in (accepted, rejected)]
        await self._store_graph(graph_writes, ())
        await self._store.commit(*insert_run(run), *facts)
        return run

    # Looking.

    async def get(self, run_id: str) -> Run:
        """Return a run. Raises: NotFound."""
        record = await self._store.get(RUN_KIND, run_id)
        pump = self._pumps.get(run_id)
        run = read_run(record) if record is not None else pump.run if pump is not None else None
        if run is None or not may_read(run.scope):
            raise NotFound(f"there is no run {run_id!r}")
        return run

    async def find(self, scope: Scope, key: str) -> Run | None:
        """Return the run that was submitted with a key."""
        record = await self._store.find(RUN_KIND, scope, key)
        return read_run(record) if record else None

    async def page(
        self,
        scope: Scope,
        *,
        where: Predicate | None = None,
        order: Order | None = None,
        limit: int = 100,
        after: Cursor | None = None,
        offset: int = 0,
    ) -> RunPage:
        """Return one page of runs. Columns: `state`, `title`, `origin`, `group`, `started_at`, `finished_at`,
        `scheduled_at` (microseconds since 1970), and those of the submitter."""
        await self._brief.settled()
        query = Query(RUN_KIND, scope, where or AllOf(), order or Order(), limit, after, offset)
        page = await self._store.select(query)
        return RunPage(tuple(read_run(record) for record in page.records), page.next)

    async def count(self, scope: Scope, where: Predicate | None = None) -> int:
        """Return how many runs satisfy a predicate."""
        await self._brief.settled()
        return await self._store.count(Query(RUN_KIND, scope, where or AllOf()))

    async def steps(self, run_id: str) -> tuple[StepRecord, ...]:
        """Return the records of a run's steps: parents first, in the order of the graph. Not to be changed."""
        pump = self._pumps.get(run_id)
        if pump is not None and may_read(pump.run.scope):
            return tuple(pump.machine.steps())
        record = await self._store.get(STEPS_KIND, run_id)
        if record is None or not may_read(record.scope):
            await self.get(run_id)
            return ()
        return decode_steps(record.body)

    async def graph(self, run_id: str) -> Graph:
        """Return the graph of a run. Raises: NotFound."""
        return await self._graph((await self.get(run_id)).body.graph)

    async def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        """Return what happened to a run, in order."""
        facts = await self._store.facts(stream_of(run_id), after=after, limit=limit)
        return tuple(decode_event(fact.body) for fact in facts)

    async def why_cached(self, run_id: str, path: str) -> CacheExplanation:
        """Say why a step was or was not taken over from an earlier one. Raises: NotFound."""
        run = await self.get(run_id)
        machine = self._pumps[run_id].machine if run_id in self._pumps else await self._replay(run)
        record = machine.step(path)
        if record is None:
            raise NotFound(f"run {run_id!r} has no step {path!r}")
        parts = machine.cache_parts(path)
        if parts is None:
            return CacheExplanation(None, {}, False, "the step does not ask the cache, or its turn has not come")
        reason = record.cache_reason or "the cache has not answered yet"
        return await self._cache.explain(run.scope, run_id, path, parts, record.cache_key, record.cache_hit, reason)

    async def wait(self, run_id: str, timeout_s: float | None = None) -> Run:
        """Return a run when it has ended. Raises: TimedOut, NotFound."""
        try:
            async with asyncio.timeout(timeout_s):
                async for state in self.watch(run_id):
                    if state.is_final:
                        break
        except TimeoutError:
            raise TimedOut(f"run {run_id!r} has not ended within {timeout_s:g} s; it goes on") from None
        return await self.get(run_id)

    async def watch(self, run_id: str) -> AsyncIterator[RunState]:
        """Yield the state now and whenever something of the run moved, until it has ended. Raises: NotFound."""
        if (pump := self._pumps.get(run_id)) is not None and not may_read(pump.run.scope):
            raise NotFound(f"there is no run {run_id!r}")
        moved = asyncio.Event()
        self._watchers.setdefault(run_id, set()).add(moved)
        try:
            while True:
                moved.clear()
                pump = self._pumps.get(run_id)
                if pump is not None and pump.failure is not None:
                    raise pump.failure
                # The row, not the machine: what is told must be on disk.
                state = pump.run.state if pump is not None and not pump.is_busy else None
                if pump is None:
                    state = (await self.get(run_id)).state
                if state is not None:
                    yield state
                    if state.is_final:
                        return
                await moved.wait()
        finally:
            watchers = self._watchers.get(run_id, set())
            watchers.discard(moved)
            if not watchers:
                self._watchers.pop(run_id, None)

    # Acting.

    async def stop(self, run_id: str, *, reason: str = "stopped", grace_s: float = 5.0, is_forced: bool = False) -> Run:
        """Cancel a run; work in flight is told to end and is not waited for. The exit level runs unless forced.

        Raises: NotFound; WrongState if it has ended.
        """
        pump = await self._open_pump(run_id, "stopped")
        return await self._tell(pump, StopRequested(self._now_us(), reason, grace_s, is_forced))

    async def suspend(self, run_id: str) -> Run:
        """Begin no further attempt of a run. Raises: NotFound, WrongState."""
        pump = await self._open_pump(run_id, "suspended")
        if pump.machine.state not in (RunState.STARTING, RunState.RUNNING, RunState.RESUMING):
            raise WrongState(f"run {run_id!r} is {pump.machine.state.value}; only a run that runs can be suspended")
        return await self._tell(pump, SuspendRequested(self._now_us()))

    async def resume(self, run_id: str) -> Run:
        """Go on with a suspended run. Raises: NotFound, WrongState."""
        pump = await self._open_pump(run_id, "resumed")
        if pump.machine.state is not RunState.SUSPENDED:
            raise WrongState(f"run {run_id!r} is {pump.machine.state.value}; only a suspended run can be resumed")
        return await self._tell(pump, ResumeRequested(self._now_us()))

    async def answer(
        self, run_id: str, path: str, outputs: Mapping[str, Value] | None = None, message: str | None = None
    ) -> Run:
        """End a step that waits; with a message it fails. Raises: NotFound, WrongState."""
        pump = await self._open_pump(run_id, "answered")
        record = pump.machine.step(path)
        if record is None:
            raise NotFound(f"run {run_id!r} has no step {path!r}")
        return await self._tell(pump, WaitAnswered(self._now_us(), path, dict(outputs or {}), message))

    async def retry(self, run_id: str, *, from_path: str | None = None) -> Run:
        """Do again what did not succeed in a run that has ended, and what comes after it, on the same id.

        from_path: also do this step again. Raises: NotFound, WrongState.
        """
        run = await self.get(run_id)
        if run_id in self._pumps:
            raise WrongState(f"run {run_id!r} is {run.state.value}; only a run that has ended can be retried")
        if not (run.state.is_retryable or (run.state is RunState.SUCCEEDED and from_path is not None)):
            raise WrongState(f"run {run_id!r} is {run.state.value}; only one that did not succeed can be retried")
        machine = await self._replay(run)
        if from_path is not None and machine.step(from_path) is None:
            raise NotFound(f"run {run_id!r} has no step {from_path!r}")
        if run_id in self._pumps:
            raise WrongState(f"run {run_id!r} is being retried already")
        run.body.durability = Durability.EVENT
        pump = self._pumps[run_id] = Pump(run, machine, self._around)
        return await self._tell(pump, RetryRequested(self._now_us(), from_path))

    async def amend(
        self,
        run_id: str,
        *,
        title: str | None = None,
        columns: Mapping[str, IndexValue] | None = None,
        labels: Mapping[str, Value] | None = None,
        also: tuple[Write, ...] = (),
    ) -> Run:
        """Change what a run is listed by, or what is kept of it. Given members replace those of the same name."""
        check_columns(columns or {})
        pump = self._pumps.get(run_id)
        if pump is None:
            run = await self.get(run_id)
            _amend(run.body, title, columns, labels)
            await self._store.commit(replace_run(run, self._clock.now()), *also)
            return run
        async with pump.lock:
            _amend(pump.run.body, title, columns, labels)
            if pump.is_stored:
                await self._store.commit(replace_run(pump.run, self._clock.now()), *also)
            return pump.run

    async def delete(self, run_id: str, *, also: tuple[Write, ...] = ()) -> None:
        """Remove a run and all that is kept of it; one that has not ended is cancelled first.

        Artifacts stay: other runs may point at them. Raises: NotFound.
        """
        await self.get(run_id)
        if run_id in self._pumps:
            with suppress(WrongState):
                await self.stop(run_id, reason="deleted", grace_s=0, is_forced=True)
            await self.wait(run_id)
            await self._pumps_gone(run_id)
        writes: list[Write] = [Delete(RUN_KIND, run_id), DropStream(stream_of(run_id))]
        writes.append(DropStream(metrics_stream(run_id)))
        for kind in (STEPS_KIND, EXPIRY_KIND):  # a run that never began has no steps, and none may last for ever
            if await self._store.get(kind, run_id) is not None:
                writes.append(Delete(kind, run_id))
        await self._store.commit(*writes, *also)
        await self._dispatcher.forget(run_id)
        if self._forget_logs is not None:
            await self._forget_logs(run_id)

    # Inside.

    async def _prepare(self, submission: Submission) -> tuple[Run, RunAccepted, list[Write]]:
        graph = graph_of(submission.graph)
        digest, encoded = graph_digest(graph)
        if digest not in self._graphs:
            check_graph(graph)
        check_inputs(graph, submission.inputs)
        at = self._clock.now()
        run_id = submission.id or RunId(self._clock.new_id())
        run, accepted = first_record(submission, run_id, digest, at)
        writes: list[Write] = []
        if digest not in self._stored_graphs and await self._store.get(GRAPH_KIND, digest) is None:
            writes.append(Insert(GRAPH_KIND, digest, submission.scope, None, at, encoded))
        self._keep_graph(digest, graph)
        return run, accepted, writes

    async def _settle_clash(self, submission: Submission, *, is_graph_new: bool) -> Run:
        """Somebody stored the same key, or the same graph, a moment before us."""
        if submission.key is not None and (found := await self.find(submission.scope, submission.key)):
            return found
        digest, _ = graph_digest(graph_of(submission.graph))
        if not is_graph_new or await self._store.get(GRAPH_KIND, digest) is None:
            raise AlreadyExists("what was to be stored with the run is there already")
        self._stored_graphs.add(digest)
        return await self.submit(submission)

    async def _store_graph(self, writes: list[Write], also: tuple[Write, ...]) -> None:
        if writes or also:
            with suppress(AlreadyExists):
                await self._store.commit(*writes, *also)

    async def _graph(self, digest: str) -> Graph:
        found = self._graphs.get(digest)
        if found is None:
            record = await self._store.get(GRAPH_KIND, digest)
            if record is None:
                raise NotFound(f"there is no graph {digest!r}")
            found = graph_of(await asyncio.to_thread(decode_plan, record.body))
            self._keep_graph(digest, found)
        self._graphs.move_to_end(digest)
        return found

    def _keep_graph(self, digest: str, graph: Graph) -> None:
        self._graphs[digest] = graph
        if len(self._graphs) > GRAPHS_KEPT:
            self._graphs.popitem(last=False)

    async def _replay(self, run: Run) -> RunMachine:
        return await replay(self._store, run.id, await self._graph(run.body.graph))

    async def _open_pump(self, run_id: str, deed: str) -> Pump:
        pump = self._pumps.get(run_id)
        if pump is None or pump.machine.state.is_final or not may_read(pump.run.scope):
            run = await self.get(run_id)
            raise WrongState(f"run {run_id!r} is {run.state.value}; a run that has ended cannot be {deed}")
        return pump

    async def _tell(self, pump: Pump, event: Event) -> Run:
        pump.deliver(event)
        await pump.settled()
        return pump.run

    def _now_us(self) -> int:
        return unix_us(self._clock.now())

    def _admit(self) -> None:
        running = len(self._pumps) - len(self._queue)
        while self._queue and running < self._max_running:
            pump = self._pumps.get(self._queue.popleft())
            if pump is not None and not pump.machine.state.is_final:
                pump.deliver(RunStarted(self._now_us()))
                running += 1

    def _deliver(self, run_id: str, event: Event) -> None:
        pump = self._pumps.get(run_id)
        if pump is not None:
            pump.deliver(event)
        else:
            self._brief.deliver(run_id, event)

    def _changed(self, run_id: str) -> None:
        for moved in self._watchers.get(run_id, ()):
            moved.set()

    def _finished(self, run_id: str) -> None:
        pump = self._pumps.pop(run_id, None)
        if run_id in self._queue:
            self._queue.remove(run_id)
        self._changed(run_id)
        self._admit()
        if pump is None:
            return
        for listener in self._listeners:
            listener(run_id, pump.run.state)
        if pump.run.body.retention_s is not None:
            at_us = self._now_us() + round(pump.run.body.retention_s * 1e6)
            self._alarms.set(run_id, "expiry", at_us, lambda: self._later(self._expire()))
        if pump.run.state is RunState.SUCCEEDED:
            self._later(self._dispatcher.forget(run_id))

    async def _pumps_gone(self, run_id: str) -> None:
        for _ in range(1000):  # the pump is leaving its last transaction
            if run_id not in self._pumps:
                return
            await asyncio.sleep(0.001)

    def _later(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except PenstockError as error:
                _log.warning(LogEvent.RUN_LEFT_BEHIND, exc_info=error)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # After a restart.

    async def _recover(self) -> None:
        async for run_id in open_runs(self._store):
            run = await self.get(run_id)
            self._pumps[run_id] = Pump(run, await self._replay(run), self._around)
        for run_id, pump in list(self._pumps.items()):
            if pump.machine.state is RunState.QUEUED:
                self._queue.append(run_id)
            else:
                _log.info(LogEvent.RUN_RECOVERED, run=run_id, state=pump.machine.state.value)
                await pump.take_up()
        self._admit()

    async def _expire(self) -> None:
        """Delete runs whose time is over, and set an alarm for the next one."""
        while not self._is_closed:
            query = Query(EXPIRY_KIND, DEFAULT_SCOPE, order=Order("expires_at"), limit=1)
            found = (await self._store.select(query)).records
            if not found:
                return
            run_id, at_us = found[0].id, found[0].index["expires_at"]
            if isinstance(at_us, int) and at_us > self._now_us():
                self._alarms.set(run_id, "expiry", at_us, lambda: self._later(self._expire()))
                return
            await self.delete(run_id)


def _amend(
    body: RunBody, title: str | None, columns: Mapping[str, IndexValue] | None, labels: Mapping[str, Value] | None
) -> None:
    if title is not None:
        body.title = title
    body.columns = {**body.columns, **(columns or {})}
    body.labels = {**body.labels, **(labels or {})}
