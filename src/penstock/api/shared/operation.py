"""One wire operation: a line of a dialect's `operations.py`."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.kernel.principal import Role

__all__ = ["BYTES", "NO_BODY", "STREAM", "Answer", "Body", "Bytes", "Handler", "Json", "Later", "NoBody", "Operation",
           "Stream"]  # fmt: skip

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class NoBody:
    """The handler takes no body; what is sent is not read."""


@dataclass(frozen=True, slots=True)
class Json:
    """The handler takes the decoded document.

    Attributes:
        shape: what it is decoded to, usually a `msgspec.Struct`; an empty body counts as `null`. `object` takes any
            JSON.
        max_bytes: longer bodies are refused.
    """

    shape: Any = object
    max_bytes: int = 32 * MIB


@dataclass(frozen=True, slots=True)
class Bytes:
    """The handler takes the whole body as bytes."""

    max_bytes: int = 32 * MIB


@dataclass(frozen=True, slots=True)
class Stream:
    """The handler takes an asynchronous iterator of chunks; the client is held back until they are taken."""


Body = NoBody | Json | Bytes | Stream
"""How a request's body reaches the handler, as the second argument if at all."""

NO_BODY = NoBody()
BYTES = Bytes()
STREAM = Stream()

Handler = Callable[..., Awaitable[object]]
"""`async def handler(call)` or `async def handler(call, body)`.

May return: a Starlette `Response`, sent as it is; an `Answer`; None, for an empty body; anything else, encoded as JSON.
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One wire operation, implemented or not.

    Attributes:
        verb: an HTTP method, or `WS` for a WebSocket.
        path: the whole path from the root, so that it can be searched for: `/v0/pipelines/{name}`. A parameter fills
            a segment or part of one (`{id}:terminate`); `{rest:path}` at the end takes all that remains. Values are
            percent-decoded.
        handler: None while it is not implemented; such an operation answers with the dialect's Unsupported.
        role: what the caller must be allowed; None lets anybody in, without authentication.
        body: how the body reaches the handler.
        status: of a successful reply, unless the handler says otherwise.
    """

    verb: str
    path: str
    handler: Handler | None = None
    role: Role | None = Role.READER
    body: Body = NO_BODY
    status: int = 200


class Later(Collection[Operation]):
    """Operations whose modules are imported when somebody first looks at them.

    The handlers of a dialect are most of it, and a server that starts has no need of them yet.
    """

    def __init__(self, load: Callable[[], tuple[Operation, ...]]) -> None:
        self._load = load
        self._loaded: tuple[Operation, ...] | None = None

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, operation: object) -> bool:
        return operation in self._all()

    def _all(self) -> tuple[Operation, ...]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON reply with a status or headers of its own; a body of None sends none."""

    body: object = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
