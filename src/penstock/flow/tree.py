"""Instances of steps: the tree that a graph unfolds to while it runs.

A `Level` is one instance of a body. A `Node` is one instance of a step in it: a leaf that does work, a group whose
children are the iterations of a fan-out, or the owner of a level below.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from penstock.kernel.graph import Body, Nested, Outcome, Step
from penstock.kernel.runs import AttemptRecord, StepKind, StepRecord, StepState
from penstock.kernel.values import Value

__all__ = ["EXIT_PREFIX", "Level", "Node", "iteration", "outcome_of", "walk"]

EXIT_PREFIX = "!/"
"""Begins the paths of the exit level."""


@dataclass(slots=True, eq=False)
class Node:
    """One instance of a step.

    Attributes:
        record: what is shown of it; its state lives there.
        level: the level it is a step of. group: the group it is an iteration of.
        pending: how many of the steps it comes after have not ended.
        children: the iterations of a group. inner: the level below.
        retries, losses: used up since it was last begun anew.
        wait_number: how many waits between attempts it has begun; names their timers.
        first_launch_us: when its first attempt was launched, for `max_duration_s`.
        is_cancelled: no further iteration begins. late_message: it was cancelled because its own deadline passed.
    cache_parts: what its cache key was made of.
    """

    step: Step
    level: Level
    record: StepRecord
    group: Node | None = None
    pending: int = 0
    children: list[Node] = field(default_factory=list)
    inner: Level | None = None
    next_child: int = 0
    active_children: int = 0
    has_failed_child: bool = False
    is_cancelled: bool = False
    late_message: str | None = None
    retries: int = 0
    losses: int = 0
    wait_number: int = 0
    first_launch_us: int | None = None
    cache_parts: dict[str, str] | None = None

    @property
    def path(self) -> str:
        """Its address in the run."""
        return self.record.path

    @property
    def state(self) -> StepState:
        """Where it is."""
        return self.record.state

    @property
    def live_attempt(self) -> AttemptRecord | None:
        """The attempt in flight."""
        attempts = self.record.attempts
        return attempts[-1] if attempts and not attempts[-1].state.is_final else None


@dataclass(slots=True, eq=False)
class Level:
    """One instance of a body.

    Attributes:
        owner: the node whose work it is; None for the run itself and for the exit level.
        prefix: what the paths of its nodes begin with.
        open_count: how many nodes have not ended.
        in_flight: attempts of its own nodes. held: nodes that wait until that is below the body's limit.
        has_failed: a node failed that the body does not tolerate; first_failure is the first of them.
    is_cancelled: nothing in it begins any more.
    """

    body: Body
    owner: Node | None
    prefix: str
    depth: int
    inputs: dict[str, Value] = field(default_factory=dict)
    artifacts: dict[str, Value] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    successors: dict[str, list[str]] = field(default_factory=dict)
    open_count: int = 0
    in_flight: int = 0
    held: deque[Node] = field(default_factory=deque)
    has_failed: bool = False
    is_cancelled: bool = False
    first_failure: Node | None = None

    def unfold(self) -> list[Node]:
        """Make the nodes of all steps, waiting. Returns those that come after nothing."""
        for step in self.body.steps:
            record = StepRecord(
                self.prefix + step.name,
                step.name,
                self.owner.path if self.owner else None,
                _kind(step, is_iteration=False),
                StepState.WAITING,
                labels=step.labels,
            )
            self.nodes[step.name] = Node(step, self, record, pending=len(step.after))
            self.successors[step.name] = []
        for step in self.body.steps:
            for after in step.after:
                self.successors[after.step].append(step.name)
        self.open_count = len(self.nodes)
        return [node for node in self.nodes.values() if node.pending == 0]


def iteration(group: Node, index: int, item: Value) -> Node:
    """Make one iteration of a group, waiting."""
    record = StepRecord(
        f"{group.path}[{index}]",
        group.step.name,
        group.path,
        _kind(group.step, is_iteration=True),
        StepState.WAITING,
        index=index,
        item=item,
        labels=group.step.labels,
    )
    return Node(group.step, group.level, record, group=group)


def outcome_of(state: StepState) -> Outcome:
    """Say a final state as those who come after see it."""
    match state:
        case StepState.SUCCEEDED:
            return Outcome.SUCCEEDED
        case StepState.SKIPPED:
            return Outcome.SKIPPED
        case StepState.OMITTED:
            return Outcome.OMITTED
        case _:
            return Outcome.FAILED


def walk(level: Level) -> Iterator[Node]:
    """Yield every node of a level and below, parents first, in the order of the graph."""
    waiting: list[Node] = list(reversed(level.nodes.values()))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))
        if node.inner:
            waiting.extend(reversed(node.inner.nodes.values()))


def _kind(step: Step, *, is_iteration: bool) -> StepKind:
    if step.fan_out and not is_iteration:
        return StepKind.GROUP
    return StepKind.LEVEL if isinstance(step.work, Nested) else StepKind.LEAF
