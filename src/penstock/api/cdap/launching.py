"""From a program and arguments to a run.

A run keeps the version it was started from: its graph was made of it. What was noted with the run (`history.Face`) is
all that its record shows beside its state and times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.api.cdap.arguments import LOGICAL_START, preferences_for, scoped
from penstock.api.cdap.entities import Program, version_in
from penstock.api.cdap.history import ORIGIN, Face, run_columns
from penstock.api.cdap.names import BATCH, STREAMING
from penstock.api.cdap.pipelines import Lowered, connections_of, graph_of
from penstock.api.cdap.runids import new_run_id, starting_us
from penstock.kernel.errors import Exhausted, Invalid
from penstock.kernel.ids import RunId
from penstock.services.runs.record import Run
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["Ready", "ready", "start", "submission_of", "submit"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A program with all that its runs have in common: many can be started from it."""

    program: Program
    version: str
    lowered: Lowered
    preferences: Mapping[str, str]
    connections: Mapping[str, Any]


async def start(services: Services, program: Program, arguments: Mapping[str, str], started_by: str = "") -> Run:
    """Start a run; its record can be read when this returns.

    Raises: Invalid if this program cannot be started on its own; Exhausted if too many runs wait: then there is a
        record of the run that was refused.
    """
    return await submit(services, submission_of(services, await ready(services, program), arguments, started_by))


async def ready(services: Services, program: Program) -> Ready:
    """Look up all that runs of a program have in common. Raises: Invalid if it cannot be started on its own."""
    if program.name not in (BATCH, STREAMING):
        raise Invalid(f"'{program.entity}' is a part of '{BATCH}' and cannot be started on its own")
    version = await version_in(services, program.place, program.app, program.version)
    return Ready(
        program,
        version.body.version,
        graph_of(version.body.artifact["name"], version.body.config),
        await preferences_for(services, program),
        await connections_of(services, program.place, version.body),
    )


def submission_of(
    services: Services,
    ready: Ready,
    arguments: Mapping[str, str],
    started_by: str = "",
    token: Mapping[str, Any] | None = None,
) -> Submission:
    """Return a run with these arguments over the preferences.

    token: what the run finds set already, as actions set it.
    """
    program, run_id = ready.program, new_run_id(services.clock.now())
    shown = {**ready.preferences, **arguments}
    shown.setdefault(LOGICAL_START, str(starting_us(run_id) // 1000))
    face = Face(
        namespace=program.place.namespace,
        app=program.app_name,
        version=ready.version,
        type=program.type.name,
        program=program.name,
        arguments=msgspec.json.encode(shown).decode(),
        phases=list(ready.lowered.phases) if program.name == BATCH else [],
        started_by=started_by,
    )
    return Submission(
        program.place.scope,
        ready.lowered.graph,
        program.app_name,
        id=RunId(run_id),
        inputs=ready.lowered.inputs(scoped(shown, program), dict(token or {}), ready.connections),
        facts={"namespace": program.place.namespace, "app": program.app_name},
        origin=ORIGIN,
        columns=run_columns(program.app.id, program.type, program.name, starting_us(run_id)),
        labels=msgspec.to_builtins(face),
    )


async def submit(services: Services, submission: Submission) -> Run:
    """Submit a run. Raises: Exhausted, and leaves a record of the run that was refused."""
    try:
        return await services.runs.submit(submission)
    except Exhausted as error:
        await services.runs.reject(submission, error.message)
        raise
