"""Drafts: pipelines that are being written."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from starlette.responses import PlainTextResponse

from penstock.api.cdap.deployment import DESCRIPTIONS
from penstock.api.cdap.entities import Place, place_in
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.kinds import DRAFT, DraftBody
from penstock.api.cdap.wire import DraftRequest, read
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.kernel.errors import Conflict, Invalid, NotFound
from penstock.kernel.instants import unix_ms
from penstock.kernel.query import MAX_LIMIT
from penstock.services.documents import Document

__all__ = ["get", "put", "remove", "show_all"]

_FIELDS = {"name": "title", "createdtimemillis": "created_ms", "updatedtimemillis": "updated_ms"}


async def show_all(call: Call) -> list[dict[str, Any]]:
    """List drafts."""
    place = await _place(call)
    page = await call.services.documents.page(DRAFT, place.scope, limit=MAX_LIMIT)
    wanted = call.query.get("filter", "").lower()
    found = [draft for draft in page.documents if wanted in draft.body.title.lower()]
    field = _FIELDS.get(call.query.get("sortBy", "").lower(), "title")
    found.sort(
        key=lambda draft: (getattr(draft.body, field), draft.name or ""),
        reverse=call.query.get("sortOrder", "ASC").upper() == "DESC",
    )
    return [_shown(draft, flag(call.query, "includeConfig", False)) for draft in found]


async def get(call: Call) -> dict[str, Any]:
    """Show a draft."""
    place = await _place(call)
    return _shown(await _find(call, place), True)


async def put(call: Call, body: object) -> PlainTextResponse:
    """Keep a draft, in place of one of that id unless somebody else changed it."""
    place = await _place(call)
    wanted = read(body if body is not None else {}, DraftRequest)
    name = (wanted.artifact or {}).get("name")
    if name not in DESCRIPTIONS:
        raise Invalid(f"Artifact '{name}' is not supported; it must be one of {', '.join(DESCRIPTIONS)}")
    now_ms = unix_ms(call.services.clock.now())
    made = DraftBody(
        title=wanted.name or "",
        description=wanted.description or "",
        artifact=wanted.artifact,
        config=wanted.config,
        revision=int(wanted.revision) if isinstance(wanted.revision, int) else 0,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    try:
        present = await _find(call, place)
    except NotFound:
        await call.services.documents.create(DRAFT, place.scope, call.path["draft"], made)
        return PlainTextResponse("")
    if wanted.previous_hash and wanted.previous_hash != _hash(present.body):
        raise Conflict(f"The draft '{call.path['draft']}' was changed since it was read; read it again")
    await call.services.documents.replace(present, msgspec.structs.replace(made, created_ms=present.body.created_ms))
    return PlainTextResponse("")


async def remove(call: Call) -> None:
    """Remove a draft."""
    place = await _place(call)
    await call.services.documents.delete(await _find(call, place))


async def _place(call: Call) -> Place:
    return await place_in(call.services, call.scope, call.path["context"])


async def _find(call: Call, place: Place) -> Document[DraftBody]:
    try:
        return await call.services.documents.find(DRAFT, place.scope, call.path["draft"])
    except NotFound:
        raise Missing(f"draft:{place.namespace}.{call.path['draft']}") from None


def _hash(body: DraftBody) -> str:
    encoded = msgspec.json.encode([body.title, body.description, body.artifact, body.config], order="deterministic")
    return hashlib.sha256(encoded).hexdigest()


def _shown(draft: Document[DraftBody], includes_config: bool) -> dict[str, Any]:
    body = draft.body
    shown: dict[str, Any] = {
        "id": draft.name,
        "name": body.title,
        "description": body.description,
        "artifact": body.artifact,
        "revision": body.revision,
        "configHash": _hash(body),
        "createdTimeMillis": body.created_ms,
        "updatedTimeMillis": body.updated_ms,
    }
    if includes_config:
        shown["config"] = body.config
    return {key: value for key, value in shown.items() if value is not None}
