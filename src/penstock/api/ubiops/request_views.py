"""Requests as they are found: a run, or a part of one that is a request of its own.

A request to a pipeline is a run; what its objects ask of deployments, operators and other pipelines are parts of that
run, with ids of their own that lead back to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.ubiops.asking import SERVICE
from penstock.kernel.ids import part_of
from penstock.kernel.instants import unix_us
from penstock.kernel.runs import RunState, StepRecord, StepState
from penstock.kernel.values import Value
from penstock.services.runs.record import Run

__all__ = ["CANCELLED", "COMPLETED", "FAILED", "PENDING", "PROCESSING", "STATUSES", "RequestView", "part_view", "view"]

PENDING: Final = "pending"
PROCESSING: Final = "processing"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
STATUSES: Final = (PENDING, PROCESSING, COMPLETED, FAILED, CANCELLED)

_OF_RUN: Final = {
    RunState.QUEUED: PENDING,
    RunState.STARTING: PENDING,
    RunState.RUNNING: PROCESSING,
    RunState.SUSPENDED: PROCESSING,
    RunState.RESUMING: PROCESSING,
    RunState.STOPPING: PROCESSING,
    RunState.SUCCEEDED: COMPLETED,
    RunState.FAILED: FAILED,
    RunState.ERRORED: FAILED,
    RunState.REJECTED: FAILED,
    RunState.CANCELLED: CANCELLED,
}
_OF_STEP: Final = {
    StepState.WAITING: PENDING,
    StepState.READY: PENDING,
    StepState.LOOKING_UP: PENDING,
    StepState.BACKING_OFF: PROCESSING,
    StepState.RUNNING: PROCESSING,
    StepState.SUCCEEDED: COMPLETED,
    StepState.FAILED: FAILED,
    StepState.ERRORED: FAILED,
    StepState.SKIPPED: CANCELLED,
    StepState.OMITTED: CANCELLED,
    StepState.CANCELLED: CANCELLED,
}


@dataclass(slots=True)
class RequestView:
    """A request. Instants are microseconds since 1970.

    Attributes:
        run: the id of the run that it is, or is part of. labels: what it asks, in the words of `asking` or `lower`.
        data, result: None if they are not kept. parts: the requests it made itself.
        pipeline_request: of a part, the id of the pipeline request that made it.
    """

    id: str
    run: str
    status: str
    error_message: str | None
    created_us: int
    started_us: int | None
    finished_us: int | None
    data: Value
    result: Value
    labels: dict[str, Any]
    created_by: str
    timeout_s: int
    project: str
    parts: list[RequestView]
    sequence_id: str = ""
    pipeline_request: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in (COMPLETED, FAILED, CANCELLED)


def view(run: Run, steps: Sequence[StepRecord]) -> RequestView:
    """Show a run as the request that it is."""
    body = run.body
    parts = [_part(run, steps, step) for step in steps if step.parent is None]
    return RequestView(
        id=run.id,
        run=run.id,
        status=_OF_RUN[body.state],
        error_message=body.message,
        created_us=unix_us(run.created_at),
        started_us=body.started_at_us,
        finished_us=body.finished_at_us,
        data=body.inputs.get("data"),
        result=body.outputs.get("data"),
        labels=body.labels,
        created_by=str(body.labels.get("created_by")),
        timeout_s=_timeout(run),
        project=str(body.labels.get("project")),
        parts=parts if body.labels.get("kind") == "pipeline" else [],
    )


def part_view(run: Run, steps: Sequence[StepRecord], number: int) -> RequestView | None:
    """Show a part of a run as a request of its own; None if there is no such part."""
    step = next((step for step in steps if step.index == number), None)
    if step is None or not step.labels:
        return None
    return _part(run, steps, step)


def _part(run: Run, steps: Sequence[StepRecord], step: StepRecord) -> RequestView:
    number = step.index or 0
    created_us = unix_us(run.created_at)
    parent = next((other for other in steps if other.path == step.parent), None) if step.parent else None
    is_pipeline = step.labels.get("kind") == "pipeline"
    return RequestView(
        id=part_of(run.id, number),
        run=run.id,
        status=_OF_STEP[step.state],
        error_message=step.message,
        created_us=step.ready_at_us or created_us,
        started_us=step.started_at_us,
        finished_us=step.finished_at_us,
        data=step.inputs.get("data"),
        result=step.outputs.get("data"),
        labels=step.labels,
        created_by=SERVICE,
        timeout_s=_timeout(run),
        project=str(run.body.labels.get("project")),
        parts=[_part(run, steps, other) for other in steps if other.parent == step.path] if is_pipeline else [],
        # Thirteen digits of time and four that count; beyond 9999 parts the count runs on into the time.
        sequence_id=str(created_us // 1000 * 10_000 + number),
        pipeline_request=part_of(run.id, parent.index or 0) if parent else run.id,
    )


def _timeout(run: Run) -> int:
    timeout_s = run.body.facts.get("run.timeout_s")
    return int(timeout_s) if isinstance(timeout_s, int | float) else 0
