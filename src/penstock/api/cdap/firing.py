"""What happens when a schedule fires: its composite is looked at, its constraints are, and then its run is started.

Nothing is kept in memory. A schedule that a constraint holds back is a document (`kinds.JOB`) with a trigger of the
same id that looks at it again; runs that end while nobody watches are looked up when the server opens. A run is
submitted under a key made of the schedule and what it fired by, so a repetition does no harm.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec
import structlog

from penstock.api.cdap.arguments import LOGICAL_START
from penstock.api.cdap.constraints import Facts, decide
from penstock.api.cdap.entities import Program, program_in
from penstock.api.cdap.history import ACTIVE, ORIGIN, face_of, runs_of_program, status_of_run
from penstock.api.cdap.kinds import JOB, SCHEDULE, WATCH, Cause, JobBody, ScheduleBody, WatchBody
from penstock.api.cdap.names import type_of_name
from penstock.api.cdap.schedules import LAUNCHER, members
from penstock.kernel.errors import AlreadyExists, NotFound, PenstockError
from penstock.kernel.events import LogEvent
from penstock.kernel.ids import TriggerId
from penstock.kernel.instants import unix_us
from penstock.kernel.query import MAX_LIMIT, AllOf, Compare, Comparison, Order
from penstock.kernel.runs import RunState
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.triggers import Firing, Schedule
from penstock.services.documents import Document
from penstock.services.runs.record import Run
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["launch", "watch_runs"]

LATE_US: Final = 60 * 1_000_000
"""A time that comes later than this was missed, and is skipped."""

_log = structlog.get_logger("penstock.triggers")


async def launch(services: Services, document: str, firing: Firing) -> Submission | None:
    """Let a schedule fire at a time, or look again at one that was held back. What it starts is submitted here."""
    kind, id, place = document.split("/", 2)
    if kind == "job":
        await _look_again(services, id)
        return None
    schedule = await services.documents.get(SCHEDULE, id)
    if unix_us(services.clock.now()) - firing.at_us <= LATE_US:
        await _fire(services, schedule, place, Cause(at_us=firing.at_us))
    return None


@asynccontextmanager
async def watch_runs(services: Services) -> AsyncIterator[None]:
    """Let schedules fire that wait for runs to end."""
    watcher = _Watcher(services)
    services.runs.listen(watcher.ended)
    await watcher.catch_up()
    try:
        yield
    finally:
        await watcher.close()


class _Watcher:
    """Takes runs that end, one after the other. What waits here is bounded by what runs; nothing may be dropped."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: deque[str] = deque()
        self._task: asyncio.Task[None] | None = None

    def ended(self, run_id: str, state: RunState) -> None:
        """A run has ended."""
        self._waiting.append(run_id)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def catch_up(self) -> None:
        """Take runs that ended when nobody was there to see it."""
        for watch in (await self._services.documents.page(WATCH, DEFAULT_SCOPE, limit=MAX_LIMIT)).documents:
            with suppress(NotFound):
                self._waiting.extend(run.id for run in await _ended_since(self._services, watch))
        if self._waiting:
            self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Take no more; what is left is caught up with later."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            run_id = self._waiting.popleft()
            try:
                await _run_ended(self._services, run_id)
            except PenstockError as error:
                _log.error(LogEvent.TRIGGER_FAILED, trigger=run_id, exc_info=error)


async def _run_ended(services: Services, run_id: str) -> None:
    try:
        run = await services.runs.get(run_id)
    except NotFound:
        return
    if run.body.origin != ORIGIN or not run.state.is_final:
        return
    face = face_of(run)
    if face.is_preview:
        return
    program = f"{face.namespace}/{face.app}/{face.type}/{face.program}"
    where = Compare("program", Comparison.EQ, program)
    for watch in (await services.documents.page(WATCH, DEFAULT_SCOPE, where=where, limit=MAX_LIMIT)).documents:
        if Scope.parse(watch.body.scope).path[:-1] == run.scope.path[:-1]:
            await _seen(services, watch, run)
    for job in (await services.documents.page(JOB, run.scope, where=where, limit=MAX_LIMIT)).documents:
        await _look_again(services, job.id)


async def _seen(services: Services, watch: Document[WatchBody], run: Run) -> None:
    """Let a schedule fire that waited for this run; then the run is done with."""
    at_us = run.body.finished_at_us or unix_us(services.clock.now())
    with suppress(NotFound):
        if status_of_run(run) in watch.body.statuses:
            schedule = await services.documents.get(SCHEDULE, watch.body.schedule)
            await _fire(services, schedule, watch.body.member, Cause(at_us=at_us, run=run.id))
        await services.documents.update(
            WATCH, watch.id, lambda body: msgspec.structs.replace(body, seen_us=max(at_us, body.seen_us))
        )


async def _ended_since(services: Services, watch: Document[WatchBody]) -> list[Run]:
    """Return the runs that a watch has not seen, the oldest first."""
    namespace, app, type_name, name = watch.body.program.split("/")
    type = type_of_name(type_name)
    assert type is not None, "watches are checked when they are made"
    instance = Scope(Scope.parse(watch.body.scope).path[:-1])
    program = await program_in(services, instance, namespace, app, type, name)
    since = Compare("finished_at", Comparison.GT, watch.body.seen_us)
    where = AllOf((runs_of_program(program.app, type, name), since))
    page = await services.runs.page(program.place.scope, where=where, order=Order("finished_at"), limit=MAX_LIMIT)
    return list(page.runs)


