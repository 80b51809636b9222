"""The closed set of errors, split by what the caller can do about them.

Raised anywhere in the core, translated once, in the table of the dialect that answers the call. A dialect may
refine a class by subclassing it (`class UnknownPipeline(NotFound)`); the core never adds a twelfth. Messages say what
was asked, what is wrong and what would work: lower case, no full stop, values quoted with `!r`.
"""

from typing import ClassVar

__all__ = [
    "ERRORS",
    "AlreadyExists",
    "Conflict",
    "Denied",
    "Exhausted",
    "Internal",
    "Invalid",
    "NotFound",
    "PenstockError",
    "TimedOut",
    "Unavailable",
    "Unsupported",
    "WrongState",
]


class PenstockError(Exception):
    """What all errors of the server have in common; never raised itself.

    Attributes:
        message: what was asked, what is wrong, what would work.
        at: where in the input: a JSON pointer (`/steps/2/image`) or an SQL span (`3:14`); None if nowhere.
        hint: one sentence that helps, beyond the message.
        retryable: whether the very same call may succeed later.
    """

    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        at: str | None = None,
        hint: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.hint = hint
        self.retryable = self.default_retryable if retryable is None else retryable

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process boundaries; the default reduction would drop everything but the message.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


class NotFound(PenstockError):
    """The named thing is not there: name another one, or create it."""


class AlreadyExists(PenstockError):
    """The name is taken: choose another one, or update what is there."""


class Invalid(PenstockError):
    """The input is wrong in itself, whatever the state: correct it at `at`."""


class Conflict(PenstockError):
    """Somebody else changed the thing since it was read: read again and decide again."""


class WrongState(PenstockError):
    """The request is fine, the thing is in a state that does not allow it: change or await its state."""


class Unsupported(PenstockError):
    """The request is legal, this server does not do it: leave the feature out."""


class Denied(PenstockError):
    """The caller is unknown or lacks the right: log in, or ask an owner."""


class Exhausted(PenstockError):
    """A limit, a quota or a bounded queue is full: slow down, or have the limit raised."""

    default_retryable = True


class Unavailable(PenstockError):
    """Something this server depends on does not answer: try again later."""

    default_retryable = True


class TimedOut(PenstockError):
    """The deadline of the call passed; whether it took effect is unknown unless the message says."""

    default_retryable = True


class Internal(PenstockError):
    """A defect of this server; never raised for user input. The message carries the id of the log entry."""


ERRORS: tuple[type[PenstockError], ...] = (
    NotFound,
    AlreadyExists,
    Invalid,
    Conflict,
    WrongState,
    Unsupported,
    Denied,
    Exhausted,
    Unavailable,
    TimedOut,
    Internal,
)
"""The whole set, in the order of the tables that translate it."""


def _rebuild(kind: type[PenstockError], message: str, state: dict[str, object]) -> PenstockError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error
