"""What states of the core are called: of runs, of previews, of the nodes of a run. Total."""

from __future__ import annotations

from typing import Final

from penstock.kernel.runs import RunState, StepState

__all__ = ["NODE_STATUS", "PREVIEW_STATUS", "STATUS"]

STATUS: Final[dict[RunState, str]] = {
    RunState.QUEUED: "PENDING",
    RunState.STARTING: "STARTING",
    RunState.RUNNING: "RUNNING",
    RunState.SUSPENDED: "SUSPENDED",
    RunState.RESUMING: "RUNNING",
    RunState.STOPPING: "STOPPING",
    RunState.SUCCEEDED: "COMPLETED",
    RunState.FAILED: "FAILED",
    RunState.ERRORED: "FAILED",
    RunState.CANCELLED: "KILLED",
    RunState.REJECTED: "REJECTED",
}
"""The status of a run record; CDAP's RESUMING is a word of its queries, and is never shown."""

PREVIEW_STATUS: Final[dict[RunState, str]] = {
    RunState.QUEUED: "WAITING",
    RunState.STARTING: "INIT",
    RunState.RUNNING: "RUNNING",
    RunState.SUSPENDED: "RUNNING",
    RunState.RESUMING: "RUNNING",
    RunState.STOPPING: "RUNNING",
    RunState.SUCCEEDED: "COMPLETED",
    RunState.FAILED: "RUN_FAILED",
    RunState.ERRORED: "RUN_FAILED",
    RunState.CANCELLED: "KILLED",
    RunState.REJECTED: "KILLED",
}
"""The status of a preview that was begun; one whose time was over is KILLED_BY_TIMER."""

NODE_STATUS: Final[dict[StepState, str]] = {
    StepState.WAITING: "",
    StepState.READY: "STARTING",
    StepState.LOOKING_UP: "STARTING",
    StepState.RUNNING: "RUNNING",
    StepState.BACKING_OFF: "RUNNING",
    StepState.SUCCEEDED: "COMPLETED",
    StepState.SKIPPED: "",
    StepState.OMITTED: "",
    StepState.FAILED: "FAILED",
    StepState.ERRORED: "FAILED",
    StepState.CANCELLED: "KILLED",
}
"""The status of a node of a workflow's run; one whose turn has not come, or that was passed over, is not shown."""
