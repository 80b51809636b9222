"""Keys that open the caller's scope."""

from typing import cast

from penstock.api.native.wire import IssuedKey, Key, KeyRequest, RoleName
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid
from penstock.kernel.instants import rfc3339
from penstock.kernel.principal import Role
from penstock.services.documents import Document
from penstock.services.identity import KeyDocument

__all__ = ["issue", "revoke", "show"]


async def show(call: Call) -> list[Key]:
    """List the keys of the scope."""
    return [_project(document) for document in await call.services.identity.keys(call.scope)]


async def issue(call: Call, body: KeyRequest) -> IssuedKey:
    """Make a key. Its text is in this reply and nowhere else."""
    if not body.name:
        raise Invalid("the key has no name; give it one to revoke it by", at="/name")
    document, key = await call.services.identity.issue(call.scope, body.name, Role[body.role.upper()])
    return IssuedKey(document.id, body.name, body.role, key)


async def revoke(call: Call) -> None:
    """Make a key worthless."""
    await call.services.identity.revoke(call.scope, call.path["name"])


def _project(document: Document[KeyDocument]) -> Key:
    role = cast(RoleName, document.body.opens_as.name.lower())
    return Key(document.id, document.name or "", role, rfc3339(document.created_at))
