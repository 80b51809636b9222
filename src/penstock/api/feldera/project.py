"""From the core's records to what this dialect shows of them. Pure tables and functions."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from penstock.api.feldera.errors import refuse
from penstock.api.feldera.kinds import face_of
from penstock.api.feldera.rules import is_provisioned
from penstock.api.feldera.storage_config import concealed
from penstock.api.feldera.wire import (
    Event,
    Pipeline,
    ProgramError,
    ProgramInfo,
    RustCompilation,
    SqlCompilation,
    SqlMessage,
    Triple,
)
from penstock.kernel.circuits import Aim, CircuitState, ProgramState, StorageState
from penstock.kernel.instants import rfc3339
from penstock.services.circuits.durability.manifest import Manifest
from penstock.services.circuits.process import Chunk, Compiled, Message
from penstock.services.circuits.record import CircuitRecord, Diagnostic, Fault, StatusChange
from penstock.services.circuits.service import Circuit

__all__ = [
    "PROGRAM_STATUS",
    "STORAGE_STATUS",
    "checkpoint",
    "chunk_line",
    "compiled_info",
    "error_count",
    "event",
    "pipeline",
    "program_info",
    "read_token",
    "sql_compilation",
    "status",
    "token",
]

PROGRAM_STATUS: Final[Mapping[ProgramState, str]] = {
    ProgramState.PENDING: "Pending",
    ProgramState.COMPILING: "CompilingSql",
    ProgramState.CHECKED: "SqlCompiled",
    ProgramState.BUILDING: "CompilingRust",
    ProgramState.READY: "Success",
    ProgramState.REJECTED: "SqlError",
    ProgramState.FAILED: "SystemError",
}

STORAGE_STATUS: Final[Mapping[StorageState, str]] = {
    StorageState.EMPTY: "Cleared",
    StorageState.IN_USE: "InUse",
    StorageState.CLEARING: "Clearing",
}

_PLACES: Final[Mapping[CircuitState, tuple[str, str | None]]] = {
    CircuitState.STOPPED: ("Stopped", None),
    CircuitState.STARTING: ("Provisioning", None),
    CircuitState.OPENING: ("Provisioned", "Initializing"),
    CircuitState.RUNNING: ("Provisioned", "Running"),
    CircuitState.PAUSED: ("Provisioned", "Paused"),
    CircuitState.STOPPING: ("Stopping", None),
}
"""Resources status and runtime status of each state."""

_WISHES: Final[Mapping[Aim, tuple[str, str]]] = {
    Aim.STOPPED: ("Stopped", "Stopped"),
    Aim.RUNNING: ("Provisioned", "Running"),
    Aim.PAUSED: ("Provisioned", "Paused"),
}
"""Desired resources status and desired combined status of each aim."""

_CHECKED: Final = (ProgramState.CHECKED, ProgramState.BUILDING, ProgramState.READY)


def status(record: CircuitRecord) -> str:
    """Return the one word that clients look at first."""
    resources, runtime = _statuses(record)
    return runtime or resources


def _statuses(record: CircuitRecord) -> tuple[str, str | None]:
    resources, runtime = _PLACES[record.state]
    if record.is_standing_by:
        return resources, "Standby"
    return resources, "AwaitingApproval" if record.awaits is not None else runtime


def pipeline(
    circuit: Circuit,
    selector: str = "all",
    *,
    errors: int | None = None,
    checkpoints: Sequence[Manifest] = (),
    is_reply: bool = False,
) -> Pipeline:
    """Show a pipeline.

    selector: all, status or status_with_connectors.
    errors: of its connectors, if it is known.
    checkpoints: those that are kept of it.
    is_reply: to a change; such a reply lacks the bootstrap parameters.
    """
    record = circuit.body
    face = face_of(record)
    is_whole = selector == "all"
    resources, runtime = _statuses(record)
    wanted_resources, wanted = _WISHES[record.aim]
    runtime_wish = _runtime_wish(record.state, record.aim)
    deployment = record.deployment
    is_assigned = deployment is not None and deployment.id is not None
    options = deployment.options if deployment is not None else {}
    state_since = rfc3339(record.state_since)
    return Pipeline(
        id=circuit.id,
        name=circuit.name or "",
        description=face.description,
        tags=face.tags,
        created_at=rfc3339(circuit.created_at),
        version=face.version,
        program_version=face.program_version,
        refresh_version=face.version + record.milestones,
        platform_version=face.platform_version,
        runtime_config=concealed(face.runtime_config) if is_whole else UNSET,
        program_code=record.program if is_whole else UNSET,
        udf_rust=face.udf_rust if is_whole else UNSET,
        udf_toml=face.udf_toml if is_whole else UNSET,
        program_config=face.program_config,
        program_status=PROGRAM_STATUS[record.program_state],
        program_status_since=rfc3339(record.program_since),
        program_error=_program_error(record) if is_whole else UNSET,
        program_info=program_info(record) if is_whole else UNSET,
        deployment_error=_triple(record.fault),
        storage_status=STORAGE_STATUS[record.storage],
        storage_status_details={"checkpoints": [checkpoint(kept) for kept in checkpoints]} if checkpoints else None,
        deployment_id=deployment.id if deployment is not None else None,
        deployment_initial=_WISHES[deployment.initial][1] if deployment is not None and is_assigned else None,
        deployment_status=runtime or resources,
        deployment_status_since=state_since,
        deployment_desired_status=wanted,
        deployment_desired_status_since=rfc3339(record.aim_since),
        deployment_resources_status=resources,
        deployment_resources_status_since=rfc3339(record.placed_since),
        deployment_resources_status_details=None if is_whole else UNSET,
        deployment_resources_desired_status=wanted_resources,
        deployment_resources_desired_status_since=rfc3339(record.wanted_since),
        deployment_runtime_status=runtime,
        deployment_runtime_status_since=state_since if runtime else None,
        deployment_runtime_status_details=_runtime_details(record, errors),
        deployment_runtime_desired_status=runtime_wish,
        deployment_runtime_desired_status_since=rfc3339(record.aim_since) if runtime_wish else None,
        bootstrap_policy=UNSET if is_reply else options.get("bootstrap_policy"),
        silent_bootstrap=UNSET if is_reply else options.get("silent_bootstrap"),
        concurrent_bootstrap=UNSET if is_reply else options.get("concurrent_bootstrap"),
        connectors={"num_errors": errors or 0} if selector == "status_with_connectors" else UNSET,
    )


def _runtime_wish(state: CircuitState, aim: Aim) -> str | None:
    if state is not CircuitState.OPENING and not state.is_up:
        return None
    if aim is not Aim.STOPPED:
        return _WISHES[aim][1]
    # The wish to stop is one about resources; the process was last told to do what it does.
    return _PLACES[state][1] if state.is_up else None


_SAME_CONNECTORS: Final[Mapping[str, Any]] = {
    f"{word}_{side}_connectors": [] for side in ("input", "output") for word in ("added", "removed", "modified")
}
"""What is kept of a circuit has its connectors' places, not their settings, so nothing can be said of those."""


