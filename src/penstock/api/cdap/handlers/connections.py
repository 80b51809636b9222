"""Connections: where data is and how to get in, kept under a name that pipelines use as `${conn(name)}`."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from starlette.responses import PlainTextResponse

from penstock.api.cdap.entities import Place, place_in
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.kinds import CONNECTION, ConnectionBody
from penstock.api.cdap.wire import ConnectionRequest, read
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.instants import unix_ms
from penstock.kernel.query import MAX_LIMIT
from penstock.services.documents import Document

__all__ = ["get", "put", "remove", "show_all"]


async def show_all(call: Call) -> list[dict[str, Any]]:
    """List connections."""
    place = await _place(call)
    page = await call.services.documents.page(CONNECTION, place.scope, limit=MAX_LIMIT)
    return [_shown(connection) for connection in page.documents]


async def get(call: Call) -> dict[str, Any]:
    """Show a connection."""
    place = await _place(call)
    return _shown(await _find(call, place))


async def put(call: Call, body: object) -> PlainTextResponse:
    """Keep a connection, in place of one of that name."""
    place = await _place(call)
    wanted = read(body if body is not None else {}, ConnectionRequest)
    if not wanted.plugin or not isinstance(wanted.plugin.get("name"), str):
        raise Invalid("Connection must have a plugin: an object with 'name', 'type' and 'properties'")
    now_ms = unix_ms(call.services.clock.now())
    made = ConnectionBody(
        description=wanted.description or "", plugin=wanted.plugin, created_ms=now_ms, updated_ms=now_ms
    )
    try:
        present = await _find(call, place)
    except NotFound:
        await call.services.documents.create(CONNECTION, place.scope, call.path["connection"], made)
    else:
        kept = msgspec.structs.replace(made, created_ms=present.body.created_ms)
        await call.services.documents.replace(present, kept)
    return PlainTextResponse("")


async def remove(call: Call) -> None:
    """Remove a connection; pipelines that name it fail from now on."""
    place = await _place(call)
    await call.services.documents.delete(await _find(call, place))


async def _place(call: Call) -> Place:
    if call.path["context"] == "system":
        raise Invalid("Connection operations are not supported on the system namespace")
    return await place_in(call.services, call.scope, call.path["context"])


async def _find(call: Call, place: Place) -> Document[ConnectionBody]:
    try:
        return await call.services.documents.find(CONNECTION, place.scope, call.path["connection"])
    except NotFound:
        raise Missing(f"connection:{place.namespace}.{call.path['connection']}") from None


def _shown(connection: Document[ConnectionBody]) -> dict[str, Any]:
    body, name = connection.body, connection.name or ""
    return {
        "name": name,
        "connectionId": hashlib.sha256(name.encode()).hexdigest()[:16],
        "connectionType": body.plugin.get("name"),
        "description": body.description,
        "preConfigured": False,
        "isDefault": False,
        "createdTimeMillis": body.created_ms,
        "updatedTimeMillis": body.updated_ms,
        "plugin": body.plugin,
    }
