"""Schedules: made, changed, switched on and off, removed. `firing` says what happens when one fires.

A schedule's times are triggers of the house, one for each TIME member; its programs are watches. Both carry the place
of their member in the trigger, so that a composite knows which of them have fired.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from penstock.api.cdap.entities import Place, check_program
from penstock.api.cdap.kinds import JOB, SCHEDULE, WATCH, AppBody, JobBody, ScheduleBody, WatchBody
from penstock.api.cdap.names import BATCH, BATCH_ARTIFACT, TYPES, check_id, type_of_name
from penstock.api.cdap.wire import ScheduleRequest, texts_of
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound, Unsupported, WrongState
from penstock.kernel.instants import unix_us
from penstock.kernel.query import MAX_LIMIT, Compare, Comparison
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.triggers import Schedule, check_schedule
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = [
    "LAUNCHER",
    "PIPELINE_SCHEDULE",
    "STATUSES",
    "body_of",
    "check_cron",
    "create_schedule",
    "deploy_schedule",
    "enable_schedule",
    "members",
    "remove_schedule",
    "replace_schedule",
    "schedule_key",
    "schedule_of",
]

LAUNCHER: Final = "cdap"
PIPELINE_SCHEDULE: Final = "dataPipelineSchedule"
"""The schedule that a pipeline asks for in its own configuration."""
STATUSES: Final = ("COMPLETED", "FAILED", "KILLED")
CONSTRAINTS: Final = {
    "CONCURRENCY": ("maxConcurrency",),
    "DELAY": ("millisAfterTrigger",),
    "LAST_RUN": ("millisSinceLastRun",),
    "TIME_RANGE": ("startTime", "endTime"),
}
ANY_NUMBER: Final = 1_000_000
DAY_MS: Final = 86_400_000


def schedule_key(app: str, name: str) -> str:
    """Return the name of a schedule's document."""
    return f"{app}/{name}"


