"""A process that runs one script, and the conversation with it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.ports.transform import Surroundings, TransformFailed

__all__ = ["Session"]

_WORKER: Final = Path(__file__).with_name("worker.py")
_START_LIMIT_S: Final = 60.0

RECORD_LIMIT_S: Final = 300.0
"""Processor time for one record, after which a script is taken to loop for ever."""
SILENCE_LIMIT_S: Final = 3600.0
"""Time without any answer for one batch, however long it waits for something else."""
MEMORY_BYTES: Final = 1 << 30


class Session:
    """One script in one process. Used from one thread; `close` kills the process."""

    def __init__(
        self,
        language: str,
        script: str,
        surroundings: Surroundings,
        lookups: Mapping[str, Mapping[str, Any]],
        *,
        validates: bool = False,
        record_limit_s: float = RECORD_LIMIT_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._surroundings = surroundings
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "TZ": "UTC"},
            close_fds=True,
            cwd="/",
        )
        start = {
            "language": language,
            "script": script,
            "validates": validates,
            "arguments": dict(surroundings.arguments),
            "lookups": {name: dict(values) for name, values in lookups.items()},
            "stage": surroundings.stage,
            "logical_start_ms": surroundings.logical_start_ms,
            "record_limit_s": record_limit_s,
            "memory_bytes": memory_bytes,
        }
        try:
            self._send(start)
            self._await("ready", _START_LIMIT_S)
        except BaseException:
            self.close()
            raise

    def run(self, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Give the script records and return what it gave. Raises: TransformFailed."""
        self._send({"records": list(records)})
        return self._await("done", SILENCE_LIMIT_S)

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
        body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
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
                    self._surroundings.log(message["level"], message["text"])
                case "failed":
                    raise TransformFailed(f"Stage:{self._surroundings.stage} - the script failed: {message['message']}")
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
                stage = self._surroundings.stage
                raise TransformFailed(
                    f"Stage:{stage} - the script has not answered for {limit_s:.0f} s; it may loop for ever"
                )
            part = os.read(pipe.fileno(), size)
            if not part:
                raise self._ended()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _ended(self) -> TransformFailed:
        code = self._process.wait()
        why = "it needed more memory than it may have" if code in (-6, -9, -11) else f"exit code {code}"
        return TransformFailed(f"Stage:{self._surroundings.stage} - the process of the script has ended: {why}")
