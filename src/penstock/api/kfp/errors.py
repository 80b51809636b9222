"""Every error this dialect can answer with: HTTP status, gRPC code, and the body that all generations of clients read.

Source: the gRPC gateway's table of codes; the bodies of the old gateway (`error`, `message`, `code`, `details`) and of
the upload handlers (`error_message`, `error_details`) are sent together.
"""

from typing import Any, Final

from penstock.api.shared.dialect import Reply
from penstock.api.shared.errors import NoRoute, TooLarge, WrongVerb
from penstock.kernel.errors import (
    AlreadyExists,
    Conflict,
    Denied,
    Exhausted,
    Internal,
    Invalid,
    NotFound,
    PenstockError,
    TimedOut,
    Unavailable,
    Unsupported,
    WrongState,
)
from penstock.services.identity import Unauthenticated

__all__ = ["TABLE", "FinishedRun", "InUse", "UnsupportedFeature", "error_body"]


class UnsupportedFeature(Unsupported):
    """A package asks for something this server does not do; the caller must change the package."""


class InUse(WrongState):
    """The thing cannot be deleted because the server itself needs it."""


class FinishedRun(Conflict):
    """A run cannot be retried as it is."""


TABLE: Final[dict[type[PenstockError], Reply]] = {
    NoRoute: Reply(404, 5),
    WrongVerb: Reply(405, 12),
    TooLarge: Reply(400, 3),
    Unauthenticated: Reply(401, 16),
    UnsupportedFeature: Reply(400, 3),
    InUse: Reply(409, 9),
    NotFound: Reply(404, 5),
    AlreadyExists: Reply(409, 6),
    Invalid: Reply(400, 3),
    Conflict: Reply(409, 10),
    WrongState: Reply(400, 9),
    Unsupported: Reply(501, 12),
    Denied: Reply(403, 7),
    Exhausted: Reply(429, 8),
    Unavailable: Reply(503, 14),
    TimedOut: Reply(504, 4),
    Internal: Reply(500, 13),
}
"""How each error is answered; looked up along its class's ancestors."""

_TELLTALES: Final[tuple[tuple[type[PenstockError], str], ...]] = (
    (NotFound, "not found"),
    (AlreadyExists, "already exist"),
    (Invalid, "Invalid input error"),
)
"""Words by which existing tools recognise an error."""


def error_body(error: PenstockError, reply: Reply) -> dict[str, Any]:
    """Build the body of a 4xx or 5xx reply."""
    text = _text(error)
    long = "; ".join(part for part in (text, error.hint) if part)
    status = {"@type": "type.googleapis.com/google.rpc.Status", "code": reply.code, "message": long}
    return {
        "error": long,
        "message": long,
        "code": reply.code,
        "details": [status],
        "error_message": text,
        "error_details": long,
    }


def _text(error: PenstockError) -> str:
    text = f"{error.message} (at {error.at})" if error.at else error.message
    for kind, words in _TELLTALES:
        if isinstance(error, kind) and words not in text:
            return f"{words[0].upper()}{words[1:]}: {text}" if kind is Invalid else f"{text}: {words}"
    return text
