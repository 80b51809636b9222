"""A worker: loads a user's package, holds its object, answers requests one after the other.

    python -P worker.py            (socket on descriptor 3, its first message says what to load)

It runs in the user's environment, so it uses the standard library only and imports nothing of the server. Messages are
JSON behind four bytes of length. What the code prints goes to the log and never to the socket.

Which methods a class may have, and how they are called, is what users of such packages know from elsewhere: `request`
for one item, `requests` for many, a constructor with `base_directory` and `context`.
"""

import importlib.util
import inspect
import io
import json
import os
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any

KEPT_BYTES = 1 << 20
"""Of the output of one request, on each of its streams; the nursery keeps no more either."""
MAX_RESULT_BYTES = 256 << 20
UNHANDLED = "An exception occurred in the request. See the logs for details."
_LENGTH = struct.Struct("!I")
_OWN_FRAMES = (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


class Unfit(Exception):
    """The package cannot be used; the message says why."""


class Failed(Exception):
    """The request failed with a message that its caller may read."""


class Tagged(io.FileIO):
    """A descriptor of the log; says which request is being answered before the first byte of each.

    What is written beyond `KEPT_BYTES` would not be kept, so it is dropped here, where it costs least.
    """

    request = ""
    mark = b""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._said = ""
        self._written = self._dropped = 0

    def write(self, data: Any) -> int:
        """Write all, so that lines stay whole."""
        if self._said != Tagged.request:
            self._said, self._written = Tagged.request, 0
            super().write(Tagged.mark + self._said.encode() + b"\n")
        left = memoryview(data).cast("B")
        size = len(left)
        if self._written > KEPT_BYTES:
            self._dropped += size
            return size
        self._written += size
        while left:
            left = left[super().write(left) or 0 :]
        return size

    def end_request(self) -> None:
        """Say how much was dropped."""
        if self._dropped:
            said, self._dropped, self._written = self._dropped, 0, 0
            super().write(b"\n" + Tagged.mark + self._said.encode() + b"\n")
            super().write(f"{said} bytes more were written and are not kept\n".encode())


class Worker:
    """The process."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.buffer = b""
        self.instance: Any = None
        self.request: tuple[Callable[..., Any], bool] | None = None
        self.requests: tuple[Callable[..., Any], bool] | None = None
        self.problems: dict[str, str] = {}

    def serve(self) -> None:
        """Load, then answer until the server hangs up."""
        order = self.hear()
        if order is None:
            return
        Tagged.mark = order["mark"].encode()
        replace_streams()
        try:
            self.load(order)
        except Unfit as error:
            self.tell({"t": "unfit", "message": str(error)})
            return
        flush()
        self.tell({"t": "ready", "request": self.request is not None, "requests": self.requests is not None})
        while (order := self.hear()) is not None:
            self.answer(order)

    # Loading.

    def load(self, order: dict[str, Any]) -> None:
        """Import the module and make the object. Raises: Unfit."""
        directory = order["directory"]
        path = os.path.join(directory, order["module"])
        if not os.path.isfile(path):
            raise Unfit(f"the package has no file {order['module']!r}")
        sys.path[:0] = [directory]
        sys.path.append(os.path.join(directory, "libraries"))
        cls = self.import_class(path, order["module"], order["class"])
        context = order["context"]
        self.instance = self.make(cls, directory, {**context, "environment_variables": dict(os.environ)})
        for name in ("request", "requests"):
            method = getattr(self.instance, name, None)
            if method is None:
                continue
            if callable(method):
                setattr(self, name, (method, takes_context(method)))
            else:
                self.problems[name] = f"Function '{name}' is not callable"

    def import_class(self, path: str, module: str, name: str) -> Any:
        """Return the class of the package. Raises: Unfit."""
        title = os.path.splitext(os.path.basename(module))[0]
        spec = importlib.util.spec_from_file_location(title, path)
        try:
            assert spec is not None and spec.loader is not None, f"{module} is no module"
            loaded = importlib.util.module_from_spec(spec)
            sys.modules[title] = loaded
            spec.loader.exec_module(loaded)
        except BaseException as error:
            raise Unfit(f"{module} cannot be imported: {explained(error)}") from error
        cls = getattr(loaded, name, None)
        if cls is None:
            raise Unfit(f"{module} has no class {name!r}")
        return cls

    def make(self, cls: Any, directory: str, context: dict[str, Any]) -> Any:
        """Return the object. Raises: Unfit."""
        try:
            offered = {"base_directory": directory, "context": context}
            parameters = inspect.signature(cls).parameters.values()
            if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
                names = {parameter.name for parameter in parameters}
                offered = {name: value for name, value in offered.items() if name in names}
            return cls(**offered)
        except BaseException as error:
            raise Unfit(f"class {cls.__name__!r} cannot be initialised: {explained(error)}") from error

    # Answering.

    def answer(self, order: dict[str, Any]) -> None:
        """Answer one request; whatever it raises is its failure and nothing more."""
        number, context = order["n"], order["context"]
        Tagged.request = order["id"]
        context["streaming_update"] = lambda text: self.tell({"t": "update", "n": number, "text": str(text)})
        try:
            encoded = encode(self.call(order["data"], context))
            head = b'{"t":"done","n":%d,"data":' % number
            reply = head + encoded + b"}"
        except Failed as failure:
            reply = self.failed(number, str(failure))
        except BaseException as error:
            reply = self.failed(number, described(error))
        try:
            flush()
        except Exception:  # closed by the user's code
            replace_streams()
        self.send(reply)

    def call(self, data: Any, context: dict[str, Any]) -> Any:
        """Call the method that fits the data."""
        if isinstance(data, list):
            if self.requests is not None:
                return invoke(self.requests, data, context)
            if self.request is not None:
                return [invoke(self.request, item, context) for item in data]
        else:
            if self.request is not None:
                return invoke(self.request, data, context)
            if self.requests is not None:
                return invoke(self.requests, [data], context)
        if self.problems:
            raise Failed(next(iter(self.problems.values())))
        raise Failed("Deployment has no 'request' function")

    def failed(self, number: int, message: str) -> bytes:
        """Return the reply that a request failed."""
        return json.dumps({"t": "failed", "n": number, "message": message}).encode()

    # The socket.

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self.send(json.dumps(message).encode())

    def send(self, encoded: bytes) -> None:
        """Send an encoded message."""
        self.channel.sendall(_LENGTH.pack(len(encoded)) + encoded)

    def hear(self) -> Any:
        """Return the next message; None when the server has hung up."""
        while True:
            if len(self.buffer) >= 4:
                size = _LENGTH.unpack_from(self.buffer)[0] + 4
                if len(self.buffer) >= size:
                    message, self.buffer = self.buffer[4:size], self.buffer[size:]
                    return json.loads(message)
                if size > 1 << 16:
                    return self.hear_long(size)
            data = self.channel.recv(1 << 16)
            if not data:
                return None
            self.buffer += data

    def hear_long(self, size: int) -> Any:
        """Return a message that is longer than one read; without copying what came over and over."""
        pieces, length = [self.buffer], len(self.buffer)
        while length < size:
            data = self.channel.recv(min(1 << 20, size - length))
            if not data:
                return None
            pieces.append(data)
            length += len(data)
        self.buffer = b""
        return json.loads(b"".join(pieces)[4:])


def takes_context(method: Callable[..., Any]) -> bool:
    """Tell whether a method wants the context: two parameters, one of them named `context`."""
    try:
        names = list(inspect.signature(method).parameters)
    except (TypeError, ValueError):
        return False
    return len(names) == 2 and "context" in names


def invoke(method: tuple[Callable[..., Any], bool], data: Any, context: dict[str, Any]) -> Any:
    """Call a method with data, and context if it takes one."""
    function, wants_context = method
    return function(data, context) if wants_context else function(data)


def encode(result: Any) -> bytes:
    """Return a result as JSON. Raises: Failed naming what JSON cannot carry."""
    try:
        encoded = json.dumps(result, allow_nan=False, separators=(",", ":"), default=simple).encode()
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeError) as error:
        raise Failed(f"The result cannot be sent as JSON: {where(result)}{error}") from error
    if len(encoded) > MAX_RESULT_BYTES:
        raise Failed(f"The result has {len(encoded)} bytes; at most {MAX_RESULT_BYTES} can be sent")
    return encoded


def simple(value: Any) -> Any:
    """Turn numpy's scalars and arrays into what JSON has."""
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas", "torch"):
        for name in ("tolist", "item"):
            convert = getattr(value, name, None)
            if callable(convert):
                return convert()
    raise TypeError(f"a value of type {type(value).__name__!r} is not JSON")


def where(result: Any) -> str:
    """Name the field of an object that cannot be encoded."""
    if isinstance(result, dict):
        for name, value in result.items():
            try:
                json.dumps(value, allow_nan=False, default=simple)
            except Exception:
                return f"field {name!r}: "
    return ""


def described(error: BaseException) -> str:
    """Write a traceback to the log; return what the caller may know."""
    print(trace_of(error), file=sys.stderr)
    try:
        public = getattr(error, "public_error_message", None)
        if public:
            return str(public)
    except Exception:
        return UNHANDLED
    return UNHANDLED


def explained(error: BaseException) -> str:
    """Write a traceback to the log; return it without the frames of this program."""
    text = trace_of(error)
    print(text, file=sys.stderr)
    return f"{type(error).__name__}: {error}\n{text}"


def trace_of(error: BaseException) -> str:
    """Return a traceback without the frames of this program."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in _OWN_FRAMES:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).strip()


def replace_streams() -> None:
    """Have what is printed tagged with its request."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        raw = io.BufferedWriter(Tagged(descriptor), 1 << 13)
        stream = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def flush() -> None:
    """Have everything that was printed written."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, Tagged):
            raw.end_request()


if __name__ == "__main__":
    try:
        Worker(socket.socket(fileno=3)).serve()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)
    except KeyboardInterrupt:
        os._exit(1)
    # What threads of the user's code still do is not waited for.
    os._exit(0)
