"""Compute profiles, as far as clients read and keep them: everything runs on this machine, as the native one says."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.api.cdap.entities import place_of
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.kinds import PROFILE, ProfileBody
from penstock.api.cdap.names import check_id
from penstock.api.cdap.wire import ProfileRequest, read
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.kernel.errors import Conflict, Denied, Invalid, NotFound
from penstock.kernel.instants import unix_us
from penstock.kernel.query import MAX_LIMIT
from penstock.kernel.scope import Scope
from penstock.services.documents import Document

__all__ = ["disable", "enable", "get", "provisioner", "provisioners", "put", "remove", "show_all"]

ENABLED, DISABLED = "ENABLED", "DISABLED"
NATIVE: Final = {
    "name": "native",
    "label": "Native",
    "description": "Runs programs on the machine of the server.",
    "scope": "SYSTEM",
    "status": ENABLED,
    "provisioner": {"name": "native", "properties": []},
    "created": 0,
}
PROVISIONER: Final = {
    "name": "native",
    "label": "Native",
    "description": "Runs programs on the machine of the server.",
    "configuration-groups": [],
    "capabilities": {"datasets": {"unsupported": []}},
    "beta": False,
}


async def show_all(call: Call) -> list[dict[str, Any]]:
    """List profiles: of a namespace, with `includeSystem` those of the instance too; or of the instance."""
    scope, is_system = await _scope(call)
    page = await call.services.documents.page(PROFILE, scope, limit=MAX_LIMIT)
    found = [_shown(profile, is_system) for profile in page.documents]
    if is_system:
        return [NATIVE, *found]
    if flag(call.query, "includeSystem", False):
        system = await call.services.documents.page(PROFILE, call.scope, limit=MAX_LIMIT)
        found += [NATIVE, *(_shown(profile, True) for profile in system.documents)]
    return found


async def get(call: Call) -> dict[str, Any]:
    """Show a profile."""
    scope, is_system = await _scope(call)
    if is_system and call.path["profile"] == "native":
        return NATIVE
    return _shown(await _find(call, scope), is_system)


async def put(call: Call, body: object) -> None:
    """Keep a profile, in place of one of that name."""
    scope, is_system = await _scope(call)
    name = check_id("profile", call.path["profile"])
    if is_system and name == "native":
        raise Denied("The native profile cannot be changed")
    wanted = read(body if body is not None else {}, ProfileRequest)
    if not isinstance((wanted.provisioner or {}).get("name"), str):
        raise Invalid("Provisioner information is missing: 'provisioner' must be an object with a 'name'")
    made = ProfileBody(
        label=wanted.label or name,
        description=wanted.description or "",
        provisioner=wanted.provisioner or {},
        created_s=unix_us(call.services.clock.now()) // 1_000_000,
    )
    try:
        present = await _find(call, scope)
    except NotFound:
        await call.services.documents.create(PROFILE, scope, name, made)
        return
    kept = msgspec.structs.replace(made, status=present.body.status, created_s=present.body.created_s)
    await call.services.documents.replace(present, kept)


async def enable(call: Call) -> None:
    """Let programs use a profile."""
    await _set_status(call, ENABLED)


async def disable(call: Call) -> None:
    """Let no program use a profile any more."""
    await _set_status(call, DISABLED)


async def remove(call: Call) -> None:
    """Remove a profile that is disabled."""
    scope, is_system = await _scope(call)
    if is_system and call.path["profile"] == "native":
        raise Denied("The native profile cannot be deleted")
    present = await _find(call, scope)
    if present.body.status == ENABLED:
        raise Conflict(f"Profile '{present.name}' is enabled; only a disabled profile can be deleted")
    await call.services.documents.delete(present)


async def provisioners(call: Call) -> list[dict[str, Any]]:
    """List what can provide machines: this one."""
    return [PROVISIONER]


async def provisioner(call: Call) -> dict[str, Any]:
    """Show one provider of machines."""
    if call.path["provisioner"] != "native":
        raise Missing(f"provisioner:{call.path['provisioner']}")
    return PROVISIONER


async def _scope(call: Call) -> tuple[Scope, bool]:
    if "namespace" not in call.path:
        return call.scope, True
    return (await place_of(call)).scope, False


async def _find(call: Call, scope: Scope) -> Document[ProfileBody]:
    try:
        return await call.services.documents.find(PROFILE, scope, call.path["profile"])
    except NotFound:
        raise Missing(f"profile:{call.path.get('namespace', 'system')}.{call.path['profile']}") from None


async def _set_status(call: Call, status: str) -> None:
    scope, _ = await _scope(call)
    present = await _find(call, scope)
    if present.body.status == status:
        raise Conflict(f"Profile '{present.name}' is already {status.lower()}")
    await call.services.documents.replace(present, msgspec.structs.replace(present.body, status=status))


def _shown(profile: Document[ProfileBody], is_system: bool) -> dict[str, Any]:
    body = profile.body
    return {
        "name": profile.name,
        "label": body.label,
        "description": body.description,
        "scope": "SYSTEM" if is_system else "USER",
        "status": body.status,
        "provisioner": {"properties": [], **body.provisioner},
        "created": body.created_s,
    }
