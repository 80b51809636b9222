"""Writes of many short runs, in few transactions: what comes while one is being synced goes into the next together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from penstock.kernel.errors import PenstockError
from penstock.kernel.records import Write
from penstock.ports.metadata import MetadataStore

__all__ = ["Ledger"]

Stored = Callable[[PenstockError | None], None]
"""Told when the writes are on disk, or why they are not."""


BEHIND: Final = 64
"""How many writers may wait before those that come wait for their own writes."""


class Ledger:
    """Gathers writes. Those of one caller are applied together or not at all, whatever becomes of others."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store
        self._waiting: list[tuple[Sequence[Write], Stored]] = []
        self._task: asyncio.Task[None] | None = None

    def write(self, writes: Sequence[Write], stored: Stored) -> None:
        """Take writes in; returns at once."""
        self._waiting.append((writes, stored))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that nobody should hurry to bring more."""
        return len(self._waiting) >= BEHIND

    async def settled(self) -> None:
        """Return when everything that has been taken in so far is written, or could not be."""
        if self._task is None:
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.write((), lambda failure: None if written.done() else written.set_result(None))
        await written

    async def close(self) -> None:
        """Return when everything is written."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                await self._commit(taken)
        finally:
            self._task = None

    async def _commit(self, taken: list[tuple[Sequence[Write], Stored]]) -> None:
        failure: PenstockError | None = None
        try:
            if together := [write for writes, _ in taken for write in writes]:
                await self._store.commit(*together)
        except PenstockError as error:
            if len(taken) > 1:
                # One of them spoils the transaction; each for itself, only it fails.
                for each in taken:
                    await self._commit([each])
                return
            failure = error
        for _, stored in taken:
            stored(failure)
