"""One open run: takes events, writes them to disk with the run's row, then lets them take effect.

Events that come while a transaction is being synced are taken together in the next one, so a wide run does not cost a
sync per step. What an event asks for is done only when the event is on disk. An attempt that merely began is not worth
a transaction of its own: it waits a moment for company; if it is lost in a crash, the executor says it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog

from penstock.flow.effects import (
    Cancel,
    ClearTimer,
    Effect,
    Finish,
    Launch,
    LookUpCache,
    SetTimer,
    StoreInCache,
)
from penstock.flow.machine import RunMachine
from penstock.kernel.errors import PenstockError
from penstock.kernel.events import LogEvent
from penstock.kernel.instants import from_unix_us, unix_us
from penstock.kernel.policies import Durability
from penstock.kernel.records import Delete, Replace, Write
from penstock.kernel.runs import (
    AttemptFinished,
    AttemptStarted,
    CacheAnswered,
    Event,
    RetryRequested,
    RunState,
    TimerFired,
)
from penstock.ports.clock import Clock
from penstock.ports.metadata import MetadataStore
from penstock.services.runs.alarms import Alarms
from penstock.services.runs.cache import StepCache
from penstock.services.runs.dispatch import Dispatcher
from penstock.services.runs.record import (
    Run,
    append_event,
    close_run,
    insert_run,
    reopen_run,
    replace_run,
)

__all__ = ["Pump", "Surroundings"]

COMPANY_S = 0.05
"""How long the news that an attempt began waits for other events."""

_log = structlog.get_logger("penstock.runs")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every pump uses. on_changed: told of every run that moved; on_finished: of every run that ended."""

    store: MetadataStore
    clock: Clock
    alarms: Alarms
    cache: StepCache
    dispatcher: Dispatcher
    on_changed: Callable[[str], None]
    on_finished: Callable[[str], None]


