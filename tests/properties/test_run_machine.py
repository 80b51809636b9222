"""Random graphs, ends of attempts, crashes, stops, suspensions and retries: the machine keeps its laws."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.flow import RunMachine, check_graph
from penstock.flow.effects import Cancel, ClearTimer, Effect, Finish, Launch, LookUpCache, SetTimer
from penstock.kernel.expr import Input, Item, Literal, Output, apply
from penstock.kernel.graph import (
    ANY_OUTCOME,
    PASSED,
    SUCCEEDED,
    After,
    Body,
    Compute,
    FanOut,
    Graph,
    Job,
    Join,
    Nested,
    Step,
)
from penstock.kernel.policies import Cache, Cause, Retry, Timeout
from penstock.kernel.runs import (
    AttemptFinished,
    AttemptStarted,
    CacheAnswered,
    CacheHit,
    Event,
    Failure,
    Result,
    ResumeRequested,
    RetryRequested,
    RunAccepted,
    RunStarted,
    RunState,
    StopRequested,
    SuspendRequested,
    TimerFired,
    decode_event,
    encode_event,
)


class World:
    """A run and what surrounds it: attempts in flight, timers, questions to the cache."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.machine = RunMachine(graph)
        self.log: list[Event] = []
        self.live: dict[str, bool] = {}
        self.launched: set[str] = set()
        self.ended: set[str] = set()
        self.timers: dict[str, int] = {}
        self.lookups: set[str] = set()
        self.finished = 0
        self.now_us = 1_000_000

    def tell(self, event: Event) -> None:
        event = decode_event(encode_event(event))
        was_final = self.machine.state.is_final
        effects = self.machine.handle(event)
        if was_final and not isinstance(event, RetryRequested):
            assert effects == [], "a finished run asks for nothing"
        self.log.append(event)
        for effect in effects:
            self._take(effect)
        self.machine.validate()
        assert set(self.live) == set(self.machine._progress.by_attempt)
        assert self.timers == self.machine._progress.timers

    def _take(self, effect: Effect) -> None:
        match effect:
            case Launch(_, attempt):
                assert attempt not in self.launched, "no attempt is launched twice"
                self.launched.add(attempt)
                self.live[attempt] = False
            case Cancel(attempt):
                del self.live[attempt]
            case SetTimer(timer, at_us):
                self.timers[timer] = at_us
            case ClearTimer(timer):
                del self.timers[timer]
            case LookUpCache(path):
                self.lookups.add(path)
            case Finish():
                self.finished += 1

    def tick(self) -> int:
        self.now_us += 1000
        return self.now_us

    def crash(self) -> None:
        """Replay what is on disk into a new machine: it must be the same machine."""
        other = RunMachine(self.graph)
        for event in self.log:
            other.handle(event)
        assert _seen(other) == _seen(self.machine)
        assert sorted(map(repr, other.outstanding())) == sorted(map(repr, self.machine.outstanding()))
        self.machine = other

    def start(self, attempt: str) -> None:
        self.live[attempt] = True
        self.tell(AttemptStarted(self.tick(), attempt, "h"))

    def end(self, attempt: str, outcome: Result | Failure) -> None:
        del self.live[attempt]
        self.ended.add(attempt)
        if isinstance(outcome, Result):
            self.tell(AttemptFinished(self.tick(), attempt, result=outcome))
        else:
            self.tell(AttemptFinished(self.tick(), attempt, failure=outcome))

    def fire(self, timer: str) -> None:
        self.now_us = max(self.now_us, self.timers.pop(timer))
        self.tell(TimerFired(self.tick(), timer))

    def answer(self, path: str, hit: bool) -> None:
        self.lookups.discard(path)
        entry = CacheHit("k", "other", path, 1, {"out": [1, 2], "flag": True}) if hit else None
        self.tell(CacheAnswered(self.tick(), path, entry))

    def finish(self) -> None:
        """Let everything succeed until the run ends."""
        if self.machine.state is RunState.SUSPENDED:
            self.tell(ResumeRequested(self.tick()))
        for _ in range(20_000):
            if self.machine.state.is_final:
                return
            if self.lookups:
                self.answer(min(self.lookups), hit=False)
            elif self.live:
                self.end(min(self.live), Result({"out": [1, 2], "flag": True}))
            else:
                self.fire(min(self.timers.items(), key=lambda entry: entry[1])[0])
        raise AssertionError("the run does not end")


