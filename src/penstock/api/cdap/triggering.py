"""What a run that was started by another one takes over from it.

A schedule's property `triggering.properties.mapping` says what: arguments of the run that ended, and properties of its
stages with their macros resolved.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.api.cdap.history import face_of
from penstock.api.cdap.kinds import Cause, ScheduleBody
from penstock.api.cdap.tokens import arguments_set, resolved_properties
from penstock.kernel.errors import NotFound
from penstock.services.services import Services

__all__ = ["MAPPING", "passed_on"]

MAPPING: Final = "triggering.properties.mapping"


class ArgumentMapping(msgspec.Struct, frozen=True):
    """One argument: its name there and here."""

    source: str
    target: str | None = None


class PropertyMapping(msgspec.Struct, frozen=True):
    """One property of a stage there, and the argument it becomes here."""

    source: str
    stage: str = msgspec.field(name="stageName", default="")
    target: str | None = None


class Mapping(msgspec.Struct, frozen=True):
    """What is taken over."""

    arguments: list[ArgumentMapping] = msgspec.field(default_factory=list)
    properties: list[PropertyMapping] = msgspec.field(name="pluginProperties", default_factory=list)


async def passed_on(services: Services, schedule: ScheduleBody, causes: list[Cause]) -> dict[str, str]:
    """Return what a run finds set by those that it was started by; a mapping that cannot be read maps nothing."""
    try:
        mapping = msgspec.json.decode(schedule.properties.get(MAPPING, "{}"), type=Mapping)
    except msgspec.DecodeError:
        return {}
    found: dict[str, str] = {}
    if mapping == Mapping():
        return found
    for cause in causes:
        if cause.run is not None:
            found.update(await _of_run(services, cause.run, mapping))
    return found


async def _of_run(services: Services, run_id: str, mapping: Mapping) -> dict[str, str]:
    try:
        run, steps = await services.runs.get(run_id), await services.runs.steps(run_id)
    except NotFound:
        return {}
    arguments: dict[str, Any] = {**msgspec.json.decode(face_of(run).arguments), **arguments_set(steps)}
    properties = resolved_properties(steps)
    found = {
        each.target or each.source: str(arguments[each.source])
        for each in mapping.arguments
        if each.source in arguments
    }
    for wanted in mapping.properties:
        value = properties.get(wanted.stage, {}).get(wanted.source)
        if value is not None:
            found[wanted.target or wanted.source] = str(value)
    return found
