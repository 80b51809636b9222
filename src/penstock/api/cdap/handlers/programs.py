"""One program: start, stop, status, its runs; one run: show, stop, suspend, resume."""

from __future__ import annotations

from typing import Any

from starlette.responses import PlainTextResponse

from penstock.api.cdap.entities import Program, program_of
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.history import (
    ACTIVE,
    NEWEST_FIRST,
    face_of,
    program_status,
    runs_of_program,
    runs_where,
    where_status,
)
from penstock.api.cdap.launching import start as start_run
from penstock.api.cdap.names import BATCH, PHASE, TYPES, run_entity
from penstock.api.cdap.project.apps import specification
from penstock.api.cdap.project.runs import phase_record, run_record
from penstock.api.cdap.runids import outer_run, uuid1_of
from penstock.api.cdap.steering import graceful, resume_run, stop_run, suspend_run
from penstock.api.cdap.wire import texts_of
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import integer
from penstock.kernel.errors import Invalid, NotFound, Unsupported
from penstock.kernel.query import MAX_LIMIT, AllOf, Compare, Comparison, Predicate
from penstock.services.runs.record import Run

__all__ = [
    "active_runs",
    "count",
    "debug",
    "get",
    "resume",
    "run_and_phase",
    "run_of",
    "show_run",
    "show_runs",
    "start",
    "status",
    "stop",
    "stop_one",
    "suspend",
]

LIMIT = 100


async def start(call: Call, body: object) -> dict[str, str]:
    """Start a run; the body is the map of its arguments."""
    program = await program_of(call)
    run = await start_run(call.services, program, texts_of(body, "arguments"), call.principal.name)
    return {"runId": run.id}


async def debug(call: Call) -> None:
    """Refuse to start for debugging."""
    await program_of(call)
    raise Unsupported("debugging of programs is not supported")


async def stop(call: Call) -> None:
    """Stop all active runs of a program."""
    program = await program_of(call)
    grace_s = graceful(call.query)
    runs = await active_runs(call, program)
    if not runs:
        raise Invalid(f"Program '{program.entity}' is not running.")
    for run in runs:
        await stop_run(call.services, run, grace_s)


async def stop_one(call: Call) -> None:
    """Stop one run."""
    program = await program_of(call)
    grace_s = graceful(call.query)
    if uuid1_of(call.path["run"]) is None:
        raise Invalid(f"Invalid run id '{call.path['run']}': it is no time-based UUID")
    if program.name.startswith(PHASE):
        raise Invalid(f"Cannot stop '{program.entity}' on its own: it was started by the workflow '{BATCH}', stop that")
    try:
        run = await run_of(call, program)
    except NotFound:
        run = None
    if run is None or run.state.is_final:
        raise Invalid(f"Program run '{_entity(program, call.path['run'])}' is not running.")
    await stop_run(call.services, run, grace_s)


async def suspend(call: Call) -> PlainTextResponse:
    """Have a run begin no further step."""
    await suspend_run(call.services, await _open_run(call))
    return PlainTextResponse("Program run suspended.")


async def resume(call: Call) -> PlainTextResponse:
    """Let a suspended run go on."""
    await resume_run(call.services, await _open_run(call))
    return PlainTextResponse("Program run resumed.")


async def status(call: Call) -> dict[str, str]:
    """Show whether a program runs."""
    program = await program_of(call)
    return {"status": program_status(await active_runs(call, program))}


async def get(call: Call) -> dict[str, Any]:
    """Show what a program is made of."""
    program = await program_of(call)
    return specification(program.app, program.type, program.name)


async def count(call: Call) -> int:
    """Count the runs of a program."""
    program = await program_of(call)
    return await call.services.runs.count(program.place.scope, _of_program(program))


async def show_runs(call: Call) -> list[dict[str, Any]]:
    """List the runs of a program, the newest first."""
    program = await program_of(call)
    limit = integer(call.query, "limit", LIMIT, least=1)
    where = AllOf((_of_program(program), where_status(call.query.get("status", "ALL")), *_window(call)))
    runs = await runs_where(call.services, program.place.scope, where, limit=min(limit, MAX_LIMIT))
    phase = _phase(program)
    if phase:
        return [phase_record(run, phase) for run in runs if phase <= len(face_of(run).phases)]
    return [run_record(run) for run in runs]


async def show_run(call: Call) -> dict[str, Any]:
    """Show a run, of whatever version of the app."""
    _, run, phase = await run_and_phase(call)
    return phase_record(run, phase) if phase else run_record(run)


async def run_and_phase(call: Call) -> tuple[Program, Run, int]:
    """Return what a path names: a program, a run of it, and the phase if it is an inner program. Raises: Missing."""
    program = await program_of(call)
    return program, await run_of(call, program), _phase(program)


async def run_of(call: Call, program: Program) -> Run:
    """Return the run that the path names. Raises: Missing."""
    wanted = call.path["run"]
    missing = Missing(_entity(program, wanted))
    if uuid1_of(wanted) is None:
        raise missing
    outer, phase = outer_run(wanted)
    if phase != _phase(program):
        raise missing
    try:
        run = await call.services.runs.get(outer)
    except NotFound:
        raise missing from None
    columns = run.body.columns
    is_own = columns.get("app_id") == program.app.id and run.scope == program.place.scope
    if not is_own or columns.get("program") not in (f"{program.type.name}/{program.name}", _workflow(program)):
        raise missing
    return run


async def active_runs(call: Call, program: Program) -> list[Run]:
    """Return the runs of a program that have not ended, the newest first."""
    where = AllOf((_of_program(program), ACTIVE))
    page = await call.services.runs.page(program.place.scope, where=where, order=NEWEST_FIRST, limit=MAX_LIMIT)
    return list(page.runs)


async def _open_run(call: Call) -> Run:
    program = await program_of(call)
    if program.name.startswith(PHASE):
        raise Unsupported("only runs of workflows can be suspended and resumed")
    run = await run_of(call, program)
    if run.state.is_final:
        raise Missing(_entity(program, run.id))
    return run


def _phase(program: Program) -> int:
    return int(program.name.removeprefix(PHASE)) if program.name.startswith(PHASE) else 0


def _workflow(program: Program) -> str | None:
    return f"{TYPES[0].name}/{BATCH}" if program.name.startswith(PHASE) else None


def _of_program(program: Program) -> Predicate:
    """Find a program's runs; those of an inner program are its workflow's."""
    if program.name.startswith(PHASE):
        return runs_of_program(program.app, TYPES[0], BATCH)
    return runs_of_program(program.app, program.type, program.name)


def _window(call: Call) -> list[Predicate]:
    found: list[Predicate] = []
    start_s = integer(call.query, "start", None)
    end_s = integer(call.query, "end", None)
    if start_s is not None:
        found.append(Compare("starting_us", Comparison.GE, min(start_s, 1 << 40) * 1_000_000))
    if end_s is not None:
        found.append(Compare("starting_us", Comparison.LT, min(end_s, 1 << 40) * 1_000_000))
    return found


def _entity(program: Program, run: str) -> str:
    return run_entity(program.place.namespace, program.app_name, program.type, program.name, run)
