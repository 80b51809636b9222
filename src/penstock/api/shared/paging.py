"""Page tokens: a cursor and the order it belongs to, as opaque text."""

import base64
import binascii

import msgspec

from penstock.kernel.errors import Invalid
from penstock.kernel.query import Cursor, Order

__all__ = ["cursor_of", "token_of"]


class _Token(msgspec.Struct, frozen=True, array_like=True):
    field: str
    descending: bool
    value: int | str | None
    created_at_us: int
    id: str


def token_of(cursor: Cursor | None, order: Order) -> str:
    """Write the place where the next page starts; empty if there is none."""
    if cursor is None:
        return ""
    raw = msgspec.json.encode(_Token(order.field, order.descending, cursor.value, cursor.created_at_us, cursor.id))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def cursor_of(token: str, order: Order) -> Cursor | None:
    """Read a token back; None if it is empty.

    Raises: Invalid if it is none of ours, or was made for another order.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        content = msgspec.json.decode(raw, type=_Token)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise Invalid(f"the page token {token!r} was not made by this server; start again without one") from None
    if (content.field, content.descending) != (order.field, order.descending):
        raise Invalid("the page token belongs to another order; start again without one, or keep the order")
    return Cursor(content.value, content.created_at_us, content.id)