def _seen(machine: RunMachine) -> Any:
    return machine.state, machine.message, machine.outputs, copy.deepcopy(list(machine.steps()))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = ["main", "x", "y"][: draw(st.integers(1, 3))]
    bodies = {}
    for depth, name in enumerate(names):
        below = names[depth + 1 :]
        bodies[name] = draw(_bodies(below, recursive=name if depth and draw(st.booleans()) else None))
    bodies["exit"] = Body((Step("notify", Job("call", Literal(None))),))
    graph = Graph(
        bodies,
        on_exit=draw(st.sampled_from([None, "exit"])),
        parallelism=draw(st.sampled_from([None, None, 1, 3])),
        timeout_s=draw(st.sampled_from([None, None, 100.0])),
        max_depth=4,
        max_steps=200,
    )
    check_graph(graph)
    return graph


@st.composite
def _bodies(draw: st.DrawFn, below: list[str], recursive: str | None) -> Body:
    steps: list[Step] = []
    for index in range(draw(st.integers(1, 5))):
        before = draw(st.lists(st.sampled_from(steps), unique_by=lambda step: step.name, max_size=3)) if steps else []
        after = tuple(
            After(step.name, draw(st.sampled_from([PASSED, PASSED, SUCCEEDED, ANY_OUTCOME]))) for step in before
        )
        work: Any = draw(
            st.sampled_from(
                [
                    Job("call", Literal(1)),
                    Job("call", Literal(1)),
                    Compute({"out": Literal([1]), "flag": Literal(True)}),
                    *(Nested(body) for body in below),
                    *([Nested(recursive)] if recursive else []),
                ]
            )
        )
        is_job = isinstance(work, Job)
        source = before[0].name if before and not before[0].fan_out else None
        fan_out = draw(
            st.sampled_from(
                [
                    None,
                    None,
                    FanOut(Literal([1, "b", {"c": 2}]), parallelism=draw(st.sampled_from([None, 1, 2]))),
                    FanOut(Literal("[]")),
                    FanOut(apply("coalesce", Output(source, "out"), []) if source else Input("items")),
                    FanOut(Literal([1, 2]), fail_fast=False, tolerates_failures=True),
                ]
            )
        )
        guard = draw(
            st.sampled_from(
                [
                    None,
                    None,
                    None,
                    Literal(False),
                    apply("coalesce", Output(source, "flag"), False) if source else None,
                    apply("!=", Item(), 1) if fan_out else Literal(3),
                ]
            )
        )
        steps.append(
            Step(
                f"s{index}",
                work,
                after,
                join=draw(st.sampled_from([Join.ALL, Join.ALL, Join.ANY])),
                guard=guard,
                fan_out=fan_out,
                inputs={"x": Output(source, "out")} if source else {},
                retry=draw(st.sampled_from([None, Retry(1), Retry(2, (Cause.FAILED, Cause.ERRORED), 1.0, 2.0)])),
                timeout=draw(st.sampled_from([None, None, Timeout(attempt_s=5.0), Timeout(total_s=9.0)])),
                cache=draw(st.sampled_from([None, Cache()])) if is_job else None,
                tolerates_failure=draw(st.sampled_from([False, False, True])),
                ignores_fail_fast=draw(st.sampled_from([False, False, True])),
            )
        )
    return Body(
        tuple(steps),
        fail_fast=draw(st.booleans()),
        parallelism=draw(st.sampled_from([None, None, 1, 2])),
        outputs={"out": apply("coalesce", Output("s0", "out"), [])},
    )


_ACTIONS = ["start", "succeed", "succeed", "fail", "error", "lose", "fire", "hit", "miss", "miss"]
_RARE = ["crash", "stop", "force", "suspend", "resume", "retry", "stale"]


