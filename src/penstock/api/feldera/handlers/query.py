"""Ad-hoc queries, over HTTP and over a WebSocket."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.api.feldera.auth import SOCKET_PROTOCOL
from penstock.api.feldera.errors import Refusal, error_body, refusal, refuse
from penstock.api.feldera.handlers.found import found
from penstock.api.shared.bodies import decode_json
from penstock.api.shared.call import Call
from penstock.api.shared.dialect import Reply
from penstock.api.shared.streams import stream
from penstock.kernel.errors import PenstockError
from penstock.services.circuits.process import RequestFailed

__all__ = ["query", "query_socket"]

_MEDIA_TYPES: Final = {
    "text": "text/plain",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "arrow_ipc": "application/vnd.apache.arrow.stream",
    "hash": "text/plain",
}
_TEXTUAL: Final = ("text", "json", "hash")


async def query(call: Call) -> Response:
    """Run a query on the state as it is now."""
    circuit = found(call)
    sql = call.query.get("sql")
    if sql is None:
        refuse("MissingUrlEncodedParam", "the query parameter 'sql' is missing", {"param": "sql"})
    format = _format(call.query.get("format", "text"))
    pieces = call.services.circuits.query(circuit, sql, format)
    # The first piece is awaited here, so that a refusal still has a status of its own.
    first = await anext(pieces, b"")
    return stream(_all(first, pieces), _MEDIA_TYPES[format])


async def query_socket(call: Call) -> None:
    """Run the query that the first message describes, send what it yields, close."""
    socket = call.socket
    offered = socket.headers.get("sec-websocket-protocol", "")
    await socket.accept(SOCKET_PROTOCOL if SOCKET_PROTOCOL in offered else None)
    try:
        circuit = found(call)
        sql, format = _asked(await _message(socket))
        async with aclosing(call.services.circuits.query(circuit, sql, format)) as pieces:
            async for piece in pieces:
                if format in _TEXTUAL:
                    await socket.send_text(piece.decode())
                else:
                    await socket.send_bytes(piece)
    except RequestFailed as error:
        await socket.send_json(error_body(refusal(error.code, error.message, error.details), Reply(400, error.code)))
    except PenstockError as error:
        code = type(error).__name__ if isinstance(error, Refusal) else "AdHocQueryError"
        await socket.send_json(error_body(error, Reply(400, code)))
    await socket.close(1000)


async def _all(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


async def _message(socket: WebSocket) -> bytes:
    """Return the next message, which may come as text or as bytes."""
    event = await socket.receive()
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event["code"], event.get("reason"))
    text = event.get("text")
    return text.encode() if text is not None else bytes(event.get("bytes") or b"")


def _asked(message: bytes) -> tuple[str, str]:
    document = decode_json(message)
    if not isinstance(document, dict) or not isinstance(document.get("sql"), str):
        refuse("AdHocQueryError", "the message must be a JSON object with a string 'sql'")
    return document["sql"], _format(document.get("format", "text"))


def _format(name: object) -> str:
    if not isinstance(name, str) or name not in _MEDIA_TYPES:
        refuse("InvalidParam", f"the query parameter 'format' is {name!r}; it must be one of {', '.join(_MEDIA_TYPES)}")
    return name
