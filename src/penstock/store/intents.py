"""The log of intents as one file of lines: `+ <id> <body>` and `- <id>`. Bodies are JSON, so they have no line breaks.

One `write` for each line, and no sync: what was written is in the kernel's memory and survives `kill -9`. The file is
written anew when most of it is about what has ended.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["IntentFile"]

REWRITE_BYTES: Final = 16 << 20


class IntentFile:
    """Intents in a file, which it creates."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._active = self._read()
        self._found = dict(self._active)
        self._size = 0
        self._descriptor = self._rewrite()

    def begin(self, id: str, body: bytes) -> None:
        """Note that something begins."""
        self._active[id] = body
        self._append(b"+ %s %s\n" % (id.encode(), body))

    def end(self, id: str) -> None:
        """Note that it has ended."""
        if self._active.pop(id, None) is None:
            return
        self._found.pop(id, None)
        self._append(b"- %s\n" % id.encode())
        if self._size > REWRITE_BYTES:
            os.close(self._descriptor)
            self._descriptor = self._rewrite()

    def left(self) -> dict[str, bytes]:
        """Return what an earlier server began and did not end."""
        return dict(self._found)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _append(self, line: bytes) -> None:
        self._size += os.write(self._descriptor, line)

    def _read(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        if not self._file.exists():
            return found
        for line in self._file.read_bytes().split(b"\n"):
            sign, _, rest = line.partition(b" ")
            id, _, body = rest.partition(b" ")
            if sign == b"+" and body:
                found[id.decode(errors="replace")] = body
            elif sign == b"-":
                found.pop(id.decode(errors="replace"), None)
        return found

    def _rewrite(self) -> int:
        fresh = self._file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        encoded = b"".join(b"+ %s %s\n" % (id.encode(), body) for id, body in self._active.items())
        left = memoryview(encoded)
        while left:
            left = left[os.write(descriptor, left) :]
        fresh.rename(self._file)
        self._size = 0
        return descriptor
