"""The metadata store: records, and append-only streams of facts.

Contract suite: `tests/contracts/metadata_store.py`. Reference implementation: `store.memory.MemoryStore`.
"""

from typing import Protocol

from penstock.kernel.query import Query
from penstock.kernel.records import Fact, Page, Record, Write
from penstock.kernel.scope import Scope

__all__ = ["Committed", "MetadataStore"]

Committed = int
"""What one write of a transaction came to: the record's new revision, the fact's position, or 0 after a removal."""


class MetadataStore(Protocol):
    """Durable, transactional memory of the server. A read sees everything committed before it began."""

    async def commit(self, *writes: Write) -> tuple[Committed, ...]:
        """Apply all writes, in order, or none; return only when they would survive a crash of the machine.

        Raises:
            AlreadyExists, NotFound, Conflict: as the writes say; nothing has been applied.
            Exhausted: the disk is full; nothing has been applied.
            Unavailable: the store is closed, and nothing has been applied; or the disk failed, and what it holds is
                known after a restart.
        """
        ...

    async def get(self, kind: str, id: str) -> Record | None:
        """Return the record with that id, or None."""
        ...

    async def find(self, kind: str, scope: Scope, name: str) -> Record | None:
        """Return the record with that name in exactly that scope, or None."""
        ...

    async def select(self, query: Query) -> Page:
        """Return one page of records."""
        ...

    async def count(self, query: Query) -> int:
        """Return how many records satisfy the predicate; order, limit, cursor and offset do not matter."""
        ...

    async def facts(
        self, stream: str, *, after: int = 0, limit: int = 1000, newest_first: bool = False
    ) -> tuple[Fact, ...]:
        """Return facts of a stream, oldest first from after a position, or newest first down to it."""
        ...

    async def digests(self) -> frozenset[str]:
        """Return every run of 64 lower-case hexadecimal digits that occurs in a record or a fact.

        These may be addresses of blobs; a blob that is not among them is named by nothing here. Reads everything.
        """
        ...

    async def close(self) -> None:
        """Finish what was accepted, then release everything. Later calls raise Unavailable."""
        ...
