"""Runs that are written as a whole: requests that somebody waits for, and batches of them.

Two durabilities. `END`: that the run begins, and what came of it, is noted in the log of intents, which survives the
death of this process; then it is answered, and stored with others. If the server is killed, a run that is found there
without an end has failed. `ENDS`: the run is on disk before it is accepted, all of a batch in one transaction; if the
server is killed, it begins anew. Either way one row is left at the end.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from penstock.kernel.errors import AlreadyExists, NotFound, PenstockError, WrongState
from penstock.kernel.events import LogEvent
from penstock.kernel.ids import RunId, whole_id
from penstock.kernel.instants import unix_us
from penstock.kernel.policies import Durability, Keep
from penstock.kernel.query import Compare, Comparison, IndexValue, Order, Query
from penstock.kernel.records import Delete, Insert, Write
from penstock.kernel.runs import Event, StepRecord, StopRequested
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.ports.clock import Clock
from penstock.ports.intents import IntentLog
from penstock.ports.metadata import MetadataStore
from penstock.services.runs.brief import BriefPump
from penstock.services.runs.brief_record import (
    PENDING_KIND,
    accepted_of,
    columns_of,
    cut_off,
    decode_pending,
    encode_pending,
    expiry_hour,
    insert_brief,
    insert_pending,
    steps_of,
)
from penstock.services.runs.ledger import Ledger
from penstock.services.runs.machines import Plan, check_plan, decode_plan, machine_of, plan_digest
from penstock.services.runs.pump import Surroundings
from penstock.services.runs.record import GRAPH_KIND, RUN_KIND, Run, RunBody, read_run
from penstock.services.runs.submission import Submission
from penstock.services.tenancy import may_read

__all__ = ["BriefRuns"]

HOUR_KIND: Final = "run.expiry-hour"
SWEEP_S: Final = 600.0
_PAGE: Final = 500
_DELETED_TOGETHER: Final = 200

_log = structlog.get_logger("penstock.runs")


class BriefRuns:
    """The runs of this sort: those under way in memory, those that have ended in the store."""

    def __init__(
        self,
        store: MetadataStore,
        clock: Clock,
        around: Surroundings,
        intents: IntentLog,
        forget: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._around = around
        self._intents = intents
        self._ledger = Ledger(store)
        self._pumps: dict[str, BriefPump] = {}
        self._plans: dict[str, Plan] = {}
        self._hours: set[tuple[str, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[Callable[[Run, tuple[StepRecord, ...]], None]] = []
        self._heralds: list[Callable[[Run], None]] = []

    async def open(self) -> None:
        """Take up what was accepted before; say of what was cut off that it failed."""
        await self._bury()
        await self._recover()
        self._later(self._sweep())

    async def close(self) -> None:
        """Stop moving runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ledger.close()
        for pump in list(self._pumps.values()):
            pump.close()
        self._intents.close()

    def listen(self, listener: Callable[[Run, tuple[StepRecord, ...]], None]) -> None:
        """Have a function called with every run that has ended, and its steps. It returns at once."""
        self._listeners.append(listener)

    def listen_begun(self, listener: Callable[[Run], None]) -> None:
        """Have a function called with every run that begins. It returns at once."""
        self._heralds.append(listener)

    # Submitting.

    def new_id(self) -> str:
        """Return an id for a run that is to be submitted; parts of the run are named from it."""
        return whole_id(unix_us(self._clock.now()) // 1000, os.urandom(10))

    async def submit_and_wait(self, submission: Submission) -> Run:
        """Run something and return it when it has ended. Durability `END`. Raises: Invalid."""
        pump = await self.begin(submission)
        return await pump.answered

    async def begin(self, submission: Submission) -> BriefPump:
        """Begin a run with durability `END`; its future `answered` gives what came of it. Raises: Invalid."""
        run = await self._make(submission, Durability.END)
        self._intents.begin(run.id, encode_pending(run))
        return self._begin(run, submission.graph)

    async def submit(self, submission: Submission) -> Run:
        """Accept a run, once: one whose id is known already is returned as it is. Raises: Invalid."""
        if submission.id is not None:
            with suppress(NotFound):
                return (await self.get(submission.id))[0]
        (run,) = await self.submit_all([submission])
        return run

    async def submit_all(self, submissions: Sequence[Submission]) -> list[Run]:
        """Accept runs, all or none; they are on disk when this returns. Durability `ENDS`. Raises: Invalid."""
        runs = [await self._make(submission, Durability.ENDS) for submission in submissions]
        also = [write for submission in submissions for write in submission.also]
        await self._store.commit(*(insert_pending(run) for run in runs), *also)
        for run, submission in zip(runs, submissions, strict=True):
            self._begin(run, submission.graph)
        return runs

    def deliver(self, run_id: str, event: Event) -> None:
        """Give a report to its run, if it is under way."""
        pump = self._pumps.get(run_id)
        if pump is not None:
            pump.deliver(event)

    # Looking.

    async def settled(self) -> None:
        """Return when all runs that have ended are in the store, where lists are read from."""
        await self._ledger.settled()

    def is_open(self, run_id: str) -> bool:
        """Tell whether a run is under way."""
        return run_id in self._pumps

    def open_runs(self, scope: Scope, place: str | None = None) -> list[Run]:
        """Return runs that are under way, newest first."""
        return [
            pump.run
            for pump in reversed(self._pumps.values())
            if pump.run.scope == scope and (place is None or pump.run.body.columns.get("place") == place)
        ]

    def open_steps(self, run_id: str) -> tuple[StepRecord, ...]:
        """Return the steps of a run that is under way, as far as they are known; not to be changed."""
        pump = self._pumps.get(run_id)
        return tuple(pump.machine.steps()) if pump else ()

    async def get(self, run_id: str) -> tuple[Run, tuple[StepRecord, ...]]:
        """Return a run with its steps, which are not to be changed. Raises: NotFound."""
        pump = self._pumps.get(run_id)
        if pump is not None and not may_read(pump.run.scope):
            raise NotFound(f"there is no run {run_id!r}")
        if pump is not None and not pump.run.state.is_final:
            return pump.run, tuple(pump.machine.steps())
        if pump is not None:
            await asyncio.shield(pump.ended)  # what is kept of it may be less than what it had
        record = await self._store.get(RUN_KIND, run_id)
        if record is None or not may_read(record.scope):
            raise NotFound(f"there is no run {run_id!r}")
        run = read_run(record)
        return run, steps_of(run)

    # Acting.

    def stop(self, run_id: str, reason: str) -> asyncio.Future[Run]:
        """Cancel a run; what it works on is killed. Returns what gives the run when that is stored.

        Raises: WrongState if it has ended.
        """
        pump = self._pumps.get(run_id)
        if pump is None or pump.run.state.is_final:
            raise WrongState(f"run {run_id!r} has ended; it cannot be stopped")
        pump.deliver(StopRequested(unix_us(self._clock.now()), reason, 0.0, True))
        return pump.ended

    async def delete(self, run_ids: Sequence[str]) -> None:
        """Remove runs, all or none; those under way are stopped first. Raises: NotFound."""
        under_way = [id for id in run_ids if id in self._pumps]
        unkept = {id for id in under_way if self._pumps[id].run.body.keep is Keep.NOTHING}
        await self._stop_all(under_way)
        await self._store.commit(*(Delete(RUN_KIND, id) for id in run_ids if id not in unkept))

    async def delete_all(self, scope: Scope, place: str) -> None:
        """Remove all runs of a place."""
        await self._stop_all([run.id for run in self.open_runs(scope, place)])
        where = Compare("ended", Comparison.STARTS_WITH, f"{place}:")
        while page := (await self._store.select(Query(RUN_KIND, scope, where, limit=_DELETED_TOGETHER))).records:
            await self._store.commit(*(Delete(RUN_KIND, record.id) for record in page))

    # Inside.

    async def _make(self, submission: Submission, durability: Durability) -> Run:
        digest, encoded = plan_digest(submission.graph)
        if digest not in self._plans:
            check_plan(submission.graph, submission.inputs)
            if encoded is None:
                encoded = msgspec.json.encode(submission.graph)
            at = self._clock.now()
            with suppress(AlreadyExists):
                await self._store.commit(Insert(GRAPH_KIND, digest, submission.scope, None, at, encoded))
            self._plans[digest] = submission.graph
        at = self._clock.now()
        id = submission.id or RunId(self.new_id())
        body = RunBody(
            title=submission.title,
            origin=submission.origin,
            graph=digest,
            inputs=submission.inputs,
            facts={"run.id": id, **submission.facts},
            durability=durability,
            retention_s=submission.retention.age_s,
            labels=submission.labels,
            columns=submission.columns,
            keep=submission.keep,
        )
        return Run(id, submission.scope, None, at, at, body)

    def _begin(self, run: Run, plan: Plan) -> BriefPump:
        pump = BriefPump(run, machine_of(plan), self._around, self._intents, self._ledger, self._finished)
        self._pumps[run.id] = pump
        pump.begin(accepted_of(run, self._clock.now()))
        for listener in self._heralds:
            listener(run)
        return pump

    def _finished(self, run_id: str) -> None:
        pump = self._pumps.pop(run_id, None)
        if pump is None:
            return
        run = pump.run
        if run.body.retention_s is not None and run.body.keep is not Keep.NOTHING:
            self._note_hour(run)
        if self._listeners:
            steps = tuple(pump.machine.steps())
            for listener in self._listeners:
                listener(run, steps)

    async def _stop_all(self, run_ids: Sequence[str]) -> None:
        futures = [self._pumps[id].ended for id in run_ids]
        for id in run_ids:
            with suppress(WrongState):
                self.stop(id, "deleted")
        for future in futures:
            await asyncio.shield(future)

    # After a restart.

    async def _bury(self) -> None:
        for id, body in self._intents.left().items():
            try:
                run = decode_pending(body)
                if not run.state.is_final:
                    run = cut_off(run, self._clock.now())
                if run.body.keep is not Keep.NOTHING:
                    await self._store.commit(insert_brief(run, columns_of(run, steps_of(run))))
            except (AlreadyExists, msgspec.DecodeError, msgspec.ValidationError):
                pass  # it had ended, and only the note of that is missing
            self._intents.end(id)

    async def _recover(self) -> None:
        cursor = None
        while True:
            page = await self._store.select(
                Query(PENDING_KIND, DEFAULT_SCOPE, order=Order("id"), limit=_PAGE, after=cursor)
            )
            for record in page.records:
                run = decode_pending(record.body)
                self._begin(run, await self._plan(run.body.graph))
            if (cursor := page.next) is None:
                break
        if self._pumps:
            _log.info(LogEvent.RUN_RECOVERED, count=len(self._pumps))

    async def _plan(self, digest: str) -> Plan:
        found = self._plans.get(digest)
        if found is None:
            record = await self._store.get(GRAPH_KIND, digest)
            if record is None:
                raise NotFound(f"there is no graph {digest!r}")
            found = self._plans[digest] = decode_plan(record.body)
        return found

    # Retention.

    def _note_hour(self, run: Run) -> None:
        hour = expiry_hour(run)
        assert hour is not None, "a run with a retention has an hour at which it expires"
        if (str(run.scope), hour) not in self._hours:
            self._hours.add((str(run.scope), hour))
            self._later(self._store_hour(run.scope, hour))

    async def _store_hour(self, scope: Scope, hour: int) -> None:
        columns: dict[str, IndexValue] = {"hour": hour, "scope": str(scope)}
        note = Insert(HOUR_KIND, f"{scope}:{hour}", DEFAULT_SCOPE, None, self._clock.now(), b"", columns)
        with suppress(AlreadyExists):
            await self._store.commit(note)

    async def _sweep(self) -> None:
        """Remove runs whose time is over, within the hour."""
        while True:
            now = unix_us(self._clock.now()) // 3_600_000_000
            where = Compare("hour", Comparison.LT, now)
            for note in (await self._store.select(Query(HOUR_KIND, DEFAULT_SCOPE, where, limit=_PAGE))).records:
                scope, hour = Scope.parse(str(note.index["scope"])), note.index["hour"]
                assert isinstance(hour, int), "the column was written as one"
                expired = Query(RUN_KIND, scope, Compare("expires", Comparison.EQ, hour), limit=_DELETED_TOGETHER)
                while page := (await self._store.select(expired)).records:
                    deletes: list[Write] = [Delete(RUN_KIND, record.id) for record in page]
                    await self._store.commit(*deletes)
                await self._store.commit(Delete(HOUR_KIND, note.id))
            await self._clock.sleep(SWEEP_S)

    def _later(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except PenstockError as error:
                _log.warning(LogEvent.RUN_LEFT_BEHIND, exc_info=error)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
