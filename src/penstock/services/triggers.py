"""Triggers: schedules that start runs, kept over restarts.

Each trigger is a record with its schedule and the last time that fired. When a time has come, the dialect's
`Launcher` says what to run; the run is submitted under a key made of trigger and time. The key makes a repetition
harmless: if the server dies between submitting and noting that, the same time is submitted again, and is found to be
there already. So no time is lost and none fires twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from penstock.kernel.errors import Conflict, NotFound, PenstockError
from penstock.kernel.events import LogEvent
from penstock.kernel.ids import TriggerId
from penstock.kernel.instants import unix_us
from penstock.kernel.query import AllOf, Compare, Comparison, Not, OneOf, Order, Query
from penstock.kernel.records import Delete, Insert, Record, Replace, Write
from penstock.kernel.runs import RunState
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.triggers import Firing, Schedule, check_schedule, due, next_after, preview
from penstock.ports.clock import Clock
from penstock.ports.metadata import MetadataStore
from penstock.services.runs.alarms import Alarms
from penstock.services.runs.service import Runs
from penstock.services.runs.submission import Submission

__all__ = ["Launcher", "Trigger", "TriggerBody", "Triggers"]

TRIGGER_KIND = "trigger"
MAX_SUBMITTED = 100
"""Most runs one trigger submits without giving others their turn."""
RETRY_S = 5.0
"""How long a trigger waits after its launcher failed in a way that may pass."""

_log = structlog.get_logger("penstock.triggers")


class TriggerBody(msgspec.Struct, omit_defaults=True):
    """The stored form of a trigger.

    Attributes:
        launcher: the dialect that says what to run. scope: whose the runs are.
        document: what that dialect knows the trigger by.
        last_us: the last time that fired or was passed over. count: how many fired.
        failure: why the last time did not become a run.
    """

    launcher: str
    scope: str
    document: str
    schedule: Schedule
    made_us: int
    is_enabled: bool = True
    last_us: int | None = None
    count: int = 0
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as read from the store."""

    id: TriggerId
    body: TriggerBody
    revision: int
    updated_at: datetime


class Launcher(Protocol):
    """What a dialect registers: called when a trigger of its documents fires."""

    async def __call__(self, document: str, firing: Firing) -> Submission | None:
        """Return what to run; None to let this time pass. PenstockError lets it pass too, and is shown."""
        ...


_decoder = msgspec.json.Decoder(TriggerBody)


