"""One circuit as the server sees it: `process.CircuitProcess` over a link to the circuit's own process."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from penstock.services.circuits.caller import Caller
from penstock.services.circuits.link import Channel, LinkClosed, RemoteError
from penstock.services.circuits.process import Chunk, Failure, FormatSpec, Missed, Pushed, RequestFailed

STOP_WAIT_S = 5.0
_REPORT_WAIT_S = 2.0
_LOG_LINES = 10_000


class RemoteCircuit:
    """A circuit's process. status: its future exit status; kill: end it by force."""

    def __init__(
        self, channel: Channel, status: asyncio.Future[int | None], kill: Callable[[], Awaitable[None]]
    ) -> None:
        self._caller = Caller(channel, self._on_event)
        self._status = status
        self._kill = kill
        self._pid = 0
        self._stopping = False
        self._failure: Failure | None = None
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._logged = asyncio.Event()
        self._end = asyncio.ensure_future(self._follow())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._pid

    async def build(self, arguments: Mapping[str, Any]) -> None:
        """Have the process build its circuit. Raises: RequestFailed, with the failure's code if the process ended."""
        try:
            self._pid = (await self._caller.call("build", arguments))["pid"]
        except RemoteError as error:
            raise _refusal(error) from error
        except LinkClosed:
            failure = await self.ended()
            if failure is None:
                raise await self._gone() from None
            raise RequestFailed(failure.code, failure.message, failure.details) from None

    async def push(
        self, table: str, format: FormatSpec, chunks: AsyncIterator[bytes], *, force: bool = False
    ) -> Pushed:
        """Feed a body; see `process.CircuitProcess.push`."""
        answer = await self._call("push", {"table": table, **_spec(format), "force": force}, chunks)
        return Pushed(**answer)

    async def completed(self, endpoint: str, position: int, *, wait_s: float = 0.0) -> tuple[bool, int | None]:
        """Whether the input up to position was processed and delivered; see `process.CircuitProcess.completed`."""
        arguments = {"endpoint": endpoint, "position": position, "wait_s": wait_s}
        done, step = await self._call("completed", arguments)
        return done, step

    async def connector_position(self, table: str, connector: str) -> tuple[str, int]:
        """The endpoint and present position of a declared input connector."""
        endpoint, position = await self._call("connector_position", {"table": table, "connector": connector})
        return endpoint, position

    async def subscribe(
        self, relation: str, format: FormatSpec, *, snapshot: bool = False, backpressure: bool = False
    ) -> AsyncIterator[Chunk]:
        """Follow a relation's changes; see `process.CircuitProcess.subscribe`."""
        arguments = {"relation": relation, **_spec(format), "snapshot": snapshot, "backpressure": backpressure}
        try:
            async with aclosing(self._caller.stream("subscribe", arguments)) as items:
                async for (is_snapshot, step, missed, empty), payload in items:
                    yield Chunk(None if empty else payload, is_snapshot, step, missed and Missed(*missed))
        except RemoteError as error:
            raise _refusal(error) from error
        except LinkClosed:
            return  # the stream ends with the circuit

    async def query(self, sql: str, format: str) -> AsyncIterator[bytes]:
        """Run ad-hoc SQL on a consistent snapshot; see `process.CircuitProcess.query`."""
        try:
            async with aclosing(self._caller.stream("query", {"sql": sql, "format": format})) as items:
                async for _, payload in items:
                    yield payload
        except RemoteError as error:
            raise _refusal(error) from error
        except LinkClosed:
            raise await self._gone() from None

    async def pause(self) -> None:
        """Stop taking steps; requests are still answered."""
        await self._call("pause", {})

    async def resume(self) -> None:
        """Take steps again."""
        await self._call("resume", {})

    async def stats(self) -> dict[str, Any]:
        """Counters; see `statistics.py` for the keys."""
        answer: dict[str, Any] = await self._call("stats", {})
        return answer

    async def connector(self, table: str, connector: str, action: str) -> None:
        """Start or pause a declared connector."""
        await self._call("connector", {"table": table, "connector": connector, "action": action})

    async def begin_transaction(self) -> int:
        """Begin a transaction and return its number, from 1. Raises: RequestFailed with TransactionInProgress."""
        number: int = await self._call("begin_transaction", {})
        return number

    async def commit_transaction(self) -> None:
        """Process what came in during the transaction as one step. Raises: RequestFailed, NoTransactionInProgress."""
        await self._call("commit_transaction", {})

    async def checkpoint(self) -> Mapping[str, Any]:
        """Keep the circuit as it is; see `process.CircuitProcess.checkpoint`."""
        answer: Mapping[str, Any] = await self._call("checkpoint", {})
        return answer

    async def suspend(self) -> Mapping[str, Any]:
        """Take no more steps and keep the circuit; see `process.CircuitProcess.suspend`."""
        answer: Mapping[str, Any] = await self._call("suspend", {})
        return answer

    async def copy_checkpoint(self) -> str:
        """Begin to copy the newest checkpoint; see `process.CircuitProcess.copy_checkpoint`."""
        id: str = await self._call("copy_checkpoint", {})
        return id

    async def copying(self) -> Mapping[str, Any]:
        """What came of copies; see `process.CircuitProcess.copying`."""
        answer: Mapping[str, Any] = await self._call("copying", {})
        return answer

    async def copies(self) -> Sequence[str]:
        """The ids of all checkpoints in the store, oldest first."""
        ids: Sequence[str] = await self._call("copies", {})
        return ids

    async def advance_clock(self, delta_ms: int | None) -> int:
        """Move a driven clock; None: by one resolution. Returns epoch milliseconds."""
        now: int = await self._call("advance_clock", {"delta_ms": delta_ms})
        return now

    async def profile(self) -> dict[str, Any]:
        """Operators with rows, state bytes and time."""
        answer: dict[str, Any] = await self._call("profile", {})
        return answer

    async def logs(self) -> AsyncIterator[str]:
        """Yield the lines the circuit has logged and logs, each once over all readers; ends with the circuit."""
        while True:
            while self._lines:
                yield self._lines.popleft()
            if self._end.done():
                return
            self._logged.clear()
            waiting = asyncio.ensure_future(self._logged.wait())
            await asyncio.wait({waiting, self._end}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

    async def stop(self) -> None:
        """End the process now; streams end. Returns when it is gone."""
        self._stopping = True
        try:
            async with asyncio.timeout(STOP_WAIT_S):
                await self._call("stop", {})
                await asyncio.shield(self._end)
        except (TimeoutError, RequestFailed):
            pass
        await self._kill()
        self._caller.close()
        await asyncio.wait({self._end})

    async def ended(self) -> Failure | None:
        """Wait for the end; None when it was asked for."""
        return await asyncio.shield(self._end)

    async def _follow(self) -> Failure | None:
        await self._caller.run()
        try:
            async with asyncio.timeout(_REPORT_WAIT_S):
                status = await asyncio.shield(self._status)
        except TimeoutError:
            status = None
        self._logged.set()
        if self._stopping:
            return None
        if self._failure is not None:
            return self._failure
        if status is not None and status < 0:
            return Failure("RuntimeError.ProcessKilled", f"the circuit's process was ended by {_signal(-status)}")
        known = "an unknown status" if status is None else f"status {status}"
        return Failure("RuntimeError.ProcessExited", f"the circuit's process ended unexpectedly with {known}")

    async def _gone(self) -> RequestFailed:
        """Return what a request is told whose circuit has ended: with the reason, once it is known."""
        failure = await asyncio.shield(self._end)
        reason = "" if failure is None else f": {failure.message}"
        return RequestFailed("CircuitEnded", f"the circuit's process has ended{reason}")

    def _on_event(self, name: str, value: Any) -> None:
        if name == "log":
            self._lines.append(value)
            self._logged.set()
        elif name == "failure":
            self._failure = Failure(*value)

    async def _call(self, method: str, arguments: Mapping[str, Any], chunks: AsyncIterator[bytes] | None = None) -> Any:
        try:
            return await self._caller.call(method, arguments, chunks)
        except RemoteError as error:
            raise _refusal(error) from error
        except LinkClosed:
            raise await self._gone() from None


def _spec(format: FormatSpec) -> dict[str, Any]:
    return {"format": format.name, "options": dict(format.options)}


def _refusal(error: RemoteError) -> RequestFailed:
    return RequestFailed(error.code, error.message, error.details)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