class Pump:
    """Moves one run. Made when the run is submitted or taken up again, dropped when it has ended.

    Attributes:
        run: its row as last written. machine: its state, which may be ahead of the disk by one transaction.
        is_stored: whether its row is on disk; a journalled run's comes when it ends.
        failure: why it cannot go on before a restart: the store failed.
    """

    def __init__(
        self,
        run: Run,
        machine: RunMachine,
        surroundings: Surroundings,
        *,
        is_stored: bool = True,
        journal: Sequence[Write] = (),
    ) -> None:
        self.run = run
        self.machine = machine
        self.failure: PenstockError | None = None
        self.lock = asyncio.Lock()
        self._around = surroundings
        self._waiting: list[Event] = []
        self._journal: list[Write] = list(journal)
        self.is_stored = is_stored
        self._task: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._soon: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        """Whether events are being written; the row may be ahead of the disk until that is done."""
        return self.lock.locked()

    def deliver(self, event: Event) -> None:
        """Take an event in; it is handled as soon as the one before is on disk."""
        self._waiting.append(event)
        if self._task is not None:
            return
        if isinstance(event, AttemptStarted) and self.machine.state is RunState.RUNNING:
            if self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(COMPANY_S, self._wake)
            return
        self._wake()

    async def settled(self) -> None:
        """Return when everything delivered so far is on disk. Raises: what the store raised."""
        while self.failure is None and (self._task is not None or self._waiting):
            self._wake()
            if self._task is not None:
                await asyncio.shield(self._task)
        if self.failure is not None:
            raise self.failure

    async def take_up(self) -> None:
        """After a restart: ask again for everything that was asked for and is not answered."""
        for effect in self.machine.outstanding():
            if isinstance(effect, Launch):
                await self._around.dispatcher.attach(self.run.id, self.run.scope, effect)
            else:
                self._carry_out(effect)

    async def close(self) -> None:
        """Stop moving; what is on disk stays as it is."""
        if self._soon is not None:
            self._soon.cancel()
        tasks = [task for task in (self._task, *self._background) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._task is None and self._waiting:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting and self.failure is None:
                async with self.lock:
                    await self._advance()
        except PenstockError as error:
            # The events that could not be written did not take effect; a restart finds the run as it was before them.
            self.failure = error
            _log.error(LogEvent.RUN_STUCK, run=self.run.id, exc_info=error)
        finally:
            self._task = None
        self._around.on_changed(self.run.id)
        if self.failure is None and self.machine.state.is_final and not self._waiting:
            self._around.on_finished(self.run.id)

    async def _advance(self) -> None:
        events, self._waiting = self._waiting, []
        effects: list[Effect] = []
        writes: list[Write] = []
        for event in events:
            effects.extend(self.machine.handle(event))
            writes.append(append_event(self.run.id, event, from_unix_us(event.at_us)))
        writes.extend(self._row_writes(events))
        await self._commit(writes)
        for event in events:
            if isinstance(event, AttemptFinished):
                self._around.dispatcher.release(self.run.id, event.attempt)
        for effect in effects:
            self._carry_out(effect)
        self._around.on_changed(self.run.id)

    def _row_writes(self, events: list[Event]) -> list[Write]:
        """Return what has to be written of the run itself: only if something of it moved."""
        body, machine = self.run.body, self.machine
        was_final, is_retried = body.state.is_final, any(isinstance(event, RetryRequested) for event in events)
        if body.state is machine.state and body.message == machine.message and not is_retried:
            return []
        body.state, body.message = machine.state, machine.message
        body.started_at_us, body.finished_at_us = machine.started_at_us, machine.finished_at_us
        body.outputs, body.output_artifacts = dict(machine.outputs), dict(machine.artifacts)
        body.done_count, body.step_count = machine.counts()
        at = self._around.clock.now()
        self.run.updated_at = at
        writes: list[Write] = [replace_run(self.run, at)]
        if was_final:
            writes.extend(reopen_run(self.run))
        if machine.state.is_final:
            writes.extend(close_run(self.run, list(machine.steps()), at))
        return writes

    async def _commit(self, writes: list[Write]) -> None:
        if self.run.body.durability is Durability.EVENT:
            if writes:
                await self._around.store.commit(*writes)
            return
        # A journalled run was never stored: its row is inserted with its last state, its events with it.
        self._journal.extend(writes)
        if self.machine.state.is_final:
            journal, self._journal = self._journal, []
            if not self.is_stored:
                self.is_stored = True
                journal = [write for write in journal if not isinstance(write, Replace | Delete)]
                journal = [*insert_run(self.run), *journal]
            await self._around.store.commit(*journal)

    def _carry_out(self, effect: Effect) -> None:
        around, run = self._around, self.run
        match effect:
            case Launch():
                around.dispatcher.launch(run.id, run.scope, effect)
            case Cancel(attempt, reason, grace_s):
                around.dispatcher.cancel(run.id, attempt, reason, grace_s)
            case SetTimer(timer, at_us):
                around.alarms.set(run.id, timer, at_us, lambda: self._ring(timer))
            case ClearTimer(timer):
                around.alarms.clear(run.id, timer)
            case LookUpCache():
                self._in_background(self._look_up(effect))
            case StoreInCache():
                self._in_background(around.cache.keep(run.scope, run.id, effect))
            case Finish(state, message):
                _log.info(LogEvent.RUN_FINISHED, run=run.id, state=state.value, message=message)
            case _:
                assert_never(effect)

    def _ring(self, timer: str) -> None:
        self.deliver(TimerFired(unix_us(self._around.clock.now()), timer))

    async def _look_up(self, effect: LookUpCache) -> None:
        try:
            hit, reason = await self._around.cache.look_up(self.run.scope, effect)
        except PenstockError as error:
            hit, reason = None, f"the cache did not answer: {error.message}"
        self.deliver(CacheAnswered(unix_us(self._around.clock.now()), effect.path, hit, reason))

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_ended)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning(LogEvent.RUN_CACHE_FAILED, run=self.run.id, exc_info=error)
