"""What every blob store must do. Subclass it and give a fixture `blobs`; see `test_blob_stores.py`."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from penstock.kernel.errors import Invalid, NotFound
from penstock.ports.blobs import Blob, BlobStore


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def content(blobs: BlobStore, sha256: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in blobs.open(sha256, start=start, end=end)])


class BlobStoreContract:
    async def test_a_blob_is_read_back_as_it_was(self, blobs: BlobStore) -> None:
        body = bytes(range(256)) * 10_000

        blob = await blobs.put(chunks(body[:1], b"", body[1:70_000], body[70_000:]))

        assert blob == Blob(hashlib.sha256(body).hexdigest(), len(body))
        assert await content(blobs, blob.sha256) == body
        assert await blobs.stat(blob.sha256) == blob

    async def test_the_empty_blob_is_a_blob(self, blobs: BlobStore) -> None:
        blob = await blobs.put(chunks())

        assert blob.size_bytes == 0
        assert await content(blobs, blob.sha256) == b""

    @pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 5), (3, None), (0, 10_000_000), (9, 9), (5_000_000, None)])
    async def test_a_range_is_read_like_a_slice(self, blobs: BlobStore, start: int, end: int | None) -> None:
        body = b"0123456789" * 300_000
        blob = await blobs.put(chunks(body))

        assert await content(blobs, blob.sha256, start, end) == body[start:end]

    async def test_chunks_are_at_most_one_mebibyte(self, blobs: BlobStore) -> None:
        blob = await blobs.put(chunks(bytes(3_000_000)))

        sizes = [len(chunk) async for chunk in blobs.open(blob.sha256)]
        assert sum(sizes) == 3_000_000
        assert max(sizes) <= 1 << 20

    async def test_equal_content_has_one_address(self, blobs: BlobStore) -> None:
        outcomes = await asyncio.gather(*(blobs.put(chunks(b"same")) for _ in range(10)))

        assert len(set(outcomes)) == 1
        assert await content(blobs, outcomes[0].sha256) == b"same"

    async def test_a_stream_that_breaks_off_leaves_nothing(self, blobs: BlobStore) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionError("the client left")

        with pytest.raises(ConnectionError):
            await blobs.put(broken())

        with pytest.raises(NotFound):
            await blobs.stat(hashlib.sha256(b"half").hexdigest())

    async def test_what_is_not_there_is_not_found(self, blobs: BlobStore) -> None:
        with pytest.raises(NotFound):
            await blobs.stat("0" * 64)
        with pytest.raises(NotFound):
            await content(blobs, "0" * 64)

    @pytest.mark.parametrize("address", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
    async def test_what_is_no_digest_is_refused(self, blobs: BlobStore, address: str) -> None:
        with pytest.raises(Invalid):
            await blobs.stat(address)
        with pytest.raises(Invalid):
            await content(blobs, address)
        with pytest.raises(Invalid):
            await blobs.delete(address)

    async def test_a_sweep_removes_what_is_old_and_not_to_be_kept(self, blobs: BlobStore) -> None:
        kept, gone = [(await blobs.put(chunks(body))).sha256 for body in (b"kept", b"gone")]
        long_ago, soon = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)

        assert await blobs.sweep({kept}, long_ago) == 0
        assert await blobs.sweep({kept}, soon) == 1

        assert await content(blobs, kept) == b"kept"
        with pytest.raises(NotFound):
            await blobs.stat(gone)
        assert (await blobs.put(chunks(b"gone"))).sha256 == gone

    async def test_a_deleted_blob_is_gone(self, blobs: BlobStore) -> None:
        blob = await blobs.put(chunks(b"x"))

        await blobs.delete(blob.sha256)
        await blobs.delete(blob.sha256)

        with pytest.raises(NotFound):
            await blobs.stat(blob.sha256)
