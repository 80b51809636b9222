"""Streaming replies. A slow client holds the producer back; a client that leaves ends it.

The server takes a chunk only when the one before has gone to the kernel's socket buffer or the server's small write
buffer (64 KiB), so a producer never runs further ahead than that.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Send

from penstock.kernel.events import LogEvent

__all__ = ["BodyReceiver", "stream"]

_log = structlog.get_logger("penstock.api")


def stream(
    chunks: AsyncGenerator[bytes, None],
    media_type: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> StreamingResponse:
    """Send chunks as they come.

    The generator is closed in every case: at its end, when the client leaves, when the server stops; so a `finally`
    in it runs. An exception in it cuts the reply off, so that the client can tell it from a complete one. The media
    type is sent exactly as given, without a charset added.
    """
    response = _ClosingResponse(_logged(chunks), status, headers)
    response.raw_headers.append((b"content-type", media_type.encode("latin-1")))
    return response


class BodyReceiver:
    """The receiving side of a request whose body a handler still reads while its reply goes out."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_complete = asyncio.Event()

    async def __call__(self) -> Message:
        message = await self._receive()
        if not message.get("more_body"):
            self.is_complete.set()
        return message


class _ClosingResponse(StreamingResponse):
    """Closes its producer even when it is cancelled between two chunks, and not whenever the collector gets to it."""

    async def listen_for_disconnect(self, receive: Receive) -> None:
        if isinstance(receive, BodyReceiver):
            # Listening takes messages; before the body's end that would steal pieces of it. Until then the body's
            # reader is told when the client leaves.
            await receive.is_complete.wait()
        await super().listen_for_disconnect(receive)

    async def stream_response(self, send: Send) -> None:
        producer = self.body_iterator
        assert isinstance(producer, AsyncGenerator)
        async with aclosing(producer):
            await super().stream_response(send)


async def _logged(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                if chunk:
                    yield chunk
                    # Sending to a client that has left returns at once; a producer that never waits would then
                    # run for ever, and nobody else would.
                    await asyncio.sleep(0)
        except Exception as error:
            _log.error(LogEvent.STREAM_FAILED, exc_info=error)
            raise
