"""Runs as this dialect keeps them: what is noted with each, by what they are found, what their states are called.

Columns find them: `app_id`, so that an app that was removed and made again has no old runs, `program`, and
`starting_us`, when the start was accepted.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.api.cdap.kinds import AppBody
from penstock.api.cdap.names import ProgramType
from penstock.api.cdap.project.states import STATUS
from penstock.kernel.errors import Invalid
from penstock.kernel.query import AllOf, AnyOf, Compare, Comparison, Not, OneOf, Order, Predicate
from penstock.kernel.runs import RunState
from penstock.kernel.scope import Scope
from penstock.services.documents import Document
from penstock.services.runs.record import Run
from penstock.services.services import Services

__all__ = [
    "ACTIVE",
    "NEWEST_FIRST",
    "ORIGIN",
    "Face",
    "face_of",
    "program_status",
    "run_columns",
    "runs_of_app",
    "runs_of_program",
    "runs_where",
    "status_of_run",
    "where_status",
]

ORIGIN: Final = "cdap"
NEWEST_FIRST: Final = Order("created_at", descending=True)

QUERIED: Final = (*dict.fromkeys(STATUS.values()), "RESUMING", "ALL")
ACTIVE: Final = Not(OneOf("state", tuple(state.value for state in RunState if state.is_final)))
"""Runs that have not ended."""


class Face(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is noted with a run, in its labels.

    Attributes:
        arguments: the user's arguments as JSON text, as shown.
        phases: names of the steps that are phases, in order.
        suspended_us, resumed_us, stopping_us, terminate_us: when it was told so last.
        is_preview: it belongs to no app, and is not listed.
        started_by: what started it: a user, or a schedule.
    """

    namespace: str
    app: str
    version: str
    type: str
    program: str
    arguments: str
    phases: list[str] = msgspec.field(default_factory=list)
    suspended_us: int | None = None
    resumed_us: int | None = None
    stopping_us: int | None = None
    terminate_us: int | None = None
    is_preview: bool = False
    started_by: str = ""


def face_of(run: Run) -> Face:
    """Return what is noted with a run."""
    return msgspec.convert(run.body.labels, Face)


def run_columns(app_id: str, type: ProgramType, program: str, starting_us: int) -> dict[str, Any]:
    """Return by what a run is found."""
    return {"app_id": app_id, "program": f"{type.name}/{program}", "starting_us": starting_us}


def runs_of_app(app: Document[AppBody]) -> Predicate:
    """Find the runs of all programs of an app."""
    return Compare("app_id", Comparison.EQ, app.id)


def runs_of_program(app: Document[AppBody], type: ProgramType, program: str) -> Predicate:
    """Find the runs of a program, of whatever version."""
    return AllOf((runs_of_app(app), Compare("program", Comparison.EQ, f"{type.name}/{program}")))


def where_status(status: str) -> Predicate:
    """Find runs by a status that a client asks for, in any case. Raises: Invalid."""
    wanted = status.upper()
    if wanted not in QUERIED:
        raise Invalid(f"Invalid status '{status}'; it must be one of {', '.join(QUERIED)}")
    if wanted == "ALL":
        return AllOf()
    states = tuple(state.value for state, name in STATUS.items() if name == wanted)
    return OneOf("state", states) if states else AnyOf()


async def runs_where(services: Services, scope: Scope, where: Predicate, *, limit: int) -> list[Run]:
    """Return runs, the newest first."""
    page = await services.runs.page(scope, where=where, order=NEWEST_FIRST, limit=limit)
    return list(page.runs)


def status_of_run(run: Run) -> str:
    """Return what a run's state is called."""
    return STATUS[run.state]


def program_status(runs: list[Run]) -> str:
    """Return what a program does, from its active runs."""
    states = {run.state for run in runs}
    if states & {RunState.RUNNING, RunState.SUSPENDED, RunState.RESUMING, RunState.STOPPING}:
        return "RUNNING"
    return "STARTING" if states else "STOPPED"
