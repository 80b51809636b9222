"""Every error this dialect can answer with, and its body.

A request that fails is no error: it is answered with 200 and says so. Nothing is answered with 429: the client would
sleep a minute and ask again, for ever; a full queue is 503.
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

__all__ = ["TABLE", "UnsupportedFeature", "error_body"]


class UnsupportedFeature(Unsupported):
    """The call is understood, and asks for something this server does not do."""


TABLE: Final[dict[type[PenstockError], Reply]] = {
    NoRoute: Reply(404),
    WrongVerb: Reply(405),
    TooLarge: Reply(413),
    Unauthenticated: Reply(401),
    UnsupportedFeature: Reply(400),
    NotFound: Reply(404),
    AlreadyExists: Reply(409),
    Invalid: Reply(400),
    Conflict: Reply(409),
    WrongState: Reply(400),
    Unsupported: Reply(501),
    Denied: Reply(403),
    Exhausted: Reply(503),
    Unavailable: Reply(503),
    TimedOut: Reply(504),
    Internal: Reply(500),
}
"""How each error is answered; looked up along its class's ancestors."""


def error_body(error: PenstockError, reply: Reply) -> dict[str, Any]:
    """Build the body of a 4xx or 5xx reply; what reads streams looks for `error_message`."""
    text = f"{error.message} (at {error.at})" if error.at else error.message
    if error.hint:
        text = f"{text}; {error.hint}"
    return {"error": text, "error_message": text}
