"""The server's half of a link: calls with bodies, streams of results, events.

Knows nothing of circuits. Loads nothing heavy: this runs in the server's own process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

from penstock.services.circuits.link import UP_CREDIT, Channel, Frame, Kind, LinkClosed, RemoteError

UP_BYTES = 1 << 18
"""A body is sent in pieces of at most this many bytes, so that one of them never occupies the link for long."""

DOWN_CREDIT = 8
"""How many stream items may be on the way to a reader that has not taken them."""


class _Call:
    """One call under way. items: stream items not yet taken (bounded by the credit granted)."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.items: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.credit = asyncio.Semaphore(UP_CREDIT)


class Caller:
    """Calls over one channel; `run` must be running for answers to arrive."""

    def __init__(self, channel: Channel, on_event: Callable[[str, Any], None] = lambda name, value: None) -> None:
        self._channel = channel
        self._on_event = on_event
        self._calls: dict[int, _Call] = {}
        self._last = 0
        self._closed = False

    async def run(self) -> None:
        """Receive until the link ends; then every call under way fails with LinkClosed."""
        try:
            while (frame := await self._channel.receive()) is not None:
                self._receive(frame)
        finally:
            self._closed = True
            self._channel.close()
            for call in list(self._calls.values()):
                if not call.reply.done():
                    call.reply.set_exception(LinkClosed("the process ended"))
                call.items.put_nowait(None)

    async def call(self, method: str, arguments: Mapping[str, Any], chunks: AsyncIterator[bytes] | None = None) -> Any:
        """Call and return the value. chunks: the body to send along.

        Raises: RemoteError, LinkClosed; whatever reading the body raises (the callee is told that it broke off).
        """
        number, call = self._begin(method, arguments, chunks is not None)
        feeder = None if chunks is None else asyncio.ensure_future(self._feed(number, call, chunks))
        try:
            if feeder is not None:
                await asyncio.wait({feeder, call.reply}, return_when=asyncio.FIRST_COMPLETED)
                if feeder.done() and (error := feeder.exception()) is not None and not isinstance(error, LinkClosed):
                    raise error
            return await call.reply
        except asyncio.CancelledError:
            self._cancel(number)
            raise
        finally:
            if feeder is not None and not feeder.done():
                feeder.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await feeder
            self._end(number, call)

    async def stream(self, method: str, arguments: Mapping[str, Any]) -> AsyncGenerator[tuple[Any, bytes], None]:
        """Call and yield the items of its stream: description and payload. Raises: RemoteError, LinkClosed."""
        number, call = self._begin(method, arguments, False)
        finished = False
        try:
            self._channel.post(Kind.CREDIT, number, DOWN_CREDIT)
            while (frame := await call.items.get()) is not None:
                yield frame.body, frame.payload
                self._channel.post(Kind.CREDIT, number, 1)
            finished = True
            await call.reply
        finally:
            if not finished:
                self._cancel(number)
            self._end(number, call)

    def close(self) -> None:
        """Close the channel; `run` ends."""
        self._channel.close()

    def _begin(self, method: str, arguments: Mapping[str, Any], has_body: bool) -> tuple[int, _Call]:
        if self._closed:
            raise LinkClosed("the process ended")
        self._last += 1
        call = self._calls[self._last] = _Call()
        try:
            self._channel.post(Kind.CALL, self._last, [method, dict(arguments), has_body])
        except LinkClosed:
            del self._calls[self._last]
            raise
        return self._last, call

    def _end(self, number: int, call: _Call) -> None:
        self._calls.pop(number, None)
        if call.reply.done() and not call.reply.cancelled():
            call.reply.exception()  # seen, so that the loop does not report it
        else:
            call.reply.cancel()

    def _cancel(self, number: int) -> None:
        with suppress(LinkClosed):
            if not self._closed:
                self._channel.post(Kind.CANCEL, number)

    async def _feed(self, number: int, call: _Call, chunks: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in chunks:
                view = memoryview(chunk)
                for start in range(0, len(view), UP_BYTES):
                    await call.credit.acquire()
                    await self._channel.send(Kind.UP, number, None, view[start : start + UP_BYTES])
        except LinkClosed:
            raise
        except BaseException as error:
            with suppress(LinkClosed):
                self._channel.post(Kind.UP_ABORT, number, str(error) or type(error).__name__)
            raise
        await self._channel.send(Kind.UP_END, number)

    def _receive(self, frame: Frame) -> None:
        if frame.kind is Kind.EVENT:
            self._on_event(frame.body[0], frame.body[1])
            return
        call = self._calls.get(frame.call)
        if call is None:
            return  # the caller gave up before the answer
        if frame.kind is Kind.DOWN:
            call.items.put_nowait(frame)
        elif frame.kind is Kind.CREDIT:
            for _ in range(frame.body):
                call.credit.release()
        elif not call.reply.done():
            if frame.kind is Kind.RESULT:
                call.reply.set_result(frame.body)
            elif frame.kind is Kind.ERROR:
                call.reply.set_exception(RemoteError(*frame.body))
            call.items.put_nowait(None)
