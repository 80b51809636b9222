"""Attempts: from a step that is ready to one that is launched, and to the end of what was launched."""

from __future__ import annotations

from collections import deque

from penstock.flow.agenda import Agenda
from penstock.flow.effects import Launch
from penstock.flow.tree import Level, Node
from penstock.flow.values import WorkValues
from penstock.kernel.graph import Command, Graph, Job
from penstock.kernel.runs import AttemptRecord, AttemptState, StepKind, StepState
from penstock.kernel.values import Value

__all__ = ["Attempts"]


class Attempts(Agenda):
    """The attempts of one run.

    Attributes:
        facts: what `Fact` expressions see.
        by_attempt: the nodes whose attempt is in flight. ready: those that wait for room.
        in_flight: attempts launched and not ended.
        attempt_numbers: how many a path has had.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.facts: dict[str, Value] = {}
        self.by_attempt: dict[str, Node] = {}
        self.ready: deque[Node] = deque()
        self.in_flight = 0
        self.is_suspended = False
        self.attempt_numbers: dict[str, int] = {}

    def _make_ready(self, node: Node) -> None:
        node.record.state = StepState.READY
        self.ready.append(node)

    def _release(self, level: Level) -> None:
        if level.held:
            self.ready.appendleft(level.held.popleft())

    def _launch(self, node: Node) -> None:
        work = node.step.work
        assert isinstance(work, Command | Job), "only work is launched"
        number = self.attempt_numbers.get(node.path, 0) + 1
        self.attempt_numbers[node.path] = number
        attempt = AttemptRecord(f"{node.path}#{number}", number, AttemptState.LAUNCHED, self.now_us)
        node.record.attempts.append(attempt)
        node.record.state = StepState.RUNNING
        self.by_attempt[attempt.id] = node
        self.in_flight += 1
        node.level.in_flight += 1
        if node.first_launch_us is None:
            node.first_launch_us = self.now_us
            self._start_total_timer(node)
        self.ask(self.launch_effect(node))

    def launch_effect(self, node: Node) -> Launch:
        """Return the effect that launches the attempt a node has in flight."""
        work, attempt = node.step.work, node.record.attempts[-1]
        assert isinstance(work, Command | Job), "only work is launched"
        facts = self._facts_of(node, attempt.number)
        inputs, artifacts = node.record.inputs, node.record.artifacts
        return Launch(
            node.path, attempt.id, work, inputs, artifacts, facts, node.step.placement, dict(node.step.labels)
        )

    def _facts_of(self, node: Node, number: int) -> dict[str, Value]:
        own: dict[str, Value] = {
            "step.path": node.path,
            "step.name": node.step.name,
            "step.attempt": number,
            "step.retries": node.retries,
        }
        return {**self.facts, **own}

    def _work_values(self, node: Node) -> WorkValues:
        number = self.attempt_numbers.get(node.path, 0)
        return WorkValues(node.record.inputs, node.record.artifacts, self._facts_of(node, number))

    def _end_attempt(self, node: Node, state: AttemptState, message: str | None, exit_code: int | None = None) -> None:
        attempt = node.record.attempts[-1]
        attempt.state, attempt.finished_at_us = state, self.now_us
        attempt.message, attempt.exit_code = message, exit_code
        if node.record.started_at_us is None:
            node.record.started_at_us = attempt.launched_at_us
        del self.by_attempt[attempt.id]
        self.in_flight -= 1
        node.level.in_flight -= 1
        self.clear_timer(f"attempt:{attempt.id}")
        self._release(node.level)

    def _start_total_timer(self, node: Node) -> None:
        timeout, timer = node.step.timeout, f"total:{node.path}"
        if timeout is None or timeout.total_s is None or timer in self.timers:
            return
        if node.record.kind is not StepKind.GROUP:
            self.set_timer(timer, timeout.total_s)