class Triggers:
    """Keeps triggers and lets them fire."""

    def __init__(
        self, store: MetadataStore, clock: Clock, runs: Runs, launchers: Mapping[str, Launcher] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._runs = runs
        self._launchers = dict(launchers or {})
        self._alarms = Alarms(clock)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._full: set[str] = set()
        self._is_open = False
        runs.listen(self._run_ended)

    def register(self, name: str, launcher: Launcher) -> None:
        """Have a dialect's triggers answered."""
        self._launchers[name] = launcher

    async def open(self) -> None:
        """Set the alarms of all enabled triggers; times that were missed fire by their schedules' rule."""
        self._is_open = True
        cursor = None
        while True:
            page = await self._store.select(
                Query(TRIGGER_KIND, DEFAULT_SCOPE, order=Order("id"), limit=1000, after=cursor)
            )
            for record in page.records:
                self._look(record.id)
            if (cursor := page.next) is None:
                return

    async def close(self) -> None:
        """Let nothing fire any more; what is due fires when the next server opens."""
        self._is_open = False
        await self._alarms.close()
        for task in list(self._busy.values()):
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def create(
        self,
        launcher: str,
        scope: Scope,
        document: str,
        schedule: Schedule,
        *,
        is_enabled: bool = True,
        id: TriggerId | None = None,
        also: tuple[Write, ...] = (),
    ) -> Trigger:
        """Store a trigger. Raises: Invalid if its schedule is wrong, NotFound if there is no such launcher."""
        check_schedule(schedule)
        if launcher not in self._launchers:
            raise NotFound(f"there is no launcher {launcher!r}; there are {', '.join(sorted(self._launchers))}")
        at = self._clock.now()
        id = id or TriggerId(self._clock.new_id())
        body = TriggerBody(launcher, str(scope), document, schedule, unix_us(at), is_enabled)
        insert = Insert(TRIGGER_KIND, id, DEFAULT_SCOPE, None, at, msgspec.json.encode(body), _columns(body))
        await self._store.commit(insert, *also)
        self._look(id)
        return Trigger(id, body, 1, at)

    async def get(self, id: str) -> Trigger:
        """Return a trigger. Raises: NotFound."""
        record = await self._store.get(TRIGGER_KIND, id)
        if record is None:
            raise NotFound(f"there is no trigger {id!r}")
        return _trigger(record)

    async def preview(self, id: str, count: int = 10) -> list[int]:
        """Return the next times a trigger fires, in microseconds since 1970. Raises: NotFound."""
        trigger = await self.get(id)
        body = trigger.body
        return preview(body.schedule, body.made_us, body.last_us, count)

    async def enable(self, id: str, is_enabled: bool, *, forgets_missed: bool = False) -> Trigger:
        """Let a trigger fire, or not. forgets_missed: times that passed while it was disabled do not fire.

        Raises: NotFound.
        """
        now_us = unix_us(self._clock.now())

        def change(body: TriggerBody) -> TriggerBody:
            body.is_enabled = is_enabled
            if is_enabled and forgets_missed:
                body.last_us = max(now_us, body.last_us or 0)
            return body

        return await self._update(id, change)

    async def reschedule(self, id: str, schedule: Schedule) -> Trigger:
        """Give a trigger another schedule; times of the old one that passed do not fire.

        Raises: NotFound, Invalid.
        """
        check_schedule(schedule)
        now_us = unix_us(self._clock.now())

        def change(body: TriggerBody) -> TriggerBody:
            body.schedule, body.last_us = schedule, max(now_us, body.last_us or 0)
            return body

        return await self._update(id, change)

    async def delete(self, id: str, *, also: tuple[Write, ...] = ()) -> None:
        """Remove a trigger; its runs stay. Raises: NotFound."""
        await self._store.commit(Delete(TRIGGER_KIND, id), *also)
        self._alarms.clear(id, "next")

    # Firing.

    def _look(self, id: str) -> None:
        """Have a trigger's due times fire, and set its alarm; at once, in a task of its own."""
        if not self._is_open:
            return
        if id in self._busy:
            self._again.add(id)
            return
        task = asyncio.create_task(self._serve(id))
        self._busy[id] = task
        task.add_done_callback(lambda _: self._served(id))

    def _served(self, id: str) -> None:
        self._busy.pop(id, None)
        if id in self._again:
            self._again.discard(id)
            self._look(id)

    async def _serve(self, id: str) -> None:
        try:
            await self._fire_due(id)
        except NotFound:
            return
        except PenstockError as error:
            _log.error(LogEvent.TRIGGER_FAILED, trigger=id, exc_info=error)
            self._set_alarm(id, unix_us(self._clock.now()) + round(RETRY_S * 1e6))

    async def _fire_due(self, id: str) -> None:
        self._full.discard(id)
        trigger = await self.get(id)
        body, now_us = trigger.body, unix_us(self._clock.now())
        if not body.is_enabled:
            return
        times = due(body.schedule, body.made_us, body.last_us, now_us)
        room = await self._room(trigger) if times else 0
        for at_us in times[: min(room, MAX_SUBMITTED)]:
            trigger = await self._fire(trigger, at_us)
        if len(times) > room:
            self._full.add(id)  # a run that ends makes room
        elif len(times) > MAX_SUBMITTED:
            self._again.add(id)
        else:
            next_us = next_after(body.schedule, body.made_us, trigger.body.last_us)
            if next_us is not None:
                self._set_alarm(id, next_us)

    async def _room(self, trigger: Trigger) -> int:
        where = AllOf((Compare("group", Comparison.EQ, trigger.id), Not(OneOf("state", _FINAL))))
        unfinished = await self._runs.count(Scope.parse(trigger.body.scope), where)
        return max(0, trigger.body.schedule.max_concurrency - unfinished)

    async def _fire(self, trigger: Trigger, at_us: int) -> Trigger:
        body = trigger.body
        firing = Firing(trigger.id, at_us, body.count + 1)
        failure = None
        try:
            launcher = self._launchers.get(body.launcher)
            if launcher is None:
                raise NotFound(f"there is no launcher {body.launcher!r}")
            submission = await launcher(body.document, firing)
            if submission is not None:
                submission.key = f"trigger {trigger.id} {at_us}"
                submission.group, submission.scheduled_at_us = trigger.id, at_us
                run = await self._runs.submit(submission)
                _log.debug(LogEvent.TRIGGER_FIRED, trigger=trigger.id, run=run.id)
        except PenstockError as error:
            if error.retryable:
                raise
            failure = error.message
            _log.warning(LogEvent.TRIGGER_FAILED, trigger=trigger.id, reason=error.message)

        def change(body: TriggerBody) -> TriggerBody:
            body.last_us = max(at_us, body.last_us or 0)
            body.count, body.failure = firing.index, failure
            return body

        return await self._update(trigger.id, change, looks=False)

    def _run_ended(self, run_id: str, state: RunState) -> None:
        """A run made room, perhaps for a trigger that waits for it."""
        for id in list(self._full):
            self._look(id)

    def _set_alarm(self, id: str, at_us: int) -> None:
        if self._is_open:
            self._alarms.set(id, "next", at_us, lambda: self._look(id))

    async def _update(self, id: str, change: Change, *, looks: bool = True) -> Trigger:
        while True:
            trigger = await self.get(id)
            body, at = change(trigger.body), self._clock.now()
            encoded = msgspec.json.encode(body)
            replace = Replace(TRIGGER_KIND, id, None, at, encoded, _columns(body), trigger.revision)
            with suppress(Conflict):
                (revision, *_) = await self._store.commit(replace)
                if looks:
                    self._alarms.clear(id, "next")
                    self._look(id)
                return Trigger(TriggerId(id), body, revision, at)


class Change(Protocol):
    """Changes a trigger's body."""

    def __call__(self, body: TriggerBody) -> TriggerBody: ...


_FINAL = tuple(state.value for state in RunState if state.is_final)


def _columns(body: TriggerBody) -> dict[str, int | str | None]:
    return {"launcher": body.launcher, "document": body.document, "is_enabled": int(body.is_enabled)}


def _trigger(record: Record) -> Trigger:
    return Trigger(TriggerId(record.id), _decoder.decode(record.body), record.revision, record.updated_at)
