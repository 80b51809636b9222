"""Schedules of an app's programs."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from penstock.api.cdap.entities import Place, app_in, app_of, place_of, program_in, program_of
from penstock.api.cdap.errors import Missing, status_of
from penstock.api.cdap.handlers.batch import read_items
from penstock.api.cdap.kinds import SCHEDULE, WATCH, AppBody, ScheduleBody
from penstock.api.cdap.names import type_of_name
from penstock.api.cdap.schedules import (
    STATUSES,
    body_of,
    create_schedule,
    enable_schedule,
    members,
    remove_schedule,
    replace_schedule,
    schedule_key,
    schedule_of,
)
from penstock.api.cdap.wire import ScheduleRequest, read
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import integer, required
from penstock.kernel.errors import Invalid, NotFound, PenstockError
from penstock.kernel.instants import unix_us
from penstock.kernel.query import MAX_LIMIT, AllOf, Compare, Comparison
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.triggers import next_after
from penstock.services.documents import Document

__all__ = [
    "act",
    "create",
    "get",
    "next_run",
    "next_runs",
    "of_program",
    "previous_run",
    "previous_runs",
    "re_enable",
    "remove",
    "show_all",
    "status",
    "triggered_by",
    "update",
]

SCHEDULED, SUSPENDED = "SCHEDULED", "SUSPENDED"
ENABLING: Final = {"enable": True, "resume": True, "disable": False, "suspend": False}
TRIGGER_TYPES: Final = {"time": "TIME", "program-status": "PROGRAM_STATUS", "partition": "PARTITION"}


async def create(call: Call, body: object) -> None:
    """Keep a new schedule; it does not fire until it is enabled."""
    place, app = await app_of(call)
    wanted = read(body if body is not None else {}, ScheduleRequest)
    name = app.name or ""
    await create_schedule(call.services, place, app, body_of(name, call.path["schedule"], wanted))


async def update(call: Call, body: object) -> None:
    """Change what is sent of a schedule."""
    place, app = await app_of(call)
    schedule = await _find(call, place, app)
    wanted = read(body if body is not None else {}, ScheduleRequest)
    await replace_schedule(call.services, schedule, body_of(app.name or "", schedule.body.name, wanted, schedule.body))


async def get(call: Call) -> dict[str, Any]:
    """Show a schedule."""
    place, app = await app_of(call)
    return _shown(await _find(call, place, app), app)


async def show_all(call: Call) -> list[dict[str, Any]]:
    """List the schedules of an app."""
    place, app = await app_of(call)
    return [_shown(schedule, app) for schedule in await _of_app(call, place, app)]


async def of_program(call: Call) -> list[dict[str, Any]]:
    """List the schedules of a program."""
    program = await program_of(call)
    return [
        _shown(schedule, program.app)
        for schedule in await _of_app(call, program.place, program.app)
        if (schedule.body.program, schedule.body.program_type) == (program.name, program.type.name)
    ]


async def remove(call: Call) -> None:
    """Remove a schedule."""
    place, app = await app_of(call)
    await remove_schedule(call.services, await _find(call, place, app))


async def act(call: Call) -> Response:
    """Enable or disable a schedule."""
    place, app = await app_of(call)
    action = call.path["action"].lower()
    if action not in ENABLING:
        raise Invalid(f"Action '{call.path['action']}' is not supported; it must be one of {', '.join(ENABLING)}")
    await enable_schedule(call.services, await _find(call, place, app), ENABLING[action])
    return Response("OK", media_type="application/json")


async def status(call: Call) -> dict[str, str]:
    """Show whether a schedule is enabled."""
    place, app = await app_of(call)
    return {"status": _status((await _find(call, place, app)).body)}


async def next_run(call: Call) -> list[dict[str, Any]]:
    """Show when the schedules of a program fire next."""
    program = await program_of(call)
    return await _times(call, program.place, program.app, program.name, is_next=True)


async def previous_run(call: Call) -> list[dict[str, Any]]:
    """Show when the schedules of a program fired last."""
    program = await program_of(call)
    return await _times(call, program.place, program.app, program.name, is_next=False)


async def next_runs(call: Call, body: object) -> list[dict[str, Any]]:
    """Show when the schedules of several programs fire next."""
    return await _times_of_many(call, body, is_next=True)


async def previous_runs(call: Call, body: object) -> list[dict[str, Any]]:
    """Show when the schedules of several programs fired last."""
    return await _times_of_many(call, body, is_next=False)


async def triggered_by(call: Call) -> list[dict[str, Any]]:
    """List the schedules that wait for a program's runs."""
    await place_of(call)
    namespace, app, program = (
        required(call.query, f"trigger-{name}") for name in ("namespace-id", "app-name", "program-name")
    )
    type = type_of_name(required(call.query, "trigger-program-type").rstrip("s"))
    statuses = {each.strip().upper() for each in required(call.query, "trigger-program-statuses").split(",")}
    if type is None or not statuses <= set(STATUSES):
        raise Invalid(f"Invalid trigger program type or statuses; statuses must be among {', '.join(STATUSES)}")
    wanted = _wanted_status(call)
    where = Compare("program", Comparison.EQ, f"{namespace}/{app}/{type.name}/{program}")
    found: dict[str, dict[str, Any]] = {}
    for watch in (await call.services.documents.page(WATCH, DEFAULT_SCOPE, where=where, limit=MAX_LIMIT)).documents:
        scope = Scope.parse(watch.body.scope)
        if scope.path[:-1] != call.scope.path or not statuses & set(watch.body.statuses):
            continue
        schedule = await call.services.documents.get(SCHEDULE, watch.body.schedule)
        owner = await app_in(call.services, Place(call.scope, scope.path[-1]), schedule.body.app)
        if wanted in (None, _status(schedule.body)):
            found[schedule.id] = _shown(schedule, owner)
    return list(found.values())