def _runtime_details(record: CircuitRecord, errors: int | None) -> dict[str, Any] | None:
    if not is_provisioned(record):
        return None
    if record.awaits is not None:
        diff = {"program_diff": record.awaits, "program_diff_error": None, **_SAME_CONNECTORS}
        return {"reason": "the program has changed since its state was kept", "approval_diff": diff}
    return {"connector_stats": {"num_errors": errors or 0}}


_FAULTS: Final[Mapping[str, str]] = {
    "CarryOverRejected": "BootstrapRejected",
    "CheckpointUnusable": "InitializationError",
}
"""What this dialect calls reasons that have a name of their own inside."""


def _triple(fault: Fault | None) -> Triple | None:
    if fault is None:
        return None
    return Triple(fault.message, _FAULTS.get(fault.code, fault.code), {} if fault.details is None else fault.details)


# ---- programs


def _program_error(record: CircuitRecord) -> ProgramError:
    state = record.program_state
    sql = None
    if state is ProgramState.REJECTED or state in _CHECKED:
        sql = sql_compilation(record.messages, is_right=state is not ProgramState.REJECTED)
    return ProgramError(sql, RustCompilation() if state is ProgramState.READY else None, record.failure)


def sql_compilation(messages: Sequence[Diagnostic | Message], *, is_right: bool) -> SqlCompilation:
    """Show what the SQL compiler said."""
    return SqlCompilation(0 if is_right else 1, [_message(message) for message in messages])


def _message(message: Diagnostic | Message) -> SqlMessage:
    return SqlMessage(
        message.start_line,
        message.start_column,
        message.end_line,
        message.end_column,
        message.warning,
        message.kind,
        message.message,
        message.snippet,
    )


