"""Who is calling: `Authorization: Bearer …`. Without authentication any header is taken, and none is needed.

The principal's scope is the instance; a namespace of the path is the scope one name below it (`names.scope_of`).
"""

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
