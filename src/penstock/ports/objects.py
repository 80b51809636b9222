"""Stores of objects: bytes under names, put whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

__all__ = ["ObjectStore", "ObjectStores", "StoreRefused"]


class StoreRefused(Exception):
    """A store's configuration that cannot be used."""


class ObjectStore(Protocol):
    """The objects below one place of a store, by names with slashes. Every method raises OSError when it fails.

    Safe for use by several threads at a time.
    """

    def names(self) -> list[str]:
        """Return the names of all objects, in ascending order."""
        ...

    def read(self, name: str) -> bytes:
        """Return an object. Raises: FileNotFoundError."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put an object; it is there, whole, when this returns."""
        ...

    def download(self, name: str, path: Path) -> None:
        """Write an object into a file, which is on disk when this returns. Raises: FileNotFoundError."""
        ...

    def upload(self, path: Path, name: str) -> None:
        """Put a file; nobody sees a part of it."""
        ...

    def remove(self, name: str) -> None:
        """Remove an object."""
        ...

    def remove_folder(self, name: str) -> None:
        """Remove all objects below a name."""
        ...


class ObjectStores(Protocol):
    """Stores that speak one protocol."""

    def open(self, config: Mapping[str, Any]) -> ObjectStore:
        """Return the place that `bucket` ("name" or "name/folder") says.

        config: bucket; endpoint, region, access_key, secret_key where they are not the protocol's usual ones.
        Raises: StoreRefused.
        """
        ...
