"""NetworkMachine: one run of a network. Events in, effects out; the same face as `flow.machine.RunMachine`.

    RunAccepted, RunStarted → the entry fires → AttemptStarted, AttemptFinished … → nothing is under way → Finish

A value under way is a token with a lane: the batches it belongs to, outermost first. Tokens of one lane meet each other
and those of the lanes around them. A level has ended when nothing of it is under way; a split, when nothing in its
lanes is, which is when its gathers fire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import assert_never

from penstock.flow.effects import Cancel, ClearTimer, Effect, Finish, Launch, SetTimer
from penstock.flow.firings import Firing, Lane, NetLevel
from penstock.flow.wiring import wiring_of
from penstock.kernel.ids import part_of
from penstock.kernel.network import END, START, Constant, Count, Do, Fail, Gather, Inner, Network, Split
from penstock.kernel.runs import (
    AttemptFinished,
    AttemptStarted,
    Event,
    Failure,
    Result,
    RunAccepted,
    RunRejected,
    RunStarted,
    RunState,
    StepKind,
    StepRecord,
    StepState,
    StopRequested,
    TimerFired,
)
from penstock.kernel.values import Value

__all__ = ["NetworkMachine"]

_TIMER = "run"


class NetworkMachine:
    """The state of one run.

    Attributes:
        state, message: of the run. outputs: `data`, when something arrived at the end.
    """

    def __init__(self, network: Network) -> None:
        self.graph = network
        self.state = RunState.QUEUED
        self.message: str | None = None
        self.started_at_us: int | None = None
        self.finished_at_us: int | None = None
        self.inputs: dict[str, Value] = {}
        self.outputs: dict[str, Value] = {}
        self.artifacts: dict[str, Value] = {}
        self._facts: dict[str, Value] = {}
        self._context: dict[str, Value] = {}
        self._wirings = wiring_of(network)
        self._firings: list[Firing] = []
        self._by_attempt: dict[str, Firing] = {}
        self._todo: deque[tuple[NetLevel, str, Lane, Value]] = deque()
        self._touched: dict[NetLevel, None] = {}
        self._effects: list[Effect] = []
        self._root: NetLevel | None = None
        self._now_us = 0
        self._has_timer = False

    def handle(self, event: Event) -> list[Effect]:
        """Take one event and return what is to be done because of it, in order."""
        self._now_us = event.at_us
        match event:
            case AttemptFinished(_, attempt, result, failure):
                self._attempt_finished(attempt, result, failure)
            case AttemptStarted(_, attempt, _):
                self._attempt_started(attempt)
            case RunAccepted(_, inputs, _, facts):
                if self._root is None:
                    self.inputs, self._facts = dict(inputs), dict(facts)
                    context = facts.get("context")
                    self._context = dict(context) if isinstance(context, dict) else {}
            case RunStarted():
                self._start()
            case RunRejected(_, message):
                self._end(RunState.REJECTED, message)
            case TimerFired():
                self._run_is_late()
            case StopRequested(_, reason, grace_s, _):
                self._stop(RunState.CANCELLED, reason, StepState.CANCELLED, grace_s)
            case _:
                pass  # suspension, retries, caches and waits are for graphs
        self._drain()
        effects, self._effects = self._effects, []
        return effects

    def steps(self) -> Iterator[StepRecord]:
        """Yield the records of all firings in the order of their making."""
        for firing in self._firings:
            yield firing.record

    def step(self, path: str) -> StepRecord | None:
        """Return the record of one firing."""
        return next((firing.record for firing in self._firings if firing.record.path == path), None)

    def cache_parts(self, path: str) -> dict[str, str] | None:
        """Return None: nothing here asks the cache."""
        return None

    def counts(self) -> tuple[int, int]:
        """Return how many firings have ended, and how many are known so far."""
        return sum(firing.record.state.is_final for firing in self._firings), len(self._firings)

    def outstanding(self) -> list[Effect]:
        """Return what was asked for and is not answered."""
        return [self._launch_effect(firing) for firing in self._by_attempt.values()]

    # Events.

    def _start(self) -> None:
        if self.state is not RunState.QUEUED:
            return
        self.state = RunState.STARTING
        if self._facts.get("run.is_awaited"):
            self._begin_clock()
        self._root = self._begin_level(self.graph.entry, None, "", self.inputs.get("data"))

    def _begin_clock(self) -> None:
        timeout_s = self._facts.get("run.timeout_s")
        if isinstance(timeout_s, int | float) and not self._has_timer:
            self._has_timer = True
            self._effects.append(SetTimer(_TIMER, self._now_us + round(timeout_s * 1e6)))

    def _attempt_started(self, attempt: str) -> None:
        firing = self._by_attempt.get(attempt)
        if firing is None or firing.record.state is not StepState.READY:
            return
        firing.record.state, firing.record.started_at_us = StepState.RUNNING, self._now_us
        if self.state is RunState.STARTING:
            self._run()

    def _run(self) -> None:
        self.state, self.started_at_us = RunState.RUNNING, self._now_us
        self._begin_clock()

    def _attempt_finished(self, attempt: str, result: Result | None, failure: Failure | None) -> None:
        firing = self._by_attempt.pop(attempt, None)
        if firing is None:
            return
        if self.state is RunState.STARTING:
            self._run()
        if result is not None:
            fires = result.outputs.get("fires") is not False
            self._succeed(firing, result.outputs.get("data"), fires=fires)
        else:
            self._fail(firing, failure.message if failure else "ended without saying how")

    def _run_is_late(self) -> None:
        timeout_s = self._facts.get("run.timeout_s")
        if self._has_timer and isinstance(timeout_s, int | float):
            self._has_timer = False
            self._stop(RunState.FAILED, f"Request timed out after {timeout_s:g} seconds", StepState.FAILED, 0.0)

    def _stop(self, state: RunState, message: str, step_state: StepState, grace_s: float) -> None:
        """End the run now: whatever is under way is cancelled, and what comes of it later is dropped."""
        if self.state.is_final:
            return
        for attempt in self._by_attempt:
            self._effects.append(Cancel(attempt, message, grace_s))
        self._by_attempt.clear()
        self._todo.clear()
        self._touched.clear()
        for firing in self._firings:
            if not firing.record.state.is_final:
                self._close(firing, step_state, message)
        self._end(state, message)

    def _end(self, state: RunState, message: str | None) -> None:
        if self.state.is_final:
            return
        self.state, self.message, self.finished_at_us = state, message, self._now_us
        if self.started_at_us is None:
            self.started_at_us = self._now_us
        if self._has_timer:
            self._effects.append(ClearTimer(_TIMER))
        self._effects.append(Finish(state, message))

    # Tokens.

    def _begin_level(self, net: str, owner: Firing | None, prefix: str, value: Value) -> NetLevel:
        level = NetLevel(self._wirings[net], owner, prefix)
        self._touched[level] = None
        for name in level.wiring.constants:
            self._fire(level, name, (), {})
        self._todo.append((level, START, (), value))
        return level

    def _drain(self) -> None:
        while not self._is_over():
            while self._todo:
                level, source, lane, value = self._todo.popleft()
                if level.failure is None:
                    for to, joined_lane, joined in level.arrive(source, lane, value):
                        if to == END:
                            level.results.append((joined_lane, joined))
                        else:
                            self._fire(level, to, joined_lane, joined)
                        if self._is_over():
                            return
            if not self._touched:
                return
            self._settle(self._touched.popitem()[0])

    def _is_over(self) -> bool:
        return self.state.is_final

    def _settle(self, level: NetLevel) -> None:
        """See whether splits of a level, or the level itself, have ended."""
        if level.is_over:
            return
        if level.failure is None and (split := level.ended_split()) is not None:
            self._gather(level, split)
            self._touched[level] = None
        elif level.running == 0 or (level.failure is not None and level.is_idle):
            level.is_over = True
            self._level_ended(level)

    def _gather(self, level: NetLevel, split: int) -> None:
        lane, name = level.close_split(split)
        for gather in level.wiring.gathers[name]:
            collected = level.gathered.pop((gather, split), [])
            self._fire(level, gather, lane, [item for _, items in sorted(collected, key=_by_lane) for item in items])

    def _level_ended(self, level: NetLevel) -> None:
        owner = level.owner
        if owner is None:
            if level.failure is not None:
                self._end(RunState.FAILED, level.failure)
            else:
                if (result := level.result()) is not None:
                    self.outputs = {"data": result}
                self._end(RunState.SUCCEEDED, None)
        elif level.failure is not None:
            self._fail(owner, level.failure)
        else:
            self._succeed(owner, level.result())

    # Firings.

    def _fire(self, level: NetLevel, name: str, lane: Lane, value: Value) -> None:
        node = level.wiring.net.nodes[name]
        work = node.work
        if isinstance(work, Gather) and lane and not level.is_collected(name, lane):
            level.collect(name, lane, value)
            return
        number = len(self._firings) + 1
        if number > self.graph.max_steps:
            limit = self.graph.max_steps
            self._stop(RunState.FAILED, f"the run has more than {limit} steps", StepState.CANCELLED, 0.0)
            return
        kind = StepKind.LEVEL if isinstance(work, Inner) else StepKind.LEAF
        parent = level.owner.record.path if level.owner else None
        record = StepRecord(
            f"{level.prefix}{number}:{name}", name, parent, kind, StepState.READY,
            index=number, ready_at_us=self._now_us, inputs={"data": value}, labels=node.labels,
        )  # fmt: skip
        firing = Firing(record, node, level, lane)
        self._firings.append(firing)
        level.begin(firing)
        match work:
            case Do():
                self._by_attempt[record.path] = firing
                self._effects.append(self._launch_effect(firing))
            case Inner(net):
                record.state, record.started_at_us = StepState.RUNNING, self._now_us
                firing.inner = self._begin_level(net, firing, record.path + "/", value)
            case Constant(constant):
                self._succeed(firing, constant)
            case Count(field):
                self._succeed(firing, {field: len(value) if isinstance(value, list) else 1})
            case Gather():
                self._succeed(firing, value)
            case Split(batch_size):
                self._split(firing, value if isinstance(value, list) else [value], batch_size)
            case Fail(message):
                self._close(firing, StepState.FAILED, message)
                self._stop(RunState.FAILED, message, StepState.CANCELLED, 0.0)
            case _:
                assert_never(work)

    def _launch_effect(self, firing: Firing) -> Launch:
        work, record = firing.node.work, firing.record
        assert isinstance(work, Do), "only work is launched"
        run = str(self._facts["run.id"])
        facts = {**self._facts, "step.request": run if work.is_whole else part_of(run, record.index or 0)}
        inputs: dict[str, Value] = {"data": record.inputs["data"], "context": {**self._context, **work.context}}
        return Launch(record.path, record.path, work.work, inputs, {}, facts, None, firing.node.labels)

    def _split(self, firing: Firing, values: list[Value], batch_size: int) -> None:
        level, id = firing.level, firing.record.index or 0
        level.open_split(id, firing.node_name, firing.lane)
        self._close(firing, StepState.SUCCEEDED, None)
        firing.record.outputs = {"data": values}
        for place, start in enumerate(range(0, len(values), batch_size)):
            lane = (*firing.lane, (id, place))
            self._todo.append((level, firing.node_name, lane, values[start : start + batch_size]))

    def _succeed(self, firing: Firing, value: Value, *, fires: bool = True) -> None:
        firing.record.outputs = {"data": value}
        self._close(firing, StepState.SUCCEEDED, None)
        if fires:
            self._todo.append((firing.level, firing.node_name, firing.lane, value))

    def _fail(self, firing: Firing, message: str) -> None:
        self._close(firing, StepState.FAILED, message)
        if not firing.node.tolerates_failure:
            self._fail_level(firing.level, firing.node.failure or message)

    def _close(self, firing: Firing, state: StepState, message: str | None) -> None:
        record = firing.record
        record.state, record.message, record.finished_at_us = state, message, self._now_us
        if record.started_at_us is None:
            record.started_at_us = self._now_us
        firing.level.end(firing)
        self._touched[firing.level] = None

    def _fail_level(self, level: NetLevel, message: str) -> None:
        """Nothing begins any more; what waits for a worker is cancelled, what a worker is busy with ends."""
        if level.failure is not None:
            return
        level.failure = message
        self._touched[level] = None
        for firing in list(level.live):
            if firing.inner is not None:
                self._fail_level(firing.inner, message)
            elif firing.record.state is StepState.READY and firing.record.path in self._by_attempt:
                del self._by_attempt[firing.record.path]
                self._effects.append(Cancel(firing.record.path, message, 0.0))
                self._close(firing, StepState.CANCELLED, message)


def _by_lane(collected: tuple[Lane, list[Value]]) -> Lane:
    return collected[0]
