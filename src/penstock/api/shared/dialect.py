"""The declaration that is a dialect: its contents page, in its `__init__.py`, as `DIALECT`."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection

from penstock.api.shared.operation import Operation
from penstock.kernel.errors import ERRORS, PenstockError
from penstock.kernel.principal import Principal
from penstock.kernel.runs import Result
from penstock.kernel.scope import Scope
from penstock.kernel.triggers import Firing
from penstock.kernel.values import Value
from penstock.ports.executor import Task
from penstock.services.documents import Kind
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["Authenticate", "Beside", "Dialect", "ErrorBody", "Launch", "Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """How a dialect answers one class of errors: HTTP status, the code inside its envelope, extra headers."""

    status: int
    code: str | int = ""
    headers: Mapping[str, str] = field(default_factory=dict)


ErrorBody = Callable[[PenstockError, Reply], object]
"""Builds the dialect's error envelope; encoded as JSON, or sent as it is if it is a text."""

Authenticate = Callable[[HTTPConnection, Services], Awaitable[tuple[Principal, Scope]]]
"""Reads the dialect's headers; path parameters are in `connection.path_params`. Raises Unauthenticated or Denied."""


Launch = Callable[[Services, str, Firing], Awaitable[Submission | None]]
"""Returns what to run for a document whose trigger fired; None lets that time pass."""

Function = Callable[[Value, Task], Result | Awaitable[Result]]
"""Work of steps of kind `call`: takes the evaluated spec, and the task."""


Beside = Callable[[Services], AbstractAsyncContextManager[None]]
"""Opens what goes on beside the calls, such as taking up what a crash cut off, and ends it with the server."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything that makes a dialect, one attribute each.

    Attributes:
        name: short, lower case.
        prefixes: path prefixes it owns: an unknown path below one is answered in its words. The longest prefix wins.
        operations: all wire operations, implemented or not; all lie below the prefixes. As `Later` they are imported
            with the first call below a prefix.
        errors: error class → reply; looked up along the class's ancestors, and total over the closed set.
        error_body: builds the envelope.
        authenticate: who is calling, in what scope.
        kinds: the documents it owns.
        launcher: what a trigger of its documents starts when it fires.
        functions: what its steps of kind `call` call, by names no other dialect uses.
        aliases: `(other prefix, prefix)`: operations below the second are also served below the first.
        beside: what goes on beside the calls, from before the first until after the last.
    """

    name: str
    prefixes: tuple[str, ...]
    operations: Collection[Operation]
    errors: Mapping[type[PenstockError], Reply]
    error_body: ErrorBody
    authenticate: Authenticate
    kinds: tuple[Kind[Any], ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    launcher: Launch | None = None
    functions: Mapping[str, Function] = field(default_factory=dict)
    beside: Beside | None = None

    def __post_init__(self) -> None:
        for error in ERRORS:
            if not any(ancestor in self.errors for ancestor in error.__mro__):
                raise ValueError(f"dialect {self.name!r} does not say how it answers {error.__name__}")

    def reply_to(self, error: PenstockError) -> Reply:
        """Return the table's entry for the error's class or its nearest ancestor."""
        for ancestor in type(error).__mro__:
            if reply := self.errors.get(ancestor):
                return reply
        raise AssertionError(f"dialect {self.name!r} is not total over {type(error).__name__}")
