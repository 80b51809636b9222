"""Run records as shown."""

from __future__ import annotations

from typing import Any

from penstock.api.cdap.history import Face, face_of, status_of_run
from penstock.api.cdap.names import PHASE
from penstock.api.cdap.runids import phase_run_id, starting_us
from penstock.kernel.runs import RunState
from penstock.services.runs.record import Run

__all__ = ["phase_record", "run_record"]

_BEFORE_RUNNING = (RunState.QUEUED, RunState.STARTING)
_NEVER_RAN = (RunState.REJECTED,)


def run_record(run: Run) -> dict[str, Any]:
    """Show a run: times in seconds, arguments as JSON text inside of a text."""
    face, body = face_of(run), run.body
    shown: dict[str, Any] = {"runid": run.id, "starting": starting_us(run.id) // 1_000_000}
    _times(shown, run, face)
    shown["status"] = status_of_run(run)
    properties = {"runtimeArgs": face.arguments}
    if body.started_at_us is not None:
        properties.update((f"{PHASE}{n}", phase_run_id(run.id, n)) for n in range(1, len(face.phases) + 1))
    shown["properties"] = properties
    shown["cluster"] = _cluster(run)
    shown["profile"] = {"profileName": "native", "namespace": "system", "entity": "PROFILE"}
    return shown


def phase_record(run: Run, phase: int) -> dict[str, Any]:
    """Show the run of an inner program."""
    shown = run_record(run)
    shown["runid"] = phase_run_id(run.id, phase)
    shown["properties"] = {
        "runtimeArgs": face_of(run).arguments,
        "workflowrunid": run.id,
        "workflowNodeId": f"{PHASE}{phase}",
    }
    return shown


def _times(shown: dict[str, Any], run: Run, face: Face) -> None:
    body = run.body
    if body.started_at_us is not None and run.state not in _BEFORE_RUNNING:
        shown["start"] = body.started_at_us // 1_000_000
    if run.state.is_final and body.finished_at_us is not None:
        shown["end"] = body.finished_at_us // 1_000_000
    for name, at_us in (
        ("suspend", face.suspended_us),
        ("resume", face.resumed_us),
        ("stopping", face.stopping_us),
        ("terminate", face.terminate_us),
    ):
        if at_us is not None:
            shown[name] = at_us // 1_000_000


def _cluster(run: Run) -> dict[str, Any]:
    if run.state is RunState.QUEUED:
        return {"status": "PROVISIONING"}
    if not run.state.is_final or run.body.finished_at_us is None:
        return {"status": "PROVISIONED", "numNodes": 0}
    return {"status": "DEPROVISIONED", "end": run.body.finished_at_us // 1_000_000, "numNodes": 0}
