"""What this dialect keeps of a run beside the engine's record: its labels, and the columns it is listed by."""

from __future__ import annotations

import struct
from typing import Any, Final

import msgspec

from penstock.api.kfp.filters import Column
from penstock.api.kfp.kinds import ARCHIVED, AVAILABLE, folded
from penstock.kernel.query import IndexValue
from penstock.kernel.runs import RunState
from penstock.services.runs.record import Run

__all__ = [
    "ORIGIN",
    "RUN_COLUMNS",
    "STATUS_V1",
    "STATUS_V2",
    "Metric",
    "RunFace",
    "columns_of",
    "face_of",
    "metric_column",
    "metric_value",
    "storage_state",
]

ORIGIN: Final = "kfp"

STATUS_V1: Final[dict[RunState, str]] = {
    RunState.QUEUED: "Pending",
    RunState.STARTING: "Pending",
    RunState.RUNNING: "Running",
    RunState.SUSPENDED: "Running",
    RunState.RESUMING: "Running",
    RunState.STOPPING: "Terminating",
    RunState.SUCCEEDED: "Succeeded",
    RunState.FAILED: "Failed",
    RunState.ERRORED: "Error",
    RunState.CANCELLED: "Failed",
    RunState.REJECTED: "Error",
}
"""Clients wait for the words Succeeded, Failed, Skipped and Error, and no others."""

STATUS_V2: Final[dict[RunState, str]] = {
    RunState.QUEUED: "PENDING",
    RunState.STARTING: "PENDING",
    RunState.RUNNING: "RUNNING",
    RunState.SUSPENDED: "PAUSED",
    RunState.RESUMING: "RUNNING",
    RunState.STOPPING: "CANCELING",
    RunState.SUCCEEDED: "SUCCEEDED",
    RunState.FAILED: "FAILED",
    RunState.ERRORED: "FAILED",
    RunState.CANCELLED: "CANCELED",
    RunState.REJECTED: "FAILED",
}


class Metric(msgspec.Struct, frozen=True, omit_defaults=True):
    """A number reported for a step."""

    name: str
    node_id: str
    number_value: float
    format: str = "UNSPECIFIED"


class RunFace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run's own fields; they are labels of the engine's record.

    Attributes:
        package: digest of the package's text in the blob store. is_ir: it is a pipeline specification.
        workflow: what the workflow is called; the root of the names of its nodes.
        pipeline_id, version_id: where the package is from; both empty if it was sent along.
        parameters: given as texts. runtime_parameters: given as JSON values.
        job_id: the recurring run that made it.
        has_metrics: a step may leave metrics in a file. harvested_at_us: the end of the run at which they were read; a
            run that is retried ends anew.
    """

    workflow: str
    package: str
    is_ir: bool
    pipeline_name: str = ""
    description: str = ""
    service_account: str = ""
    pipeline_id: str = ""
    version_id: str = ""
    experiment_id: str = ""
    job_id: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    runtime_parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    pipeline_root: str = ""
    has_metrics: bool = False
    harvested_at_us: int = 0
    metrics: tuple[Metric, ...] = ()


def face_of(run: Run) -> RunFace:
    """Return the run's own fields."""
    return msgspec.convert(run.body.labels, RunFace)


def columns_of(name: str, face: RunFace) -> dict[str, IndexValue]:
    """Return the columns of a new run."""
    return {
        "folded": folded(name),
        "experiment_id": face.experiment_id,
        "storage_state": AVAILABLE,
        "description": face.description,
    }


def storage_state(run: Run) -> str:
    """Return whether the run is archived."""
    return ARCHIVED if run.body.columns.get("storage_state") == ARCHIVED else AVAILABLE


def metric_column(name: str) -> str:
    """Return the column by which runs are sorted by a metric."""
    return f"metric:{name.lower()}"


def metric_value(value: float) -> int:
    """Return an integer that sorts as the number does.

    Source: the order of IEEE 754 numbers is that of their bits, with those of negative ones turned round.
    """
    (bits,) = struct.unpack(">q", struct.pack(">d", value))
    return int(bits) if bits >= 0 else int(bits ^ 0x7FFF_FFFF_FFFF_FFFF)


def _words(statuses: dict[RunState, str]) -> dict[str, tuple[str, ...]]:
    """Return the states that each word stands for."""
    result: dict[str, tuple[str, ...]] = {}
    for state, word in statuses.items():
        result[word] = (*result.get(word, ()), state.value)
    return result


_SHELVES: Final = {
    **{f"STORAGESTATE_{state}": (state,) for state in (AVAILABLE, ARCHIVED)},
    **{state: (state,) for state in (AVAILABLE, ARCHIVED)},
}
_STATE: Final = Column("state", words=_words(STATUS_V1) | _words(STATUS_V2))

RUN_COLUMNS: Final[dict[str, Column]] = {
    "id": Column("id"),
    "run_id": Column("id"),
    "name": Column("title", substring="folded"),
    "display_name": Column("title", substring="folded"),
    "created_at": Column("created_at", is_time=True),
    "finished_at": Column("finished_at", is_time=True),
    "scheduled_at": Column("scheduled_at", is_time=True),
    "description": Column("description"),
    "storage_state": Column("storage_state", words=_SHELVES),
    "status": _STATE,
    "state": _STATE,
    "experiment_id": Column("experiment_id"),
}
"""By what runs can be filtered and ordered."""
