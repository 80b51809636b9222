"""One worker as the server sees it: its socket, what it is busy with, its start and its end."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

from penstock.kernel.values import Value

__all__ = ["Reply", "WorkerLink"]

MAX_MESSAGE_BYTES: Final = 300 << 20
_LENGTH = struct.Struct("!I")


class Reply(msgspec.Struct):
    """What a worker says. t: ready, unfit, done, failed, update. n: number of the request."""

    t: str
    n: int = 0
    data: Any = None
    message: str = ""
    text: str = ""
    request: bool = False
    requests: bool = False


_decoder = msgspec.json.Decoder(Reply)
_encoder = msgspec.json.Encoder()


class WorkerLink(asyncio.Protocol):
    """The socket of one worker.

    Attributes:
        id: its number in the nursery. pid: once it is known.
        busy_with: number of the request it answers; None if it is idle. idle_since: on the monotonic clock.
        opening: waits for the first word of a worker that starts.
        is_ready: its object is there. is_gone: its end was told, or its socket was closed.
    """

    def __init__(self, heard: Callable[[WorkerLink, Reply], None], lost: Callable[[WorkerLink], None]) -> None:
        self.id = 0
        self.pid: int | None = None
        self.busy_with: int | None = None
        self.idle_since = time.monotonic()
        self.is_ready = False
        self.is_gone = False
        self.is_retired = False
        self.reason: str | None = None
        self.opening: asyncio.Future[Reply] | None = None
        self._heard = heard
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._wanted = 4

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        """Cut what came into messages."""
        if not self._buffer and len(data) >= 4 and _LENGTH.unpack_from(data)[0] + 4 == len(data):
            self._take(memoryview(data)[4:])  # the usual case: one whole message
            return
        self._buffer += data
        while len(self._buffer) >= self._wanted:
            size = _LENGTH.unpack_from(self._buffer)[0]
            if size > MAX_MESSAGE_BYTES:
                self.close()
                return
            if len(self._buffer) < size + 4:
                self._wanted = size + 4
                return
            message = bytes(memoryview(self._buffer)[4 : size + 4])
            del self._buffer[: size + 4]
            self._wanted = 4
            self._take(message)

    def connection_lost(self, error: Exception | None) -> None:
        """The worker hung up; its end is told by the nursery."""
        self._transport = None
        self._lost(self)

    def tell(self, message: dict[str, Value]) -> None:
        """Send a message."""
        self.send(_encoder.encode(message))

    def send(self, encoded: bytes) -> None:
        """Send an encoded message."""
        if self._transport is not None:
            self._transport.write(_LENGTH.pack(len(encoded)) + encoded)

    def close(self) -> None:
        """Hang up; an idle worker then ends by itself."""
        if self._transport is not None:
            self._transport.close()

    def _take(self, message: bytes | memoryview) -> None:
        try:
            reply = _decoder.decode(message)
        except msgspec.DecodeError:
            self.close()
            return
        if reply.t in ("ready", "unfit"):
            if self.opening is not None and not self.opening.done():
                self.opening.set_result(reply)
        else:
            self._heard(self, reply)


def encode(message: object) -> bytes:
    """Return a message as it travels. Raises: TypeError, ValueError for what is not JSON."""
    return _encoder.encode(message)
