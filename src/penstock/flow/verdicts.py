"""Rulings on nodes and levels: may one begin, is it tried again, how does a whole end of which these are the parts."""

from __future__ import annotations

from penstock.flow.tree import Level, Node, outcome_of, walk
from penstock.kernel.expr import Expr, Item, ItemIndex, leaves
from penstock.kernel.graph import Graph, Join
from penstock.kernel.policies import Cause, Retry, retry_delay_s
from penstock.kernel.runs import Failure, StepKind, StepState
from penstock.kernel.values import Value

__all__ = [
    "collected", "holds", "is_doomed", "mark_cancelled", "mentions_item", "take_retry", "why_omitted", "worst",
]  # fmt: skip

_SECOND_US = 1_000_000


def holds(node: Node) -> bool | None:
    """Tell whether what a node comes after ended as it asks; None while that is open."""
    afters = node.step.after
    if node.step.join is Join.ALL or not afters:
        if node.pending:
            return None
        return all(outcome_of(node.level.nodes[after.step].state) in after.outcomes for after in afters)
    for after in afters:
        state = node.level.nodes[after.step].state
        if state.is_final and outcome_of(state) in after.outcomes:
            return True
    return None if node.pending else False


def why_omitted(node: Node) -> str:
    """Say why a node was not begun."""
    for after in node.step.after:
        other = node.level.nodes[after.step]
        if other.state.is_final and outcome_of(other.state) not in after.outcomes:
            return f"step {other.path!r} is {other.state.value}"
    return "no step before it ended as it asks"


def is_doomed(node: Node) -> bool:
    """Tell whether a node must not begin any more: its level is cancelled, or fails fast and has failed."""
    level = node.level
    if level.is_cancelled or (node.group is not None and node.group.is_cancelled):
        return True
    return level.has_failed and level.body.fail_fast and not node.step.ignores_fail_fast


def take_retry(graph: Graph, node: Node, failure: Failure, now_us: int) -> float | None:
    """Return the seconds until a node is tried again, and count that try; None if it is not."""
    if is_doomed(node) and node.level.is_cancelled:
        return None
    if failure.cause is Cause.LOST and node.losses < graph.lost_limit:
        node.losses += 1
        return 0.0
    retry = node.step.retry or Retry()
    if failure.cause not in retry.on or (retry.limit is not None and node.retries >= retry.limit):
        return None
    delay_s = retry_delay_s(retry, node.retries + 1)
    if retry.max_duration_s is not None:
        first_us = node.first_launch_us if node.first_launch_us is not None else node.record.started_at_us
        elapsed_s = (now_us - (first_us or now_us)) / _SECOND_US
        if elapsed_s + delay_s > retry.max_duration_s:
            return None
    node.retries += 1
    return delay_s


def mark_cancelled(level: Level) -> None:
    """Have nothing in a level, and below it, begin any more."""
    level.is_cancelled = True
    for node in walk(level):
        node.is_cancelled = node.record.kind is StepKind.GROUP
        if node.inner is not None:
            node.inner.is_cancelled = True


def collected(group: Node) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return the outputs and artifacts of a group: lists over the iterations that succeeded, in order."""
    outputs: dict[str, list[Value]] = {}
    artifacts: dict[str, list[Value]] = {}
    for child in group.children:
        if child.state is StepState.SUCCEEDED:
            for name, value in child.record.outputs.items():
                outputs.setdefault(name, []).append(value)
            for name, value in child.record.output_artifacts.items():
                artifacts.setdefault(name, []).append(value)
    return dict(outputs), dict(artifacts)


def mentions_item(guard: Expr) -> bool:
    """Tell whether a guard is about an iteration, and not about the whole loop."""
    return any(isinstance(leaf, Item | ItemIndex) for leaf in leaves(guard))


def worst(failed: list[Node], first: Node | None = None) -> tuple[StepState, str | None]:
    """Say how a whole ended of which these parts did not succeed, and why, naming the leaf at fault."""
    for state in (StepState.FAILED, StepState.ERRORED, StepState.CANCELLED):
        found = [node for node in failed if node.state is state]
        if found:
            node = first if first in found and first is not None else found[0]
            message = node.record.message or state.value
            is_named = node.record.kind is not StepKind.LEAF and (node.children or node.inner is not None)
            return state, message if is_named else f"step {node.path!r}: {message}"
    return StepState.SUCCEEDED, None
