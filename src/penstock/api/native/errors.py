"""How the native API answers each error."""

from penstock.api.native.wire import ErrorReply
from penstock.api.shared.dialect import Reply
from penstock.api.shared.errors import TooLarge, WrongVerb
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

__all__ = ["TABLE", "body"]

TABLE = {
    NotFound: Reply(404, "NotFound"),
    WrongVerb: Reply(405, "WrongVerb"),
    AlreadyExists: Reply(409, "AlreadyExists"),
    Invalid: Reply(400, "Invalid"),
    TooLarge: Reply(413, "TooLarge"),
    Conflict: Reply(409, "Conflict"),
    WrongState: Reply(409, "WrongState"),
    Unsupported: Reply(501, "Unsupported"),
    Denied: Reply(403, "Denied"),
    Unauthenticated: Reply(401, "Unauthenticated", {"WWW-Authenticate": "Bearer"}),
    Exhausted: Reply(429, "Exhausted", {"Retry-After": "1"}),
    Unavailable: Reply(503, "Unavailable", {"Retry-After": "5"}),
    TimedOut: Reply(504, "TimedOut"),
    Internal: Reply(500, "Internal"),
}


def body(error: PenstockError, reply: Reply) -> ErrorReply:
    """Build the envelope."""
    return ErrorReply(str(reply.code), error.message, error.retryable, error.at, error.hint)
