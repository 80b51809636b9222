"""Previews: a pipeline that is not deployed runs on few records, and what its stages give can be looked at.

A preview is a run like any other, but of no app: it is in no list. One that is wrong before it could run is a
document instead, which says why. Both are gone after a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from penstock.api.cdap.arguments import LOGICAL_START, levels, resolved_preferences
from penstock.api.cdap.deployment import checked_artifact, config_of, wanted_of
from penstock.api.cdap.entities import Place, place_of
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.handlers import logs, metrics
from penstock.api.cdap.history import ORIGIN, Face, face_of, run_columns
from penstock.api.cdap.kinds import PREVIEW, PreviewBody
from penstock.api.cdap.names import BATCH, SNAPSHOT, TYPES
from penstock.api.cdap.pipelines import check_pipeline, graph_of
from penstock.api.cdap.project.states import PREVIEW_STATUS
from penstock.api.cdap.runids import new_run_id, starting_us, uuid1_of
from penstock.api.cdap.steering import stop_run
from penstock.api.cdap.wire import texts_of
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound, PenstockError
from penstock.kernel.ids import RunId
from penstock.kernel.instants import unix_ms
from penstock.kernel.policies import Retention
from penstock.kernel.runs import RunState
from penstock.services.runs.record import Run
from penstock.services.runs.submission import Submission

__all__ = [
    "create",
    "log",
    "log_next",
    "log_previous",
    "query_metrics",
    "search_metrics",
    "status",
    "stop",
    "tracers",
    "tracers_of",
]

KEPT_S: Final = 86_400.0
ROWS: Final = 100
MOST_ROWS: Final = 5000
_LATE: Final = "the run took longer than"
"""How the message of a run begins whose time was over."""


async def create(call: Call, body: object) -> dict[str, str]:
    """Run a pipeline on few records, writing no sink."""
    place = await place_of(call)
    wanted = wanted_of(body)
    artifact, config = checked_artifact(wanted.artifact), config_of(wanted)
    settings = wanted.preview or {}
    id = new_run_id(call.services.clock.now())
    try:
        await check_pipeline(call.services, place, artifact["name"], config)
        submission = await _submission(call, place, id, artifact["name"], config, settings)
    except PenstockError as error:
        failed = PreviewBody(failure=error.message, submitted_ms=unix_ms(call.services.clock.now()))
        await call.services.documents.create(PREVIEW, place.scope, id, failed)
    else:
        await call.services.runs.submit(submission)
    return {"namespace": place.namespace, "application": id, "version": SNAPSHOT, "entity": "APPLICATION"}


async def status(call: Call) -> dict[str, Any]:
    """Show how far a preview is."""
    place = await place_of(call)
    found = await _find(call, place)
    if isinstance(found, PreviewBody):
        return {
            "status": "DEPLOY_FAILED",
            "submitTime": found.submitted_ms,
            "throwable": _throwable(found.failure or ""),
        }
    word, message = PREVIEW_STATUS[found.state], found.body.message or ""
    if found.state is RunState.FAILED and message.startswith(_LATE):
        word = "KILLED_BY_TIMER"
    shown: dict[str, Any] = {"status": word, "submitTime": starting_us(found.id) // 1000}
    if found.body.started_at_us is not None:
        shown["startTime"] = found.body.started_at_us // 1000
    if found.state.is_final and found.body.finished_at_us is not None:
        shown["endTime"] = found.body.finished_at_us // 1000
    if word == "RUN_FAILED":
        shown["throwable"] = _throwable(message)
    return shown


async def stop(call: Call) -> None:
    """Stop a preview."""
    run = await _run(call)
    if run.state.is_final:
        raise Invalid(f"Preview '{run.id}' is not running; it is {PREVIEW_STATUS[run.state]}")
    await stop_run(call.services, run)


async def tracers(call: Call) -> dict[str, Any]:
    """Show what one stage of a preview gave."""
    found: dict[str, Any] = (await _traced(call)).get(call.path["stage"], {})
    return found


async def tracers_of(call: Call, body: object) -> dict[str, Any]:
    """Show what several stages of a preview gave."""
    wanted = body.get("tracers") if isinstance(body, dict) else None
    if not isinstance(wanted, list) or not wanted:
        raise Invalid("Invalid request body: 'tracers' must be a list with at least one stage")
    found = await _traced(call)
    return {str(stage): found.get(str(stage), {}) for stage in wanted}


async def log(call: Call) -> Response:
    """Send the log of a preview."""
    return logs.sent(call, [await _run(call)])


async def log_next(call: Call) -> Response:
    """Send the entries of a preview's log that follow an offset."""
    return await logs.page(call, await _run(call), is_next=True)


