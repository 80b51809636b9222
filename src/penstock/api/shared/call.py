"""What a handler gets: one call, by one principal, in one scope."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from penstock.api.shared.operation import Operation
from penstock.kernel.principal import Principal
from penstock.kernel.scope import Scope
from penstock.services.services import Services

__all__ = ["Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `principal` and `scope` are None only where the operation needs no role."""

    connection: HTTPConnection
    operation: Operation
    services: Services
    path: Mapping[str, str]
    caller: tuple[Principal, Scope] | None

    @property
    def principal(self) -> Principal:
        """Who is calling. AssertionError in an operation that needs no role."""
        assert self.caller is not None, f"{self.operation.path} is open to everybody and has no principal"
        return self.caller[0]

    @property
    def scope(self) -> Scope:
        """On whose things. AssertionError in an operation that needs no role."""
        assert self.caller is not None, f"{self.operation.path} is open to everybody and has no scope"
        return self.caller[1]

    @property
    def query(self) -> QueryParams:
        """The query parameters, decoded."""
        return self.connection.query_params

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        return self.connection.headers

    @property
    def request(self) -> Request:
        """The HTTP request. AssertionError in a WebSocket operation."""
        assert isinstance(self.connection, Request), "a WebSocket operation has a socket, not a request"
        return self.connection

    @property
    def socket(self) -> WebSocket:
        """The WebSocket, not yet accepted. AssertionError in an HTTP operation."""
        assert isinstance(self.connection, WebSocket), "an HTTP operation has a request, not a socket"
        return self.connection