def _act(world: World, action: str, choice: int) -> None:
    live = sorted(world.live)
    match action:
        case "start" if idle := [attempt for attempt in live if not world.live[attempt]]:
            world.start(idle[choice % len(idle)])
        case "succeed" if live:
            world.end(live[choice % len(live)], Result({"out": [1, 2], "flag": choice % 2 == 0}))
        case "fail" | "error" | "lose" if live:
            cause = {"fail": Cause.FAILED, "error": Cause.ERRORED, "lose": Cause.LOST}[action]
            world.end(live[choice % len(live)], Failure(cause, "no luck"))
        case "fire" if world.timers:
            world.fire(sorted(world.timers)[choice % len(world.timers)])
        case "hit" | "miss" if world.lookups:
            world.answer(sorted(world.lookups)[choice % len(world.lookups)], action == "hit")
        case "crash":
            world.crash()
        case "stop" | "force":
            world.tell(StopRequested(world.tick(), is_forced=action == "force"))
        case "suspend":
            world.tell(SuspendRequested(world.tick()))
        case "resume":
            world.tell(ResumeRequested(world.tick()))
        case "retry":
            world.tell(RetryRequested(world.tick(), f"s{choice % 5}" if choice % 3 == 0 else None))
        case "stale" if world.ended:
            world.tell(AttemptFinished(world.tick(), min(world.ended), result=Result({"out": "stale"})))


_SETTINGS = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@_SETTINGS
@given(
    graphs(),
    st.lists(
        st.tuples(st.one_of(st.sampled_from(_ACTIONS), st.sampled_from(_ACTIONS + _RARE)), st.integers(0, 1000)),
        max_size=40,
    ),
)
def test_whatever_happens_the_machine_keeps_its_laws_and_the_run_ends(
    graph: Graph, actions: list[tuple[str, int]]
) -> None:
    world = World(graph)
    world.tell(RunAccepted(world.tick(), {"items": [7, 8]}, facts={"run.id": "r"}))
    world.tell(RunStarted(world.tick()))
    for action, choice in actions:
        _act(world, action, choice)
    world.crash()
    world.finish()

    assert world.machine.state.is_final
    assert not world.live and not world.timers
    world.crash()
    if world.machine.state.is_retryable:
        world.tell(RetryRequested(world.tick()))
        world.finish()
        world.crash()


@_SETTINGS
@given(graphs(), st.sets(st.integers(0, 30), max_size=4))
def test_a_retry_repeats_only_what_did_not_succeed(graph: Graph, failing: set[int]) -> None:
    world = World(graph)
    world.tell(RunAccepted(world.tick(), {"items": [7, 8]}))
    world.tell(RunStarted(world.tick()))
    count = 0
    while not world.machine.state.is_final:
        if world.live:
            attempt = min(world.live)
            lucky = count not in failing
            world.end(attempt, Result({"out": [1], "flag": True}) if lucky else Failure(Cause.ERRORED, "no luck"))
            count += 1
        elif world.lookups:
            world.answer(min(world.lookups), hit=False)
        else:
            world.fire(min(world.timers.items(), key=lambda entry: entry[1])[0])
    if not world.machine.state.is_retryable:
        return
    done = {
        record.path: record.attempts[-1].id
        for record in world.machine.steps()
        if record.state.value == "succeeded" and record.attempts
    }
    launched = set(world.launched)
    world.tell(RetryRequested(world.tick()))
    world.finish()

    again = {attempt.rpartition("#")[0] for attempt in world.launched - launched}
    for path in again & set(done):
        assert path.startswith("!") or _comes_after_a_fault(graph, path), path


def _comes_after_a_fault(graph: Graph, path: str) -> bool:
    """Only a step with predecessors, or inside one, may be repeated although it had succeeded."""
    steps = {step.name: step for body in graph.bodies.values() for step in body.steps}
    body = graph.entry
    for part in path.split("/"):
        step = next(step for step in graph.bodies[body].steps if step.name == part.partition("[")[0])
        if step.after or step.retry:
            return True
        body = step.work.body if isinstance(step.work, Nested) else body
    return not steps
