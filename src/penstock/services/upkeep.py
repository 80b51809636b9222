"""What a server does once a day: blobs that nothing refers to any more give their room back.

Documents of all kinds refer to blobs, each in its own way; so what may be an address counts as one, wherever it stands.
What was put lately stays, since whatever will refer to it may not be stored yet.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from penstock.kernel.errors import PenstockError
from penstock.kernel.events import LogEvent
from penstock.ports.blobs import BlobStore
from penstock.ports.clock import Clock
from penstock.ports.metadata import MetadataStore

__all__ = ["Upkeep"]

EVERY_S: Final = 86_400
GRACE: Final = timedelta(days=1)

_log = structlog.get_logger("penstock.services")


class Upkeep:
    """Sweeps the blob store from time to time, beginning one period after it was opened."""

    def __init__(self, store: MetadataStore, blobs: BlobStore, clock: Clock) -> None:
        self._store, self._blobs, self._clock = store, blobs, clock
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def sweep(self) -> int:
        """Remove blobs that nothing refers to and that are older than the grace; returns how many."""
        before = self._clock.now() - GRACE
        return await self._blobs.sweep(await self._store.digests(), before)

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                _log.info(LogEvent.STORE_SWEPT, removed=await self.sweep())
            except (PenstockError, OSError) as error:
                _log.warning(LogEvent.STORE_SWEPT, removed=0, exc_info=error)
