"""Preferences of the instance, of namespaces, apps and programs; and the arguments kept with a program."""

from __future__ import annotations

from penstock.api.cdap.arguments import levels, preferences_of, resolved_preferences
from penstock.api.cdap.entities import app_of, place_of, program_of
from penstock.api.cdap.kinds import PREFERENCES, PreferencesBody
from penstock.api.cdap.wire import texts_of
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.kernel.scope import Scope

__all__ = ["get", "put", "remove"]


async def get(call: Call) -> dict[str, str]:
    """Show the preferences of an entity; with `resolved` those of what it is in as well."""
    found = await _levels(call)
    if flag(call.query, "resolved", False):
        return await resolved_preferences(call.services, call.scope, found)
    scope, name = found[-1]
    return await preferences_of(call.services, scope or call.scope, name)


async def put(call: Call, body: object) -> None:
    """Set the preferences of an entity, in place of those it had."""
    if not isinstance(body, dict):
        raise Invalid("Invalid JSON in body: an object of texts is needed")
    scope, name = (await _levels(call))[-1]
    values = PreferencesBody(texts_of(body, "preferences"))
    for _ in range(8):
        try:
            document = await call.services.documents.find(PREFERENCES, scope or call.scope, name)
        except NotFound:
            try:
                await call.services.documents.create(PREFERENCES, scope or call.scope, name, values)
            except AlreadyExists:
                continue
            return
        await call.services.documents.update(PREFERENCES, document.id, lambda _: values)
        return


async def remove(call: Call) -> None:
    """Remove the preferences of an entity."""
    scope, name = (await _levels(call))[-1]
    try:
        document = await call.services.documents.find(PREFERENCES, scope or call.scope, name)
    except NotFound:
        return
    await call.services.documents.delete(document)


async def _levels(call: Call) -> list[tuple[Scope | None, str]]:
    if "program" in call.path:
        program = await program_of(call)
        return levels(program.place, program.app_name, program.type, program.name)
    if "app" in call.path:
        place, app = await app_of(call)
        return levels(place, app.name)
    if "namespace" in call.path:
        return levels(await place_of(call))
    return levels(None)
