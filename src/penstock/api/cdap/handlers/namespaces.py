"""Namespaces: make, show, list, change, remove."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import PlainTextResponse

from penstock.api.cdap.entities import SYSTEM, namespace_body
from penstock.api.cdap.kinds import (
    ALL,
    APP,
    NAMESPACE,
    NamespaceBody,
)
from penstock.api.cdap.names import RESERVED, check_namespace, scope_of
from penstock.api.cdap.removal import check_idle, remove_app
from penstock.api.cdap.wire import NamespaceRequest, read
from penstock.api.shared.call import Call
from penstock.kernel.errors import Denied, Invalid, NotFound
from penstock.kernel.query import MAX_LIMIT
from penstock.services.documents import Document

__all__ = ["change", "create", "get", "remove", "show_all"]


async def show_all(call: Call) -> list[dict[str, Any]]:
    """List namespaces."""
    page = await call.services.documents.page(NAMESPACE, call.scope, limit=MAX_LIMIT)
    found = {document.name or "": document.body for document in page.documents}
    found.setdefault("default", await namespace_body(call.services, call.scope, "default"))
    return [_shown(name, body) for name, body in found.items()]


async def get(call: Call) -> dict[str, Any]:
    """Show a namespace."""
    name = check_namespace(call.path["namespace"])
    return _shown(name, await namespace_body(call.services, call.scope, name))


async def create(call: Call, body: object) -> PlainTextResponse:
    """Make a namespace; one that is there stays as it is."""
    name = check_namespace(call.path["namespace"])
    wanted = read(body if body is not None else {}, NamespaceRequest)
    if name in RESERVED:
        raise Invalid(f"Invalid namespace id '{name}': it is reserved")
    try:
        if name == "default":
            raise NotFound(name)
        await call.services.documents.find(NAMESPACE, call.scope, name)
    except NotFound:
        if name != "default":
            made = NamespaceBody(description=wanted.description or "", config=wanted.config or {})
            await call.services.documents.create(NAMESPACE, call.scope, name, made)
            return PlainTextResponse(f"Namespace '{name}' created successfully.")
    return PlainTextResponse(f"Namespace '{name}' already exists.")


async def change(call: Call, body: object) -> PlainTextResponse:
    """Change a namespace's description and settings."""
    name = check_namespace(call.path["namespace"])
    wanted = read(body if body is not None else {}, NamespaceRequest)
    present = await namespace_body(call.services, call.scope, name)
    if present is SYSTEM:
        raise Denied(f"the namespace '{name}' cannot be changed")
    description = present.description if wanted.description is None else wanted.description
    changed = msgspec.structs.replace(
        present, description=description, config={**present.config, **(wanted.config or {})}
    )
    try:
        document = await call.services.documents.find(NAMESPACE, call.scope, name)
    except NotFound:
        await call.services.documents.create(NAMESPACE, call.scope, name, changed)
    else:
        await call.services.documents.replace(document, changed)
    return PlainTextResponse(f"Updated properties for namespace '{name}'.")


async def remove(call: Call) -> None:
    """Remove a namespace and everything in it; not while a program of it runs."""
    name = check_namespace(call.path["namespace"])
    await namespace_body(call.services, call.scope, name)
    if name in (*RESERVED, "default"):
        raise Denied(f"the namespace '{name}' cannot be deleted")
    scope = scope_of(call.scope, name)
    await check_idle(call.services, scope, f"namespace:{name}")
    for app in await _everything(call, APP, scope):
        await remove_app(call.services, scope, app)
    for kind in ALL:
        for document in await _everything(call, kind, scope) if kind is not APP else []:
            await call.services.documents.delete(document)
    document = await call.services.documents.find(NAMESPACE, call.scope, name)
    await call.services.documents.delete(document)


async def _everything(call: Call, kind: Any, scope: Any) -> list[Document[Any]]:
    found: list[Document[Any]] = []
    cursor = None
    while True:
        page = await call.services.documents.page(kind, scope, limit=MAX_LIMIT, after=cursor)
        found.extend(page.documents)
        if (cursor := page.next) is None:
            return found


def _shown(name: str, body: NamespaceBody) -> dict[str, Any]:
    config = {"scheduler.queue.name": "", "explore.as.principal": True, **body.config}
    return {"name": name, "description": body.description, "config": config, "generation": body.generation}
