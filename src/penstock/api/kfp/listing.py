"""List requests: page size, token, order and filter of the query string, to one page of documents.

A token carries the order and the filter it was made for, so that later pages need only the token.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from penstock.api.kfp.filters import Column, predicate_of
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import integer
from penstock.kernel.errors import Invalid
from penstock.kernel.query import AllOf, Cursor, Order, Predicate
from penstock.services.documents import Document, Kind

__all__ = ["Listed", "Request", "listed", "request_of", "token_of"]

Body = TypeVar("Body")

DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 200
METRIC: Final = "metric:"
"""Runs can also be sorted by a metric that was reported for them."""


class _Token(msgspec.Struct, frozen=True, array_like=True):
    list: str
    sort_by: str
    filter: str
    value: int | str | None
    created_at_us: int
    id: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a list request asks for, in the core's words; `sort_by` and `filter` as the client wrote them."""

    name: str
    size: int
    order: Order
    where: Predicate | None
    after: Cursor | None
    sort_by: str
    filter: str


@dataclass(frozen=True, slots=True)
class Listed(Generic[Body]):
    """One page: its documents, how many there are on all pages, and the token of the next page, or an empty text."""

    documents: tuple[Document[Body], ...]
    total: int
    next_token: str


async def listed(
    call: Call, kind: Kind[Body], columns: Mapping[str, Column], restriction: Predicate | None = None
) -> Listed[Body]:
    """Return the page of documents that a request asks for.

    Raises: Invalid.
    """
    request = request_of(call.query, kind.name, columns)
    where = AllOf(tuple(part for part in (restriction, request.where) if part is not None))
    documents = call.services.documents
    page = await documents.page(
        kind, call.scope, where=where, order=request.order, limit=request.size, after=request.after
    )
    total = await documents.count(kind, call.scope, where)
    return Listed(page.documents, total, token_of(request, page.next))


def request_of(query: Mapping[str, str], name: str, columns: Mapping[str, Column]) -> Request:
    """Read the query parameters; `name` tells lists apart, so that a token of one is refused by another.

    Raises: Invalid.
    """
    size = _page_size(query)
    sort_by, filter_text = query.get("sort_by", "").strip(), query.get("filter", "")
    after = None
    if token := query.get("page_token", ""):
        content = _decoded(token)
        if content.list != name:
            raise Invalid("the page token was made by another list; start again without one", at="page_token")
        if sort_by not in ("", content.sort_by) or filter_text not in ("", content.filter):
            raise Invalid("the page token was made with another order or filter", at="page_token")
        sort_by, filter_text, after = (
            content.sort_by,
            content.filter,
            Cursor(content.value, content.created_at_us, content.id),
        )
    order = _order(sort_by, columns)
    return Request(name, size, order, predicate_of(filter_text, columns), after, sort_by, filter_text)


def token_of(request: Request, cursor: Cursor | None) -> str:
    """Write the place where the next page starts; empty if there is none."""
    if cursor is None:
        return ""
    content = _Token(request.name, request.sort_by, request.filter, cursor.value, cursor.created_at_us, cursor.id)
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode()


def _page_size(query: Mapping[str, str]) -> int:
    if query.get("page_size") == "":
        return DEFAULT_PAGE_SIZE
    return min(integer(query, "page_size", 0), MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE


def _decoded(token: str) -> _Token:
    try:
        return msgspec.json.decode(base64.b64decode(token, altchars=b"-_", validate=True), type=_Token)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise Invalid(f"the page token {token[:80]!r} was not made by this server", at="page_token") from None


def _order(text: str, columns: Mapping[str, Column]) -> Order:
    words = text.lower().split()
    if not words:
        return Order()
    if len(words) > 2 or words[1:] not in ([], ["asc"], ["desc"]):
        raise Invalid(f"sort_by is {text!r}; it must be a field, and asc or desc after it", at="sort_by")
    column = columns.get(words[0])
    if column is None and words[0].startswith(METRIC) and "status" in columns and len(words[0]) > len(METRIC):
        column = Column(words[0])
    if column is None:
        raise Invalid(f"one cannot sort by {words[0]!r} here, only by {', '.join(columns)}", at="sort_by")
    return Order(column.field, words[1:] == ["desc"])
