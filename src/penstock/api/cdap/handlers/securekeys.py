"""Secure keys: texts that pipelines read by `${secure(key)}`. They are the house's secrets, under a prefix of ours."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.responses import PlainTextResponse

from penstock.api.cdap.entities import Place, place_of
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.names import SECRET_PREFIX
from penstock.api.cdap.wire import SecureKeyRequest, read, texts_of
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.instants import unix_ms
from penstock.services.secrets import SecretInfo

__all__ = ["get", "metadata", "put", "remove", "show_all"]

_NAME: Final = re.compile(r"[a-z0-9_-]+")


async def put(call: Call, body: object) -> None:
    """Keep a secure key, in place of one of that name."""
    place, name = await _named(call)
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"Improper format for name '{name}': only lower case letters, digits, '_' and '-' are allowed in it"
        )
    wanted = read(body if body is not None else {}, SecureKeyRequest)
    if not wanted.data:
        raise Invalid("The data field should not be empty. This is the data that will be stored securely.")
    await call.services.secrets.put(
        place.scope,
        SECRET_PREFIX + name,
        wanted.data,
        description=wanted.description or "",
        properties=texts_of(wanted.properties, "properties"),
    )


async def get(call: Call) -> PlainTextResponse:
    """Send the text of a secure key."""
    place, name = await _named(call)
    try:
        return PlainTextResponse(await call.services.secrets.get(place.scope, SECRET_PREFIX + name))
    except NotFound:
        raise _missing(place, name) from None


async def metadata(call: Call) -> dict[str, Any]:
    """Show what is known of a secure key, without its text."""
    place, name = await _named(call)
    try:
        return _shown(await call.services.secrets.find(place.scope, SECRET_PREFIX + name))
    except NotFound:
        raise _missing(place, name) from None


async def show_all(call: Call) -> list[dict[str, Any]]:
    """List secure keys, without their texts."""
    place = await place_of(call)
    return [_shown(secret) for secret in await call.services.secrets.list(place.scope, prefix=SECRET_PREFIX)]


async def remove(call: Call) -> None:
    """Remove a secure key."""
    place, name = await _named(call)
    try:
        await call.services.secrets.delete(place.scope, SECRET_PREFIX + name)
    except NotFound:
        raise _missing(place, name) from None


async def _named(call: Call) -> tuple[Place, str]:
    return await place_of(call), call.path["key"]


def _missing(place: Place, name: str) -> Missing:
    return Missing(f"securekey:{place.namespace}.{name}")


def _shown(secret: SecretInfo) -> dict[str, Any]:
    return {
        "name": secret.name.removeprefix(SECRET_PREFIX),
        "description": secret.description,
        "createdEpochMs": unix_ms(secret.created_at),
        "properties": dict(secret.properties),
    }
