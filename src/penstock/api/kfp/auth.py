"""Who is calling: `Authorization: Bearer …`, which both generations of the client send."""

from starlette.requests import HTTPConnection

from penstock.api.shared.bearer import bearer_key
from penstock.kernel.principal import Principal
from penstock.kernel.scope import Scope
from penstock.services.services import Services

__all__ = ["authenticate"]


async def authenticate(connection: HTTPConnection, services: Services) -> tuple[Principal, Scope]:
    """Return the principal and the scope of a call.

    Raises: Unauthenticated.
    """
    return await services.identity.authenticate(bearer_key(connection.headers))
