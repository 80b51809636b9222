"""What a run of a workflow did: the states of its nodes, and the token in which they left things for each other."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.api.cdap.errors import Missing
from penstock.api.cdap.handlers.programs import run_and_phase
from penstock.api.cdap.history import face_of
from penstock.api.cdap.names import PHASE, run_entity
from penstock.api.cdap.project.states import NODE_STATUS
from penstock.api.cdap.runids import phase_run_id
from penstock.api.cdap.tokens import arguments_by_step, resolved_properties, statistics_of
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.runs import StepKind, StepRecord
from penstock.services.runs.record import Run

__all__ = ["local_datasets", "node_states", "node_token", "statistics", "token"]


async def node_states(call: Call) -> dict[str, Any]:
    """Show the states of the nodes that were begun."""
    _, run, _ = await run_and_phase(call)
    face = face_of(run)
    found: dict[str, Any] = {}
    for step in await call.services.runs.steps(run.id):
        status = NODE_STATUS[step.state]
        if not status or step.kind is not StepKind.LEAF:
            continue
        node = _node(step, face.phases)
        shown: dict[str, Any] = {"nodeId": node, "nodeStatus": status}
        if node.startswith(PHASE):
            shown["runId"] = phase_run_id(run.id, int(node.removeprefix(PHASE)))
        if step.state.is_failure and step.message:
            shown["failureCause"] = {"message": step.message, "stackTrace": step.message}
        found[node] = shown
    return found


async def token(call: Call) -> dict[str, Any]:
    """Show what the nodes of a run left for each other: of one scope, and of one key if it is named."""
    _, run, _ = await run_and_phase(call)
    found = await _token(call, run)
    wanted = call.query.get("key")
    if wanted is None:
        return found
    if wanted not in found:
        raise NotFound(f"key '{wanted}' was not found in the token of run '{run.id}'.")
    return {wanted: found[wanted]}


async def node_token(call: Call) -> dict[str, str]:
    """Show what one node of a run left."""
    program, run, _ = await run_and_phase(call)
    node, wanted = call.path["node"], call.query.get("key")
    found = {
        key: entry["value"]
        for key, entries in (await _token(call, run)).items()
        for entry in entries
        if entry["nodeName"] == node
    }
    if wanted is not None:
        found = {key: value for key, value in found.items() if key == wanted}
    if not found:
        entity = run_entity(program.place.namespace, program.app_name, program.type, program.name, run.id)
        raise Missing(f"{entity}.{node}" + (f".{wanted}" if wanted else ""))
    return found


async def local_datasets(call: Call) -> dict[str, Any]:
    """Show datasets that belong to one run: there are none."""
    await run_and_phase(call)
    return {}


async def statistics(call: Call) -> dict[str, Any]:
    """Show how long the nodes of a run took."""
    _, run, _ = await run_and_phase(call)
    face = face_of(run)
    nodes = {
        _node(step, face.phases): {"type": "Spark" if step.name in face.phases else "Action", **_duration(step)}
        for step in await call.services.runs.steps(run.id)
        if step.kind is StepKind.LEAF and step.started_at_us is not None
    }
    return {"runId": run.id, "programNodesList": nodes}


def _duration(step: StepRecord) -> dict[str, int]:
    if step.started_at_us is None or step.finished_at_us is None:
        return {}
    return {"durationMillis": (step.finished_at_us - step.started_at_us) // 1000}


def _node(step: StepRecord, phases: list[str]) -> str:
    return f"{PHASE}{phases.index(step.name) + 1}" if step.name in phases else step.name


async def _token(call: Call, run: Run) -> dict[str, list[dict[str, str]]]:
    scope = call.query.get("scope", "user").lower()
    if scope not in ("user", "system"):
        raise Invalid(f"Invalid scope '{scope}'; it must be user or system")
    steps, face = await call.services.runs.steps(run.id), face_of(run)
    if scope == "system":
        return {}
    found: dict[str, list[dict[str, str]]] = {}
    for step in steps:
        for stage, counts in statistics_of(step).items():
            for name, count in counts.items():
                _put(found, f"stage.statistics.{stage}.{name}.records", _node(step, face.phases), str(count))
    for node, arguments in arguments_by_step(steps):
        for key, value in arguments.items():
            _put(found, key, node, value)
    if run.state.is_final and (properties := resolved_properties(steps)):
        _put(found, "resolved.plugin.properties.map", face.program, msgspec.json.encode(properties).decode())
    return found


def _put(found: dict[str, list[dict[str, str]]], key: str, node: str, value: str) -> None:
    found.setdefault(key, []).append({"nodeName": node, "value": value})
