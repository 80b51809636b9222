"""The process's half of a link: takes calls, runs one handler task for each, answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from penstock.services.circuits.link import Channel, Frame, Kind, LinkClosed, RemoteError


class BodyAborted(Exception):
    """The sender of the body went away before its end."""


class Request:
    """One call as its handler sees it."""

    def __init__(self, channel: Channel, number: int, method: str, arguments: dict[str, Any]) -> None:
        self.method = method
        self.arguments = arguments
        self._channel = channel
        self._number = number
        self._pieces: asyncio.Queue[Frame] = asyncio.Queue()
        self._credit = asyncio.Semaphore(0)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body, pieces that are there together; the sender goes on only as they are taken.

        Raises: BodyAborted.
        """
        frame = await self._pieces.get()
        while frame.kind is Kind.UP:
            parts = [frame.payload]
            while not self._pieces.empty() and (frame := self._pieces.get_nowait()).kind is Kind.UP:
                parts.append(frame.payload)
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            if frame.kind is Kind.UP:
                self._channel.post(Kind.CREDIT, self._number, len(parts))
                frame = await self._pieces.get()
        if frame.kind is Kind.UP_ABORT:
            raise BodyAborted(frame.body)

    async def send(self, description: Any, payload: bytes = b"") -> None:
        """Send one item of the stream; waits for the reader's credit. Raises: LinkClosed."""
        await self._credit.acquire()
        await self._channel.send(Kind.DOWN, self._number, description, payload)

    def receive(self, frame: Frame) -> None:
        """Take a frame of this call."""
        if frame.kind is Kind.CREDIT:
            for _ in range(frame.body):
                self._credit.release()
        else:
            self._pieces.put_nowait(frame)


class Callee:
    """Serves calls over one channel with `handle`, until the link ends."""

    def __init__(self, channel: Channel, handle: Callable[[Request], Awaitable[Any]]) -> None:
        self._channel = channel
        self._handle = handle
        self._requests: dict[int, tuple[Request, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Serve until the other side is gone."""
        while (frame := await self._channel.receive()) is not None:
            if frame.kind is Kind.CALL:
                method, arguments, _ = frame.body
                request = Request(self._channel, frame.call, method, arguments)
                self._requests[frame.call] = request, asyncio.ensure_future(self._serve(frame.call, request))
            elif entry := self._requests.get(frame.call):
                if frame.kind is Kind.CANCEL:
                    entry[1].cancel()
                else:
                    entry[0].receive(frame)
        for _, task in list(self._requests.values()):
            task.cancel()

    def event(self, name: str, value: Any) -> None:
        """Tell the server something that answers no call; nothing happens if it is gone."""
        with suppress(LinkClosed):
            self._channel.post(Kind.EVENT, 0, [name, value])

    async def _serve(self, number: int, request: Request) -> None:
        try:
            value = await self._handle(request)
            await self._channel.send(Kind.RESULT, number, value)
        except RemoteError as error:
            with suppress(LinkClosed):
                await self._channel.send(Kind.ERROR, number, [error.code, error.message, error.details])
        except (LinkClosed, asyncio.CancelledError):
            pass
        except Exception as error:
            with suppress(LinkClosed):
                message = f"{type(error).__name__}: {error}"
                await self._channel.send(Kind.ERROR, number, ["InternalError", message, None])
            self.event("log", f"ERROR request {request.method} failed: {error!r}")
        finally:
            self._requests.pop(number, None)
