"""The node table of a run: records of steps in the words of Argo Workflows, from which clients read.

Names are paths, as upstream makes them: `wf.task`, `wf.group.task`, `wf.loop(0:item).task`, `wf.task(1)` for the second
attempt. A node's id is the workflow's name and a hash of the full name; the root's is the workflow's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from penstock.api.kfp.kinds import EXECUTOR_OUTPUT
from penstock.kernel.functions import as_text
from penstock.kernel.instants import from_unix_us
from penstock.kernel.runs import AttemptRecord, AttemptState, RunState, StepKind, StepRecord, StepState
from penstock.kernel.values import Value

__all__ = ["Node", "instant", "node_id", "nodes_of", "phase_of", "shown"]

_PHASES: Final[dict[StepState, str]] = {
    StepState.WAITING: "Pending",
    StepState.READY: "Pending",
    StepState.LOOKING_UP: "Pending",
    StepState.RUNNING: "Running",
    StepState.BACKING_OFF: "Running",
    StepState.SUCCEEDED: "Succeeded",
    StepState.SKIPPED: "Skipped",
    StepState.OMITTED: "Omitted",
    StepState.FAILED: "Failed",
    StepState.ERRORED: "Error",
    StepState.CANCELLED: "Failed",
}
_ATTEMPT_PHASES: Final[dict[AttemptState, str]] = {
    AttemptState.LAUNCHED: "Pending",
    AttemptState.RUNNING: "Running",
    AttemptState.SUCCEEDED: "Succeeded",
    AttemptState.FAILED: "Failed",
    AttemptState.ERRORED: "Error",
    AttemptState.LOST: "Error",
    AttemptState.TIMED_OUT: "Failed",
    AttemptState.CANCELLED: "Failed",
}
_LEAF_TYPES: Final = {"suspend": "Suspend"}


@dataclass(slots=True)
class Node:
    """One node: what is shown, and which step and attempt it stands for."""

    id: str
    name: str
    display: str
    type: str
    phase: str
    template: str
    step: StepRecord
    attempt: AttemptRecord | None = None
    parent: str = ""
    children: list[str] = field(default_factory=list)
    message: str = ""
    started_at_us: int | None = None
    finished_at_us: int | None = None


def node_id(workflow: str, full_name: str) -> str:
    """Return the id of a node. Source: FNV-1a, 32 bits, of the full name."""
    if full_name == workflow:
        return workflow
    digest = 0x811C9DC5
    for byte in full_name.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{workflow}-{digest}"


def nodes_of(workflow: str, steps: Iterable[StepRecord], retried: frozenset[str] = frozenset()) -> list[Node]:
    """Return the nodes of all steps whose turn has come, parents first, without the root.

    retried: templates whose attempts are shown one by one even if there is only one.
    """
    names: dict[str, str] = {}
    ids: dict[str, Node] = {}
    result: list[Node] = []
    for step in steps:
        names[step.path] = full_name = _full_name(workflow, step, names)
        if step.state is StepState.WAITING:
            continue
        node = _node(workflow, full_name, step, retried)
        result.append(node)
        parent = ids.get(step.parent or "")
        if parent is not None:
            parent.children.append(node.id)
            node.parent = parent.id
        else:
            node.parent = workflow
        ids[step.path] = node
        if node.type == "Retry":
            for at, attempt in enumerate(step.attempts):
                inner = _attempt(workflow, f"{full_name}({at})", node, step, attempt)
                node.children.append(inner.id)
                result.append(inner)
    return result


def shown(node: Node, run_id: str) -> dict[str, Any]:
    """Return a node as it is sent."""
    step = node.step
    result: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "displayName": node.display,
        "type": node.type,
        "templateName": node.template,
        "phase": node.phase,
        "boundaryID": node.parent,
        "startedAt": instant(node.started_at_us),
        "finishedAt": instant(node.finished_at_us),
    }
    if node.message:
        result["message"] = node.message
    if node.children:
        result["children"] = node.children
    given = _side(step.inputs, step.artifacts, run_id, node.id)
    if given:
        result["inputs"] = given
    if node.attempt is None or node.attempt.state is AttemptState.SUCCEEDED:
        made = _side(step.outputs, step.output_artifacts, run_id, node.id)
        if node.attempt is not None and node.attempt.exit_code is not None:
            made["exitCode"] = str(node.attempt.exit_code)
        if made:
            result["outputs"] = made
    if step.cache_hit is not None:
        result["memoizationStatus"] = {"hit": True, "key": step.cache_hit.key, "cacheName": step.cache_hit.run}
    return result


def instant(at_us: int | None) -> str | None:
    """Write microseconds since 1970 in milliseconds; None for a time that has not come."""
    if at_us is None:
        return None
    at: datetime = from_unix_us(at_us)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def phase_of(state: RunState) -> str:
    """Return the phase of the whole workflow."""
    return {
        RunState.SUCCEEDED: "Succeeded",
        RunState.FAILED: "Failed",
        RunState.CANCELLED: "Failed",
        RunState.ERRORED: "Error",
        RunState.REJECTED: "Error",
        RunState.QUEUED: "Pending",
        RunState.STARTING: "Pending",
    }.get(state, "Running")


def _full_name(workflow: str, step: StepRecord, names: Mapping[str, str]) -> str:
    if step.index is not None and step.parent is not None:
        return f"{names[step.parent]}({step.index}:{_item(step.item)})"
    if step.parent is None:
        own = step.path.removeprefix("!/")
        if step.labels.get("is_root"):
            return workflow
        return f"{workflow}.{own}"
    return f"{names[step.parent]}.{step.name}"


def _item(item: Value) -> str:
    if isinstance(item, dict):
        return ",".join(f"{name}:{as_text(value)}" for name, value in item.items())
    return as_text(item)


def _node(workflow: str, full_name: str, step: StepRecord, retried: frozenset[str]) -> Node:
    template = str(step.labels.get("template", step.name))
    display = str(step.labels.get("display", step.name))
    if step.index is not None:
        display = f"{display}({step.index}:{_item(step.item)})"
    node = Node(
        node_id(workflow, full_name), full_name, display, _type(step, template, retried), _PHASES[step.state],
        template, step, message=step.message or "", started_at_us=step.started_at_us or step.ready_at_us,
        finished_at_us=step.finished_at_us,
    )  # fmt: skip
    if node.type == "Pod" and step.attempts:
        node.attempt = step.attempts[-1]
    return node


def _type(step: StepRecord, template: str, retried: frozenset[str]) -> str:
    if step.state in (StepState.SKIPPED, StepState.OMITTED):
        return "Skipped"
    if step.kind is StepKind.GROUP:
        return "TaskGroup"
    if step.kind is StepKind.LEVEL:
        return "DAG"
    if len(step.attempts) > 1 or (template in retried and step.attempts):
        return "Retry"
    return _LEAF_TYPES.get(str(step.labels.get("kind", "")), "Pod")


def _attempt(workflow: str, full_name: str, node: Node, step: StepRecord, attempt: AttemptRecord) -> Node:
    at = full_name[full_name.rindex("(") :]
    return Node(
        node_id(workflow, full_name), full_name, node.display + at, "Pod", _ATTEMPT_PHASES[attempt.state],
        node.template, step, attempt, node.id, message=attempt.message or "",
        started_at_us=attempt.started_at_us or attempt.launched_at_us, finished_at_us=attempt.finished_at_us,
    )  # fmt: skip


def _side(parameters: Mapping[str, Value], artifacts: Mapping[str, Value], run_id: str, node: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    named = [{"name": name, "value": as_text(value)} for name, value in parameters.items() if name != EXECUTOR_OUTPUT]
    if named:
        result["parameters"] = named
    listed = []
    for name, value in artifacts.items():
        if isinstance(value, dict) and value.get("sha256") is None and value.get("uri"):
            listed.append({"name": name, "raw": {"data": str(value["uri"])}})
        elif value:
            listed.append(
                {"name": name, "s3": {"bucket": "mlpipeline", "key": f"artifacts/{run_id}/{node}/{name}.tgz"}}
            )
    if listed:
        result["artifacts"] = listed
    return result
