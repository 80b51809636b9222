"""What graphs mean, said with small ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from penstock.flow import RunMachine, check_graph
from penstock.flow.effects import Effect, Finish, Launch, LookUpCache, SetTimer
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Fact, Input, Item, Literal, Output, Raw, apply
from penstock.kernel.graph import (
    ANY_OUTCOME,
    SUCCEEDED,
    After,
    Body,
    Compute,
    FanOut,
    Graph,
    Job,
    Join,
    Nested,
    Parameter,
    Step,
    WhenEmpty,
)
from penstock.kernel.policies import Cache, Cause, Retry
from penstock.kernel.runs import (
    AttemptFinished,
    CacheAnswered,
    CacheHit,
    Failure,
    Result,
    ResumeRequested,
    RetryRequested,
    RunAccepted,
    RunStarted,
    RunState,
    StepState,
    StopRequested,
    SuspendRequested,
    TimerFired,
)
from penstock.kernel.values import Value

WORK = Job("call", Literal(None))
Answer = Callable[[Launch], Result | Failure]


def ok(launch: Launch) -> Result:
    return Result({"x": launch.attempt})


def failing(*paths: str) -> Answer:
    return lambda launch: Failure(Cause.FAILED, "no") if launch.path in paths else ok(launch)


class Driver:
    """Runs a graph; attempts end at once as `answer` says."""

    def __init__(self, *steps: Step, graph: Graph | None = None, inputs: dict[str, Value] | None = None) -> None:
        self.graph = graph or Graph({"main": Body(steps)})
        check_graph(self.graph)
        self.machine = RunMachine(self.graph)
        self.launched: list[str] = []
        self.now_us = 0
        self.pending: list[Effect] = []
        self.tell(RunAccepted(0, inputs or {}, facts={"run.id": "r"}))
        self.tell(RunStarted(0))

    def tell(self, event: object) -> list[Effect]:
        effects = self.machine.handle(event)  # type: ignore[arg-type]
        self.machine.validate()
        self.launched += [effect.path for effect in effects if isinstance(effect, Launch)]
        self.pending += effects
        return effects

    def run(self, answer: Answer = ok) -> Driver:
        while self.pending:
            match self.pending.pop(0):
                case Launch() as launch:
                    outcome = answer(launch)
                    result = outcome if isinstance(outcome, Result) else None
                    failure = outcome if isinstance(outcome, Failure) else None
                    self.tell(AttemptFinished(1, launch.attempt, result, failure))
                case SetTimer(timer, at_us) if not timer.startswith(("run", "total", "attempt")):
                    self.tell(TimerFired(at_us, timer))
                case LookUpCache(path):
                    self.tell(CacheAnswered(1, path))
        return self

    def states(self) -> dict[str, str]:
        return {record.path: record.state.value for record in self.machine.steps()}

    def outputs(self, path: str) -> dict[str, Value]:
        record = self.machine.step(path)
        assert record is not None
        return record.outputs


def test_steps_begin_when_what_they_come_after_has_ended() -> None:
    driver = Driver(Step("c", WORK, (After("a"), After("b"))), Step("a", WORK), Step("b", WORK)).run()

    assert driver.launched == ["a", "b", "c"]
    assert driver.machine.state is RunState.SUCCEEDED


def test_a_skipped_step_satisfies_those_that_bear_it_and_omits_those_that_want_success() -> None:
    driver = Driver(
        Step("a", WORK, guard=Literal(False)),
        Step("bears", WORK, (After("a"),)),
        Step("wants", WORK, (After("a", SUCCEEDED),)),
        Step("then", WORK, (After("wants", SUCCEEDED),)),
    ).run()

    assert driver.states() == {"a": "skipped", "bears": "succeeded", "wants": "omitted", "then": "omitted"}
    assert driver.machine.state is RunState.SUCCEEDED


def test_after_a_failure_the_rest_is_omitted_and_the_run_has_failed_with_its_reason() -> None:
    driver = Driver(Step("a", WORK), Step("b", WORK, (After("a"),)), Step("c", WORK, (After("a", ANY_OUTCOME),)))
    driver.run(failing("a"))

    assert driver.states() == {"a": "failed", "b": "omitted", "c": "succeeded"}
    assert (driver.machine.state, driver.machine.message) == (RunState.FAILED, "step 'a': no")


def test_any_of_several_is_enough_for_a_step_that_joins_so() -> None:
    after = (After("a", SUCCEEDED), After("b", SUCCEEDED))
    steps = (Step("a", WORK, guard=Literal(False)), Step("b", WORK), Step("c", WORK, after, join=Join.ANY))

    assert Driver(*steps).run().states()["c"] == "succeeded"


@pytest.mark.parametrize(
    ("when_empty", "expected"), [(WhenEmpty.SKIPPED, "skipped"), (WhenEmpty.SUCCEEDED, "succeeded")]
)
def test_a_loop_over_nothing(when_empty: WhenEmpty, expected: str) -> None:
    loop = Step("l", WORK, fan_out=FanOut(Literal("[]"), when_empty=when_empty))
    use = Step(
        "u", Compute({"y": apply("coalesce", Input("x"), "none")}), (After("l"),), inputs={"x": Output("l", "x")}
    )
    driver = Driver(loop, use).run()

    assert driver.states()["l"] == expected
    assert driver.outputs("u") == {"y": [] if expected == "succeeded" else "none"}


def test_a_loop_s_limit_holds_and_its_outputs_are_in_order() -> None:
    driver = Driver(Step("l", WORK, fan_out=FanOut(Literal([5, 6, 7]), parallelism=2), inputs={"n": Item()}))

    assert driver.launched == ["l[0]", "l[1]"]
    driver.run()
    assert driver.outputs("l") == {"x": ["l[0]#1", "l[1]#1", "l[2]#1"]}


def test_nested_loops_and_recursion_end_with_the_values_they_pass() -> None:
    count = Body(
        (
            Step("less", Compute({"n": apply("-", Input("n"), 1)}), inputs={"n": Input("n")}),
            Step("again", Nested("count"), (After("less"),), guard=apply(">", Output("less", "n"), 0),
                 inputs={"n": Output("less", "n")}),
        ),
        parameters={"n": Parameter()},
        outputs={"depth": apply("+", 1, apply("coalesce", Output("again", "depth"), 0))},
    )  # fmt: skip
    main = Body((Step("go", Nested("count"), inputs={"n": Input("n")}),), parameters={"n": Parameter(Literal(60))})
    driver = Driver(graph=Graph({"main": main, "count": count})).run()

    assert driver.machine.state is RunState.SUCCEEDED
    assert driver.outputs("go") == {"depth": 60}


def test_recursion_without_an_end_errs_at_the_limit() -> None:
    main = Body((Step("go", Nested("main")),))
    driver = Driver(graph=Graph({"main": main}, max_depth=50)).run()

    assert driver.machine.state is RunState.ERRORED
    assert "deeper than 50" in (driver.machine.message or "")


def test_a_step_is_retried_up_to_its_limit_with_growing_waits() -> None:
    driver = Driver(Step("a", WORK, retry=Retry(2, delay_s=1.0, factor=3.0)))
    waits = []
    for number in (1, 2, 3):
        for effect in driver.tell(AttemptFinished(0, f"a#{number}", failure=Failure(Cause.FAILED, "no"))):
            if isinstance(effect, SetTimer):
                waits.append(effect.at_us)
                driver.tell(TimerFired(0, effect.timer))

    assert waits == [1_000_000, 3_000_000]
    assert driver.machine.state is RunState.FAILED


def test_a_lost_attempt_is_replaced_without_using_up_retries() -> None:
    driver = Driver(Step("a", WORK))
    driver.run(lambda launch: Failure(Cause.LOST, "gone") if launch.attempt == "a#1" else ok(launch))

    assert driver.machine.state is RunState.SUCCEEDED
    assert driver.launched == ["a", "a"]


def test_a_late_report_of_an_attempt_that_was_given_up_changes_nothing() -> None:
    driver = Driver(Step("a", WORK, retry=Retry(1)))
    driver.tell(AttemptFinished(1, "a#1", failure=Failure(Cause.FAILED, "no")))
    driver.tell(AttemptFinished(2, "a#1", result=Result({"x": "stale"})))

    assert driver.states() == {"a": "running"}
    driver.tell(AttemptFinished(3, "a#2", result=Result({"x": "fresh"})))
    assert driver.outputs("a") == {"x": "fresh"}


def test_the_exit_level_runs_whatever_happened_and_knows_it() -> None:
    seen = {"state": Fact("run.state"), "failures": Fact("run.failures")}
    exit_level = Body((Step("say", Compute(seen)),))
    graph = Graph({"main": Body((Step("a", WORK),)), "exit": exit_level}, on_exit="exit")
    driver = Driver(graph=graph).run(failing("a"))

    failures = [{"path": "a", "state": "failed", "message": "no"}]
    assert driver.outputs("!/say") == {"state": "failed", "failures": failures}
    assert driver.machine.state is RunState.FAILED


def test_a_failed_exit_level_fails_a_run_that_had_succeeded() -> None:
    graph = Graph({"main": Body((Step("a", WORK),)), "exit": Body((Step("say", WORK),))}, on_exit="exit")

    assert Driver(graph=graph).run(failing("!/say")).machine.state is RunState.FAILED


def test_stopping_a_run_cancels_what_runs_and_is_final_at_once() -> None:
    driver = Driver(Step("a", WORK), Step("b", WORK, (After("a"),)))
    effects = driver.tell(StopRequested(5, "enough"))

    assert isinstance(effects[-1], Finish)
    assert driver.states() == {"a": "cancelled", "b": "omitted"}
    assert (driver.machine.state, driver.machine.message) == (RunState.CANCELLED, "enough")


def test_a_suspended_run_begins_nothing_until_it_is_resumed() -> None:
    driver = Driver(Step("a", WORK), Step("b", WORK, (After("a"),)))
    driver.tell(SuspendRequested(1))
    driver.tell(AttemptFinished(2, "a#1", result=Result()))

    assert driver.launched == ["a"]
    assert driver.machine.state is RunState.SUSPENDED
    driver.tell(ResumeRequested(3))
    assert driver.launched == ["a", "b"]
    assert driver.machine.state is RunState.RESUMING


def test_a_retry_keeps_what_succeeded_and_repeats_what_comes_after_a_fault() -> None:
    always = Step("always", WORK, (After("b", ANY_OUTCOME),))
    driver = Driver(Step("a", WORK), Step("b", WORK, (After("a"),)), always, Step("c", WORK, (After("b"),)))
    driver.run(failing("b"))
    driver.launched.clear()
    driver.tell(RetryRequested(9))
    driver.run()

    assert driver.launched == ["b", "always", "c"]
    assert driver.machine.state is RunState.SUCCEEDED


def test_a_cache_hit_takes_outputs_over_and_launches_nothing() -> None:
    driver = Driver(Step("a", WORK, cache=Cache()))
    driver.tell(CacheAnswered(1, "a", CacheHit("k", "other", "a", 0, {"x": 3})))

    assert driver.launched == []
    assert driver.outputs("a") == {"x": 3}
    assert driver.machine.state is RunState.SUCCEEDED


def test_equal_steps_have_equal_cache_keys_and_other_inputs_another() -> None:
    def key(value: Value) -> str | None:
        record = Driver(Step("a", WORK, cache=Cache(), inputs={"n": Literal(value)})).machine.step("a")
        return record.cache_key if record else None

    assert key([1, {"b": 1, "a": 2}]) == key([1, {"a": 2, "b": 1}])
    assert key(1) != key(2)


def test_yields_are_made_of_what_the_work_left() -> None:
    step = Step("a", WORK, yields={"n": apply("integer", Raw("x")), "missing": apply("coalesce", Raw("y"))})
    driver = Driver(step).run(lambda launch: Result({"x": "7"}))

    assert driver.outputs("a") == {"x": "7", "n": 7}


def test_a_yield_that_fails_deliberately_fails_the_step() -> None:
    driver = Driver(Step("a", WORK, yields={"n": apply("fail", "there is no n")})).run()

    assert (driver.machine.state, driver.machine.message) == (RunState.FAILED, "step 'a': there is no n")


def test_parallelism_of_the_run_and_of_a_level_both_hold() -> None:
    inner = Body(tuple(Step(f"s{index}", WORK) for index in range(3)), parallelism=1)
    main = Body((Step("x", Nested("inner")), Step("y", Nested("inner")), Step("z", Nested("inner"))))
    driver = Driver(graph=Graph({"main": main, "inner": inner}, parallelism=2))

    assert driver.launched == ["x/s0", "y/s0"]
    assert driver.run().machine.state is RunState.SUCCEEDED


def test_a_chain_of_thousands_and_a_wide_loop_cost_no_stack() -> None:
    chain = tuple(Step(f"s{i}", Compute(), (After(f"s{i - 1}"),) if i else ()) for i in range(3000))
    loop = Step("l", Compute({"i": Input("i")}), fan_out=FanOut(apply("range", 0, 3000)), inputs={"i": Item()})
    driver = RunMachine(Graph({"main": Body((*chain, loop))}))
    driver.handle(RunAccepted(0))
    driver.handle(RunStarted(0))

    assert driver.state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    "body",
    [
        Body((Step("a", WORK), Step("a", WORK))),
        Body((Step("a/b", WORK),)),
        Body((Step("a", WORK, (After("b"),)), Step("b", WORK, (After("a"),)))),
        Body((Step("a", WORK, (After("gone"),)),)),
        Body((Step("a", Nested("gone")),)),
        Body((Step("a", WORK), Step("b", WORK, inputs={"x": Output("a", "x")}))),
        Body((Step("a", WORK, guard=apply("no such function", 1)),)),
        Body((Step("a", WORK, guard=apply("==", 1)),)),
        Body((Step("a", WORK, fan_out=FanOut(Literal([]), parallelism=0)),)),
        Body((Step("a", Nested("main"), cache=Cache()),)),
    ],
)
def test_a_wrong_graph_is_refused_before_it_runs(body: Body) -> None:
    with pytest.raises(Invalid):
        check_graph(Graph({"main": body}))


def test_a_condition_that_is_neither_true_nor_false_errs() -> None:
    driver = Driver(Step("a", WORK, guard=Literal("yes"))).run()

    assert driver.states() == {"a": StepState.ERRORED.value}
    assert driver.machine.state is RunState.ERRORED
