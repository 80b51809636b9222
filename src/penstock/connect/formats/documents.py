"""Cut a stream of bytes into JSON documents separated by white space, whatever the pieces it comes in.

A document that cannot be read does not take its neighbours along: reading goes on with the next line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|"|[][{}]', re.DOTALL)
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)


@dataclass(slots=True)
class Documents:
    """Documents in order. broken: (how many documents stand before it, its bytes, what is wrong)."""

    values: list[Any] = field(default_factory=list)
    broken: list[tuple[int, bytes, str]] = field(default_factory=list)


class DocumentReader:
    """Reads one body.

    exact: numbers with a fraction become Decimals instead of floats. single_line: no document spans lines.
    max_pending_bytes: a document over several lines may grow to this before its first line counts as broken.
    """

    def __init__(self, exact: bool, single_line: bool = False, max_pending_bytes: int = 1 << 24) -> None:
        self._max_pending_bytes = max_pending_bytes
        self._decoder = msgspec.json.Decoder(float_hook=Decimal) if exact else msgspec.json.Decoder()
        self._single_line = single_line
        self._tail: list[bytes] = []
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._depth = 0

    def feed(self, data: bytes) -> Documents:
        """Take a piece and return the documents it completes."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._tail.append(data)
            return Documents()
        complete = b"".join([*self._tail, data[:end]])
        self._tail = [data[end:]] if end < len(data) else []
        return self._read(complete)

    def finish(self) -> Documents:
        """Take the end of the body."""
        result = self._read(b"".join(self._tail) + b"\n")
        if self._pending:
            self._give_up("the document is not complete", result)
        return result

    def _read(self, text: bytes) -> Documents:
        """Read whole lines: at once if all is well, else line by line."""
        if not self._pending and not self._single_line:
            try:
                return Documents(self._decoder.decode_lines(text))
            except UNREADABLE:
                pass
        result = Documents()
        for line in text.split(b"\n"):
            self._take(line, result)
        return result

    def _take(self, line: bytes, result: Documents) -> None:
        if not line.strip():
            return
        if self._single_line or (not self._pending and not self._opens(line)):
            self._take_line(line, result)
            return
        if not self._pending:
            try:
                result.values += self._decoder.decode_lines(line)
                return
            except UNREADABLE:
                pass  # its brackets say that it goes on
        self._pending.append(line)
        self._pending_bytes += len(line)
        self._depth += _depth(line)
        if self._depth > 0 and self._pending_bytes <= self._max_pending_bytes:
            return
        try:
            result.values += self._decoder.decode_lines(b"\n".join(self._pending))
        except UNREADABLE as error:
            self._give_up(str(error), result)
        else:
            self._pending, self._pending_bytes, self._depth = [], 0, 0

    def _opens(self, line: bytes) -> bool:
        """Whether a line that is no document by itself may begin one."""
        return line.lstrip()[:1] in (b"{", b"[") and _depth(line) > 0

    def _give_up(self, why: str, result: Documents) -> None:
        """Call the first pending line broken and read the others one by one, never joined again (linear time)."""
        first, *others = self._pending
        self._pending, self._pending_bytes, self._depth = [], 0, 0
        result.broken.append((len(result.values), first, why))
        for line in others:
            self._take_line(line, result)

    def _take_line(self, line: bytes, result: Documents) -> None:
        try:
            result.values += self._decoder.decode_lines(line)
        except UNREADABLE as error:
            result.broken.append((len(result.values), line, str(error)))


def _depth(line: bytes) -> int:
    """Return by how much the line's brackets outside of strings open more than they close."""
    depth = 0
    for token in _TOKENS.findall(line):
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
    return depth
