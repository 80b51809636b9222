"""The server's end of the nursery: starts it, asks it for workers, hears how they end and what they wrote."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from penstock.execute.pool import nursery as nursery_program
from penstock.kernel.errors import Unavailable
from penstock.kernel.events import LogEvent

__all__ = ["Birth", "Nest", "Watch"]

_LINE_BYTES: Final = 1 << 26

_log = structlog.get_logger("penstock.execute")


@dataclass(frozen=True, slots=True)
class Birth:
    """How a worker is started. mark: what its output has before the id of a request."""

    argv: list[str]
    env: Mapping[str, str]
    cwd: Path
    mark: str
    limits: Mapping[str, int]
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom to tell of a worker. ended: exit code (negative for a signal) and why it was ended, as far as known.
    lines: `(at_us, stream, text, request)`."""

    started: Callable[[int], None]
    ended: Callable[[int | None, str | None], None]
    lines: Callable[[list[tuple[int, str, str, str | None]]], None]


class Nest:
    """One nursery; another one is started when it is gone."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._peer: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._opening, self._sending = asyncio.Lock(), asyncio.Lock()
        self._watches: dict[int, Watch] = {}
        self._last = 0
        self._is_closed = False

    async def start(self, birth: Birth, channel: socket.socket, watch: Watch) -> int:
        """Have a worker started that talks over a socket, which is closed here. Returns: its number.

        Raises: Unavailable.
        """
        await self._open()
        self._last += 1
        id = self._last
        self._watches[id] = watch
        order = {
            "op": "start",
            "id": id,
            "argv": birth.argv,
            "env": dict(birth.env),
            "cwd": str(birth.cwd),
            "mark": birth.mark,
            "limits": dict(birth.limits),
            "memory_bytes": birth.memory_bytes,
        }
        with channel:
            await self._send(order, channel.fileno())
        return id

    def kill(self, id: int, reason: str | None = None) -> None:
        """Have a worker killed with all of its group; its end is told as any other."""
        if id in self._watches and self._peer is not None:
            task = asyncio.get_running_loop().create_task(self._send({"op": "kill", "id": id, "reason": reason}))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def close(self) -> None:
        """End the nursery, and with it all workers. Nobody is told."""
        self._is_closed = True
        self._watches.clear()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._peer is not None:
            self._peer.close()
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()

    async def _open(self) -> None:
        async with self._opening:
            if self._is_closed:
                raise Unavailable("the server is being stopped")
            if self._peer is not None:
                return
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", "-S", nursery_program.__file__, str(theirs.fileno()),
                    env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )  # fmt: skip
            ours.setblocking(False)
            self._peer = ours
            self._listening = asyncio.create_task(self._listen(ours))

    async def _send(self, order: Mapping[str, Any], fd: int | None = None) -> None:
        peer = self._peer
        if peer is None:
            raise Unavailable("the nursery of workers is gone; another one is being started")
        data = memoryview(json.dumps(order).encode() + b"\n")
        loop = asyncio.get_running_loop()
        async with self._sending:
            if fd is not None:
                while True:
                    try:
                        data = data[socket.send_fds(peer, [data[: 1 << 15]], [fd]) :]
                        break
                    except BlockingIOError:
                        await asyncio.sleep(0.005)
            if data:
                await loop.sock_sendall(peer, data)

    async def _listen(self, peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        rest = b""
        try:
            while data := await loop.sock_recv(peer, 1 << 18):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        except OSError as error:
            _log.warning(LogEvent.EXECUTOR_FAILED, executor="pool", reason=str(error))
        self._peer = None
        peer.close()
        watches, self._watches = list(self._watches.values()), {}
        for watch in watches:
            watch.ended(None, "the nursery of workers went away")

    def _take(self, message: dict[str, Any]) -> None:
        watch = self._watches.get(message["id"])
        if watch is None:
            return
        match message["event"]:
            case "started":
                watch.started(message["pid"])
            case "lines":
                watch.lines([(at, stream, text, request) for at, stream, text, request in message["lines"]])
            case "ended":
                del self._watches[message["id"]]
                watch.ended(message["code"], message["reason"])
