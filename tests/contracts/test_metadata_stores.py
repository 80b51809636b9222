"""Every metadata store against the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.store.memory import MemoryStore
from penstock.store.sqlite import SqliteStore
from tests.contracts.metadata_store import MetadataStoreContract


class TestMemoryStore(MetadataStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[MemoryStore]:
        yield MemoryStore()


class TestSqliteStore(MetadataStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        store = await SqliteStore.open(tmp_path / "metadata.sqlite")
        yield store
        await store.close()
