"""From a list of dialects to an ASGI application.

Every request takes the same way: route, authenticate, check the role, decode the body, call the handler, encode.
Whatever goes wrong on it is answered by the dialect that owns the path.
"""

from contextlib import nullcontext

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.api.shared.bodies import arguments
from penstock.api.shared.call import Call
from penstock.api.shared.dialect import Dialect
from penstock.api.shared.errors import NoRoute, WrongVerb, internal, project_error
from penstock.api.shared.operation import Answer, Operation, Stream
from penstock.api.shared.routing import Endpoint, Match, Router
from penstock.api.shared.streams import BodyReceiver
from penstock.kernel.errors import Denied, PenstockError, Unsupported
from penstock.kernel.events import LogEvent
from penstock.services.services import Services
from penstock.services.tenancy import handling

__all__ = ["build_app", "encode"]

_log = structlog.get_logger("penstock.api")


def build_app(dialects: tuple[Dialect, ...], services: Services) -> Starlette:
    """Build the application that serves these dialects with these services.

    Handlers find the dialects at `call.connection.app.state.dialects`.
    Raises: ValueError if two operations collide.
    """
    router = Router(dialects)

    app = _Application(router)
    app.state.dialects = dialects
    app.state.router = router
    app.state.services = services
    return app


class _Application(Starlette):
    """Starlette for what frames an application: life span and state. Requests go straight to the router of operations,
    which answers everything, errors included, so that no further layer has to."""

    def __init__(self, router: Router) -> None:
        super().__init__()
        self._operations = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        if scope["type"] == "http":
            await _serve_http(self._operations, scope, receive, send)
        else:
            await _serve_socket(self._operations, scope, receive, send)


async def _serve_http(router: Router, scope: Scope, receive: Receive, send: Send) -> None:
    match = router.find(scope["method"], _raw_path(scope))
    if match.endpoint and isinstance(match.endpoint.operation.body, Stream):
        receive = BodyReceiver(receive)
    request = Request(scope, receive, send)
    try:
        response = await _respond(match, request)
    except ClientDisconnect:
        _log.info(LogEvent.REQUEST_ABANDONED, verb=request.method, path=scope["path"])
        return
    except PenstockError as error:
        response = project_error(match.dialect, error)
    except Exception as error:
        response = project_error(match.dialect, internal(error, verb=request.method, path=scope["path"]))
    # The path from the scope: a request's `url` is put together anew from all its parts.
    _log.debug(LogEvent.REQUEST_SERVED, verb=request.method, path=scope["path"], status=response.status_code)
    await response(scope, receive, send)


async def _respond(match: Match, request: Request) -> Response:
    endpoint = _endpoint(match, request.method, request.scope["path"])
    call = await _admit(endpoint, match.parameters, request)
    operation = endpoint.operation
    if operation.handler is None:
        raise Unsupported(f"{operation.verb} {operation.path} is not implemented by this server")
    body = await arguments(request, operation.body)
    if call.caller is None:
        return encode(operation, await operation.handler(call, *body))
    with handling(call.scope):
        return encode(operation, await operation.handler(call, *body))


def encode(operation: Operation, result: object) -> Response:
    """Turn what a handler returned into a response."""
    if isinstance(result, Response):
        return result
    answer = result if isinstance(result, Answer) else Answer(result)
    status = operation.status if answer.status is None else answer.status
    if answer.body is None:
        return Response(status_code=status, headers=answer.headers)
    return Response(msgspec.json.encode(answer.body), status, answer.headers, "application/json")


async def _serve_socket(router: Router, scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    match = router.find("WS", _raw_path(scope))
    try:
        endpoint = _endpoint(match, "WS", socket.url.path)
        call = await _admit(endpoint, match.parameters, socket)
        if endpoint.operation.handler is None:
            raise Unsupported(f"the socket {endpoint.operation.path} is not implemented by this server")
    except PenstockError as error:
        await socket.send_denial_response(project_error(match.dialect, error))
        return
    try:
        with handling(call.scope) if call.caller is not None else nullcontext():
            await endpoint.operation.handler(call)
    except WebSocketDisconnect:
        _log.debug(LogEvent.REQUEST_ABANDONED, verb="WS", path=socket.url.path)
    except Exception as error:
        internal(error, verb="WS", path=socket.url.path)
        await socket.close(1011)


def _endpoint(match: Match, verb: str, path: str) -> Endpoint:
    if match.endpoint:
        return match.endpoint
    if match.allowed:
        raise WrongVerb(f"{path!r} does not take {verb}; it takes {', '.join(match.allowed)}", match.allowed)
    raise NoRoute(f"no operation has the path {path!r}")


async def _admit(endpoint: Endpoint, parameters: dict[str, str], connection: HTTPConnection) -> Call:
    services: Services = connection.app.state.services
    operation = endpoint.operation
    connection.scope["path_params"] = parameters
    if operation.role is None:
        return Call(connection, operation, services, parameters, None)
    principal, scope = await endpoint.dialect.authenticate(connection, services)
    if not principal.may(operation.role):
        raise Denied(
            f"{operation.verb} {operation.path} needs the role {operation.role.name.lower()!r}; "
            f"{principal.name!r} is {principal.role.name.lower()!r}"
        )
    return Call(connection, operation, services, parameters, (principal, scope))


def _raw_path(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    # Some in-process clients leave raw_path out, or leave the query in it.
    return raw.split(b"?", 1)[0].decode("latin-1") if raw else str(scope["path"])
