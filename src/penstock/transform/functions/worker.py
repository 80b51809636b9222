"""The process that runs a user's function. It is started as a file of its own and imports nothing of the house.

It speaks and confines itself as the process of a script does, by whose file next door it does both. The first message
has the function's text and the forms of its arguments and result; each other one has rows of arguments, and is answered
by their values.
"""

from __future__ import annotations

import base64
import datetime as dt
import importlib.util
import json
import os
import signal
import sys
import traceback
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

Translate = Callable[[Any], Any]


class FunctionError(Exception):
    """What the user's function did wrong."""


def _scripts() -> ModuleType:
    """Return the module of the scripts' process, which is found by its path alone."""
    path = Path(__file__).resolve().parent.parent / "scripts" / "worker.py"
    spec = importlib.util.spec_from_file_location("script_worker", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_READERS: dict[str, Translate] = {
    "decimal": Decimal,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timestamp": dt.datetime.fromisoformat,
    "bytes": base64.b64decode,
    "uuid": uuid.UUID,
    "json": json.loads,
}


def _reader(form: Any) -> Translate:
    """Return the function from the JSON of an argument to what the user's function is given."""
    read: Translate
    if isinstance(form, str):
        read = _READERS.get(form, lambda value: value)
    elif form[0] == "array":
        each = _reader(form[1])
        read = lambda value: [each(v) for v in value]  # noqa: E731
    elif form[0] == "map":
        key, element = _reader(form[1]), _reader(form[2])
        read = lambda value: {key(k): element(v) for k, v in value}  # noqa: E731
    else:
        fields = [(name, _reader(part)) for name, part in zip(form[1], form[2], strict=True)]
        read = lambda value: {n: r(v) for (n, r), v in zip(fields, value, strict=True)}  # noqa: E731
    return lambda value: None if value is None else read(value)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moment(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


_WRITERS: dict[str, Translate] = {
    "int": _whole,
    "float": lambda value: float(value) if isinstance(value, Decimal) else value,
    "decimal": lambda value: str(value) if isinstance(value, Decimal | int | float) else value,
    "date": lambda value: _moment(value.date() if isinstance(value, dt.datetime) else value),
    "time": _moment,
    "timestamp": _moment,
    "bytes": lambda value: base64.b64encode(value).decode() if isinstance(value, bytes | bytearray) else value,
    "uuid": str,
    "json": lambda value: json.dumps(value, default=str),
}


def _writer(form: Any) -> Translate:
    """Return the function from what the user's function gave to its JSON; what it cannot translate stays."""
    write: Translate
    if isinstance(form, str):
        write = _WRITERS.get(form, lambda value: value)
    elif form[0] == "array":
        each = _writer(form[1])
        write = lambda value: [each(v) for v in value]  # noqa: E731
    elif form[0] == "map":
        key, element = _writer(form[1]), _writer(form[2])
        write = lambda value: [[key(k), element(v)] for k, v in value.items()]  # noqa: E731
    else:
        fields = [(name, _writer(part)) for name, part in zip(form[1], form[2], strict=True)]
        write = lambda value: _row(fields, value)  # noqa: E731
    return lambda value: None if value is None else write(value)


def _row(fields: list[tuple[str, Translate]], value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [write(value.get(name)) for name, write in fields]
    return [write(v) for (_, write), v in zip(fields, value, strict=True)]


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError("it has not finished a call within its time; it may loop for ever")


class Function:
    """The user's function."""

    def __init__(self, start: dict[str, Any]) -> None:
        signal.signal(signal.SIGPROF, _too_long)
        self._limit_s = float(start["call_limit_s"])
        self._name: str = start["name"]
        self._readers = [_reader(form) for form in start["arguments"]]
        self._writer = _writer(start["result"])
        names: dict[str, Any] = {"__name__": "__function__"}
        self._guarded(lambda: exec(compile(start["source"], "function", "exec"), names))
        found = names.get(self._name)
        if not callable(found):
            raise FunctionError(f"its text defines no function {self._name}")
        self._function: Callable[..., Any] = found

    def _guarded(self, call: Callable[[], Any]) -> Any:
        signal.setitimer(signal.ITIMER_PROF, self._limit_s)
        try:
            return call()
        except MemoryError:
            raise FunctionError("it needs more memory than it may have") from None
        except (Exception, SystemExit) as error:
            lines = [e.lineno for e in traceback.extract_tb(error.__traceback__) if e.filename == "function"]
            where = f" (line {lines[-1]} of its text)" if lines else ""
            raise FunctionError(f"{type(error).__name__}: {error}{where}") from None
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def value(self, row: list[Any]) -> Any:
        """Return the result for a row of arguments."""
        given = [read(v) for read, v in zip(self._readers, row, strict=True)]
        made = self._guarded(lambda: self._writer(self._function(*given)))
        try:
            json.dumps(made)
        except (TypeError, ValueError):
            return f"a value of type {type(made).__name__}"
        return made


def main() -> None:
    """Serve until standard input ends."""
    scripts = _scripts()
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints is no message
    start = scripts.read_message(source)
    if start is None:
        return
    scripts.confine(int(start["memory_bytes"]))
    try:
        function = Function(start)
        scripts.write_message(target, {"type": "ready"})
        while (message := scripts.read_message(source)) is not None:
            values = [function.value(row) for row in message["rows"]]
            scripts.write_message(target, {"type": "done", "values": values})
    except FunctionError as failure:
        scripts.write_message(target, {"type": "failed", "message": str(failure)})
    except MemoryError:
        scripts.write_message(target, {"type": "failed", "message": "it needs more memory than it may have"})


if __name__ == "__main__":
    main()
