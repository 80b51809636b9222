"""Networks without a server: what fires when, what meets what, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock.flow.effects import Cancel, Launch
from penstock.flow.network_machine import NetworkMachine
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Literal
from penstock.kernel.graph import Job
from penstock.kernel.ids import part_of, whole_of
from penstock.kernel.network import (
    END,
    START,
    Carries,
    Constant,
    Count,
    Do,
    Fail,
    Gather,
    Inner,
    Link,
    Net,
    Network,
    Node,
    Source,
    Split,
    check_network,
)
from penstock.kernel.policies import Cause
from penstock.kernel.runs import (
    AttemptFinished,
    AttemptStarted,
    Failure,
    Result,
    RunAccepted,
    RunStarted,
    RunState,
    StopRequested,
    TimerFired,
)

RUN = "0197a000-0000-7000-8000-000000000000"
Works = dict[str, Callable[[Any], Any]]

WORKS: Works = {
    "double": lambda data: {"x": data["x"] * 2},
    "add5": lambda data: [{"x": item["x"] + 5} for item in data] if isinstance(data, list) else {"x": data["x"] + 5},
    "list": lambda data: [{"x": number} for number in range(data["x"])],
    "sum": lambda data: {"x": sum(item["x"] for item in data)},
    "pair": lambda data: {"x": data["x"] + data["y"]},
    "boom": lambda data: 1 / 0,
    "small": lambda data: ("fires", data["x"] < 10),
    "big": lambda data: ("fires", data["x"] >= 10),
}


def do(work: str, **more: Any) -> Node:
    return Node(Do(Job("test", Literal(work))), **more)


def source(node: str, **fields: str) -> Source:
    """A source that brings fields, each as `to=from`; without any, only that it fired."""
    return Source(node, Carries.FIELDS if fields else Carries.NOTHING, tuple((old, new) for new, old in fields.items()))


def link(to: str, *sources: Source) -> Link:
    return Link(to, sources)


def x(to: str, node: str) -> Link:
    return link(to, source(node, x="x"))


class Ran:
    """A run whose work is done at once, in the order in which it was asked for."""

    def __init__(self, nets: Net | dict[str, Net], data: Any, facts: dict[str, Any] | None = None) -> None:
        network = Network({"main": nets} if isinstance(nets, Net) else nets)
        check_network(network)
        self.machine = NetworkMachine(network)
        self.asked: list[tuple[str, Any]] = []
        effects = self.machine.handle(RunAccepted(1, {"data": data}, {}, {"run.id": RUN, **(facts or {})}))
        self.waiting = [*effects, *self.machine.handle(RunStarted(1))]

    def all(self) -> Ran:
        while launches := [effect for effect in self.waiting if isinstance(effect, Launch)]:
            self.one(launches[0])
        return self

    def one(self, launch: Launch) -> None:
        self.waiting.remove(launch)
        assert isinstance(launch.work, Job) and isinstance(launch.work.spec, Literal)
        name, data = str(launch.work.spec.value), launch.inputs["data"]
        self.asked.append((launch.path, data))
        self.waiting += self.machine.handle(AttemptStarted(2, launch.attempt))
        try:
            made = WORKS[name](data)
        except ArithmeticError as error:
            failure = Failure(Cause.FAILED, str(error))
            self.waiting += self.machine.handle(AttemptFinished(3, launch.attempt, failure=failure))
            return
        outputs = {"data": data, "fires": made[1]} if isinstance(made, tuple) else {"data": made}
        self.waiting += self.machine.handle(AttemptFinished(3, launch.attempt, result=Result(outputs)))

    @property
    def result(self) -> Any:
        return self.machine.state, self.machine.outputs.get("data")

    @property
    def states(self) -> list[str]:
        return [f"{record.path} {record.state.value}" for record in self.machine.steps()]


CHAIN = Net({"a": do("double"), "b": do("add5")}, (x("a", START), x("b", "a"), x(END, "b")))
SPLIT = Net(
    {"l": do("list"), "s": Node(Split(2)), "b": do("add5"), "g": Node(Gather()), "t": do("sum")},
    (x("l", START), x("s", "l"), x("b", "s"), x("g", "b"), x("t", "g"), x(END, "t")),
)


def test_a_chain_passes_each_result_on() -> None:
    ran = Ran(CHAIN, {"x": 5}).all()

    assert ran.result == (RunState.SUCCEEDED, {"x": 15})
    assert ran.asked == [("1:a", {"x": 5}), ("2:b", {"x": 10})]


def test_a_link_fires_when_all_its_sources_have_and_a_node_once_for_each_link() -> None:
    net = Net(
        {"small": do("small"), "big": do("big"), "ten": Node(Constant({"x": 10})), "twenty": Node(Constant({"x": 20})),
         "b": do("add5")},
        (x("small", START), x("big", START), link("b", source("small"), source("ten", x="x")),
         link("b", source("big"), source("twenty", x="x")), x(END, "b")),
    )  # fmt: skip

    assert Ran(net, {"x": 5}).all().result == (RunState.SUCCEEDED, {"x": 15})
    assert Ran(net, {"x": 15}).all().result == (RunState.SUCCEEDED, {"x": 25})


def test_followers_of_a_node_that_fires_twice_meet_in_pairs() -> None:
    net = Net(
        {"a": do("double"), "b": do("add5"), "c": do("double"), "d": do("pair")},
        (x("a", START), x("b", START), x("c", "a"), x("c", "b"), link("d", source("c", x="x"), source("c2", y="x"))),
    )
    nodes = {**net.nodes, "c2": do("add5")}
    links = (*net.links, x("c2", "c"), x(END, "d"))

    ran = Ran(Net(nodes, links), {"x": 1}).all()

    assert sum(path.endswith(":d") for path, _ in ran.asked) == 2


def test_batches_run_side_by_side_and_are_gathered_in_order() -> None:
    ran = Ran(SPLIT, {"x": 5}).all()

    assert ran.result == (RunState.SUCCEEDED, {"x": 35})
    assert [data for path, data in ran.asked if path.endswith(":b")] == [
        [{"x": 0}, {"x": 1}],
        [{"x": 2}, {"x": 3}],
        [{"x": 4}],
    ]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_order_in_which_batches_end_does_not_matter(order: list[int]) -> None:
    net = Net(SPLIT.nodes, (*SPLIT.links[:4], link(END, Source("g", Carries.WHOLE))))
    ran = Ran(net, {"x": 5})
    ran.one(next(effect for effect in ran.waiting if isinstance(effect, Launch)))
    launches = [effect for effect in ran.waiting if isinstance(effect, Launch)]
    for place in order:
        ran.one(launches[place])

    assert ran.all().result == (RunState.SUCCEEDED, [{"x": number + 5} for number in range(5)])


def test_nothing_to_split_is_gathered_as_an_empty_list() -> None:
    ran = Ran(SPLIT, {"x": 0}).all()

    assert ran.result == (RunState.SUCCEEDED, {"x": 0})
    assert not any(path.endswith(":b") for path, _ in ran.asked)


def test_batches_that_nobody_gathers_are_joined_at_the_end() -> None:
    net = Net({name: SPLIT.nodes[name] for name in "lsb"}, (*SPLIT.links[:3], x(END, "b")))

    assert Ran(net, {"x": 3}).all().result == (RunState.SUCCEEDED, [{"x": 5}, {"x": 6}, {"x": 7}])


def test_a_batch_that_fails_where_that_is_tolerated_is_left_out() -> None:
    nodes = {**SPLIT.nodes, "b": do("half", tolerates_failure=True)}
    WORKS["half"] = lambda data: 1 / 0 if data[0]["x"] == 2 else data

    assert Ran(Net(nodes, SPLIT.links), {"x": 5}).all().result == (RunState.SUCCEEDED, {"x": 0 + 1 + 4})


def test_a_constant_goes_with_every_batch() -> None:
    WORKS["pairs"] = lambda data: [{"x": item["x"] + item["y"]} for item in data]
    nodes = {**SPLIT.nodes, "b": do("pairs"), "c": Node(Constant({"x": 100}))}
    links = (*SPLIT.links[:2], link("b", source("s", x="x"), source("c", y="x")), *SPLIT.links[3:])

    assert Ran(Net(nodes, links), {"x": 3}).all().result == (RunState.SUCCEEDED, {"x": 303})


def test_values_that_came_together_are_counted() -> None:
    net = Net({"c": Node(Count("n"))}, (link("c", Source(START, Carries.WHOLE)), link(END, source("c", n="n"))))

    assert Ran(net, [{"x": 1}, {"x": 2}]).all().result == (RunState.SUCCEEDED, {"n": 2})


def test_a_net_within_a_net_is_a_step_with_steps_of_its_own() -> None:
    outer = Net({"p": Node(Inner("q")), "r": Node(Inner("q"))}, (x("p", START), x("r", "p"), x(END, "r")))

    ran = Ran({"main": outer, "q": CHAIN}, {"x": 5}).all()

    assert ran.result == (RunState.SUCCEEDED, {"x": 35})
    assert ran.states == [f"{path} succeeded" for path in ("1:p", "1:p/2:a", "1:p/3:b", "4:r", "4:r/5:a", "4:r/6:b")]


def test_a_failure_ends_the_run_cancels_what_waits_and_lets_end_what_is_under_way() -> None:
    nodes = {"a": do("boom", failure="a step failed"), "b": do("add5"), "c": do("add5")}
    ran = Ran(Net(nodes, tuple(x(name, START) for name in "abc")), {"x": 1})
    first, second, third = (effect for effect in ran.waiting if isinstance(effect, Launch))
    ran.machine.handle(AttemptStarted(2, second.attempt))
    ran.one(first)

    assert [effect.attempt for effect in ran.waiting if isinstance(effect, Cancel)] == [third.attempt]
    assert not ran.machine.state.is_final

    ran.machine.handle(AttemptFinished(4, second.attempt, result=Result({"data": {"x": 6}})))

    assert (ran.machine.state, ran.machine.message) == (RunState.FAILED, "a step failed")
    assert ran.states == ["1:a failed", "2:b succeeded", "3:c cancelled"]


def test_a_tolerated_failure_ends_its_branch_only() -> None:
    net = Net({"a": do("boom", tolerates_failure=True), "b": do("add5")}, (x("a", START), x("b", START), x(END, "b")))

    assert Ran(net, {"x": 1}).all().result == (RunState.SUCCEEDED, {"x": 6})


def test_a_node_that_fails_on_purpose_ends_everything_at_once() -> None:
    net = Net(
        {"slow": do("add5", tolerates_failure=True), "big": do("big"), "stop": Node(Fail("too big"))},
        (x("big", START), x("slow", START), link("stop", source("big")), x(END, START)),
    )

    ran = Ran(net, {"x": 15})
    ran.one(next(effect for effect in ran.waiting if isinstance(effect, Launch)))

    assert (ran.machine.state, ran.machine.message) == (RunState.FAILED, "too big")
    assert any(isinstance(effect, Cancel) for effect in ran.waiting)


def test_a_run_that_is_late_fails_and_what_comes_later_is_dropped() -> None:
    ran = Ran(CHAIN, {"x": 1}, {"run.timeout_s": 10, "run.is_awaited": True})
    launch = next(effect for effect in ran.waiting if isinstance(effect, Launch))

    effects = ran.machine.handle(TimerFired(10_000_001, "run"))

    assert any(isinstance(effect, Cancel) for effect in effects)
    assert ran.machine.handle(AttemptFinished(10_000_002, launch.attempt, result=Result({"data": {"x": 2}}))) == []
    assert (ran.machine.state, ran.machine.message) == (RunState.FAILED, "Request timed out after 10 seconds")


def test_a_cancelled_run_stays_cancelled_whatever_is_reported_later() -> None:
    ran = Ran(CHAIN, {"x": 1})
    launch = next(effect for effect in ran.waiting if isinstance(effect, Launch))

    ran.machine.handle(StopRequested(5, "enough"))
    ran.machine.handle(AttemptFinished(6, launch.attempt, result=Result({"data": {"x": 2}})))

    assert (ran.machine.state, ran.machine.message) == (RunState.CANCELLED, "enough")


def test_time_counts_from_the_first_work_when_nobody_waits() -> None:
    ran = Ran(CHAIN, {"x": 1}, {"run.timeout_s": 10})

    assert [type(effect).__name__ for effect in ran.waiting] == ["Launch"]
    assert ran.machine.state is RunState.STARTING


def test_what_nothing_reaches_gives_nothing() -> None:
    net = Net({"big": do("big"), "b": do("add5")}, (x("big", START), x("b", "big"), x(END, "b")))

    assert Ran(net, {"x": 1}).all().result == (RunState.SUCCEEDED, None)


def test_a_run_with_too_many_steps_fails() -> None:
    network = Network({"main": SPLIT}, max_steps=5)
    machine = NetworkMachine(network)
    machine.handle(RunAccepted(1, {"data": {"x": 50}}, {}, {"run.id": RUN}))
    (launch,) = (effect for effect in machine.handle(RunStarted(1)) if isinstance(effect, Launch))

    machine.handle(AttemptFinished(2, launch.attempt, result=Result({"data": [{"x": n} for n in range(50)]})))

    assert machine.state is RunState.FAILED and "5 steps" in str(machine.message)


@pytest.mark.parametrize(
    "net",
    [
        Net({"a": do("add5"), "b": do("add5")}, (x("a", "b"), x("b", "a"))),
        Net({}, (x("nowhere", START),)),
        Net({"a": do("add5")}, (x("a", "nowhere"),)),
        Net({"a": Node(Inner("main"))}, ()),
        Net({"a": Node(Inner("nowhere"))}, ()),
    ],
)
def test_a_network_that_makes_no_sense_is_refused(net: Net) -> None:
    with pytest.raises(Invalid):
        check_network(Network({"main": net}))


def test_a_part_of_a_run_has_an_id_that_leads_back_to_it() -> None:
    assert whole_of(part_of(RUN, 300)) == (RUN, 300)
    assert whole_of(RUN) == (RUN, 0)
