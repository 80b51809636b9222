"""The log book: what attempts wrote, line by line, kept with their run.

Contract suite: `tests/contracts/log_book.py`. Implementation: `store.logfiles.LogFiles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["LogBook", "LogLine"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. at_us: when it was read, in microseconds since 1970. stream: `out`, `err`, or `sys` for what the server
    says about the attempt. text: without its newline. end: the position behind it, to read on from."""

    at_us: int
    stream: str
    text: str
    end: int = 0


class LogBook(Protocol):
    """Append-only logs. A line is `<at_us> TAB <stream> TAB <text> LF`, in UTF-8; bad bytes are replaced."""

    def path(self, run: str, attempt: str) -> Path:
        """Return the file of a log, its directory made; whoever has it may append whole lines in the form above."""
        ...

    def append(self, run: str, attempt: str, lines: Sequence[LogLine]) -> None:
        """Append lines."""
        ...

    def read(self, run: str, attempt: str, *, after: int = 0, limit: int = 1000) -> list[LogLine]:
        """Return whole lines behind a position; none if there are none, or there is no such log."""
        ...

    def delete(self, run: str) -> None:
        """Remove all logs of a run."""
        ...
