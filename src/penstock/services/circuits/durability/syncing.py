"""Checkpoints that go to a store of objects, on request and on an interval, and a start from what is there.

Nothing here knows how the store is reached; everything that waits for it runs in a thread.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from penstock.ports.objects import ObjectStores, StoreRefused
from penstock.services.circuits.durability.checkpoints import Checkpoints, CheckpointUnusable
from penstock.services.circuits.durability.copies import Copied, Copies, CopyFailed, Retention
from penstock.services.circuits.durability.keeper import checkpoints_of
from penstock.services.circuits.durability.manifest import Manifest
from penstock.services.circuits.link import RemoteError
from penstock.services.circuits.references import References

__all__ = ["SyncSettings", "Syncing"]

LATEST = "latest"
_TAKEN_UP = "taken-up"


class SyncSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a circuit's checkpoints are copied.

    Attributes:
        store: see `ObjectStores.open`. read_bucket: another place, only read, for what is not in the store.
        start_from: `latest`, an id, or None to start from what is here.
        must_start_from: whether a start fails that finds no such checkpoint.
        push_interval_s: seconds between copies of what is new; None for none by itself.
        stands_by, pull_interval_s: whether a start waits to be activated, and how often it looks for newer copies.
    """

    store: dict[str, Any]
    read_bucket: str | None = None
    start_from: str | None = None
    must_start_from: bool = False
    push_interval_s: float | None = None
    stands_by: bool = False
    pull_interval_s: float = 10.0
    retention: Retention


class Syncing:
    """Copies the checkpoints of one circuit, one at a time."""

    def __init__(
        self, settings: SyncSettings, directory: Path, stores: ObjectStores, log: Callable[[str], None]
    ) -> None:
        """Raises: StoreRefused."""
        places = [settings.store]
        if settings.read_bucket is not None:
            places.append({**settings.store, "bucket": settings.read_bucket})
        self._settings = settings
        self._directory = directory
        self._checkpoints: Checkpoints = checkpoints_of(directory)
        self._copies = Copies([stores.open(place) for place in places], self._checkpoints)
        self._log = log
        self._one = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: list[str] = []
        self._success: str | None = None
        self._periodic: str | None = None
        self._failure: tuple[str, str] | None = None

    @staticmethod
    def of(
        settings: Mapping[str, Any],
        directory: str | None,
        stores: ObjectStores,
        references: References,
        log: Callable[[str], None],
    ) -> Syncing | None:
        """Return what copies a circuit's checkpoints; None if its settings have no store. Raises: RemoteError."""
        given = settings.get("sync")
        if given is None or directory is None:
            return None
        read = msgspec.convert({**given, "store": references.resolved(given["store"])}, SyncSettings)
        try:
            return Syncing(read, Path(directory), stores, log)
        except (StoreRefused, OSError) as error:
            raise RemoteError("InvalidRuntimeConfig", f"the object store cannot be used: {error}") from error

    # ---- before the circuit is there

    async def take_up(self) -> None:
        """Have the circuit start from what its settings name. Raises: RemoteError if it must and cannot."""
        self._checkpoints.unlink()
        wanted = self._settings.start_from
        try:
            if (id := await self.fetch()) is not None:
                self._log(f"INFO checkpoint {id} was taken up from the object store")
        except (CopyFailed, CheckpointUnusable, OSError) as error:
            if self._settings.must_start_from:
                message = f"the circuit is to start from checkpoint {wanted!r} of the object store: {error}"
                raise RemoteError("CheckpointUnusable", message) from error
            self._log(f"WARNING not started from checkpoint {wanted!r} of the object store: {error}")

    async def fetch(self) -> str | None:
        """Put the checkpoint to start from in the place of what is here; None if it is here or nothing is wanted.

        Raises: CopyFailed, CheckpointUnusable, OSError.
        """
        wanted = self._settings.start_from
        copied = None if wanted is None else await asyncio.to_thread(self._wanted, wanted)
        if copied is None:
            return None
        await asyncio.to_thread(self._take, copied)
        return copied.id

    def _wanted(self, wanted: str) -> Copied | None:
        """Return the copy to start from; None if what is here goes on from it already. Raises: CopyFailed."""
        here = self._here()
        if wanted != LATEST and here is not None and self._taken_up() == wanted:
            return None
        found = self._copies.list()
        if wanted != LATEST:
            found = [copied for copied in found if copied.id == wanted]
        if not found:
            raise CopyFailed("there is no such checkpoint")
        if wanted == LATEST and here is not None and here.made_at_us >= found[-1].made_at_us:
            return None
        return found[-1]

    def _take(self, copied: Copied) -> None:
        """Put a copy in the place of all that is here: the journal first, which does not follow from it."""
        self._copies.fetch(copied)
        shutil.rmtree(self._directory / "journal", ignore_errors=True)
        self._checkpoints.replace(copied.id)
        (self._directory / _TAKEN_UP).write_text(copied.id)

    def _here(self) -> Manifest | None:
        try:
            return self._checkpoints.latest()
        except CheckpointUnusable:
            return None

    def _taken_up(self) -> str | None:
        path = self._directory / _TAKEN_UP
        return path.read_text() if path.exists() else None

    # ---- while it runs

    def open(self) -> None:
        """Begin to copy on the interval, if there is one."""
        if self._settings.push_interval_s is not None:
            self._spawn(self._keep_on(self._settings.push_interval_s))

    def begin(self) -> str:
        """Begin to copy the newest checkpoint and return its id. Raises: RemoteError if there is none."""
        newest = self._here()
        if newest is None:
            raise RemoteError("InvalidParam", "there is no checkpoint to copy; make one first")
        self._spawn(self._copy(newest, is_asked_for=True))
        return newest.id

    def report(self) -> dict[str, Any]:
        """Return which copies succeeded last, asked for and by the interval, which failed, and which are made now."""
        failure = None if self._failure is None else {"id": self._failure[0], "message": self._failure[1]}
        return {
            "success": self._success,
            "periodic": self._periodic,
            "failure": failure,
            "running": list(dict.fromkeys(self._running)),
        }

    async def list(self) -> list[str]:
        """Return the ids of all checkpoints in the store, oldest first. Raises: RemoteError."""
        try:
            return [copied.id for copied in await asyncio.to_thread(self._copies.list)]
        except CopyFailed as error:
            raise RemoteError("CheckpointFailed", str(error)) from error

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_on(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            newest = self._here()
            if newest is not None and newest.id not in (self._periodic, self._success):
                await self._copy(newest, is_asked_for=False)

    async def _copy(self, manifest: Manifest, *, is_asked_for: bool) -> None:
        self._running.append(manifest.id)
        if self._failure is not None and self._failure[0] == manifest.id:
            self._failure = None
        try:
            async with self._one:
                await asyncio.to_thread(self._copies.put, manifest, self._settings.retention)
            if is_asked_for:
                self._success = manifest.id
            else:
                self._periodic = manifest.id
        except CopyFailed as error:
            self._failure = (manifest.id, str(error))
            self._log(f"ERROR {error}")
        finally:
            self._running.remove(manifest.id)
