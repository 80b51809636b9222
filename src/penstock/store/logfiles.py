"""The log book as files: `<directory>/<run>/<digest of the attempt>.log`."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from penstock.ports.logbook import LogLine

__all__ = ["LogFiles"]

READ_BYTES = 1 << 20


class LogFiles:
    """Logs below one directory, which it creates when the first line comes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, run: str, attempt: str) -> Path:
        """Return the file of a log, its directory made."""
        directory = self._directory / _name(run)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return directory / f"{_name(attempt)}.log"

    def append(self, run: str, attempt: str, lines: Sequence[LogLine]) -> None:
        """Append lines."""
        encoded = b"".join(_encode(line) for line in lines)
        with self.path(run, attempt).open("ab", buffering=0) as file:
            file.write(encoded)

    def read(self, run: str, attempt: str, *, after: int = 0, limit: int = 1000) -> list[LogLine]:
        """Return whole lines behind a position."""
        try:
            file = (self._directory / _name(run) / f"{_name(attempt)}.log").open("rb")
        except FileNotFoundError:
            return []
        lines: list[LogLine] = []
        with file:
            file.seek(after)
            position, rest = after, b""
            while len(lines) < limit and (chunk := file.read(READ_BYTES)):
                *whole, rest = (rest + chunk).split(b"\n")
                for encoded in whole[: limit - len(lines)]:
                    position += len(encoded) + 1
                    lines.append(_decode(encoded, position))
        return lines

    def delete(self, run: str) -> None:
        """Remove all logs of a run."""
        shutil.rmtree(self._directory / _name(run), ignore_errors=True)


def _name(id: str) -> str:
    """Return a file name: the id itself if it is harmless, else a digest of it."""
    if id.isascii() and id.replace("-", "").isalnum() and len(id) <= 64:
        return id
    return hashlib.sha256(id.encode()).hexdigest()[:32]


def _encode(line: LogLine) -> bytes:
    text = line.text.replace("\n", " ")
    return f"{line.at_us}\t{line.stream}\t{text}\n".encode(errors="replace")


def _decode(encoded: bytes, end: int) -> LogLine:
    at_us, _, rest = encoded.decode(errors="replace").partition("\t")
    stream, _, text = rest.partition("\t")
    # A crash of the machine can leave anything in the last line.
    return LogLine(int(at_us) if at_us.isdecimal() else 0, stream, text, end)
