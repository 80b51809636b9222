"""Artifacts and the plugins in them: list, show, upload, remove, their properties."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from starlette.responses import PlainTextResponse

from penstock.api.cdap.artifacts import (
    APPS,
    class_of_plugin,
    is_system_artifact,
    plugin_types,
    plugins_of,
    system_artifacts,
    system_version,
)
from penstock.api.cdap.entities import Place, place_of
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.kinds import ARTIFACT, ArtifactBody
from penstock.api.cdap.versions import is_alias, version_order
from penstock.api.cdap.wire import texts_of
from penstock.api.shared.call import Call
from penstock.kernel.errors import AlreadyExists, Denied, Invalid, NotFound
from penstock.kernel.query import MAX_LIMIT, Compare, Comparison, Predicate
from penstock.services.documents import Document

__all__ = [
    "app_classes",
    "delete_properties",
    "delete_property",
    "extensions",
    "get",
    "plugin",
    "plugins",
    "properties",
    "property_value",
    "put_properties",
    "put_property",
    "refresh",
    "remove",
    "show_all",
    "show_versions",
    "upload",
]

_NAME: Final = re.compile(r"[a-zA-Z0-9._-]+")
SYSTEM, USER = "SYSTEM", "USER"


async def show_all(call: Call) -> list[dict[str, Any]]:
    """List artifacts: the system's and the namespace's, or those of one scope."""
    place = await place_of(call)
    scope = _scope(call, "")
    found: list[dict[str, Any]] = []
    if scope != SYSTEM and place.namespace != "system":
        found += [_shown(artifact.body) for artifact in await _uploaded(call, place)]
    if scope != USER or place.namespace == "system":
        found += system_artifacts()
    return found


async def show_versions(call: Call) -> list[dict[str, Any]]:
    """List the versions of an artifact; those of the user unless the scope says otherwise."""
    place = await place_of(call)
    name = call.path["artifact"]
    if _scope(call, USER) == SYSTEM:
        found = [each for each in system_artifacts() if each["name"] == name]
    else:
        found = [_shown(artifact.body) for artifact in await _uploaded(call, place, name)]
    wanted = call.query.get("artifactVersion")
    if wanted is not None:
        found = [each for each in found if each["version"] == wanted]
    if not found:
        raise _missing(call, place)
    is_descending = call.query.get("order", "UNORDERED").upper() == "DESC"
    found.sort(key=lambda each: version_order(each["version"]), reverse=is_descending)
    limit = call.query.get("limit", "")
    return found[: int(limit)] if limit.isdecimal() and int(limit) else found


async def get(call: Call) -> dict[str, Any]:
    """Show an artifact with the classes in it."""
    place = await place_of(call)
    name = call.path["artifact"]
    if _scope(call, USER) == SYSTEM:
        if not is_system_artifact(name):
            raise _missing(call, place)
        apps = [{"className": APPS[name], "description": "", "configSchema": None}] if name in APPS else []
        found = [class_of_plugin(each, is_detailed=True) for each in plugins_of(name)]
        return {
            "name": name,
            "version": system_version(name),
            "scope": SYSTEM,
            "properties": {},
            "classes": {"apps": apps, "plugins": found},
        }
    body = (await _find(call, place)).body
    return {
        **_shown(body),
        "properties": body.properties,
        "parents": body.parents,
        "classes": {"apps": [], "plugins": body.plugins},
    }


async def upload(call: Call, chunks: AsyncIterator[bytes]) -> PlainTextResponse:
    """Keep an artifact that is sent, with the plugins that its headers declare. What is in it is never executed."""
    place = await place_of(call)
    name = call.path["artifact"]
    if not _NAME.fullmatch(name):
        raise Invalid(f"Invalid artifact name '{name}'")
    if place.namespace == "system":
        raise Denied("System artifacts cannot be added through the interface")
    version = call.headers.get("artifact-version", "")
    if not _NAME.fullmatch(version):
        raise Invalid("Artifact version must be given in the header 'Artifact-Version'")
    declared = _declared(call.headers.get("artifact-plugins"))
    blob = await call.services.blobs.put(chunks)
    made = ArtifactBody(
        artifact=name,
        version=version,
        parents=[each for each in call.headers.get("artifact-extends", "").split("/") if each],
        plugins=declared,
        digest=blob.sha256,
        size_bytes=blob.size_bytes,
    )
    key = f"{name}/{version}"
    try:
        present = await call.services.documents.find(ARTIFACT, place.scope, key)
    except NotFound:
        await call.services.documents.create(ARTIFACT, place.scope, key, made)
    else:
        if not version.upper().endswith("-SNAPSHOT"):
            raise AlreadyExists(f"Artifact '{name}-{version}' already exists")
        await call.services.documents.replace(present, made)
    return PlainTextResponse("Artifact added successfully")


async def remove(call: Call) -> None:
    """Remove an uploaded artifact."""
    place = await place_of(call)
    await call.services.documents.delete(await _find(call, place))


async def properties(call: Call) -> dict[str, str]:
    """Show an artifact's properties, where clients keep how plugins are drawn and described."""
    place = await place_of(call)
    if _scope(call, USER) == SYSTEM:
        if not is_system_artifact(call.path["artifact"]):
            raise _missing(call, place)
        return {}
    found = (await _find(call, place)).body.properties
    wanted = [key for key in call.query.get("keys", "").split(",") if key]
    return {key: found[key] for key in wanted if key in found} if wanted else found