async def log_previous(call: Call) -> Response:
    """Send the entries of a preview's log that come before an offset."""
    return await logs.page(call, await _run(call), is_next=False)


async def search_metrics(call: Call) -> list[Any]:
    """List the metrics of a preview."""
    run = await _run(call)
    return await metrics.found(call, {"namespace": face_of(run).namespace, "run": run.id})


async def query_metrics(call: Call, body: object) -> dict[str, Any]:
    """Answer queries of a preview's metrics."""
    run = await _run(call)
    return await metrics.answered(call, body, {"namespace": face_of(run).namespace, "run": run.id})


async def _submission(
    call: Call, place: Place, id: str, artifact: str, config: Mapping[str, Any], settings: Mapping[str, Any]
) -> Submission:
    lowered = graph_of(artifact, msgspec.json.encode(config).decode(), _rows(config))
    preferences = await resolved_preferences(call.services, call.scope, levels(place))
    arguments = {**preferences, **texts_of(settings.get("runtimeArgs"), "runtimeArgs")}
    arguments.setdefault(LOGICAL_START, str(starting_us(id) // 1000))
    minutes = settings.get("timeout")
    timeout_s = float(minutes) * 60 if isinstance(minutes, int | float) and minutes > 0 else None
    face = Face(
        namespace=place.namespace,
        app=id,
        version=SNAPSHOT,
        type=TYPES[0].name,
        program=BATCH,
        arguments=msgspec.json.encode(arguments).decode(),
        phases=list(lowered.phases),
        is_preview=True,
        started_by=call.principal.name,
    )
    return Submission(
        place.scope,
        msgspec.structs.replace(lowered.graph, timeout_s=timeout_s),
        f"preview {id}",
        id=RunId(id),
        inputs=lowered.inputs(arguments, {}, {}),
        facts={"namespace": place.namespace, "app": id},
        origin=ORIGIN,
        columns=run_columns(f"preview {id}", TYPES[0], BATCH, starting_us(id)),
        labels=msgspec.to_builtins(face),
        retention=Retention(KEPT_S),
    )


def _rows(config: Mapping[str, Any]) -> int:
    try:
        return max(1, min(MOST_ROWS, int(config.get("numOfRecordsPreview", ROWS))))
    except (TypeError, ValueError):
        return ROWS


async def _find(call: Call, place: Place) -> Run | PreviewBody:
    id = call.path["preview"]
    missing = Missing(f"application:{place.namespace}.{id}.{SNAPSHOT}")
    if uuid1_of(id) is None:
        raise missing
    try:
        run = await call.services.runs.get(id)
    except NotFound:
        try:
            return (await call.services.documents.find(PREVIEW, place.scope, id)).body
        except NotFound:
            raise missing from None
    if run.scope != place.scope or run.body.origin != ORIGIN or not face_of(run).is_preview:
        raise missing
    return run


async def _run(call: Call) -> Run:
    place = await place_of(call)
    found = await _find(call, place)
    if isinstance(found, PreviewBody):
        raise NotFound(f"Preview '{call.path['preview']}' has not run: {found.failure}")
    return found


async def _traced(call: Call) -> dict[str, Any]:
    run = await _run(call)
    found: dict[str, Any] = {}
    for step in await call.services.runs.steps(run.id):
        traced = step.outputs.get("tracers")
        if isinstance(traced, dict):
            found.update(traced)
    return found


def _throwable(message: str) -> dict[str, Any]:
    return {"message": message, "stackTraces": [], "className": "java.lang.Exception"}
