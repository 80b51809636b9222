"""Every blob store against the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.store.localdir import LocalBlobs
from penstock.store.memory import MemoryBlobs
from tests.contracts.blob_store import BlobStoreContract, chunks


class TestMemoryBlobs(BlobStoreContract):
    @pytest.fixture
    def blobs(self) -> MemoryBlobs:
        return MemoryBlobs()


class TestLocalBlobs(BlobStoreContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> LocalBlobs:
        return LocalBlobs(tmp_path / "blobs")

    async def test_nothing_half_written_stays_in_the_directory(self, tmp_path: Path) -> None:
        blobs = LocalBlobs(tmp_path)
        await blobs.put(chunks(b"x"))

        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await blobs.put(broken())

        assert list((tmp_path / "incoming").iterdir()) == []
        assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1

    async def test_what_a_crash_left_is_swept_at_the_next_start(self, tmp_path: Path) -> None:
        blob = await LocalBlobs(tmp_path).put(chunks(b"kept"))
        (tmp_path / "incoming" / "tmp_leftover").write_bytes(b"half")

        reopened = LocalBlobs(tmp_path)

        assert list((tmp_path / "incoming").iterdir()) == []
        assert await reopened.stat(blob.sha256) == blob
