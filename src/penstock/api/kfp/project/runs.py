"""Runs as both versions of the API show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.api.kfp.kinds import ARCHIVED
from penstock.api.kfp.project.nodes import Node, instant, nodes_of, phase_of, shown
from penstock.api.kfp.project.resources import Shown, compact, timestamp
from penstock.api.kfp.references import reference
from penstock.api.kfp.run_face import STATUS_V1, STATUS_V2, Metric, RunFace, face_of, storage_state
from penstock.kernel.functions import as_text
from penstock.kernel.runs import StepKind, StepRecord, StepState
from penstock.kernel.values import Value
from penstock.services.runs.record import Run

if TYPE_CHECKING:
    from penstock.api.kfp.packages import Package

__all__ = ["Names", "metric_v1", "run_detail_v1", "run_v1", "run_v2", "task_details", "workflow_manifest"]

_TASK_STATES = {
    StepState.READY: "PENDING",
    StepState.LOOKING_UP: "PENDING",
    StepState.RUNNING: "RUNNING",
    StepState.BACKING_OFF: "RUNNING",
    StepState.SUCCEEDED: "SUCCEEDED",
    StepState.SKIPPED: "SKIPPED",
    StepState.OMITTED: "SKIPPED",
    StepState.FAILED: "FAILED",
    StepState.ERRORED: "FAILED",
    StepState.CANCELLED: "CANCELED",
}

Names = Mapping[str, str]
"""Ids of experiments, versions and jobs, and what they are called."""


def metric_v1(metric: Metric) -> Shown:
    """Show a metric."""
    return {
        "name": metric.name,
        "node_id": metric.node_id,
        "number_value": metric.number_value,
    } | ({} if metric.format == "UNSPECIFIED" else {"format": metric.format})


def run_v1(
    run: Run, names: Names, *, package: Package | None = None, metrics: tuple[Metric, ...] | None = None
) -> Shown:
    """Show a run; without a package its manifest is left out, as in lists."""
    face, body = face_of(run), run.body
    specification: Shown = {
        "pipeline_id": face.pipeline_id,
        "pipeline_name": face.pipeline_name if face.pipeline_id else "",
        "parameters": [{"name": name, "value": value} for name, value in face.parameters],
    }
    if face.runtime_parameters or face.pipeline_root:
        specification["runtime_config"] = compact(
            {"parameters": face.runtime_parameters, "pipeline_root": face.pipeline_root}
        )
    if package is not None:
        specification["pipeline_manifest" if package.is_ir else "workflow_manifest"] = package.text.decode()
    is_final = body.state.is_final
    return compact(
        {
            "id": run.id,
            "name": body.title,
            "storage_state": "STORAGESTATE_ARCHIVED" if storage_state(run) == ARCHIVED else "",
            "description": face.description,
            "pipeline_spec": compact(specification),
            "resource_references": _references(face, names),
            "service_account": face.service_account,
            "created_at": timestamp(run.created_at),
            "scheduled_at": timestamp(0 if body.scheduled_at_us is None else body.scheduled_at_us),
            "finished_at": timestamp((body.finished_at_us or 0) if is_final else 0),
            "status": STATUS_V1[body.state],
            "error": (body.message or "") if is_final else "",
            "metrics": [metric_v1(each) for each in (face.metrics if metrics is None else metrics)],
        }
    )


def run_detail_v1(
    run: Run, names: Names, package: Package, steps: Iterable[StepRecord], metrics: tuple[Metric, ...] | None = None
) -> Shown:
    """Show a run with its live manifest."""
    runtime: Shown = {"workflow_manifest": workflow_manifest(run, package, steps)}
    if package.is_ir:
        runtime["pipeline_manifest"] = package.text.decode()
    return {"run": run_v1(run, names, package=package, metrics=metrics), "pipeline_runtime": runtime}


def workflow_manifest(run: Run, package: Package, steps: Iterable[StepRecord]) -> str:
    """Return the workflow with the states of its nodes, as JSON."""
    face, body = face_of(run), run.body
    nodes = nodes_of(face.workflow, steps, retried_templates(package))
    document = {} if package.is_ir else package.document
    metadata = dict(document.get("metadata") or {})
    labels = dict(metadata.get("labels") or {}) | {"pipeline/runid": run.id}
    if body.state.is_final:
        labels |= {"workflows.argoproj.io/completed": "true", "pipeline/persistedFinalState": "true"}
    labels["workflows.argoproj.io/phase"] = phase_of(body.state)
    annotations = dict(metadata.get("annotations") or {}) | {"pipelines.kubeflow.org/run_name": body.title}
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata
        | {
            "name": face.workflow,
            "namespace": "kubeflow",
            "uid": run.id,
            "creationTimestamp": timestamp(run.created_at),
            "labels": labels,
            "annotations": annotations,
        },
        "spec": _spec(package, run),
        "status": _status(run, face, package, nodes),
    }
    return msgspec.json.encode(manifest).decode()


def retried_templates(package: Package) -> frozenset[str]:
    """Return the templates that have a retry strategy."""
    if package.is_ir:
        return frozenset()
    templates = package.document["spec"].get("templates") or []
    return frozenset(str(each.get("name")) for each in templates if each.get("retryStrategy") is not None)


def run_v2(run: Run, *, specification: Any = None, steps: Iterable[StepRecord] | None = None) -> Shown:
    """Show a run; without steps it is a row of a list."""
    face, body = face_of(run), run.body
    is_final = body.state.is_final
    at = timestamp(run.created_at)
    history = [{"update_time": at, "state": "PENDING"}]
    if body.started_at_us is not None:
        history.append({"update_time": timestamp(body.started_at_us), "state": "RUNNING"})
    if is_final:
        history.append({"update_time": timestamp(body.finished_at_us or 0), "state": STATUS_V2[body.state]})
    result: Shown = {
        "experiment_id": face.experiment_id,
        "run_id": run.id,
        "display_name": body.title,
        "storage_state": storage_state(run),
        "description": face.description,
        "pipeline_version_reference": compact(
            {"pipeline_id": face.pipeline_id, "pipeline_version_id": face.version_id}
        ),
        "runtime_config": compact(
            {"parameters": face.runtime_parameters or dict(face.parameters), "pipeline_root": face.pipeline_root}
        ),
        "service_account": face.service_account,
        "created_at": at,
        "scheduled_at": timestamp(body.scheduled_at_us) or at,
        "finished_at": timestamp(body.finished_at_us) if is_final else "",
        "state": STATUS_V2[body.state],
        "error": {"code": 13, "message": body.message} if is_final and body.message else {},
        "recurring_run_id": face.job_id,
        "state_history": history,
    }
    if specification is not None and not face.version_id:
        result["pipeline_spec"] = specification
    if steps is not None:
        result["run_details"] = {"task_details": task_details(run, face.workflow, steps)}
    return compact(result)


def task_details(run: Run, workflow: str, steps: Iterable[StepRecord]) -> list[Shown]:
    """Return the tasks of a run whose turn has come; the first one is the run itself."""
    root = compact(
        {
            "run_id": run.id,
            "task_id": workflow,
            "display_name": "root",
            "create_time": timestamp(run.created_at),
            "start_time": instant(run.body.started_at_us),
            "end_time": instant(run.body.finished_at_us),
            "state": STATUS_V2[run.state],
        }
    )
    details = [root]
    by_step: dict[str, Node] = {}
    for node in nodes_of(workflow, steps):
        if node.step.path in by_step:
            continue
        by_step[node.step.path] = node
        step = node.step
        state = _TASK_STATES[step.state]
        name = str(step.labels.get("template", step.name))
        parent = by_step.get(step.parent or "")
        is_leaf = step.kind is StepKind.LEAF
        moved_at_us = step.finished_at_us or step.started_at_us or step.ready_at_us
        details.append(
            compact(
                {
                    "run_id": run.id,
                    "task_id": node.id,
                    "display_name": name if step.index is None else f"{name}({step.index})",
                    "create_time": instant(step.ready_at_us or step.started_at_us),
                    "start_time": instant(step.started_at_us),
                    "end_time": instant(step.finished_at_us),
                    "state": state,
                    "error": {"code": 13, "message": step.message} if state == "FAILED" and step.message else {},
                    "parent_task_id": parent.id if parent else workflow,
                    "child_tasks": [] if is_leaf else [{"task_id": child} for child in node.children],
                    "pod_name": node.id if is_leaf else "",
                    "state_history": [{"update_time": instant(moved_at_us), "state": state}],
                    "inputs": _artifact_ids(step.artifacts),
                    "outputs": _artifact_ids(step.output_artifacts),
                }
            )
        )
    return details


def _artifact_ids(artifacts: Mapping[str, Value]) -> Shown:
    return {name: {"artifact_ids": []} for name in artifacts}


def _references(face: RunFace, names: Names) -> list[Shown]:
    result = [reference("EXPERIMENT", face.experiment_id, "OWNER", names.get(face.experiment_id, ""))]
    if face.pipeline_id:
        result.append(reference("PIPELINE", face.pipeline_id, "CREATOR", face.pipeline_name))
    if face.version_id:
        result.append(reference("PIPELINE_VERSION", face.version_id, "CREATOR", names.get(face.version_id, "")))
    if face.job_id:
        result.append(reference("JOB", face.job_id, "CREATOR", names.get(face.job_id, "")))
    return result


def _spec(package: Package, run: Run) -> Shown:
    if package.is_ir:
        return {"entrypoint": "root", "templates": [], "arguments": {}}
    spec = dict(package.document["spec"])
    inputs = run.body.inputs
    declared: list[Shown] = []
    for each in package.parameters:
        declared.append({"name": each.name} | ({"value": inputs[each.name]} if each.name in inputs else {}))
    if declared:
        spec["arguments"] = dict(spec.get("arguments") or {}) | {"parameters": declared}
    return spec


def _status(run: Run, face: RunFace, package: Package, nodes: list[Node]) -> Shown:
    body = run.body
    phase = phase_of(body.state)
    table = {node.id: shown(node, run.id) for node in nodes}
    if face.workflow not in table and body.started_at_us is not None:
        entry = "root" if package.is_ir else str(package.document["spec"].get("entrypoint", ""))
        root: Shown = {
            "id": face.workflow,
            "name": face.workflow,
            "displayName": face.workflow,
            "type": "DAG",
            "templateName": entry,
            "phase": phase,
            "startedAt": instant(body.started_at_us),
            "finishedAt": instant(body.finished_at_us),
            "children": [node.id for node in nodes if node.parent == face.workflow],
        }
        if body.message:
            root["message"] = body.message
        if body.outputs:
            root["outputs"] = {
                "parameters": [{"name": name, "value": as_text(value)} for name, value in body.outputs.items()]
            }
        table = {face.workflow: root} | table
    status: Shown = {
        "phase": phase,
        "startedAt": instant(body.started_at_us),
        "finishedAt": instant(body.finished_at_us if body.state.is_final else None),
        "progress": f"{body.done_count}/{body.step_count}",
        "nodes": table,
    }
    if body.message:
        status["message"] = body.message
    return status
