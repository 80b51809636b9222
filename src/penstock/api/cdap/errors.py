"""How errors are said: a status and one plain text, which existing tools print and sometimes match.

Source: CDAP's map from exceptions to statuses; its texts for things that are not there.
"""

from typing import Final

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

__all__ = ["TABLE", "Missing", "error_body", "status_of"]


class Missing(NotFound):
    """An entity is not there. entity: `<type>:<dotted id>`, such as `application:default.P.-SNAPSHOT`."""

    def __init__(self, entity: str) -> None:
        super().__init__(f"'{entity}' was not found.")


TABLE: Final[dict[type[PenstockError], Reply]] = {
    NoRoute: Reply(404),
    WrongVerb: Reply(405),
    TooLarge: Reply(413),
    Unauthenticated: Reply(401),
    NotFound: Reply(404),
    AlreadyExists: Reply(409),
    Invalid: Reply(400),
    Conflict: Reply(409),
    WrongState: Reply(409),
    Unsupported: Reply(501),
    Denied: Reply(403),
    Exhausted: Reply(429),
    Unavailable: Reply(503),
    TimedOut: Reply(504),
    Internal: Reply(500),
}
"""How each error is answered; looked up along its class's ancestors."""


def error_body(error: PenstockError, reply: Reply) -> str:
    """Return the text of a 4xx or 5xx reply."""
    text = f"{error.message} (at {error.at})" if error.at else error.message
    return f"{text}; {error.hint}" if error.hint else text


def status_of(error: PenstockError) -> int:
    """Return the status an error has inside of a batch's answer."""
    for ancestor in type(error).__mro__:
        if reply := TABLE.get(ancestor):
            return reply.status
    return 500
