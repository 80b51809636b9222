"""Feeding tables, and asking whether what was fed has been processed."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec

from penstock.api.feldera import project
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found, process, relation_name
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.kernel.circuits import CircuitState
from penstock.services.circuits.process import FormatSpec, Pushed
from penstock.services.circuits.service import Circuit, NotDeployed

__all__ = ["completion_status", "connector_token", "push"]

_OWN: Final = ("force", "format", "pipeline_name")
_FLAGS: Final = ("array", "headers", "double_quote", "quoting", "flexible")
_SHOWN_ERRORS: Final = 10
_STEP_WAIT_S: Final = 0.06
"""A question for completion is answered within the time that a step takes: a client would sleep far longer."""


async def push(call: Call, chunks: AsyncIterator[bytes]) -> dict[str, str]:
    """Feed a body into a table; answers when all of it is queued."""
    circuit = found(call)
    deployment = _deployment(circuit)
    force = flag(call.query, "force", False)
    spec = FormatSpec(call.query.get("format", "csv"), _options(call.query))
    pushed = await call.services.circuits.push(circuit, relation_name(call.path["table"]), spec, chunks, force=force)
    if pushed.error_count:
        _refuse_rows(pushed)
    return {"token": project.token(deployment, pushed.endpoint, pushed.position)}


async def completion_status(call: Call) -> dict[str, Any]:
    """Tell whether what a token stands for was processed and delivered."""
    circuit = found(call)
    text = call.query.get("token")
    if text is None:
        refuse("MissingUrlEncodedParam", "the query parameter 'token' is missing", {"param": "token"})
    deployment, endpoint, position = project.read_token(text)
    if deployment != _deployment(circuit):
        refuse("PipelineRestarted", "the token was made before the pipeline was started anew, and means nothing now")
    running = call.services.circuits.process(circuit)
    wait_s = _STEP_WAIT_S if circuit.body.state is CircuitState.RUNNING else 0.0
    is_complete, step = await running.completed(endpoint, position, wait_s=wait_s)
    return {"status": "complete" if is_complete else "inprogress", "step": step}


async def connector_token(call: Call) -> dict[str, str]:
    """Make a token for all that a declared connector has taken in so far."""
    deployment = _deployment(found(call))
    endpoint, position = await process(call).connector_position(
        relation_name(call.path["table"]), call.path["connector"]
    )
    return {"token": project.token(deployment, endpoint, position)}


def _deployment(circuit: Circuit) -> str:
    deployment = circuit.body.deployment
    if deployment is None or deployment.id is None:
        raise NotDeployed("the pipeline is not running; start it first")
    return deployment.id


def _options(query: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {name: value for name, value in query.items() if name not in _OWN}
    for name in _FLAGS:
        if name in options:
            options[name] = flag(query, name, False)
    if "connector_metadata" in options:
        try:
            options["connector_metadata"] = msgspec.json.decode(options["connector_metadata"], type=dict[str, Any])
        except msgspec.DecodeError as error:
            refuse("InvalidParam", f"the query parameter 'connector_metadata' is no JSON object: {error}")
    return options


def _refuse_rows(pushed: Pushed) -> None:
    lines = [f"Errors parsing input data ({pushed.error_count} errors):"]
    lines += [f"  {error.get('description', error)}" for error in pushed.errors[:_SHOWN_ERRORS]]
    if pushed.error_count > _SHOWN_ERRORS:
        lines.append(f"  ... and {pushed.error_count - _SHOWN_ERRORS} more")
    refuse("ParseErrors", "\n".join(lines), {"num_errors": pushed.error_count, "errors": list(pushed.errors)})
