"""What must hold after each event. Tests check it always; the server never does."""

from __future__ import annotations

from penstock.flow.progress import Progress
from penstock.flow.tree import Level, Node, walk
from penstock.kernel.graph import Join
from penstock.kernel.runs import RunState, StepKind, StepState

__all__ = ["check_invariants"]


def check_invariants(state: RunState, progress: Progress, levels: list[Level]) -> None:
    """Check a run. Raises: AssertionError that says what is wrong."""
    nodes = [node for level in levels for node in walk(level)]
    assert len({node.path for node in nodes}) == len(nodes), "every path is unique"
    assert set(progress.by_path) == {node.path for node in nodes}, "every node is found by its path"
    _check_attempts(progress, nodes)
    for node in nodes:
        _check_node(node, progress)
    inner = [node.inner for node in nodes if node.inner is not None]
    for level in (*levels, *inner):
        _check_level(level)
    if state.is_final:
        assert all(node.state.is_final for node in nodes), "a finished run has no open step"
        assert not progress.timers and not progress.by_attempt and not progress.looking_up, "and waits for nothing"
    elif state not in (RunState.QUEUED, RunState.SUSPENDED):
        _check_alive(progress, nodes)


def _check_attempts(progress: Progress, nodes: list[Node]) -> None:
    live = {node.record.attempts[-1].id: node for node in nodes if node.live_attempt is not None}
    assert live == progress.by_attempt, "every live attempt is waited for, and no other"
    assert progress.in_flight == len(live), "attempts in flight are counted"
    ids = [attempt.id for node in nodes for attempt in node.record.attempts]
    assert len(set(ids)) == len(ids), "no attempt is launched twice"
    for node in nodes:
        assert all(attempt.state.is_final for attempt in node.record.attempts[:-1]), "one attempt of a step at a time"
        if node.live_attempt is not None:
            assert node.state is StepState.RUNNING, "a step with a live attempt runs"
    limit = progress.graph.parallelism
    assert limit is None or progress.in_flight <= limit, "the run's limit holds"


def _check_node(node: Node, progress: Progress) -> None:
    if node.record.kind is StepKind.GROUP and node.state is StepState.RUNNING:
        fan_out = node.step.fan_out
        assert fan_out is not None, "a group fans out"
        begun = [child for child in node.children if not child.state.is_final and child.state is not StepState.WAITING]
        assert len(begun) == node.active_children, "iterations in flight are counted"
        assert fan_out.parallelism is None or len(begun) <= fan_out.parallelism, "the loop's limit holds"
        assert begun, "a group that runs has an iteration in flight"
    if node.state.is_final:
        assert all(child.state.is_final for child in node.children), "a group ends after its iterations"
        assert node.inner is None or node.inner.open_count == 0, "a level ends after its steps"
        assert node.record.finished_at_us is not None, "a step that ended ended at some time"
    if node.state is StepState.BACKING_OFF:
        assert f"retry:{node.path}#{node.wait_number}" in progress.timers, "a step that backs off has a timer"


def _check_level(level: Level) -> None:
    open_nodes = [node for node in level.nodes.values() if not node.state.is_final]
    assert level.open_count == len(open_nodes), "open steps are counted"
    for node in open_nodes:
        pending = sum(not level.nodes[after.step].state.is_final for after in node.step.after)
        assert node.pending == pending, "open predecessors are counted"
        if node.state is StepState.WAITING:
            assert pending or node.step.join is Join.ANY, "a step that waits waits for something"
            assert pending, "a step that waits waits for something"
    limit = level.body.parallelism
    assert limit is None or level.in_flight <= limit, "the level's limit holds"


def _check_alive(progress: Progress, nodes: list[Node]) -> None:
    """Something will happen: an attempt, a timer, the cache, or somebody who answers a wait."""
    waits = [node for node in nodes if node.state is StepState.RUNNING and node.record.kind is StepKind.LEAF]
    timers = set(progress.timers) - {"run"}
    assert waits or timers or progress.looking_up, "an open run waits for something"
    limit = progress.graph.parallelism
    if limit is None or progress.in_flight < limit:
        for node in nodes:
            if node.state is StepState.READY:
                level = node.level
                assert level.body.parallelism is not None, "nothing that can begin is held back"
                assert level.in_flight >= level.body.parallelism, "nothing that can begin is held back"