def program_info(record: CircuitRecord, *, is_whole: bool = False) -> ProgramInfo | None:
    """Show what is known of a pipeline's program; None if it is not compiled. is_whole: with the parts nobody reads."""
    if record.schema is None or record.program_state not in _CHECKED:
        return None
    return _info(record.schema, is_whole=is_whole)


def compiled_info(compiled: Compiled, *, dataflow: bool) -> ProgramInfo:
    """Show what is known of a program that was compiled without a pipeline."""
    assert compiled.schema is not None, "only a right program has a schema"
    return msgspec.structs.replace(_info(compiled.schema), dataflow=compiled.schema.get("plan") if dataflow else None)


def _info(schema: Mapping[str, Any], *, is_whole: bool = False) -> ProgramInfo:
    return ProgramInfo(
        {"inputs": schema["inputs"], "outputs": schema["outputs"]},
        "",
        schema.get("input_connectors", {}),
        schema.get("output_connectors", {}),
        "" if is_whole else UNSET,
        schema.get("plan") if is_whole else UNSET,
    )


# ---- history


def event(change: StatusChange, selector: str) -> Event:
    """Show one change of status. selector: all or status."""
    resources, runtime = _PLACES[change.state]
    is_whole = selector == "all"
    return Event(
        event_id=change.id,
        recorded_at=rfc3339(change.at),
        deployment_resources_status=resources,
        deployment_resources_desired_status=_WISHES[change.aim][0],
        deployment_runtime_status=runtime,
        deployment_runtime_desired_status=_runtime_wish(change.state, change.aim),
        deployment_has_error=change.fault is not None,
        program_status=PROGRAM_STATUS[change.program_state],
        storage_status=STORAGE_STATUS[change.storage],
        deployment_error=_triple(change.fault) if is_whole else UNSET,
        deployment_resources_status_details=None if is_whole else UNSET,
        deployment_runtime_status_details=None if is_whole else UNSET,
        storage_status_details=None if is_whole else UNSET,
    )


# ---- data


def token(deployment: str, endpoint: str, position: int) -> str:
    """Write a completion token: which start, which endpoint, how far."""
    return base64.urlsafe_b64encode(msgspec.json.encode((deployment, endpoint, position))).decode()


def read_token(text: str) -> tuple[str, str, int]:
    """Read a completion token back.

    Raises: InvalidParam if it is none of ours.
    """
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=tuple[str, str, int])
    except (binascii.Error, msgspec.DecodeError, ValueError):
        refuse("InvalidParam", f"the completion token {text!r} was not made by this server")


def chunk_line(number: int, format: str, chunk: Chunk) -> bytes:
    """Write one line of an egress stream. Its payload is a JSON array, CSV text or bytes, by format."""
    payload, step, missed = chunk.payload, chunk.step, chunk.missed
    parts = [b'{"sequence_number":%d,"snapshot":%s' % (number, b"true" if chunk.snapshot else b"false")]
    if missed is not None:
        told = {"chunks": missed.chunks, "first_step": missed.first_step, "last_step": missed.last_step}
        parts += [b',"missed":', msgspec.json.encode(told)]
    if format == "json":
        parts += [b',"json_data":', payload or b"[]"]
    elif format == "csv":
        parts += [b',"text_data":', msgspec.json.encode((payload or b"").decode())]
    elif payload is not None:
        parts += [b',"bin_data":', msgspec.json.encode(base64.b64encode(payload).decode())]
    if step is not None:
        parts.append(b',"processed_steps":%d' % step)
    parts.append(b"}\r\n")
    return b"".join(parts)


def checkpoint(manifest: Manifest) -> dict[str, Any]:
    """Show a checkpoint."""
    return {
        "uuid": manifest.id,
        "identifier": None,
        "fingerprint": int(manifest.program_print[:15], 16),
        "size": manifest.size_bytes,
        "steps": manifest.steps,
        "processed_records": manifest.records,
    }


_ERROR_COUNTERS: Final = ("num_parse_errors", "num_transport_errors", "num_encode_errors")


def error_count(stats: Mapping[str, Any]) -> int:
    """Add up the errors of all connectors."""
    ends = [*stats.get("inputs", ()), *stats.get("outputs", ())]
    return sum(int(end.get("metrics", {}).get(name, 0)) for end in ends for name in _ERROR_COUNTERS)
