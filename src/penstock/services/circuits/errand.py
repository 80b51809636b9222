"""One request to a fork of the warm process that is good for nothing else: call, hear what it tells, or kill it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from penstock.services.circuits.caller import Caller
from penstock.services.circuits.link import Channel, LinkClosed, RemoteError

__all__ = ["Errand", "ErrandFailed"]


class ErrandFailed(Exception):
    """The fork refused, or ended without an answer (code `Ended`). details: as it sent them."""

    def __init__(self, code: str, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class Errand:
    """A fork and the link to it."""

    def __init__(
        self,
        channel: Channel,
        status: asyncio.Future[int | None],
        kill: Callable[[], Awaitable[None]],
        on_event: Callable[[str, Any], None],
    ) -> None:
        self._caller = Caller(channel, on_event)
        self._status = status
        self._kill = kill
        self._receiving = asyncio.ensure_future(self._caller.run())

    async def call(self, method: str, arguments: Mapping[str, Any]) -> Any:
        """Send the request and return the answer. Raises: ErrandFailed."""
        try:
            return await self._caller.call(method, arguments)
        except RemoteError as error:
            raise ErrandFailed(error.code, error.message, error.details) from error
        except LinkClosed:
            raise ErrandFailed("Ended", f"the process {await self._end()}") from None

    async def close(self) -> None:
        """Kill the fork if it is still there, and wait for its end."""
        await self._kill()
        self._caller.close()
        await asyncio.gather(self._receiving, return_exceptions=True)

    async def _end(self) -> str:
        try:
            async with asyncio.timeout(2.0):
                status = await asyncio.shield(self._status)
        except TimeoutError:
            status = None
        if status is None:
            return "ended, nobody knows how"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"