async def re_enable(call: Call) -> None:
    """Enable the schedules of a namespace that were suspended within a time."""
    place = await place_of(call)
    start_us = integer(call.query, "start-time-millis", 0) * 1000
    end_us = integer(call.query, "end-time-millis", (1 << 52)) * 1000
    page = await call.services.documents.page(SCHEDULE, place.scope, limit=MAX_LIMIT)
    for schedule in page.documents:
        suspended_us = schedule.body.suspended_us
        if not schedule.body.is_enabled and suspended_us is not None and start_us <= suspended_us < end_us:
            await enable_schedule(call.services, schedule, True)


async def _find(call: Call, place: Place, app: Document[AppBody]) -> Document[ScheduleBody]:
    name = call.path["schedule"]
    try:
        return await call.services.documents.find(SCHEDULE, place.scope, schedule_key(app.name or "", name))
    except NotFound:
        raise Missing(f"schedule:{place.namespace}.{app.name}.{app.body.version}.{name}") from None


async def _of_app(call: Call, place: Place, app: Document[AppBody]) -> list[Document[ScheduleBody]]:
    where = AllOf((Compare("app", Comparison.EQ, app.name or ""),))
    page = await call.services.documents.page(SCHEDULE, place.scope, where=where, limit=MAX_LIMIT)
    found = list(page.documents)
    wanted = _wanted_status(call)
    if wanted is not None:
        found = [schedule for schedule in found if _status(schedule.body) == wanted]
    if (text := call.query.get("trigger-type")) is not None:
        kind = TRIGGER_TYPES.get(text.lower(), text.upper())
        found = [schedule for schedule in found if schedule.body.trigger["type"] == kind]
    return found


def _wanted_status(call: Call) -> str | None:
    text = call.query.get("schedule-status")
    if text is None:
        return None
    if text.upper() not in (SCHEDULED, SUSPENDED):
        raise Invalid(f"Invalid schedule status '{text}'; it must be {SCHEDULED} or {SUSPENDED}")
    return text.upper()


def _status(body: ScheduleBody) -> str:
    return SCHEDULED if body.is_enabled else SUSPENDED


async def _times(
    call: Call, place: Place, app: Document[AppBody], program: str, *, is_next: bool
) -> list[dict[str, Any]]:
    now_us = unix_us(call.services.clock.now())
    found = []
    for schedule in await _of_app(call, place, app):
        body = schedule.body
        if body.program != program or not body.is_enabled:
            continue
        times = [
            time_us
            for trigger, member in body.triggers.items()
            if (time_us := await _time(call, body, trigger, member, now_us, is_next=is_next)) is not None
        ]
        if times:
            found.append({"id": body.name, "time": (min(times) if is_next else max(times)) // 1000})
    return found


async def _time(call: Call, body: ScheduleBody, trigger: str, member: str, now_us: int, *, is_next: bool) -> int | None:
    if not is_next:
        kept = (await call.services.triggers.get(trigger)).body
        return kept.last_us if kept.count else None
    expression = dict(members(body.trigger))[member]["cronExpression"]
    return next_after(schedule_of(expression), now_us, now_us)


async def _times_of_many(call: Call, body: object, *, is_next: bool) -> list[dict[str, Any]]:
    answers = []
    for item in read_items(body):
        try:
            program = await program_in(
                call.services, call.scope, call.path["namespace"], item.app, item.type, item.program
            )
            times = await _times(call, program.place, program.app, program.name, is_next=is_next)
            answers.append(item.answer(200, schedules=times))
        except PenstockError as error:
            answers.append(item.answer(status_of(error), error=error.message))
    return answers


def _shown(schedule: Document[ScheduleBody], app: Document[AppBody]) -> dict[str, Any]:
    body = schedule.body
    return {
        "name": body.name,
        "description": body.description,
        "namespace": schedule.scope.path[-1],
        "application": body.app,
        "applicationVersion": app.body.version,
        "program": {"programName": body.program, "programType": body.program_type},
        "properties": body.properties,
        "trigger": body.trigger,
        "constraints": body.constraints,
        "timeoutMillis": body.timeout_ms,
        "status": _status(body),
    }
