"""Framed messages between the server and an engine process, over one stream socket.

A frame is two big-endian 32-bit lengths (header, payload), a MessagePack header and raw payload bytes. The server
calls, the process answers; a call may carry a body of unlimited size up (UP frames) and a stream of results down (DOWN
frames). Each direction of each call moves only on credit the receiver has granted, so a slow reader stops its own
sender and nobody else. Bodies never pass through the MessagePack coder.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import IntEnum
from typing import Any

import msgspec

_LENGTHS = struct.Struct(">II")
_MAX_HEADER_BYTES = 1 << 28
READ_AHEAD_BYTES = 1 << 20
_JOINED_BYTES = 1 << 16
"""A payload of at most this many bytes is copied behind its header, so that both take one system call."""

UP_CREDIT = 4
"""How many pieces of a body may be on the way before the handler has taken them. A call begins with so many granted."""


class Kind(IntEnum):
    """What a frame says. Direction: C caller (server) to callee (process), P the other way."""

    CALL = 1  # C: body is [method, arguments, whether UP frames follow]
    RESULT = 2  # P: body is the value; the call is over
    ERROR = 3  # P: body is [code, message, details]; the call is over
    UP = 4  # C: payload is a piece of the call's body
    UP_END = 5  # C: the body is complete
    UP_ABORT = 6  # C: the body broke off; body is the reason
    DOWN = 7  # P: one item of the call's stream: body is its description, payload its bytes
    CREDIT = 8  # both: body is how many more UP or DOWN frames the other side may send
    CANCEL = 9  # C: nobody waits for the answer any more
    EVENT = 10  # P: body is [name, value]; belongs to no call


class Header(msgspec.Struct, array_like=True, frozen=True):
    """The header of a frame. call: number of the call, 0 for events."""

    kind: int
    call: int
    body: Any = None


class Frame(msgspec.Struct, frozen=True):
    """A received frame."""

    kind: Kind
    call: int
    body: Any
    payload: bytes


class LinkClosed(Exception):
    """The other side is gone; nothing more can be sent or received."""


class RemoteError(Exception):
    """The callee refused. code names the reason; details is any plain value."""

    def __init__(self, code: str, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Header)


def pack(kind: Kind, call: int, body: Any = None, payload_bytes: int = 0) -> bytes:
    """Return the lengths and header of a frame whose payload of that many bytes follows."""
    header = _encoder.encode(Header(int(kind), call, body))
    return _LENGTHS.pack(len(header), payload_bytes) + header


class Channel:
    """One end of a link: sends and receives frames. Sending is safe from any task of the loop that owns it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Channel:
        """Take over a connected stream socket."""
        end.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=end, limit=READ_AHEAD_BYTES)
        return cls(reader, writer)

    def post(self, kind: Kind, call: int, body: Any = None, payload: bytes | memoryview = b"") -> None:
        """Send without waiting for room. Raises: LinkClosed."""
        if self._writer.is_closing():
            raise LinkClosed("the other side of the link is gone")
        head = pack(kind, call, body, len(payload))
        if len(payload) <= _JOINED_BYTES:
            self._writer.write(head + payload)
        else:
            self._writer.write(head)
            self._writer.write(payload)

    async def send(self, kind: Kind, call: int, body: Any = None, payload: bytes | memoryview = b"") -> None:
        """Send and wait until the socket's buffer has room again. Raises: LinkClosed."""
        self.post(kind, call, body, payload)
        try:
            await self._writer.drain()
        except (ConnectionError, RuntimeError) as error:
            raise LinkClosed(str(error)) from error

    async def receive(self) -> Frame | None:
        """Return the next frame, or None at the end of the link."""
        try:
            header_bytes, payload_bytes = _LENGTHS.unpack(await self._reader.readexactly(_LENGTHS.size))
            if header_bytes > _MAX_HEADER_BYTES:
                return None
            header = _decoder.decode(await self._reader.readexactly(header_bytes))
            payload = await self._reader.readexactly(payload_bytes) if payload_bytes else b""
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return None
        return Frame(Kind(header.kind), header.call, header.body, payload)

    def close(self) -> None:
        """Close this end; what is written is still delivered."""
        if not self._writer.is_closing():
            self._writer.close()

    async def flush(self) -> None:
        """Wait until what was written has left this process, or the link is gone."""
        transport = self._writer.transport
        while not transport.is_closing() and transport.get_write_buffer_size():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.001)


def send_blocking(end: socket.socket, body: Any) -> None:
    """Send one RESULT frame from a process that has no event loop."""
    end.sendall(pack(Kind.RESULT, 1, body))


def receive_blocking(end: socket.socket) -> Frame | None:
    """Receive one frame in a process that has no event loop; None at the end of the link."""
    lengths = _read_exactly(end, _LENGTHS.size)
    if lengths is None:
        return None
    header_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    header, payload = _read_exactly(end, header_bytes), _read_exactly(end, payload_bytes)
    if header is None or payload is None:
        return None
    decoded = _decoder.decode(header)
    return Frame(Kind(decoded.kind), decoded.call, decoded.body, payload)


def _read_exactly(end: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        piece = end.recv(min(count - len(parts), READ_AHEAD_BYTES))
        if not piece:
            return None
        parts += piece
    return bytes(parts)
