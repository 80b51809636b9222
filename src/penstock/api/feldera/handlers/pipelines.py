"""Pipelines themselves: make, read, replace, edit, delete.

A reply waits a moment for the compilation, so that a client that looks right after it finds its outcome and does not
have to sleep; the reply itself shows the pipeline as it was when it was stored.
"""

from collections.abc import Sequence

from penstock.api.feldera import lower, project, rules
from penstock.api.feldera.editions import check_fault_tolerance
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import NO_CACHE, found, selector
from penstock.api.feldera.kinds import face_of
from penstock.api.feldera.wire import Pipeline
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer
from penstock.kernel.circuits import StorageState
from penstock.kernel.errors import NotFound, Unavailable
from penstock.services.circuits.durability.manifest import Manifest
from penstock.services.circuits.record import CircuitRecord
from penstock.services.circuits.service import Circuit

__all__ = ["create", "dataflow_graph", "delete", "get", "list_all", "patch", "program_info", "put", "update_runtime"]

COMPILE_GRACE_S = 0.5
SELECTORS = ("all", "status", "status_with_connectors")


async def list_all(call: Call) -> Answer:
    """List all pipelines."""
    chosen = selector(call, *SELECTORS, default="all")
    circuits = call.services.circuits.list(call.scope)
    return Answer([await _shown(call, circuit, chosen) for circuit in circuits], headers=NO_CACHE)


async def get(call: Call) -> Answer:
    """Show one pipeline."""
    chosen = selector(call, *SELECTORS, default="all")
    return Answer(await _shown(call, found(call), chosen), headers=NO_CACHE)


async def create(call: Call, body: object) -> Answer:
    """Make a pipeline."""
    return Answer(await _created(call, _allowed(call, lower.wanted(body))), 201)


async def put(call: Call, body: object) -> Answer:
    """Replace a pipeline by another, or make it."""
    path_name = call.path["name"]
    try:
        circuit = call.services.circuits.find(call.scope, path_name)
    except NotFound:
        target = _allowed(call, lower.wanted(body))
        if target.name != path_name:
            message = f"the pipeline {path_name!r} does not exist, so it cannot be renamed to {target.name!r}"
            refuse("CannotRenameNonExistingPipeline", message)
        return Answer(await _created(call, target), 201)

    def change(present: Circuit) -> tuple[str, CircuitRecord]:
        name = present.name or ""
        return _edited(present, _allowed(call, lower.wanted(body, (name, face_of(present.body)))))

    return Answer(await _changed(call, circuit, change), 200)


async def patch(call: Call, body: object) -> Pipeline:
    """Change some fields of a pipeline."""

    def change(present: Circuit) -> tuple[str, CircuitRecord]:
        return _edited(present, _allowed(call, lower.patched(body, present.name or "", present.body)))

    return await _changed(call, found(call), change)


async def update_runtime(call: Call) -> Pipeline:
    """Have a pipeline compiled by the present version of the compiler, if it was by another one."""

    def change(present: Circuit) -> tuple[str, CircuitRecord]:
        name = present.name or ""
        if not rules.is_fully_stopped(present.body):
            refuse("UpdateRestrictedToStopped", "the runtime can only be updated while the pipeline is stopped")
        return name, lower.with_present_runtime(present.body)

    return await _changed(call, found(call), change)


async def delete(call: Call) -> None:
    """Delete a stopped and cleared pipeline."""
    await call.services.circuits.delete(found(call), rules.check_delete)


async def program_info(call: Call) -> Answer:
    """Show the compiled program on its own, as the oldest clients want it."""
    info = project.program_info(found(call).body, is_whole=True)
    if info is None:
        refuse("ProgramNotCompiled", "the program of the pipeline is not compiled, or not yet")
    return Answer(info, headers=NO_CACHE)


async def dataflow_graph(call: Call) -> Answer:
    """Show the plan of the compiled program."""
    schema = found(call).body.schema
    if schema is None:
        refuse("ProgramNotCompiled", "the program of the pipeline is not compiled, or not yet")
    if "plan" not in schema:
        refuse("ProgramInfoMissesDataflow", "the compiled program has no plan")
    return Answer({"calcite_plan": schema["plan"], "mir": {}}, headers=NO_CACHE)


async def _shown(call: Call, circuit: Circuit, chosen: str) -> Pipeline:
    samples = call.services.circuits.samples(circuit) if circuit.body.state.is_up else ()
    errors = project.error_count(samples[-1].stats) if samples else None
    return project.pipeline(circuit, chosen, errors=errors, checkpoints=await _checkpoints(call, circuit))


async def _checkpoints(call: Call, circuit: Circuit) -> Sequence[Manifest]:
    if circuit.body.storage is StorageState.EMPTY:
        return ()
    try:
        return await call.services.circuits.checkpoints(circuit)
    except Unavailable:
        return ()  # to show the pipeline is what matters; the list of checkpoints says what is wrong with them


def _allowed(call: Call, target: lower.Wanted) -> lower.Wanted:
    """Return a pipeline as it is wanted, if this edition has all of it."""
    check_fault_tolerance(call.services, target.face.runtime_config)
    return target


async def _created(call: Call, target: lower.Wanted) -> Pipeline:
    settings, face = lower.settings(target.face.runtime_config), lower.encoded(target.face)
    circuits = call.services.circuits
    circuit = await circuits.create(call.scope, target.name, target.program_code, settings, face)
    await circuits.compiled(circuit, COMPILE_GRACE_S)
    return project.pipeline(circuit, is_reply=True)


def _edited(present: Circuit, target: lower.Wanted) -> tuple[str, CircuitRecord]:
    name = present.name or ""
    record, is_core = lower.edited(name, present.body, target)
    if is_core:
        rules.check_core_edit(name, present.body, target.name, target.face.runtime_config)
    return target.name, record


async def _changed(call: Call, circuit: Circuit, change: lower.Change) -> Pipeline:
    after = await call.services.circuits.edit(circuit, change)
    await call.services.circuits.compiled(after, COMPILE_GRACE_S)
    return project.pipeline(after, is_reply=True)
