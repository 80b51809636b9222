"""Checkpoints of a pipeline: asked for, watched, listed."""

from typing import Any

from penstock.api.feldera import project
from penstock.api.feldera.editions import check_full
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found
from penstock.api.shared.call import Call
from penstock.kernel.instants import rfc3339
from penstock.services.circuits.service import Circuit

__all__ = ["list_all", "list_remote", "make", "status", "sync", "sync_status"]


async def make(call: Call) -> dict[str, Any]:
    """Begin to make a checkpoint; `status` says what has come of it."""
    circuit = _of_full_edition(call)
    number = await call.services.circuits.checkpoint(circuit)
    return {"checkpoint_sequence_number": number, "incarnation_uuid": _incarnation(circuit)}


async def status(call: Call) -> dict[str, Any]:
    """Say which checkpoint was made last, and which could not be made."""
    circuit = _of_full_edition(call)
    call.services.circuits.process(circuit)
    _check_incarnation(call, circuit)
    asked = call.services.circuits.asked(circuit)
    failure = None
    if asked.failure is not None:
        number, message, at = asked.failure
        failure = {"sequence_number": number, "error": message, "failed_at": rfc3339(at)}
    return {"success": asked.success, "failure": failure}


async def list_all(call: Call) -> list[dict[str, Any]]:
    """List the checkpoints that are kept, oldest first."""
    return [project.checkpoint(manifest) for manifest in await call.services.circuits.checkpoints(found(call))]


async def sync(call: Call) -> dict[str, Any]:
    """Begin to copy the newest checkpoint to the object store; `sync_status` says what has come of it."""
    circuit = _of_full_edition(call)
    id = await call.services.circuits.process(circuit).copy_checkpoint()
    return {"checkpoint_uuid": id, "incarnation_uuid": _incarnation(circuit)}


async def sync_status(call: Call) -> dict[str, Any]:
    """Say which checkpoint was copied last, which could not be, and which are being copied."""
    circuit = _of_full_edition(call)
    report = await call.services.circuits.process(circuit).copying()
    _check_incarnation(call, circuit)
    failure = report["failure"]
    return {
        "success": report["success"],
        "failure": None if failure is None else {"uuid": failure["id"], "error": failure["message"]},
        "periodic": report["periodic"],
        "running": report["running"],
    }


async def list_remote(call: Call) -> list[dict[str, Any]]:
    """List the checkpoints in the object store, oldest first."""
    return [{"uuid": id} for id in await call.services.circuits.process(_of_full_edition(call)).copies()]


def _of_full_edition(call: Call) -> Circuit:
    circuit = found(call)
    check_full(call.services, "checkpoints are not part of this edition", "checkpoint")
    return circuit


def _incarnation(circuit: Circuit) -> str | None:
    deployment = circuit.body.deployment
    return deployment.id if deployment is not None else None


def _check_incarnation(call: Call, circuit: Circuit) -> None:
    """Refuse a question about another run of the pipeline than the present one."""
    wanted = call.query.get("incarnation_uuid")
    if wanted is not None and wanted != _incarnation(circuit):
        message = "the pipeline was started anew since; checkpoints asked for before are not known to this run"
        refuse("IncarnationUuidMismatch", message, {"expected": wanted, "actual": _incarnation(circuit)})
