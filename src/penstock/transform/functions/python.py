"""Functions in Python: one process for each, which lives as long as the circuit's own.

Its limits are those of scripts (`scripts/worker.py`): memory, processor time, no files to write, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from penstock.ports.functions import FunctionFailed, UserCode, UserFunction
from penstock.transform.functions.forms import NotOfType, form, reader, writer
from penstock.transform.scripts.process import Process

__all__ = ["open_python"]

_WORKER: Final = Path(__file__).with_name("worker.py")
_CALL_LIMIT_S: Final = 10.0
"""Processor time for one call, after which a function is taken to loop for ever."""
_SILENCE_LIMIT_S: Final = 600.0
_MEMORY_BYTES: Final = 1 << 30
_ROWS: Final = 4096
"""How many calls go into one message."""

_open: dict[UserCode, PythonFunction] = {}
"""Functions are pure, so calls of the same one share its process."""


def open_python(code: UserCode) -> UserFunction:
    """Return the function in its process, a new one if that has ended. Raises: FunctionFailed."""
    known = _open.get(code)
    if known is None or not known.lives:
        _open[code] = PythonFunction(code)
    return _open[code]


class PythonFunction:
    """A function in a process of its own."""

    def __init__(self, code: UserCode) -> None:
        self._code = code
        self._write = [writer(kind) for kind in code.arguments]
        self._read = reader(code.result)
        start = {
            "name": code.name,
            "source": code.source,
            "arguments": [form(kind) for kind in code.arguments],
            "result": form(code.result),
            "call_limit_s": _CALL_LIMIT_S,
            "memory_bytes": _MEMORY_BYTES,
        }
        self._process = Process(_WORKER, start, f"function '{code.name}'", FunctionFailed, lambda level, text: None)

    @property
    def lives(self) -> bool:
        """Whether it can be called: a function that has failed cannot."""
        return self._process.lives

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def call(self, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the result for each row of arguments."""
        results: list[Any] = []
        try:
            for at in range(0, len(rows), _ROWS):
                sent = [[w(v) for w, v in zip(self._write, row, strict=True)] for row in rows[at : at + _ROWS]]
                results += self._process.ask({"rows": sent}, _SILENCE_LIMIT_S)["values"]
        except FunctionFailed:
            self._process.close()
            raise
        try:
            return [self._read(value) for value in results]
        except NotOfType as error:
            raise FunctionFailed(f"function '{self._code.name}' returned {error}") from None
