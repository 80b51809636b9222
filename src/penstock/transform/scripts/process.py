"""A process that runs code of a user, and the conversation with it: messages of four bytes of length, then JSON."""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["Process"]

_START_LIMIT_S: Final = 60.0

Log = Callable[[str, str], None]
"""log(level, text)."""


class Process:
    """One worker process. Used from one thread; `close` kills it.

    subject: what messages call the code ("the script"). failure: makes the exception for a message.
    """

    def __init__(
        self, worker: Path, start: Mapping[str, Any], subject: str, failure: Callable[[str], Exception], log: Log
    ) -> None:
        self._subject, self._failure, self._log = subject, failure, log
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "TZ": "UTC"},
            close_fds=True,
            cwd="/",
        )
        try:
            self._send(start)
            self._await("ready", _START_LIMIT_S)
        except BaseException:
            self.close()
            raise

    def ask(self, message: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
        """Send a message and return what is answered when it is done."""
        self._send(message)
        return self._await("done", limit_s)

    @property
    def lives(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps(message, separators=(",", ":")).encode()
        pipe = self._process.stdin
        assert pipe is not None, "it was opened"
        try:
            pipe.write(struct.pack(">I", len(body)) + body)
            pipe.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _await(self, wanted: str, limit_s: float) -> dict[str, Any]:
        while True:
            message = self._receive(limit_s)
            match message["type"]:
                case "log":
                    self._log(message["level"], message["text"])
                case "failed":
                    raise self._failure(f"{self._subject} failed: {message['message']}")
                case kind if kind == wanted:
                    return message

    def _receive(self, limit_s: float) -> dict[str, Any]:
        (size,) = struct.unpack(">I", self._read(4, limit_s))
        message: dict[str, Any] = json.loads(self._read(size, limit_s))
        return message

    def _read(self, size: int, limit_s: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None, "it was opened"
        parts: list[bytes] = []
        until = time.monotonic() + limit_s
        while size:
            ready, _, _ = select.select([pipe], [], [], max(until - time.monotonic(), 0))
            if not ready:
                raise self._failure(f"{self._subject} has not answered for {limit_s:.0f} s; it may loop for ever")
            part = os.read(pipe.fileno(), size)
            if not part:
                raise self._ended()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _ended(self) -> Exception:
        code = self._process.wait()
        why = "it needed more memory than it may have" if code in (-6, -9, -11) else f"exit code {code}"
        return self._failure(f"{self._subject}'s process has ended: {why}")
