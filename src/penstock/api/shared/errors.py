"""From an error to the dialect's reply. The only place where a core error meets HTTP.

Three refinements exist because only HTTP knows them; a dialect that does not list them answers as for their ancestors.
"""

import uuid

import msgspec
import structlog
from starlette.responses import PlainTextResponse, Response

from penstock.api.shared.dialect import Dialect
from penstock.kernel.errors import Internal, Invalid, NotFound, PenstockError
from penstock.kernel.events import LogEvent

__all__ = ["NoRoute", "TooLarge", "WrongVerb", "internal", "project_error"]

_log = structlog.get_logger("penstock.api")


class NoRoute(NotFound):
    """No operation has this path."""


class WrongVerb(NotFound):
    """The path exists, with other verbs. Usually 405."""

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class TooLarge(Invalid):
    """The body is longer than the operation takes. Usually 413."""


def project_error(dialect: Dialect, error: PenstockError) -> Response:
    """Say an error in a dialect's words."""
    reply = dialect.reply_to(error)
    headers = dict(reply.headers)
    if isinstance(error, WrongVerb):
        headers.setdefault("Allow", ", ".join(error.allowed))
    body = dialect.error_body(error, reply)
    if isinstance(body, str):
        return PlainTextResponse(body, reply.status, headers)
    return Response(msgspec.json.encode(body), reply.status, headers, "application/json")


def internal(error: BaseException, **context: str) -> Internal:
    """Log an exception nobody expected, and return what the caller may know of it: the id of the log entry."""
    id = uuid.uuid4().hex
    _log.error(LogEvent.REQUEST_FAILED, error_id=id, exc_info=error, **context)
    return Internal(f"the server failed to handle the request; its log has the details under id {id}")
