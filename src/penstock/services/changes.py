"""How often documents of a kind have changed: what was worked out from them can be kept as long as they have not."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.kernel.query import Query
from penstock.kernel.records import Append, DropStream, Fact, Page, Record, Write
from penstock.kernel.scope import Scope
from penstock.ports.metadata import Committed, MetadataStore

__all__ = ["Changes"]


class Changes:
    """A metadata store that counts what it commits. It must be the only way to the store it stands before."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store
        self._counts: dict[str, int] = {}

    def mark(self, kinds: Iterable[str]) -> int:
        """Return a number that grows with every change of records of these kinds, before `commit` returns."""
        counts = self._counts
        return sum([counts.get(kind, 0) for kind in kinds])

    async def commit(self, *writes: Write) -> tuple[Committed, ...]:
        """Apply all writes or none."""
        committed = await self._store.commit(*writes)
        counts = self._counts
        for write in writes:
            if not isinstance(write, Append | DropStream):
                counts[write.kind] = counts.get(write.kind, 0) + 1
        return committed

    async def get(self, kind: str, id: str) -> Record | None:
        """Return the record with that id, or None."""
        return await self._store.get(kind, id)

    async def find(self, kind: str, scope: Scope, name: str) -> Record | None:
        """Return the record with that name in exactly that scope, or None."""
        return await self._store.find(kind, scope, name)

    async def select(self, query: Query) -> Page:
        """Return one page of records."""
        return await self._store.select(query)

    async def count(self, query: Query) -> int:
        """Return how many records satisfy the predicate."""
        return await self._store.count(query)

    async def facts(
        self, stream: str, *, after: int = 0, limit: int = 1000, newest_first: bool = False
    ) -> tuple[Fact, ...]:
        """Return facts of a stream."""
        return await self._store.facts(stream, after=after, limit=limit, newest_first=newest_first)

    async def digests(self) -> frozenset[str]:
        """Return every run of 64 hexadecimal digits in a record or a fact."""
        return await self._store.digests()

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()
