"""Who is calling: `Authorization: Token …`, or `Bearer …` after a sign-in with a password."""

from starlette.requests import HTTPConnection

from penstock.kernel.principal import Principal
from penstock.kernel.scope import Scope
from penstock.services.identity import Unauthenticated
from penstock.services.services import Services

__all__ = ["authenticate", "email_of"]

_SCHEMES = ("token", "bearer")


async def authenticate(connection: HTTPConnection, services: Services) -> tuple[Principal, Scope]:
    """Return the principal and the scope of a call.

    Raises: Unauthenticated; Denied if a service user has no role on what the call is about.
    """
    if not services.identity.is_required:
        return await services.identity.authenticate(None)
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() not in _SCHEMES or not key:
        raise Unauthenticated("Unauthorized: the call carries no token; send `Authorization: Token <key>`")
    if " " in key:
        raise Unauthenticated("Unauthorized: a token has no spaces")
    principal, scope = await services.identity.authenticate(key)
    if principal.user or not principal.name.startswith("service-user/"):
        return principal, scope
    # Loaded with the first service user's call: the rules of roles are of no interest to most servers.
    from penstock.api.ubiops.access import service_user

    return await service_user(services, principal, scope, connection.path_params)


def email_of(principal: Principal) -> str:
    """Return the e-mail address under which a caller is known."""
    return principal.name if "@" in principal.name else f"{principal.name}@penstock.local"
