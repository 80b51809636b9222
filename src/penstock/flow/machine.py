"""RunMachine: one run. Events in, effects out.

    QUEUED → STARTING → RUNNING ⇄ SUSPENDED        the entry level unfolds
                           │ StopRequested, deadline → STOPPING
                           ↓
    entry level ended  →  exit level, if there is one  →  a final state  →  RetryRequested → RESUMING

The machine is the only place that decides anything about a run. Given the same events it comes to the same state; an
event that does not fit the present state is dropped without effect, so a late or doubled report does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from penstock.flow.effects import Effect, Finish, LookUpCache, SetTimer
from penstock.flow.invariants import check_invariants
from penstock.flow.progress import Progress
from penstock.flow.reset import reset
from penstock.flow.tree import EXIT_PREFIX, Level, Node, walk
from penstock.flow.values import bind_parameters
from penstock.kernel.errors import Invalid
from penstock.kernel.functions import ExprFailed
from penstock.kernel.graph import Graph
from penstock.kernel.policies import Cause
from penstock.kernel.runs import (
    AttemptFinished,
    AttemptStarted,
    AttemptState,
    CacheAnswered,
    Event,
    Failure,
    ResumeRequested,
    RetryRequested,
    RunAccepted,
    RunRejected,
    RunStarted,
    RunState,
    StepKind,
    StepRecord,
    StopRequested,
    SuspendRequested,
    TimerFired,
    WaitAnswered,
)
from penstock.kernel.values import Value

__all__ = ["RunMachine", "check_inputs"]

_RUN_TIMER = "run"
_LATE_GRACE_S = 5.0


class RunMachine:
    """The state of one run.

    Attributes:
        state, message: of the run.
        outputs, artifacts: of the entry level, when the run has succeeded.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.state = RunState.QUEUED
        self.message: str | None = None
        self.started_at_us: int | None = None
        self.finished_at_us: int | None = None
        self.outputs: dict[str, Value] = {}
        self.artifacts: dict[str, Value] = {}
        self.inputs: dict[str, Value] = {}
        self._given_artifacts: dict[str, Value] = {}
        self._progress = Progress(graph, self._level_ended)
        self._entry: Level | None = None
        self._exit: Level | None = None
        self._ended: tuple[RunState, str | None] | None = None
        self._stop: StopRequested | None = None
        self._is_late = False

    def handle(self, event: Event) -> list[Effect]:
        """Take one event and return what is to be done because of it, in order."""
        if self.state is RunState.REJECTED:
            return []
        self._progress.now_us = event.at_us
        self._take(event)
        self._progress.drain()
        self._settle_state(event)
        return self._progress.take_effects()

    def steps(self) -> Iterator[StepRecord]:
        """Yield the records of all instances, parents first, in the order of the graph; the exit level last."""
        for node in self._nodes():
            yield node.record

    def step(self, path: str) -> StepRecord | None:
        """Return the record of one instance."""
        node = self._progress.by_path.get(path)
        return node.record if node else None

    def cache_parts(self, path: str) -> dict[str, str] | None:
        """Return what a step's cache key was made of; None if the cache was not asked."""
        node = self._progress.by_path.get(path)
        return node.cache_parts if node else None

    def counts(self) -> tuple[int, int]:
        """Return how many leaves have ended, and how many are known so far."""
        leaves = [node for node in self._nodes() if node.record.kind is StepKind.LEAF]
        return sum(node.state.is_final for node in leaves), len(leaves)

    def outstanding(self) -> list[Effect]:
        """Return what was asked for and is not answered: what a restarted server has to take up again."""
        found: list[Effect] = [SetTimer(timer, at_us) for timer, at_us in self._progress.timers.items()]
        for node in self._progress.by_attempt.values():
            found.append(self._progress.launch_effect(node))
        for node in self._progress.looking_up.values():
            cache, key, parts = node.step.cache, node.record.cache_key, node.cache_parts
            if cache is not None and key is not None and parts is not None:
                found.append(LookUpCache(node.path, key, parts, cache.max_age_s))
        return found

    def validate(self) -> None:
        """Check that the state makes sense. Raises: AssertionError; a defect of the engine."""
        check_invariants(self.state, self._progress, [level for level in (self._entry, self._exit) if level])

    # Events.

    def _take(self, event: Event) -> None:
        progress = self._progress
        match event:
            case RunAccepted(_, inputs, artifacts, facts):
                if self.state is RunState.QUEUED and self._entry is None:
                    self.inputs, self._given_artifacts = dict(inputs), dict(artifacts)
                    progress.facts = dict(facts)
            case RunStarted():
                if self.state is RunState.QUEUED:
                    self._start(RunState.STARTING)
            case RunRejected(_, message):
                if self.state is RunState.QUEUED:
                    self._finish(RunState.REJECTED, message)
            case CacheAnswered(_, path, hit, reason):
                progress.cache_answered(path, hit, reason)
            case AttemptStarted(_, attempt, handle):
                progress.attempt_started(attempt, handle)
            case AttemptFinished(_, attempt, result, failure):
                outcome = result if result is not None else failure
                progress.attempt_finished(attempt, outcome or Failure(Cause.ERRORED, "ended without saying how"))
            case TimerFired(_, timer):
                if timer == _RUN_TIMER:
                    self._run_is_late()
                else:
                    progress.timer_fired(timer)
            case WaitAnswered(_, path, outputs, message):
                progress.wait_answered(path, dict(outputs), message)
            case StopRequested():
                self._request_stop(event)
            case SuspendRequested():
                if self.state in (RunState.STARTING, RunState.RUNNING, RunState.RESUMING):
                    self.state, progress.is_suspended = RunState.SUSPENDED, True
            case ResumeRequested():
                if self.state is RunState.SUSPENDED:
                    self.state, progress.is_suspended = RunState.RESUMING, False
            case RetryRequested(_, from_path):
                self._retry(from_path)
            case _:
                assert_never(event)

    def _start(self, state: RunState) -> None:
        self.state = state
        self.started_at_us = self._progress.now_us
        if self.graph.timeout_s is not None:
            self._progress.set_timer(_RUN_TIMER, self.graph.timeout_s)
        level = Level(self.graph.bodies[self.graph.entry], None, "", 1, artifacts=dict(self._given_artifacts))
        self._entry = level
        try:
            bind_parameters(level, self.inputs, self._progress.facts)
        except ExprFailed as error:
            self._finish(RunState.ERRORED, error.message)
            return
        self._progress.begin_level(level)

    def _request_stop(self, event: StopRequested) -> None:
        if self.state.is_final:
            return
        if self._entry is None:
            self._finish(RunState.CANCELLED, event.reason)
            return
        self._stop = event
        self.state, self._progress.is_suspended = RunState.STOPPING, False
        self._progress.clear_timer(_RUN_TIMER)
        running = self._exit or self._entry
        if running is self._entry or event.is_forced or self._ended is not None:
            self._progress.cancel(running, event.reason, event.grace_s)

    def _run_is_late(self) -> None:
        if self._progress.timers.pop(_RUN_TIMER, None) is None or self._entry is None or self._exit is not None:
            return
        self._is_late = True
        self.state, self._progress.is_suspended = RunState.STOPPING, False
        reason = f"deadline: the run took longer than {self.graph.timeout_s:g} s"
        self._progress.cancel(self._entry, reason, _LATE_GRACE_S)

    def _retry(self, from_path: str | None) -> None:
        may = self.state.is_retryable or (self.state is RunState.SUCCEEDED and from_path is not None)
        if not may:
            return
        self.finished_at_us = self.message = None
        self._ended = self._stop = None
        self._is_late = self._progress.is_suspended = False
        self.outputs, self.artifacts = {}, {}
        if self._entry is None or not self._entry.nodes:
            self._start(RunState.RESUMING)
            return
        self.state = RunState.RESUMING
        if self._exit is not None:
            for node in walk(self._exit):
                self._progress.by_path.pop(node.path, None)
            self._exit = None
        for name in ("run.state", "run.message", "run.failures"):
            self._progress.facts.pop(name, None)
        if self.graph.timeout_s is not None:
            self._progress.set_timer(_RUN_TIMER, self.graph.timeout_s)
        reset(self._progress, self._entry, from_path)

    # The end of levels, and of the run.

    def _level_ended(self, level: Level, failure: Failure | None, is_cancelled: bool) -> None:
        if level is self._exit:
            self._exit_ended(failure, is_cancelled)
        elif level is self._entry:
            self._entry_ended(level, failure, is_cancelled)

    def _entry_ended(self, level: Level, failure: Failure | None, is_cancelled: bool) -> None:
        self._progress.clear_timer(_RUN_TIMER)
        if failure is None:
            try:
                self.outputs, self.artifacts = self._progress.outputs_of(level)
            except ExprFailed as error:
                failure = Failure(Cause.FAILED if error.is_deliberate else Cause.ERRORED, error.message)
        self._ended = self._verdict(failure, is_cancelled)
        if self.graph.on_exit is None or (self._stop is not None and self._stop.is_forced):
            self._finish(*self._ended)
        else:
            self._begin_exit(self.graph.on_exit, level)

    def _verdict(self, failure: Failure | None, is_cancelled: bool) -> tuple[RunState, str | None]:
        if self._is_late:
            return RunState.FAILED, f"the run took longer than {self.graph.timeout_s:g} s"
        if self._stop is not None:
            return RunState.CANCELLED, self._stop.reason
        if failure is None:
            return RunState.SUCCEEDED, None
        if is_cancelled:
            return RunState.CANCELLED, failure.message
        return (RunState.FAILED if failure.cause is Cause.FAILED else RunState.ERRORED), failure.message

    def _begin_exit(self, body: str, entry: Level) -> None:
        assert self._ended is not None, "the exit level runs when the entry level has ended"
        state, message = self._ended
        failures: list[Value] = [
            {"path": record.path, "state": record.state.value, "message": record.message or ""}
            for record in (node.record for node in walk(entry))
            if record.kind is StepKind.LEAF and record.state.is_failure
        ]
        self._progress.facts |= {"run.state": state.value, "run.message": message or "", "run.failures": failures}
        level = Level(self.graph.bodies[body], None, EXIT_PREFIX, 1)
        self._exit = level
        given = {name: value for name, value in entry.inputs.items() if name in level.body.parameters}
        try:
            bind_parameters(level, given, self._progress.facts)
        except ExprFailed as error:
            self._finish(RunState.ERRORED if state is RunState.SUCCEEDED else state, error.message)
            return
        self._progress.begin_level(level)

    def _exit_ended(self, failure: Failure | None, is_cancelled: bool) -> None:
        assert self._ended is not None, "the exit level runs when the entry level has ended"
        state, message = self._ended
        if self._stop is not None and state is RunState.SUCCEEDED:
            state, message = RunState.CANCELLED, self._stop.reason
        elif failure is not None and state is RunState.SUCCEEDED:
            state, message = self._verdict(failure, is_cancelled)
        self._finish(state, message)

    def _finish(self, state: RunState, message: str | None) -> None:
        self.state, self.message = state, message
        self.finished_at_us = self._progress.now_us
        for timer in list(self._progress.timers):
            self._progress.clear_timer(timer)
        self._progress.ask(Finish(state, message))

    def _settle_state(self, event: Event) -> None:
        """Leave STARTING or RESUMING once an attempt runs, or none is about to."""
        if self.state not in (RunState.STARTING, RunState.RESUMING):
            return
        attempts = [node.record.attempts[-1] for node in self._progress.by_attempt.values()]
        is_first = isinstance(event, AttemptStarted | AttemptFinished)
        if is_first or all(attempt.state is not AttemptState.LAUNCHED for attempt in attempts):
            self.state = RunState.RUNNING

    def _nodes(self) -> Iterator[Node]:
        if self._entry is not None:
            yield from walk(self._entry)
        if self._exit is not None:
            yield from walk(self._exit)


def check_inputs(graph: Graph, inputs: dict[str, Value]) -> None:
    """Check that a run can be given these parameters. Raises: Invalid if a required one is missing."""
    level = Level(graph.bodies[graph.entry], None, "", 1)
    for name, parameter in level.body.parameters.items():
        if name not in inputs and parameter.default is None and not parameter.is_optional:
            raise Invalid(f"parameter {name!r} was not given and has no default", at=f"/parameters/{name}")
