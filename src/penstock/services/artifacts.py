"""Artifacts: what steps left behind, by content in the blob store."""

from __future__ import annotations

from collections.abc import AsyncIterator

from penstock.kernel.errors import Exhausted, NotFound
from penstock.kernel.values import Artifact, Value, artifact_of
from penstock.ports.blobs import BlobStore

__all__ = ["Artifacts"]


class Artifacts:
    """Store and read the content of artifacts. A directory is an uncompressed tar."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def store(
        self, name: str, content: AsyncIterator[bytes], *, type: str | None = None, uri: str | None = None
    ) -> Artifact:
        """Keep a stream as an artifact."""
        blob = await self._blobs.put(content)
        return Artifact(name, blob.sha256, blob.size_bytes, uri=uri, type=type)

    async def store_text(self, name: str, text: str, *, type: str | None = None) -> Artifact:
        """Keep a text as an artifact."""

        async def once() -> AsyncIterator[bytes]:
            yield text.encode()

        return await self.store(name, once(), type=type)

    def open(self, value: Value | Artifact) -> AsyncIterator[bytes]:
        """Read an artifact's content in chunks. Raises: NotFound if it has none here."""
        artifact = value if isinstance(value, Artifact) else artifact_of(value)
        if artifact.sha256 is None:
            raise NotFound(f"the content of artifact {artifact.name!r} is not kept here; it is at {artifact.uri!r}")
        return self._blobs.open(artifact.sha256)

    async def read(self, value: Value | Artifact, *, limit_bytes: int = 64 << 20) -> bytes:
        """Return an artifact's content. Raises: NotFound; Exhausted if it is longer than the limit."""
        chunks, size = [], 0
        async for chunk in self.open(value):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit_bytes:
                raise Exhausted(f"the artifact is longer than {limit_bytes} bytes; read it as a stream")
        return b"".join(chunks)
