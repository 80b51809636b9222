"""The server's side of the warm process: start it on demand, ask it for compilations and circuits.

Implements `process.Engine`. Loads nothing of the engine itself: the command that starts it is given by the
composition root. If the warm process dies, the circuits die with it (their servers see the end), and the next
request starts another one.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from penstock.services.circuits.caller import Caller
from penstock.services.circuits.errand import Errand, ErrandFailed
from penstock.services.circuits.link import Channel, LinkClosed, RemoteError
from penstock.services.circuits.process import Compiled, Message, RequestFailed
from penstock.services.circuits.remote import RemoteCircuit
from penstock.services.circuits.zygote import KILL

EXIT_OUT_OF_MEMORY = 98
"""Exit status of a compilation that grew beyond its bound."""

_REPORT_WAIT_S = 2.0


class _Zygote:
    """One run of the warm process. statuses: exit status of each request's fork, as it is reported."""

    def __init__(self, command: Sequence[str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        ours.setblocking(False)
        self._control = ours
        self._statuses: dict[int, asyncio.Future[int | None]] = {}
        self.alive = True
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)

    @property
    def pid(self) -> int:
        return self._process.pid

    def expect(self, number: int) -> asyncio.Future[int | None]:
        """Return the future exit status of request `number`; None if it will never be known."""
        return self._statuses.setdefault(number, asyncio.get_running_loop().create_future())

    async def request(self, operation: str, number: int) -> socket.socket:
        """Ask for a fork and return our end of its link. Raises: LinkClosed when the process is gone."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            await self._send(msgspec.msgpack.encode((operation, number)), [theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    async def kill(self, number: int) -> None:
        """Kill the fork that serves request `number`, if it still runs."""
        with suppress(LinkClosed):
            await self._send(msgspec.msgpack.encode((KILL, number)), [])

    async def _send(self, packet: bytes, fds: list[int]) -> None:
        while True:
            try:
                if not self.alive:
                    raise LinkClosed("the engine's process ended")
                socket.send_fds(self._control, [packet], fds)
                return
            except BlockingIOError:  # its queue of requests is full
                await asyncio.sleep(0.005)
            except OSError as error:
                self._end()
                raise LinkClosed("the engine's process ended") from error

    def _read(self) -> None:
        try:
            packet = self._control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._end()
            return
        number, _, status = msgspec.msgpack.decode(packet, type=tuple[int, int, int])
        waiting = self._statuses.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(status)

    def _end(self) -> None:
        if not self.alive:
            return
        self.alive = False
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        for waiting in self._statuses.values():
            if not waiting.done():
                waiting.set_result(None)
        self._statuses.clear()
        self._process.poll()

    async def close(self) -> None:
        """End the process and everything it forked."""
        self._end()
        for _ in range(100):
            if self._process.poll() is not None:
                return
            await asyncio.sleep(0.01)
        self._process.kill()
        self._process.wait()


class WarmEngine:
    """The warm process, started when first needed.

    command: what starts it, without the last argument (the number of the control socket's descriptor).
    compile_timeout_s: a compilation that takes longer is ended.
    """

    def __init__(self, command: Sequence[str], *, compile_timeout_s: float = 60.0) -> None:
        self._command = tuple(command)
        self._compile_timeout_s = compile_timeout_s
        self._zygote: _Zygote | None = None
        self._last = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The warm process's id, if it runs."""
        return self._zygote.pid if self._zygote is not None and self._zygote.alive else None

    async def warm(self) -> None:
        """Start loading, if not yet done; returns at once."""
        self._running()

    async def compile(self, program: str) -> Compiled:
        """Compile in a fork of the warm process.

        Raises: RequestFailed with CompilerTimedOut, CompilerOutOfMemory or CompilerCrashed; never for a wrong program.
        """
        number, zygote, end = await self._fork("compile")
        status = zygote.expect(number)
        channel = await Channel.open(end)
        caller = Caller(channel)
        receiving = asyncio.ensure_future(caller.run())
        try:
            async with asyncio.timeout(self._compile_timeout_s):
                answer = await caller.call("compile", {"program": program})
        except TimeoutError:
            message = f"compiling the program took longer than {self._compile_timeout_s:g} s"
            raise RequestFailed("CompilerTimedOut", message) from None
        except LinkClosed:
            raise _compiler_failure(await _known(status)) from None
        except RemoteError as error:
            raise RequestFailed(error.code, error.message, error.details) from error
        finally:
            await zygote.kill(number)
            caller.close()
            await receiving
        return Compiled(tuple(Message(**m) for m in answer["messages"]), answer["schema"])

    async def open(
        self,
        circuit: str,
        program: str,
        settings: Mapping[str, Any],
        *,
        paused: bool,
        directory: Path | None = None,
        carry_over: str = "allow",
        secrets: Mapping[str, str] | None = None,
    ) -> RemoteCircuit:
        """Start a circuit in a fork of its own; returns when it is ready. directory: see `process.Engine.open`.

        Raises: RequestFailed when it cannot be built, with the circuit's own code, or CircuitEnded if its process died.
        """
        number, zygote, end = await self._fork("open")
        remote = RemoteCircuit(await Channel.open(end), zygote.expect(number), lambda: zygote.kill(number))
        try:
            place = None if directory is None else str(directory)
            arguments = {"program": program, "settings": dict(settings), "paused": paused, "directory": place}
            arguments |= {"carry_over": carry_over, "secrets": dict(secrets or {})}
            await remote.build({"circuit": circuit, **arguments})
        except BaseException:
            await remote.stop()
            raise
        return remote

    async def fetch(self, settings: Mapping[str, Any], directory: Path, secrets: Mapping[str, str]) -> str | None:
        """Have a fork of the warm process fetch a checkpoint; see `process.Engine.fetch`."""
        arguments = {"settings": dict(settings), "directory": str(directory), "secrets": dict(secrets)}
        errand = await self.errand("fetch", lambda name, value: None)
        try:
            id: str | None = await errand.call("fetch", arguments)
            return id
        except ErrandFailed as error:
            raise RequestFailed(error.code, str(error), error.details) from error
        finally:
            await errand.close()

    async def errand(self, operation: str, on_event: Callable[[str, Any], None]) -> Errand:
        """Fork for a single request of another kind than circuits. Raises: RequestFailed."""
        number, zygote, end = await self._fork(operation)
        status = zygote.expect(number)
        return Errand(await Channel.open(end), status, lambda: zygote.kill(number), on_event)

    async def close(self) -> None:
        """End the warm process, and with it every circuit."""
        self._closed = True
        if self._zygote is not None:
            await self._zygote.close()

    def _running(self) -> _Zygote:
        if self._closed:
            raise RequestFailed("EngineClosed", "the engine was closed")
        if self._zygote is None or not self._zygote.alive:
            self._zygote = _Zygote(self._command)
        return self._zygote

    async def _fork(self, operation: str) -> tuple[int, _Zygote, socket.socket]:
        self._last += 1
        for attempt in (1, 2):
            zygote = self._running()
            try:
                return self._last, zygote, await zygote.request(operation, self._last)
            except LinkClosed:
                if attempt == 2:
                    raise RequestFailed("EngineUnavailable", "the engine's process could not be started") from None
        raise AssertionError("unreachable")


async def _known(status: asyncio.Future[int | None]) -> int | None:
    try:
        async with asyncio.timeout(_REPORT_WAIT_S):
            return await asyncio.shield(status)
    except TimeoutError:
        return None


def _compiler_failure(status: int | None) -> RequestFailed:
    if status == EXIT_OUT_OF_MEMORY:
        return RequestFailed("CompilerOutOfMemory", "compiling the program needed more memory than allowed")
    if status is not None and status < 0:
        return RequestFailed("CompilerCrashed", f"the compiler was ended by {signal.Signals(-status).name}")
    return RequestFailed("CompilerCrashed", f"the compiler ended with status {status}")