async def put_properties(call: Call, body: object) -> None:
    """Set an artifact's properties, in place of those it had."""
    place = await place_of(call)
    document = await _find(call, place)
    changed = msgspec.structs.replace(document.body, properties=texts_of(body, "properties"))
    await call.services.documents.replace(document, changed)


async def delete_properties(call: Call) -> None:
    """Remove an artifact's properties."""
    await put_properties(call, {})


async def property_value(call: Call) -> PlainTextResponse:
    """Send one property of an artifact."""
    place = await place_of(call)
    found = (await _find(call, place)).body.properties
    key = call.path["property"]
    if key not in found:
        raise NotFound(f"Property '{key}' was not found.")
    return PlainTextResponse(found[key])


async def put_property(call: Call, raw: bytes) -> None:
    """Set one property of an artifact."""
    place = await place_of(call)
    document = await _find(call, place)
    values = {**document.body.properties, call.path["property"]: raw.decode("utf-8", "replace")}
    await call.services.documents.replace(document, msgspec.structs.replace(document.body, properties=values))


async def delete_property(call: Call) -> None:
    """Remove one property of an artifact."""
    place = await place_of(call)
    document = await _find(call, place)
    values = {key: value for key, value in document.body.properties.items() if key != call.path["property"]}
    await call.services.documents.replace(document, msgspec.structs.replace(document.body, properties=values))


async def extensions(call: Call) -> list[str]:
    """List the types of plugins that an app artifact can use."""
    await _app_artifact(call)
    return plugin_types()


async def plugins(call: Call) -> list[dict[str, Any]]:
    """List the plugins of a type that an app artifact can use."""
    place = await _app_artifact(call)
    return [*_system_plugins(call.path["kind"]), *await _user_plugins(call, place, call.path["kind"])]


async def plugin(call: Call) -> list[dict[str, Any]]:
    """Show a plugin with its properties, once for each artifact that has it."""
    place = await _app_artifact(call)
    kind, name = call.path["kind"], call.path["plugin"]
    found = [each for each in _system_plugins(kind, is_detailed=True) if each["name"] == name]
    found += [each for each in await _user_plugins(call, place, kind) if each["name"] == name]
    if (artifact := call.query.get("artifactName")) is not None:
        found = [each for each in found if each["artifact"]["name"] == artifact]
    if not found:
        raise Missing(f"plugin:{kind}.{name}")
    return found


async def app_classes(call: Call) -> list[dict[str, Any]]:
    """List the classes that apps can be made from."""
    await place_of(call)
    return [
        {"className": each, "artifact": {"name": name, "version": system_version(name), "scope": SYSTEM}}
        for name, each in APPS.items()
    ]


async def refresh(call: Call) -> PlainTextResponse:
    """Look for system artifacts anew: there are always those that the server knows."""
    return PlainTextResponse("System artifacts are up to date")


def _scope(call: Call, default: str) -> str:
    scope = call.query.get("scope", default).upper()
    if scope and scope not in (SYSTEM, USER):
        raise Invalid(f"Invalid scope '{call.query.get('scope')}'; it must be SYSTEM or USER")
    return scope


def _missing(call: Call, place: Place) -> Missing:
    name, version = call.path["artifact"], call.path.get("version")
    return Missing(f"artifact:{place.namespace}.{name}" + (f".{version}" if version else ""))


async def _uploaded(call: Call, place: Place, name: str | None = None) -> list[Document[ArtifactBody]]:
    where: Predicate | None = Compare("artifact", Comparison.EQ, name) if name is not None else None
    page = await call.services.documents.page(ARTIFACT, place.scope, where=where, limit=MAX_LIMIT)
    return list(page.documents)


async def _find(call: Call, place: Place) -> Document[ArtifactBody]:
    try:
        key = f"{call.path['artifact']}/{call.path['version']}"
        return await call.services.documents.find(ARTIFACT, place.scope, key)
    except NotFound:
        raise _missing(call, place) from None


async def _app_artifact(call: Call) -> Place:
    place = await place_of(call)
    if call.path["artifact"] not in APPS or not is_alias(call.path["version"]):
        raise _missing(call, place)
    return place


def _system_plugins(kind: str, *, is_detailed: bool = False) -> list[dict[str, Any]]:
    return [
        class_of_plugin(each, is_detailed=is_detailed)
        for artifact in system_artifacts()
        for each in plugins_of(artifact["name"])
        if each.type == kind
    ]


async def _user_plugins(call: Call, place: Place, kind: str) -> list[dict[str, Any]]:
    return [
        {**each, "artifact": _shown(artifact.body)}
        for artifact in await _uploaded(call, place)
        for each in artifact.body.plugins
        if each.get("type") == kind
    ]


def _declared(header: str | None) -> list[dict[str, Any]]:
    if not header:
        return []
    try:
        return msgspec.json.decode(header, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The header 'Artifact-Plugins' is no JSON array of plugins: {error}") from None


def _shown(body: ArtifactBody) -> dict[str, Any]:
    return {"name": body.artifact, "version": body.version, "scope": USER}
