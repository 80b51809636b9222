"""Preferences, and the arguments a run begins with.

From weak to strong: preferences of the instance, the namespace, the app, the program; properties of the schedule;
arguments of the request. An argument `<scope>.<name>.<key>` also counts as `<key>` inside that scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from penstock.api.cdap.entities import Place, Program
from penstock.api.cdap.kinds import PREFERENCES
from penstock.api.cdap.names import ProgramType
from penstock.kernel.errors import NotFound
from penstock.kernel.scope import Scope
from penstock.services.services import Services

__all__ = ["LOGICAL_START", "levels", "preferences_for", "preferences_of", "resolved_preferences", "scoped"]

LOGICAL_START = "logical.start.time"
"""The argument that says for when a run is meant: milliseconds since 1970."""

INSTANCE = "instance"
"""Name of the preferences of a whole instance, in its own scope."""
NAMESPACE = "namespace"
"""Name of a namespace's preferences, in its scope; no app's path is like it, for apps' begin with `app/`."""


def levels(
    place: Place | None, app: str | None = None, type: ProgramType | None = None, program: str | None = None
) -> list[tuple[Scope | None, str]]:
    """Return where preferences that bear on an entity are kept, the weakest first; the last one is its own.

    A scope of None is the instance's.
    """
    found: list[tuple[Scope | None, str]] = [(None, INSTANCE)]
    if place is not None:
        found.append((place.scope, NAMESPACE))
        if app is not None:
            found.append((place.scope, f"app/{app}"))
            if type is not None and program is not None:
                found.append((place.scope, f"app/{app}/{type.category}/{program}"))
    return found


async def preferences_of(services: Services, scope: Scope, name: str) -> dict[str, str]:
    """Return the preferences of one level; none if none were set."""
    try:
        return dict((await services.documents.find(PREFERENCES, scope, name)).body.values)
    except NotFound:
        return {}


async def resolved_preferences(
    services: Services, instance: Scope, found: list[tuple[Scope | None, str]]
) -> dict[str, str]:
    """Return the preferences of several levels together; inner ones win."""
    values: dict[str, str] = {}
    for level in await asyncio.gather(*(preferences_of(services, scope or instance, name) for scope, name in found)):
        values.update(level)
    return values


async def preferences_for(services: Services, program: Program) -> dict[str, str]:
    """Return the preferences that bear on the runs of a program."""
    found = levels(program.place, program.app_name, program.type, program.name)
    return await resolved_preferences(services, program.place.instance, found)


def scoped(arguments: Mapping[str, str], program: Program) -> dict[str, str]:
    """Return the arguments as seen inside of a program: those of its scopes without their prefixes too."""
    seen = dict(arguments)
    for prefix in (
        "app.*.",
        f"app.{program.app_name}.",
        f"{program.type.entity}.*.",
        f"{program.type.entity}.{program.name}.",
    ):
        for key, value in arguments.items():
            if key.startswith(prefix) and len(key) > len(prefix):
                seen[key.removeprefix(prefix)] = value
    return seen
