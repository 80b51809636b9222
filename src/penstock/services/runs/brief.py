"""A run that is written as a whole: moves it in memory, and writes one row when it has ended.

For runs that are short or come in great numbers. Beside `pump.Pump`, which writes every event before it takes effect,
this one asks for things at once: between two of its events lies neither a transaction nor a change of tasks.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable
from typing import assert_never

import msgspec
import structlog

from penstock.flow.effects import Cancel, ClearTimer, Effect, Finish, Launch, LookUpCache, SetTimer, StoreInCache
from penstock.kernel.errors import PenstockError, WrongState
from penstock.kernel.events import LogEvent
from penstock.kernel.instants import unix_us
from penstock.kernel.policies import Durability, Keep
from penstock.kernel.records import Delete, Write
from penstock.kernel.runs import Event, RunAccepted, RunStarted, StepRecord, TimerFired
from penstock.ports.intents import IntentLog
from penstock.services.runs.brief_record import PENDING_KIND, columns_of, encode_pending, encode_steps, insert_brief
from penstock.services.runs.ledger import Ledger
from penstock.services.runs.machines import Machine
from penstock.services.runs.pump import Surroundings
from penstock.services.runs.record import Run

__all__ = ["BriefPump"]

_log = structlog.get_logger("penstock.runs")


class BriefPump:
    """Moves one run.

    Attributes:
        run: as it is, ahead of the store. machine: its state.
        answered: done when the run has ended and that survives the death of this process.
        ended: done when that is in the store; on_finished is told then.
    """

    def __init__(
        self,
        run: Run,
        machine: Machine,
        around: Surroundings,
        intents: IntentLog,
        ledger: Ledger,
        on_finished: Callable[[str], None],
    ) -> None:
        self.run = run
        self.machine = machine
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[Run] = loop.create_future()
        self.ended: asyncio.Future[Run] = loop.create_future()
        self._around = around
        self._intents = intents
        self._ledger = ledger
        self._on_finished = on_finished
        self._waiting: deque[Event] = deque()
        self._is_moving = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_storing = False

    def begin(self, accepted: RunAccepted) -> None:
        """Start it."""
        self.deliver(accepted)
        self.deliver(RunStarted(accepted.at_us))

    def deliver(self, event: Event) -> None:
        """Take an event in; it has taken effect when this returns, unless another one is taking effect right now."""
        self._waiting.append(event)
        if self._is_moving:
            return
        self._is_moving = True
        try:
            while self._waiting:
                for effect in self.machine.handle(self._waiting.popleft()):
                    self._carry_out(effect)
        finally:
            self._is_moving = False
        if self.machine.state is not self.run.body.state and not self._is_storing:
            self._show()
            if self.machine.state.is_final:
                self._store()

    def close(self) -> None:
        """Stop moving."""
        self._waiting.clear()
        for timer in self._timers.values():
            timer.cancel()
        for future in (self.answered, self.ended):
            if not future.done():
                future.set_exception(WrongState("the server is being stopped"))
                future.exception()  # nobody may be waiting

    def _show(self) -> None:
        body, machine = self.run.body, self.machine
        body.state, body.message = machine.state, machine.message
        body.started_at_us, body.finished_at_us = machine.started_at_us, machine.finished_at_us
        body.outputs = machine.outputs

    def _store(self) -> None:
        run, body = self.run, self.run.body
        run.updated_at = self._around.clock.now()
        body.done_count, body.step_count = self.machine.counts()
        self._is_storing = True
        writes, kept = self._writes()
        if body.durability is Durability.END:
            if kept is not None:
                self._intents.begin(run.id, encode_pending(kept))
            if not self.answered.done() and not self._ledger.is_behind:
                self.answered.set_result(run)
        self._ledger.write(writes, self._stored)

    def _stored(self, failure: PenstockError | None) -> None:
        run = self.run
        if failure is not None:
            _log.error(LogEvent.RUN_STUCK, run=run.id, exc_info=failure)
            for future in (self.answered, self.ended):
                if not future.done():
                    future.set_exception(failure)
                    future.exception()
            return
        self._intents.end(run.id)
        for future in (self.answered, self.ended):
            if not future.done():
                future.set_result(run)
        self._on_finished(run.id)

    def _writes(self) -> tuple[list[Write], Run | None]:
        """Return what is to be written, and the run as it is kept, if it is."""
        run = self.run
        writes: list[Write] = []
        if run.body.durability is Durability.ENDS:
            writes.append(Delete(PENDING_KIND, run.id))
        if run.body.keep is Keep.NOTHING:
            return writes, None
        kept = self._kept()
        writes.append(insert_brief(kept, columns_of(run, self.machine.steps())))
        return writes, kept

    def _kept(self) -> Run:
        """Return the run as it is to be kept; whoever waits for it gets all of it."""
        run, steps = self.run, self.machine.steps()
        if run.body.keep is Keep.ALL:
            run.body.steps = encode_steps(steps)
            return run
        outline = encode_steps(_without_values(record) for record in steps)
        return dataclasses.replace(run, body=msgspec.structs.replace(run.body, inputs={}, outputs={}, steps=outline))

    def _carry_out(self, effect: Effect) -> None:
        around, run = self._around, self.run
        match effect:
            case Launch():
                around.dispatcher.launch(run.id, run.scope, effect)
            case Finish():
                pass
            case SetTimer(timer, at_us):
                delay_s = (at_us - unix_us(around.clock.now())) / 1e6
                self._timers[timer] = asyncio.get_running_loop().call_later(max(delay_s, 0.0), self._ring, timer)
            case ClearTimer(timer):
                if (handle := self._timers.pop(timer, None)) is not None:
                    handle.cancel()
            case Cancel(attempt, reason, grace_s):
                around.dispatcher.cancel(run.id, attempt, reason, grace_s)
            case LookUpCache() | StoreInCache():
                raise AssertionError("a run that is written as a whole asks no cache")
            case _:
                assert_never(effect)

    def _ring(self, timer: str) -> None:
        self._timers.pop(timer, None)
        self.deliver(TimerFired(unix_us(self._around.clock.now()), timer))


def _without_values(record: StepRecord) -> StepRecord:
    return msgspec.structs.replace(record, inputs={}, outputs={})
