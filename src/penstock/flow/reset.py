"""What a retry keeps and what it does again.

Done again: every node that failed, erred, was cancelled or omitted, and everything that comes after such a node. Kept:
what succeeded or was skipped, with its outputs. Groups and levels that did not succeed are entered again, so that only
the iterations and steps at fault in them are repeated.
"""

from __future__ import annotations

from collections import deque

from penstock.flow.progress import Progress
from penstock.flow.tree import Level, Node, walk
from penstock.kernel.runs import AttemptRecord, StepKind, StepRecord, StepState

__all__ = ["reset"]


def reset(progress: Progress, root: Level, from_path: str | None) -> None:
    """Make a level that has ended go on. from_path: a node that is done again although it succeeded.

    Iterations of a loop are taken up when their turn comes, so that the loop's limit holds.
    """
    progress.on_entered_again = lambda level: reset(progress, level, from_path)
    waiting: deque[Level] = deque([root])
    while waiting:
        level = waiting.popleft()
        for node in _reset_level(progress, level, from_path):
            if node.inner is not None:
                waiting.append(node.inner)
        progress.recheck(level)


def _reset_level(progress: Progress, level: Level, from_path: str | None) -> list[Node]:
    """Reset a level's nodes; return those that are entered again."""
    level.has_failed = level.is_cancelled = False
    level.first_failure = None
    level.held.clear()
    at_fault = [node for node in level.nodes.values() if _is_at_fault(node, from_path)]
    downstream = _downstream(level, at_fault)
    entered = []
    for node in at_fault:
        if node.step.name not in downstream and _enter(progress, node, from_path):
            entered.append(node)
        else:
            _wipe(progress, node)
    for name in downstream:
        _wipe(progress, level.nodes[name])
    level.open_count = sum(not node.state.is_final for node in level.nodes.values())
    for node in level.nodes.values():
        node.pending = sum(not level.nodes[after.step].state.is_final for after in node.step.after)
    return entered


def _is_at_fault(node: Node, from_path: str | None) -> bool:
    if node.state.is_failure or node.state is StepState.OMITTED:
        return True
    return from_path is not None and (
        from_path == node.path or from_path.startswith((f"{node.path}/", f"{node.path}["))
    )


def _downstream(level: Level, nodes: list[Node]) -> set[str]:
    waiting = [name for node in nodes for name in level.successors[node.step.name]]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(level.successors[name])
    return found


def _enter(progress: Progress, node: Node, from_path: str | None) -> bool:
    """Go on with a group or level where it failed. False if there is nothing in it to go on with."""
    if from_path == node.path or (not node.children and node.inner is None):
        return False
    _reopen(node)
    for child in node.children:
        if not _is_at_fault(child, from_path):
            continue
        if child.inner is not None and from_path != child.path:
            _reopen(child)
            child.record.state = StepState.WAITING
        else:
            _wipe(progress, child)
    node.next_child = node.active_children = 0
    node.has_failed_child = node.is_cancelled = False
    if node.record.kind is StepKind.GROUP:
        progress.reconsider(node)
    return True


def _reopen(node: Node) -> None:
    record = node.record
    record.state, record.finished_at_us, record.message = StepState.RUNNING, None, None
    record.outputs, record.output_artifacts = {}, {}
    node.retries = node.losses = 0
    node.late_message = None


def _wipe(progress: Progress, node: Node) -> None:
    """Forget what a node did, except its attempts, which stay to be looked at."""
    for below in _below(node):
        progress.by_path.pop(below.path, None)
    old = node.record
    attempts: list[AttemptRecord] = old.attempts
    node.record = StepRecord(
        old.path,
        old.name,
        old.parent,
        old.kind,
        StepState.WAITING,
        index=old.index,
        item=old.item,
        attempts=attempts,
        labels=old.labels,
    )
    node.children, node.inner = [], None
    node.next_child = node.active_children = node.retries = node.losses = 0
    node.has_failed_child = node.is_cancelled = False
    node.first_launch_us = node.cache_parts = node.late_message = None


def _below(node: Node) -> list[Node]:
    found: list[Node] = []
    for child in node.children:
        found.append(child)
        if child.inner is not None:
            found.extend(walk(child.inner))
    if node.inner is not None:
        found.extend(walk(node.inner))
    return found
