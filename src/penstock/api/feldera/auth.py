"""Who is calling: `Authorization: Bearer …` with a key or a token, or the same in a WebSocket's list of protocols.

The header `Feldera-Tenant` chooses among the tenants that a token opens.
"""

from typing import Final

from starlette.requests import HTTPConnection

from penstock.api.feldera.errors import refuse
from penstock.kernel.principal import Principal, Role
from penstock.kernel.scope import Scope
from penstock.services.identity import UnknownTenant
from penstock.services.services import Services

__all__ = ["KEY_PREFIX", "ROLE_WORDS", "SOCKET_PROTOCOL", "WORD_ROLES", "authenticate"]

KEY_PREFIX = "apikey:"
"""What the text of every key begins with in this dialect."""

SOCKET_PROTOCOL = "feldera-ws-v1"
"""The protocol a WebSocket speaks; a browser, which cannot set headers, sends its key as a second one."""

TENANT_HEADER = "feldera-tenant"
"""Names a tenant, by name or id."""

ROLE_WORDS: Final = {Role.READER: "read", Role.WRITER: "write", Role.ADMIN: "admin", Role.OWNER: "owner"}
"""What each role is called here."""
WORD_ROLES: Final = {word: role for role, word in ROLE_WORDS.items()}


async def authenticate(connection: HTTPConnection, services: Services) -> tuple[Principal, Scope]:
    """Return the principal and the scope of a call.

    Raises: as `Identity.authenticate`.
    """
    tenant = connection.headers.get(TENANT_HEADER)
    try:
        return await services.identity.authenticate(_key(connection), tenant)
    except UnknownTenant as error:
        refuse("UnknownTenantName", error.message, {"name": tenant})


def _key(connection: HTTPConnection) -> str | None:
    scheme, _, credential = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip().removeprefix(KEY_PREFIX)
    protocols = [name.strip() for name in connection.headers.get("sec-websocket-protocol", "").split(",")]
    keys = [name for name in protocols if name and name != SOCKET_PROTOCOL]
    return keys[0].removeprefix(KEY_PREFIX) if keys else None
