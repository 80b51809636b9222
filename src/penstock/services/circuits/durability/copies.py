"""Copies of checkpoints in a store of objects: put there whole or not at all, taken up from there by any server.

<id>/manifest.json, <id>/...   the files of a checkpoint
<id>/complete.json             written last, removed first: only with it there is a checkpoint, and it says what
                               each file must be
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from penstock.ports.objects import ObjectStore
from penstock.services.circuits.durability.checkpoints import Checkpoints, sync_directory
from penstock.services.circuits.durability.manifest import Manifest

__all__ = ["Copied", "Copies", "CopyFailed", "Retention"]

_COMPLETE = "complete.json"
_DAY_US = 86_400_000_000
_PIECE_BYTES = 8 << 20


class CopyFailed(Exception):
    """A checkpoint that could not be copied, with the reason."""


class _File(msgspec.Struct, frozen=True):
    name: str
    size_bytes: int
    sha256: str


class Copied(msgspec.Struct, frozen=True):
    """A checkpoint in the store."""

    id: str
    made_at_us: int
    steps: int
    records: int
    files: tuple[_File, ...]


class Retention(msgspec.Struct, frozen=True):
    """How many copies stay in any case, and for how many days the others do."""

    count: int
    days: int


class Copies:
    """The copies in one place of a store, and the checkpoints of one circuit beside which they are taken up."""

    def __init__(self, stores: Sequence[ObjectStore], checkpoints: Checkpoints) -> None:
        """Stores: the one that is written to, then those that are only read from when a copy is not in the first."""
        self._stores = tuple(stores)
        self._checkpoints = checkpoints

    def put(self, manifest: Manifest, retention: Retention) -> None:
        """Copy a checkpoint of the circuit, then remove copies that need not be kept. Raises: CopyFailed."""
        store = self._stores[0]
        try:
            linked = self._checkpoints.linked(manifest.id)
        except OSError as error:
            raise CopyFailed(f"checkpoint {manifest.id} is not there any more: {error}") from error
        try:
            if f"{manifest.id}/{_COMPLETE}" not in store.names():
                files = tuple(_described(linked, path) for path in sorted(linked.rglob("*")) if path.is_file())
                for file in files:
                    store.upload(linked / file.name, f"{manifest.id}/{file.name}")
                copied = Copied(manifest.id, manifest.made_at_us, manifest.steps, manifest.records, files)
                store.write(f"{manifest.id}/{_COMPLETE}", msgspec.json.encode(copied))
        except OSError as error:
            raise CopyFailed(f"checkpoint {manifest.id} was not copied to the object store: {error}") from error
        finally:
            shutil.rmtree(linked, ignore_errors=True)
        self._retire(store, retention, time.time_ns() // 1000)

    def fetch(self, copied: Copied) -> None:
        """Have a copy beside the circuit's checkpoints, not yet under its name. Raises: CopyFailed."""
        partial = self._checkpoints.partial(copied.id)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            store = next(s for s in self._stores if any(c.id == copied.id for c in self._in(s)))
            for file in copied.files:
                path = partial / file.name
                if not path.resolve().is_relative_to(partial.resolve()):
                    raise CopyFailed(f"checkpoint {copied.id} in the object store names a file {file.name!r}")
                path.parent.mkdir(parents=True, exist_ok=True)
                store.download(f"{copied.id}/{file.name}", path)
                if _described(partial, path) != file:
                    raise CopyFailed(f"checkpoint {copied.id} in the object store is damaged: {file.name} is another")
            sync_directory(partial)
        except (OSError, StopIteration) as error:
            raise CopyFailed(f"checkpoint {copied.id} was not fetched from the object store: {error}") from error

    def _in(self, store: ObjectStore) -> list[Copied]:
        try:
            names = [name for name in store.names() if name.endswith(f"/{_COMPLETE}") and name.count("/") == 1]
            return [msgspec.json.decode(store.read(name), type=Copied) for name in names]
        except (OSError, msgspec.DecodeError) as error:
            raise CopyFailed(f"the checkpoints in the object store cannot be listed: {error}") from error

    def _retire(self, store: ObjectStore, retention: Retention, now_us: int) -> None:
        there = sorted(self._in(store), key=lambda copied: copied.made_at_us)
        for copied in there[: max(len(there) - retention.count, 0)]:
            if copied.made_at_us < now_us - retention.days * _DAY_US:
                try:
                    store.remove(f"{copied.id}/{_COMPLETE}")
                    store.remove_folder(copied.id)
                except OSError as error:
                    message = f"checkpoint {copied.id} was not removed from the object store: {error}"
                    raise CopyFailed(message) from error

    def list(self) -> list[Copied]:
        """Return all checkpoints that are there, oldest first. Raises: CopyFailed."""
        found: dict[str, Copied] = {}
        for store in self._stores:
            for copied in self._in(store):
                found.setdefault(copied.id, copied)
        return sorted(found.values(), key=lambda copied: (copied.made_at_us, copied.steps))


def _described(directory: Path, path: Path) -> _File:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return _File(path.relative_to(directory).as_posix(), path.stat().st_size, digest.hexdigest())
