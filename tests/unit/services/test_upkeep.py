"""What nothing refers to any more gives its room back, but not at once."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from penstock.kernel.instants import EPOCH
from penstock.kernel.records import Delete, Insert
from penstock.kernel.scope import Scope
from penstock.services.timekeeper import SystemClock
from penstock.services.upkeep import GRACE, Upkeep
from penstock.store.localdir import LocalBlobs
from penstock.store.memory import MemoryStore


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_a_blob_goes_when_its_last_mention_has_gone_and_a_day_has_passed(tmp_path: Path) -> None:
    store, blobs = MemoryStore(), LocalBlobs(tmp_path)
    upkeep = Upkeep(store, blobs, SystemClock())
    blob = await blobs.put(chunks(b"a model"))
    body = b'{"package": "%b"}' % blob.sha256.encode()
    await store.commit(Insert("toy.thing", "1", Scope(("default",)), None, EPOCH, body))
    assert await upkeep.sweep() == 0

    await store.commit(Delete("toy.thing", "1"))
    assert await upkeep.sweep() == 0

    day_ago = time.time() - GRACE.total_seconds() - 60
    for file in tmp_path.rglob(blob.sha256):
        os.utime(file, (day_ago, day_ago))
    assert await upkeep.sweep() == 1
    assert not list(tmp_path.rglob(blob.sha256))
