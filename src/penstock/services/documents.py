"""Scoped, named, revisioned documents with declared index columns, over the metadata store.

A dialect keeps what its clients stored, verbatim, in documents of its own kinds. This module knows how to encode,
find, page and replace them, and nothing of what is in them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from penstock.kernel.errors import Conflict, NotFound
from penstock.kernel.ids import DocumentId
from penstock.kernel.query import AllOf, Cursor, IndexValue, Order, Predicate, Query
from penstock.kernel.records import BUILT_IN_FIELDS, Delete, Insert, Record, Replace, Write
from penstock.kernel.scope import Scope
from penstock.ports.clock import Clock
from penstock.ports.metadata import MetadataStore
from penstock.services.tenancy import may_read

__all__ = ["Document", "DocumentPage", "Documents", "Kind"]

Body = TypeVar("Body")

_UPDATE_ATTEMPTS = 16


@dataclass(frozen=True, slots=True)
class Kind(Generic[Body]):
    """A sort of document: how it is encoded, and by what it can be found.

    Attributes:
        name: unique among all dialects, `<dialect>.<noun>`; stored with every document, so never changed.
        shape: the type of the body, usually a `msgspec.Struct`.
        index: attributes of the body by which documents are filtered and ordered; booleans, 64-bit integers, texts or
            None.
        noun: what messages call it.
    """

    name: str
    shape: type[Body]
    index: tuple[str, ...] = ()
    noun: str = "document"
    decoder: "msgspec.json.Decoder[Body]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if clash := BUILT_IN_FIELDS.intersection(self.index):
            raise ValueError(f"kind {self.name!r} declares {sorted(clash)!r}; every document has these fields already")
        object.__setattr__(self, "decoder", msgspec.json.Decoder(self.shape))

    def columns(self, body: Body) -> dict[str, IndexValue]:
        """Return the index columns of a body."""
        return {name: _index_value(self, name, getattr(body, name)) for name in self.index}


@dataclass(frozen=True, slots=True)
class Document(Generic[Body]):
    """One revision of a document, as read from the store."""

    kind: Kind[Body]
    id: DocumentId
    scope: Scope
    name: str | None
    revision: int
    created_at: datetime
    updated_at: datetime
    body: Body


@dataclass(frozen=True, slots=True)
class DocumentPage(Generic[Body]):
    """Documents in order, and where the next page starts; None on the last page."""

    documents: tuple[Document[Body], ...]
    next: Cursor | None


class Documents:
    """Create, find, page, replace and delete documents. Every change is durable when the call returns.

    `also` takes further writes that happen in the same transaction: all or none.
    """

    def __init__(self, store: MetadataStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, kind: Kind[Body], scope: Scope, name: str | None, body: Body, *, also: tuple[Write, ...] = ()
    ) -> Document[Body]:
        """Store a new document.

        Raises: AlreadyExists if the scope has a document of this kind and name.
        """
        at = self._clock.now()
        id = DocumentId(self._clock.new_id())
        insert = Insert(kind.name, id, scope, name, at, msgspec.json.encode(body), kind.columns(body))
        await self._store.commit(insert, *also)
        return Document(kind, id, scope, name, 1, at, at, body)

    async def get(self, kind: Kind[Body], id: str) -> Document[Body]:
        """Return the document with that id, whatever its scope within the tenant.

        Raises: NotFound.
        """
        record = await self._store.get(kind.name, id)
        if record is None or not may_read(record.scope):
            raise NotFound(f"there is no {kind.noun} with id {id!r}")
        return _document(kind, record)

    async def find(self, kind: Kind[Body], scope: Scope, name: str) -> Document[Body]:
        """Return the document with that name in that scope.

        Raises: NotFound.
        """
        record = await self._store.find(kind.name, scope, name)
        if record is None:
            raise NotFound(f"there is no {kind.noun} named {name!r}")
        return _document(kind, record)

    async def replace(
        self, document: Document[Body], body: Body, *, name: str | None = None, also: tuple[Write, ...] = ()
    ) -> Document[Body]:
        """Store the next revision of a document; `name` renames it, None keeps the name.

        Raises:
            Conflict: somebody else replaced it since `document` was read.
            NotFound: it was deleted since.
            AlreadyExists: the new name is taken.
        """
        kind, at = document.kind, self._clock.now()
        name = document.name if name is None else name
        encoded = msgspec.json.encode(body)
        change = Replace(kind.name, document.id, name, at, encoded, kind.columns(body), document.revision)
        revision, *_ = await self._store.commit(change, *also)
        return Document(kind, document.id, document.scope, name, revision, document.created_at, at, body)

    async def update(self, kind: Kind[Body], id: str, change: Callable[[Body], Body]) -> Document[Body]:
        """Read a document, apply `change` to its body and store the outcome; again if somebody else was quicker.

        Raises: NotFound; Conflict if others kept being quicker; whatever `change` raises.
        """
        for _ in range(_UPDATE_ATTEMPTS):
            document = await self.get(kind, id)
            try:
                return await self.replace(document, change(document.body))
            except Conflict:
                continue
        raise Conflict(
            f"{kind.noun} {id!r} was changed by others {_UPDATE_ATTEMPTS} times in a row; try again", retryable=True
        )

    async def delete(self, document: Document[Body], *, also: tuple[Write, ...] = ()) -> None:
        """Remove a document in the revision that was read.

        Raises: Conflict, NotFound as `replace`.
        """
        await self._store.commit(Delete(document.kind.name, document.id, document.revision), *also)

    async def page(
        self,
        kind: Kind[Body],
        scope: Scope,
        *,
        where: Predicate | None = None,
        order: Order | None = None,
        limit: int = 100,
        after: Cursor | None = None,
        offset: int = 0,
    ) -> DocumentPage[Body]:
        """Return one page of the documents of a kind in a scope."""
        query = Query(kind.name, scope, where or AllOf(), order or Order(), limit, after, offset)
        page = await self._store.select(query)
        return DocumentPage(tuple(_document(kind, record) for record in page.records), page.next)

    async def count(self, kind: Kind[Body], scope: Scope, where: Predicate | None = None) -> int:
        """Return how many documents of a kind in a scope satisfy a predicate."""
        return await self._store.count(Query(kind.name, scope, where or AllOf()))


def _index_value(kind: Kind[Body], name: str, value: object) -> IndexValue:
    match value:
        case bool():
            return int(value)
        case None:
            return None
        case str():
            return str(value)
        case int() if -(1 << 63) <= value < 1 << 63:
            return int(value)
    raise ValueError(f"{kind.name}.{name} is {value!r}; an index column holds a text, a 64-bit integer or None")


def _document(kind: Kind[Body], record: Record) -> Document[Body]:
    return Document(
        kind,
        DocumentId(record.id),
        record.scope,
        record.name,
        record.revision,
        record.created_at,
        record.updated_at,
        kind.decoder.decode(record.body),
    )
