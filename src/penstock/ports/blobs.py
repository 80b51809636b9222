"""The blob store: bytes addressed by their own digest, written once, never changed.

Contract suite: `tests/contracts/blob_store.py`. Reference implementation: `store.memory.MemoryBlobs`.
"""

from collections.abc import AsyncIterator, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["Blob", "BlobStore"]


@dataclass(frozen=True, slots=True)
class Blob:
    """The address and the length of stored bytes. `sha256` is 64 lower-case hexadecimal digits."""

    sha256: str
    size_bytes: int


class BlobStore(Protocol):
    """Keeps byte strings of any length; equal content is kept once."""

    async def put(self, chunks: AsyncIterator[bytes]) -> Blob:
        """Store a stream and return its address once it would survive a crash; a failing stream leaves nothing.

        Raises: Exhausted if the disk is full, Unavailable if it fails otherwise.
        """
        ...

    async def stat(self, sha256: str) -> Blob:
        """Return address and length.

        Raises: NotFound if there is no such blob, Invalid if it is no digest.
        """
        ...

    def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read bytes from `start` up to, but not including, `end`, in chunks of at most 1 MiB.

        Raises: NotFound, Invalid as `stat`, at the first chunk.
        """
        ...

    async def delete(self, sha256: str) -> None:
        """Remove a blob; nothing happens if there is none."""
        ...

    async def sweep(self, keep: Set[str], stored_before: datetime) -> int:
        """Remove all blobs but those of `keep` and those that were put, or put again, since an instant.

        Returns: how many were removed.
        """
        ...
