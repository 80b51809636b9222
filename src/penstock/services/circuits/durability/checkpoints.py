"""The checkpoints of one circuit: directories of two files, made whole or not at all.

The server reads this too, so it knows nothing of arrays.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import msgspec

from penstock.services.circuits.durability.manifest import Manifest

__all__ = ["KEPT", "MANIFEST_FILE", "CheckpointUnusable", "Checkpoints", "sync_directory"]

KEPT = 2
"""So many newest checkpoints stay: should one be damaged, the one before it is there."""

MANIFEST_FILE = "manifest.json"
_PARTIAL = ".partial-"
_LINKED = ".linked-"


class CheckpointUnusable(Exception):
    """A checkpoint that cannot be read."""


class Checkpoints:
    """The checkpoints in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, id: str) -> Path:
        """Return where a checkpoint is."""
        return self._directory / id

    def partial(self, id: str) -> Path:
        """Return where a checkpoint is written before it has its name."""
        return self._directory / f"{_PARTIAL}{id}"

    def list(self) -> list[Manifest]:
        """Return all whole checkpoints, oldest first."""
        if not self._directory.is_dir():
            return []
        found = [self.read(entry.name) for entry in self._directory.iterdir() if not entry.name.startswith(".")]
        return sorted(found, key=lambda manifest: (manifest.made_at_us, manifest.steps))

    def latest(self) -> Manifest | None:
        """Return the newest checkpoint. Raises: CheckpointUnusable."""
        found = self.list()
        return found[-1] if found else None

    def read(self, id: str) -> Manifest:
        """Return what a checkpoint says of itself. Raises: CheckpointUnusable."""
        try:
            return msgspec.json.decode((self.path(id) / MANIFEST_FILE).read_bytes(), type=Manifest)
        except (OSError, msgspec.DecodeError) as error:
            raise CheckpointUnusable(f"checkpoint {id} cannot be read: {error}") from error

    def publish(self, id: str) -> Manifest:
        """Give a written checkpoint its name and remove those that are not kept. Raises: CheckpointUnusable."""
        try:
            os.rename(self.partial(id), self.path(id))
        except OSError as error:
            raise CheckpointUnusable(f"checkpoint {id} was not written: {error}") from error
        sync_directory(self._directory)
        manifest = self.read(id)
        for old in self.list()[:-KEPT]:
            shutil.rmtree(self.path(old.id), ignore_errors=True)
        return manifest

    def replace(self, id: str) -> Manifest:
        """Give a written checkpoint its name and remove all others first. Raises: CheckpointUnusable."""
        for entry in self._directory.iterdir():
            if not entry.name.startswith("."):
                shutil.rmtree(entry)
        return self.publish(id)

    def linked(self, id: str) -> Path:
        """Return a directory of its own with a checkpoint's files, which stay there when the checkpoint is removed.

        The caller removes it. Raises: OSError.
        """
        linked = self._directory / f"{_LINKED}{uuid.uuid4()}"
        shutil.copytree(self.path(id), linked, copy_function=os.link)
        return linked

    def unlink(self) -> None:
        """Remove directories of links that a process left behind when it was ended."""
        if self._directory.is_dir():
            for entry in self._directory.glob(f"{_LINKED}*"):
                shutil.rmtree(entry, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what was begun and never published."""
        if self._directory.is_dir():
            for entry in self._directory.glob(f"{_PARTIAL}*"):
                shutil.rmtree(entry, ignore_errors=True)


def sync_directory(directory: Path) -> None:
    """Have a directory's entries on disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