def members(trigger: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the members of a trigger that fire, with their places."""
    inner = trigger.get("triggers")
    if trigger.get("type") in ("AND", "OR") and isinstance(inner, list):
        for index, each in enumerate(inner):
            yield from members(each, f"{place}.{index}" if place else str(index))
    else:
        yield place, trigger


def check_cron(expression: object) -> str:
    """Return a cron expression of five fields if it is one. Raises: Invalid."""
    if not isinstance(expression, str) or len(fields := expression.split()) != 5:
        raise Invalid(
            f"Invalid cron entry format in '{expression}'. Cron entry must contain exactly 5 fields: "
            "minute, hour, day of month, month, day of week"
        )
    if all(field not in ("*", "?") for field in (fields[2], fields[4])):
        raise Invalid(
            f"Invalid cron expression '{expression}': a day of the month and a day of the week cannot both be given"
        )
    check_schedule(schedule_of(expression))
    return expression


def schedule_of(expression: str) -> Schedule:
    """Return when a cron expression fires; times that were missed do not."""
    return Schedule(cron=expression, catches_up=False, max_concurrency=ANY_NUMBER)


def body_of(app: str, name: str, wanted: ScheduleRequest, present: ScheduleBody | None = None) -> ScheduleBody:
    """Read a schedule; present: gives what is not sent. Raises: Invalid."""
    if wanted.name is not None and wanted.name != name:
        raise Invalid(f"Schedule name in body '{wanted.name}' does not match the name in the path '{name}'")
    program, type_name = (present.program, present.program_type) if present else _program(wanted)
    trigger = wanted.trigger if wanted.trigger is not None else present.trigger if present else None
    if trigger is None:
        raise Invalid(f"No trigger specified for schedule '{name}'")
    _check_trigger(trigger)
    constraints = wanted.constraints if wanted.constraints is not None else present.constraints if present else []
    for constraint in constraints:
        _check_constraint(constraint)
    timeout_ms = wanted.timeout_ms if wanted.timeout_ms is not None else present.timeout_ms if present else DAY_MS
    if not isinstance(timeout_ms, int) or timeout_ms < 0:
        raise Invalid(f"Invalid timeoutMillis '{timeout_ms}'; it must be a number, 0 or more")
    return ScheduleBody(
        app=app,
        name=name,
        description=_given(wanted.description, present.description if present else ""),
        program=program,
        program_type=type_name,
        properties=texts_of(wanted.properties, "properties")
        if wanted.properties is not None
        else present.properties
        if present
        else {},
        trigger=trigger,
        constraints=constraints,
        timeout_ms=timeout_ms,
        is_enabled=present.is_enabled if present else False,
    )


async def create_schedule(
    services: Services, place: Place, app: Document[AppBody], body: ScheduleBody
) -> Document[ScheduleBody]:
    """Keep a new schedule; it does not fire until it is enabled. Raises: AlreadyExists, Missing, Invalid."""
    check_id("schedule", body.name)
    check_program(place, app, _type(body), body.program)
    try:
        made = await services.documents.create(SCHEDULE, place.scope, schedule_key(body.app, body.name), body)
    except AlreadyExists:
        raise AlreadyExists(f"'schedule:{place.namespace}.{body.app}.{body.name}' already exists.") from None
    return await _arm(services, made)


async def replace_schedule(
    services: Services, schedule: Document[ScheduleBody], body: ScheduleBody
) -> Document[ScheduleBody]:
    """Give a schedule another body; what fired for it before is forgotten."""
    await _disarm(services, schedule)
    return await _arm(services, await services.documents.replace(schedule, body))


async def enable_schedule(services: Services, schedule: Document[ScheduleBody], is_enabled: bool) -> None:
    """Let a schedule fire, or not. Times that passed meanwhile do not fire. Raises: WrongState if it is so already."""
    now_us = unix_us(services.clock.now())

    def change(body: ScheduleBody) -> ScheduleBody:
        if body.is_enabled is is_enabled:
            state = "SCHEDULED" if is_enabled else "SUSPENDED"
            raise WrongState(f"Schedule '{body.name}' is already {state}")
        return msgspec.structs.replace(
            body, is_enabled=is_enabled, suspended_us=None if is_enabled else now_us, met={} if is_enabled else body.met
        )

    changed = await services.documents.update(SCHEDULE, schedule.id, change)
    for trigger in changed.body.triggers:
        await services.triggers.enable(trigger, is_enabled, forgets_missed=True)
    if is_enabled:
        for watch in await _watches(services, schedule.id):
            await services.documents.update(WATCH, watch.id, lambda body: msgspec.structs.replace(body, seen_us=now_us))


async def remove_schedule(services: Services, schedule: Document[ScheduleBody]) -> None:
    """Remove a schedule and all that lets it fire; runs that it started go on."""
    await _disarm(services, schedule)
    await services.documents.delete(await services.documents.get(SCHEDULE, schedule.id))


async def deploy_schedule(
    services: Services, place: Place, app: Document[AppBody], config: dict[str, Any], artifact: str
) -> None:
    """Make, change or remove the schedule that a pipeline itself asks for; a new one does not fire yet."""
    name, expression = app.name or "", config.get("schedule")
    try:
        present = await services.documents.find(SCHEDULE, place.scope, schedule_key(name, PIPELINE_SCHEDULE))
    except NotFound:
        present = None
    if artifact != BATCH_ARTIFACT or not expression:
        if present is not None:
            await remove_schedule(services, present)
        return
    limit = _limit(config.get("maxConcurrentRuns"))
    constraints = [{"type": "CONCURRENCY", "maxConcurrency": limit, "waitUntilMet": False}] if limit else []
    trigger = {"type": "TIME", "cronExpression": check_cron(expression)}
    if present is None:
        body = ScheduleBody(
            app=name,
            name=PIPELINE_SCHEDULE,
            description="Data pipeline schedule",
            program=BATCH,
            program_type=TYPES[0].name,
            trigger=trigger,
            constraints=constraints,
        )
        await create_schedule(services, place, app, body)
    elif (present.body.trigger, present.body.constraints) != (trigger, constraints):
        changed = msgspec.structs.replace(present.body, trigger=trigger, constraints=constraints, met={})
        await replace_schedule(services, present, changed)


async def _arm(services: Services, schedule: Document[ScheduleBody]) -> Document[ScheduleBody]:
    """Make the triggers and watches of a schedule."""
    body, armed = schedule.body, {}
    for place, member in members(body.trigger):
        document = f"schedule/{schedule.id}/{place}"
        if member["type"] == "TIME":
            trigger = await services.triggers.create(
                LAUNCHER,
                schedule.scope,
                document,
                schedule_of(member["cronExpression"]),
                is_enabled=body.is_enabled,
            )
            armed[str(trigger.id)] = place
        else:
            watch = WatchBody(
                program=_watched(member["programId"]),
                schedule=schedule.id,
                scope=str(schedule.scope),
                member=place,
                statuses=[str(status).upper() for status in member["programStatuses"]],
                seen_us=unix_us(services.clock.now()),
            )
            await services.documents.create(WATCH, DEFAULT_SCOPE, None, watch)
    if not armed:
        return schedule
    return await services.documents.replace(schedule, msgspec.structs.replace(body, triggers=armed))


async def _disarm(services: Services, schedule: Document[ScheduleBody]) -> None:
    for trigger in schedule.body.triggers:
        with suppress(NotFound):
            await services.triggers.delete(trigger)
    for watch in await _watches(services, schedule.id):
        await services.documents.delete(watch)
    for job in await _jobs(services, schedule.scope, schedule.id):
        with suppress(NotFound):
            await services.triggers.delete(job.id)
        await services.documents.delete(job)


async def _watches(services: Services, schedule: str) -> list[Document[WatchBody]]:
    where = Compare("schedule", Comparison.EQ, schedule)
    return list((await services.documents.page(WATCH, DEFAULT_SCOPE, where=where, limit=MAX_LIMIT)).documents)


async def _jobs(services: Services, scope: Scope, schedule: str) -> list[Document[JobBody]]:
    where = Compare("schedule", Comparison.EQ, schedule)
    return list((await services.documents.page(JOB, scope, where=where, limit=MAX_LIMIT)).documents)


def _program(wanted: ScheduleRequest) -> tuple[str, str]:
    program = wanted.program or {}
    name, type_name = program.get("programName"), program.get("programType")
    type = type_of_name(type_name) if isinstance(type_name, str) else None
    if not isinstance(name, str) or not name:
        raise Invalid("No program name specified for the schedule: 'program' needs 'programName' and 'programType'")
    if type is None:
        raise Invalid("No valid program type specified for the schedule: 'program' needs a 'programType'")
    return name, type.name


def _type(body: ScheduleBody) -> Any:
    return type_of_name(body.program_type)


def _given(value: str | None, default: str) -> str:
    return default if value is None else value


def _check_trigger(trigger: object) -> None:
    if not isinstance(trigger, dict) or not isinstance(trigger.get("type"), str):
        raise Invalid("Invalid trigger: an object with a 'type' is needed")
    match trigger["type"]:
        case "TIME":
            check_cron(trigger.get("cronExpression"))
        case "PROGRAM_STATUS":
            _watched(trigger.get("programId"))
            statuses = trigger.get("programStatuses")
            if not isinstance(statuses, list) or not statuses:
                raise Invalid("Invalid trigger: 'programStatuses' must be a list with at least one status")
            if unknown := [each for each in statuses if str(each).upper() not in STATUSES]:
                raise Invalid(f"Invalid trigger: '{unknown[0]}' is no status in which a program ends: {STATUSES}")
        case "AND" | "OR":
            inner = trigger.get("triggers")
            if not isinstance(inner, list) or not inner:
                raise Invalid(f"Invalid trigger: {trigger['type']} needs a list of 'triggers'")
            for each in inner:
                _check_trigger(each)
        case "PARTITION":
            raise Unsupported("triggers of type PARTITION are not supported: there are no partitioned datasets here")
        case other:
            raise Invalid(f"Invalid trigger type '{other}'; it must be TIME, PROGRAM_STATUS, AND or OR")


def _check_constraint(constraint: object) -> None:
    kind = constraint.get("type") if isinstance(constraint, dict) else None
    if not isinstance(constraint, dict) or kind not in CONSTRAINTS:
        raise Invalid(f"Invalid constraint type '{kind}'; it must be one of {', '.join(CONSTRAINTS)}")
    if missing := [name for name in CONSTRAINTS[kind] if constraint.get(name) is None]:
        raise Invalid(f"Invalid constraint of type {kind}: '{missing[0]}' is missing")
    if kind != "TIME_RANGE" and not isinstance(constraint[CONSTRAINTS[kind][0]], int):
        raise Invalid(f"Invalid constraint of type {kind}: '{CONSTRAINTS[kind][0]}' must be a number")


def _watched(program: object) -> str:
    """Return the program that a trigger waits for, as watches write it. Raises: Invalid."""
    if not isinstance(program, dict):
        raise Invalid("Invalid trigger: 'programId' must be an object")
    type = type_of_name(str(program.get("type", "")))
    parts = (program.get("namespace"), program.get("application"), program.get("program"))
    if type is None or not all(isinstance(part, str) and part for part in parts):
        raise Invalid("Invalid trigger: 'programId' needs 'namespace', 'application', 'type' and 'program'")
    return f"{parts[0]}/{parts[1]}/{type.name}/{parts[2]}"


def _limit(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
