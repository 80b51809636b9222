"""From a launched attempt to the executor of its kind, and from the executor's reports back to the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from penstock.flow.effects import Launch
from penstock.kernel.errors import Invalid
from penstock.kernel.events import LogEvent
from penstock.kernel.graph import Command
from penstock.kernel.instants import unix_us
from penstock.kernel.policies import Cause
from penstock.kernel.runs import AttemptFinished, AttemptStarted, Event, Failure, Result
from penstock.kernel.scope import Scope
from penstock.ports.clock import Clock
from penstock.ports.executor import Executor, Task

__all__ = ["Dispatcher"]

_log = structlog.get_logger("penstock.runs")


class Dispatcher:
    """Knows the executors by kind of work; hears their reports.

    deliver: takes an event for a run. logged: told of a run and attempt that wrote lines.
    """

    def __init__(
        self,
        executors: Iterable[Executor],
        clock: Clock,
        deliver: Callable[[str, Event], None],
        logged: Callable[[str, str], None],
    ) -> None:
        self._executors = tuple(executors)
        self._by_kind: dict[str, Executor] = {}
        for executor in self._executors:
            for kind in executor.kinds:
                if kind in self._by_kind:
                    raise Invalid(f"two executors serve {kind!r}: {self._by_kind[kind].name!r} and {executor.name!r}")
                self._by_kind[kind] = executor
        self._clock = clock
        self._deliver = deliver
        self._logged = logged

    async def open(self) -> None:
        """Open all executors."""
        for executor in self._executors:
            await executor.open(self)

    async def close(self) -> None:
        """Close all executors, whatever one of them says."""
        for executor in self._executors:
            try:
                await executor.close()
            except Exception as error:
                _log.error(LogEvent.SERVICE_CLOSE_FAILED, service=executor.name, exc_info=error)

    def kinds(self) -> frozenset[str]:
        """Return the kinds of work that can be carried out."""
        return frozenset(self._by_kind)

    def launch(self, run: str, scope: Scope, effect: Launch) -> None:
        """Hand an attempt to its executor; one that has none errs."""
        task = task_of(run, scope, effect)
        executor = self._executor(task)
        if executor is not None:
            executor.launch(task)

    async def attach(self, run: str, scope: Scope, effect: Launch) -> None:
        """Take an attempt up again after a restart, or begin it if it never was."""
        task = task_of(run, scope, effect)
        executor = self._executor(task)
        if executor is not None and not await executor.attach(task):
            executor.launch(task)

    def cancel(self, run: str, attempt: str, reason: str, grace_s: float) -> None:
        """Have an attempt stop. Which executor has it is not worth remembering: the others ignore it."""
        for executor in self._executors:
            executor.cancel(run, attempt, reason, grace_s)

    def release(self, run: str, attempt: str) -> None:
        """The end of an attempt is on disk."""
        for executor in self._executors:
            executor.release(run, attempt)

    async def forget(self, run: str) -> None:
        """Have everything removed that executors keep of a run."""
        for executor in self._executors:
            await executor.forget(run)

    # What executors report.

    def started(self, task: Task, handle: str | None) -> None:
        """The work has begun."""
        self._deliver(task.run, AttemptStarted(unix_us(self._clock.now()), task.attempt, handle))

    def finished(self, task: Task, outcome: Result | Failure) -> None:
        """The work has ended."""
        now_us = unix_us(self._clock.now())
        if isinstance(outcome, Result):
            self._deliver(task.run, AttemptFinished(now_us, task.attempt, result=outcome))
        else:
            self._deliver(task.run, AttemptFinished(now_us, task.attempt, failure=outcome))

    def logged(self, run: str, attempt: str) -> None:
        """The work wrote lines."""
        self._logged(run, attempt)

    def _executor(self, task: Task) -> Executor | None:
        kind = "command" if isinstance(task.work, Command) else task.work.kind
        executor = self._by_kind.get(kind)
        if executor is None:
            known = ", ".join(sorted(self._by_kind))
            self.finished(task, Failure(Cause.ERRORED, f"nothing here carries out {kind!r}; there are {known}"))
        return executor


def task_of(run: str, scope: Scope, effect: Launch) -> Task:
    """Return the task an effect asks for."""
    return Task(
        run=run,
        attempt=effect.attempt,
        work=effect.work,
        scope=scope,
        inputs=effect.inputs,
        artifacts=effect.artifacts,
        facts=effect.facts,
        placement=effect.placement,
        labels=effect.labels,
    )
