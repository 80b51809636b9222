"""Who calls the native API: a bearer key, if the server asks for one."""

from starlette.requests import HTTPConnection

from penstock.api.shared.bearer import bearer_key
from penstock.kernel.principal import Principal
from penstock.kernel.scope import Scope
from penstock.services.services import Services

__all__ = ["authenticate"]


async def authenticate(connection: HTTPConnection, services: Services) -> tuple[Principal, Scope]:
    """Read `Authorization: Bearer <key>`; the key says the scope."""
    return await services.identity.authenticate(bearer_key(connection.headers))
