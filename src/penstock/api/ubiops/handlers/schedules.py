"""Request schedules: times at which a deployment or pipeline is asked by itself."""

from contextlib import suppress
from typing import Final

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import Project, all_of, found, project_of
from penstock.api.ubiops.kinds import SCHEDULE, ScheduleBody
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.rules import (
    checked_labels,
    checked_name,
    checked_number,
    checked_text,
    matches_labels,
    wanted_labels,
)
from penstock.api.ubiops.targets import named_target, target_of
from penstock.api.ubiops.wire import ScheduleCreate, ScheduleUpdate, changes, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.kernel.ids import TriggerId
from penstock.kernel.query import Order
from penstock.kernel.triggers import Schedule, check_schedule
from penstock.services.documents import Document

__all__ = ["create", "delete", "get", "list_all", "update"]

LAUNCHER: Final = "ubiops"
MAX_TIMEOUT_S: Final = 172_800
_UNFINISHED: Final = 1_000_000
"""A schedule asks again whether or not what it asked before has an answer."""


async def list_all(call: Call) -> list[Shown]:
    """List the schedules of a project; `labels` choose among them."""
    project, wanted = await project_of(call), wanted_labels(call.query)
    rows = await all_of(call.services.documents, SCHEDULE, project.scope, order=Order("name"))
    return [await _shown(call, each) for each in rows if matches_labels(each.body.labels, wanted)]


async def create(call: Call, body: object) -> Shown:
    """Make a schedule."""
    project, wanted = await project_of(call), read(body, ScheduleCreate)
    name, services = checked_name(wanted.name), call.services
    reference, version_id = await target_of(services, project, wanted.object_type, wanted.object_name, wanted.version)
    made = ScheduleBody(
        object_type=wanted.object_type,
        reference=reference,
        version_id=version_id,
        schedule=_cron(wanted.schedule),
        request_data=wanted.request_data,
        timeout=checked_number(wanted.timeout, "timeout", 10, MAX_TIMEOUT_S),
        is_enabled=wanted.enabled,
        description=checked_text(wanted.description),
        labels=checked_labels(wanted.labels),
    )
    note = entry(call, project.scope, "create", "schedule", name, f"request schedule {name} was created")
    try:
        document = await services.documents.create(SCHEDULE, project.scope, name, made, also=(note,))
    except AlreadyExists:
        raise AlreadyExists(f"A request schedule with the name {name!r} already exists") from None
    await services.triggers.create(
        LAUNCHER,
        project.scope,
        document.id,
        _times(made.schedule),
        is_enabled=made.is_enabled,
        id=TriggerId(document.id),
    )
    return await _shown(call, document)


async def get(call: Call) -> Shown:
    """Show a schedule."""
    return await _shown(call, await _schedule(call, await project_of(call)))


async def update(call: Call, body: object) -> Shown:
    """Change a schedule: its times, what it asks, or whether it does."""
    project, services = await project_of(call), call.services
    present, wanted = await _schedule(call, project), changes(read(body, ScheduleUpdate))
    name = checked_name(wanted.pop("name", present.name))
    if "enabled" in wanted:
        wanted["is_enabled"] = wanted.pop("enabled")
    if "labels" in wanted:
        wanted["labels"] = checked_labels(wanted["labels"])
    if "timeout" in wanted:
        checked_number(wanted["timeout"], "timeout", 10, MAX_TIMEOUT_S)
    if "schedule" in wanted:
        wanted["schedule"] = _cron(wanted["schedule"])
    checked_text(wanted.get("description", ""))
    made = msgspec.structs.replace(present.body, **wanted)
    try:
        document = await services.documents.replace(present, made, name=name)
    except AlreadyExists:
        raise AlreadyExists(f"A request schedule with the name {name!r} already exists") from None
    if made.schedule != present.body.schedule:
        await services.triggers.reschedule(document.id, _times(made.schedule))
    if made.is_enabled != present.body.is_enabled:
        await services.triggers.enable(document.id, made.is_enabled, forgets_missed=True)
    return await _shown(call, document)


async def delete(call: Call) -> None:
    """Remove a schedule; what it has asked stays."""
    project = await project_of(call)
    present = await _schedule(call, project)
    name = str(present.name)
    note = entry(call, project.scope, "delete", "schedule", name, f"request schedule {name} was deleted")
    with suppress(NotFound):  # the server ended between making the schedule and its trigger
        await call.services.triggers.delete(present.id)
    await call.services.documents.delete(present, also=(note,))


async def _schedule(call: Call, project: Project) -> Document[ScheduleBody]:
    return await found(call.services.documents, SCHEDULE, project.scope, call.path["schedule"])


def _times(cron: str) -> Schedule:
    return Schedule(cron=cron, catches_up=False, max_concurrency=_UNFINISHED)


def _cron(text: str) -> str:
    """Return a checked expression of five fields. Raises: Invalid."""
    if len(text.split()) != 5 and not text.startswith("@"):
        raise Invalid(f"schedule: {text[:80]!r} is no schedule; write five fields like '*/15 * * * *'")
    check_schedule(_times(text))
    return text


async def _shown(call: Call, document: Document[ScheduleBody]) -> Shown:
    body = document.body
    name, title = await named_target(call.services, body.object_type, body.reference, body.version_id)
    return {
        "id": document.id,
        "name": document.name,
        "object_type": body.object_type,
        "object_name": name,
        "version": title,
        "schedule": body.schedule,
        "request_data": body.request_data,
        "timeout": body.timeout,
        "batch": True,
        "enabled": body.is_enabled,
        "creation_date": timestamp(document.created_at),
        "description": body.description,
        "labels": body.labels,
    }
