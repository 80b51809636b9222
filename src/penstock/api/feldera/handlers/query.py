"""Ad-hoc queries, over HTTP and over a WebSocket."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.api.feldera.auth import SOCKET_PROTOCOL
from penstock.api.feldera.errors import error_body, refusal, refuse, reply_to
from penstock.api.feldera.handlers.found import found
from penstock.api.shared.bodies import decode_json
from penstock.api.shared.call import Call
from penstock.api.shared.streams import stream
from penstock.kernel.errors import Invalid, PenstockError
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
_FAILED: Final = 1011
"""Why a socket is closed: something went wrong (RFC 6455 §7.4.1)."""


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
    """Run the query that each message describes and send what it yields; an empty message ends each answer.

    Answers of the format `text` and `hash` are one message. A query that fails is answered with the error and ends the
    socket, as the product's does.
    """
    socket = call.socket
    offered = socket.headers.get("sec-websocket-protocol", "")
    await socket.accept(SOCKET_PROTOCOL if SOCKET_PROTOCOL in offered else None)
    try:
        found(call)
        while True:
            sql, format = _asked(await _message(socket))
            await _send_answer(socket, call.services.circuits.query(found(call), sql, format), format)
    except RequestFailed as error:
        shown = refusal(error.code, error.message, error.details)
        await socket.send_json(error_body(shown, reply_to(shown)))
    except PenstockError as error:
        await socket.send_json(error_body(error, reply_to(error)))
    await socket.close(_FAILED)


async def _send_answer(socket: WebSocket, answer: AsyncGenerator[bytes, None], format: str) -> None:
    async with aclosing(answer) as pieces:
        if format in ("text", "hash"):
            await socket.send_text(b"".join([piece async for piece in pieces]).decode())
        elif format == "json":
            async for piece in pieces:
                await socket.send_text(piece.decode())
        else:
            async for piece in pieces:
                await socket.send_bytes(piece)
    await (socket.send_text("") if format in _TEXTUAL else socket.send_bytes(b""))


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
    try:
        document = decode_json(message)
    except Invalid as error:
        refuse("AdHocQueryError", error.message)
    if not isinstance(document, dict) or not isinstance(document.get("sql"), str):
        refuse("AdHocQueryError", "the message must be a JSON object with a string 'sql'")
    return document["sql"], _format(document.get("format", "text"))


def _format(name: object) -> str:
    if not isinstance(name, str) or name not in _MEDIA_TYPES:
        refuse("InvalidParam", f"the query parameter 'format' is {name!r}; it must be one of {', '.join(_MEDIA_TYPES)}")
    return name