async def _fire(services: Services, schedule: Document[ScheduleBody], place: str, cause: Cause) -> None:
    """Take note that a member of a schedule's trigger fired, and go on if the whole of it has."""
    if not schedule.body.is_enabled:
        return
    causes = [cause] if not place else await _whole(services, schedule, place, cause)
    if causes is None:
        return
    job = JobBody(
        schedule=schedule.id,
        program=_program_text(schedule),
        causes=causes,
        fired_us=unix_us(services.clock.now()),
    )
    await _consider(services, schedule, job, None)


async def _whole(services: Services, schedule: Document[ScheduleBody], place: str, cause: Cause) -> list[Cause] | None:
    """Return what a composite fired by, if it does so now; it then begins anew."""
    fired: list[Cause] = []

    def change(body: ScheduleBody) -> ScheduleBody:
        met = {**body.met, place: cause}
        fired.clear()
        if not _is_met(body.trigger, "", met):
            return msgspec.structs.replace(body, met=met)
        fired.extend(met[name] for name, _ in members(body.trigger) if name in met)
        return msgspec.structs.replace(body, met={})

    await services.documents.update(SCHEDULE, schedule.id, change)
    return fired or None


def _is_met(trigger: dict[str, Any], place: str, met: dict[str, Cause]) -> bool:
    if trigger["type"] not in ("AND", "OR"):
        return place in met
    inner = (
        _is_met(each, f"{place}.{index}" if place else str(index), met)
        for index, each in enumerate(trigger["triggers"])
    )
    return all(inner) if trigger["type"] == "AND" else any(inner)


async def _look_again(services: Services, id: str) -> None:
    """Decide anew about a schedule that was held back."""
    try:
        job = await services.documents.get(JOB, id)
        schedule = await services.documents.get(SCHEDULE, job.body.schedule)
    except NotFound:
        return
    await _consider(services, schedule, job.body, job)


async def _consider(
    services: Services, schedule: Document[ScheduleBody], job: JobBody, kept: Document[JobBody] | None
) -> None:
    """Start a run, drop it, or hold it back until its constraints may hold."""
    program = await _program(services, schedule)
    now_us = unix_us(services.clock.now())
    verdict = decide(schedule.body.constraints, await _facts(services, program, schedule.body, job, now_us))
    if verdict.may_start:
        await _start(services, program, schedule, job)
    expires_us = job.fired_us + schedule.body.timeout_ms * 1000
    is_over = verdict.may_start or verdict.is_dropped or now_us >= expires_us
    if is_over and kept is not None:
        with suppress(NotFound):
            await services.documents.delete(kept)
        with suppress(NotFound):
            await services.triggers.delete(kept.id)
    elif not is_over:
        again_us = expires_us if verdict.again_us is None else min(verdict.again_us, expires_us)
        await _hold(services, schedule, job, kept, again_us)


async def _hold(
    services: Services,
    schedule: Document[ScheduleBody],
    job: JobBody,
    kept: Document[JobBody] | None,
    again_us: int,
) -> None:
    if kept is None:
        kept = await services.documents.create(JOB, schedule.scope, None, job)
    once = Schedule(every_s=86_400.0, start_us=again_us, end_us=again_us, max_concurrency=1_000_000)
    try:
        await services.triggers.create(LAUNCHER, schedule.scope, f"job/{kept.id}/", once, id=TriggerId(str(kept.id)))
    except AlreadyExists:
        await services.triggers.reschedule(kept.id, once)


async def _program(services: Services, schedule: Document[ScheduleBody]) -> Program:
    body = schedule.body
    type = type_of_name(body.program_type)
    assert type is not None, "schedules are checked when they are made"
    instance = Scope(schedule.scope.path[:-1])
    return await program_in(services, instance, schedule.scope.path[-1], body.app, type, body.program)


def _program_text(schedule: Document[ScheduleBody]) -> str:
    body = schedule.body
    return f"{schedule.scope.path[-1]}/{body.app}/{body.program_type}/{body.program}"


async def _facts(services: Services, program: Program, body: ScheduleBody, job: JobBody, now_us: int) -> Facts:
    kinds = {constraint["type"] for constraint in body.constraints}
    own = runs_of_program(program.app, program.type, program.name)
    scope, active, last_end_us = program.place.scope, 0, None
    if "CONCURRENCY" in kinds:
        active = await services.runs.count(scope, AllOf((own, ACTIVE)))
    if "LAST_RUN" in kinds:
        done = AllOf((own, Compare("state", Comparison.EQ, RunState.SUCCEEDED.value)))
        page = await services.runs.page(scope, where=done, order=Order("finished_at", descending=True), limit=1)
        last_end_us = page.runs[0].body.finished_at_us if page.runs else None
    return Facts(now_us, job.fired_us, active, last_end_us)


async def _start(services: Services, program: Program, schedule: Document[ScheduleBody], job: JobBody) -> None:
    arguments = dict(schedule.body.properties)
    times = [cause.at_us for cause in job.causes if cause.run is None]
    if times:
        arguments[LOGICAL_START] = str(max(times) // 1000)
    # Imported here: a server that starts has no need of pipelines and plugins yet.
    from penstock.api.cdap.launching import ready, submission_of
    from penstock.api.cdap.triggering import passed_on

    token = await passed_on(services, schedule.body, job.causes)
    submission = submission_of(
        services, await ready(services, program), arguments, f"schedule {schedule.body.name}", token
    )
    submission.key = "schedule {} {}".format(
        schedule.id, " ".join(cause.run or str(cause.at_us) for cause in job.causes)
    )
    await services.runs.submit(submission)
