"""Keys of the API."""

import re
from typing import Any, Final

from penstock.api.feldera.auth import KEY_PREFIX, ROLE_WORDS
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.generations import is_first
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.principal import Role
from penstock.services.documents import Document
from penstock.services.identity import KeyDocument

__all__ = ["check_name", "create", "delete", "get", "list_all"]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_MAX_NAME: Final = 100
_ROLES: Final = {"read": Role.READER, "write": Role.WRITER}


async def list_all(call: Call) -> list[dict[str, Any]]:
    """List all keys, without their texts."""
    return [_shown(key) for key in await call.services.identity.keys(call.scope)]


async def get(call: Call) -> list[dict[str, Any]] | dict[str, Any]:
    """Show one key, as a list of one; to the oldest clients as it is."""
    shown = _shown(await _found(call))
    return shown if is_first(call) else [shown]


async def create(call: Call, body: object) -> Answer:
    """Make a key; its text is shown here only."""
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise Invalid("the body must be an object with a string 'name'", at="/name")
    name, role = body["name"], body.get("role") or "read"
    check_name(name)
    if isinstance(role, str) and role in ("admin", "owner"):
        refuse("OwnerAdminNotMintableAsApiKey", f"a key cannot have the role {role!r}; it can be read or write")
    if not isinstance(role, str) or role not in _ROLES:
        raise Invalid(f"the role is {role!r}; it must be 'read' or 'write'", at="/role")
    if not call.principal.may(_ROLES[role]):
        refuse("RoleExceedsCreator", f"the role {role!r} is more than the caller's own")
    document, text = await call.services.identity.issue(call.scope, name, _ROLES[role])
    return Answer({"id": document.id, "name": name, "api_key": KEY_PREFIX + text}, 201)


async def delete(call: Call) -> None:
    """Make a key worthless."""
    await _found(call)
    await call.services.identity.revoke(call.scope, call.path["key_name"])


def check_name(name: str) -> None:
    """Refuse what cannot name a key or a trust."""
    if not name:
        refuse("EmptyName", "the name is empty; it must have at least one character")
    if len(name) > _MAX_NAME:
        refuse("TooLongName", f"the name has {len(name)} characters; it may have {_MAX_NAME}")
    if not _NAME.fullmatch(name):
        refuse("NameDoesNotMatchPattern", f"the name {name!r} must be of letters, digits, hyphens and underscores")


async def _found(call: Call) -> Document[KeyDocument]:
    name = call.path["key_name"]
    try:
        return await call.services.identity.find(call.scope, name)
    except NotFound:
        refuse("UnknownApiKey", f"unknown API key {name!r}", {"name": name})


def _shown(key: Document[KeyDocument]) -> dict[str, Any]:
    role = key.body.opens_as
    scopes = ["Read"] if role is Role.READER else ["Read", "Write"]
    return {"id": key.id, "name": key.name, "role": ROLE_WORDS[role], "scopes": scopes}
