"""The server's end of the launcher: finds the one that is there, or starts one; speaks with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from penstock.execute import launcher as launcher_program
from penstock.kernel.errors import Unavailable

__all__ = ["Ended", "Keeper"]

_START_TIMEOUT_S: Final = 20.0
_LINE_BYTES: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. code: negative for a signal, None if unknown. reason: why it was ended, or not begun."""

    code: int | None
    reason: str | None
    is_lost: bool = False


class Keeper:
    """A connection to the launcher of a directory.

    Attributes:
        live: commands the launcher has, with their process ids.
    """

    def __init__(
        self,
        directory: Path,
        on_started: Callable[[str, str], None],
        on_ended: Callable[[str, Ended], None],
        on_logged: Callable[[str], None],
        on_gone: Callable[[], None],
    ) -> None:
        self.live: dict[str, str | None] = {}
        self._directory = directory
        self._on_started = on_started
        self._on_ended = on_ended
        self._on_logged = on_logged
        self._on_gone = on_gone
        self._started: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def open(self, *, starts: bool = True) -> None:
        """Connect; if there is no launcher, start one, or leave it. Raises: Unavailable."""
        async with self._opening:
            if self._writer is not None or self._is_closed:
                return
            try:
                reader, writer = await self._connect()
            except OSError:
                if not starts:
                    return
                await self._start()
                try:
                    reader, writer = await self._connect()
                except OSError as error:
                    raise Unavailable(f"the launcher does not answer: {error}") from error
            writer.write(b'{"op": "hello"}\n')
            hello: dict[str, Any] = json.loads(await reader.readline())
            while hello["event"] != "hello":
                hello = json.loads(await reader.readline())
            self.live = dict.fromkeys(hello["live"])
            self._writer = writer
            self._listening = asyncio.create_task(self._listen(reader))
        if hello["protocol"] != launcher_program.PROTOCOL:
            # Of another release: end it, with what it runs, and start ours.
            writer.write(b'{"op": "quit"}\n')

    async def launch(self, order: Mapping[str, object]) -> None:
        """Have a command started. Raises: Unavailable."""
        if self._writer is None:
            await self.open()
        self._send(order)

    def kill(self, id: str, reason: str, grace_s: float) -> None:
        """Have a command ended; one that is not there is ignored."""
        self._send({"op": "kill", "id": id, "reason": reason, "grace_s": grace_s})

    async def close(self) -> None:
        """Hang up; the launcher goes on, and ends by itself if it has nothing to do."""
        self._is_closed = True
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._writer is not None:
            if not self.live:
                self._send({"op": "quit"})
            with contextlib.suppress(OSError):
                await self._writer.drain()
            self._writer.close()

    def _send(self, message: Mapping[str, object]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # A socket's path is at most 107 bytes long; through a descriptor of its directory it always is short.
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            path = f"/proc/self/fd/{descriptor}/launcher.sock"
            if not sys.platform.startswith("linux"):
                path = str(self._directory / "launcher.sock")
            return await asyncio.open_unix_connection(path, limit=_LINE_BYTES)
        finally:
            os.close(descriptor)

    async def _start(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._directory / "launcher.sock").unlink()  # of one that was killed
        said = await asyncio.to_thread(self._spawn)
        if said != b"ready\n":
            raise Unavailable("the launcher of steps did not start")

    def _spawn(self) -> bytes:
        """Start a launcher and return the first line that it says, nothing if it says none in time. Blocks."""
        python = getattr(sys, "_base_executable", None) or sys.executable
        with (self._directory / "launcher.log").open("ab") as log:
            # Not asyncio's own: a transport of the loop kills its process when it goes, and this one is to outlive us.
            self._started = subprocess.Popen(
                [python, "-I", "-S", str(launcher_program.__file__), str(self._directory)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"}, start_new_session=True,
            )  # fmt: skip
        assert self._started.stdout is not None, "its output is a pipe"
        with self._started.stdout as output:
            return output.readline() if select.select([output], [], [], _START_TIMEOUT_S)[0] else b""

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                self._hear(json.loads(line))
        if self._started is not None:
            self._started.poll()  # so that it leaves no entry in the table of processes
        if self._is_closed:
            return
        self._writer, self.live = None, {}
        self._on_gone()

    def _hear(self, message: dict[str, Any]) -> None:
        match message["event"]:
            case "started":
                self.live[message["id"]] = str(message["pid"])
                self._on_started(message["id"], str(message["pid"]))
            case "ended":
                self.live.pop(message["id"], None)
                self._on_ended(message["id"], Ended(message["code"], message["reason"]))
            case "logged":
                self._on_logged(message["id"])
