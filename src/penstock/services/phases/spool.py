"""What one phase of a run leaves for later ones: batches in files of the run's own directory, whole or not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

__all__ = ["Spool"]


class Spool:
    """Named lists of batches in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writers: dict[str, Any] = {}

    def schema(self, name: str) -> pa.Schema | None:
        """Return the schema of what was stored; None if nothing was."""
        path = self._path(name)
        if not path.exists():
            return None
        with pa.ipc.open_stream(str(path)) as reader:
            return reader.schema

    def begin(self, name: str, schema: pa.Schema) -> None:
        """Begin to store, so that there is something even if no batch comes."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._writers[name] = pa.ipc.new_stream(str(self._path(name).with_suffix(".partial")), schema)

    def store(self, name: str, batch: pa.RecordBatch) -> None:
        """Add a batch."""
        self._writers[name].write_batch(batch)

    def commit(self) -> None:
        """Make what was stored whole."""
        for name, writer in self._writers.items():
            writer.close()
            os.replace(self._path(name).with_suffix(".partial"), self._path(name))
        self._writers.clear()

    def load(self, name: str) -> Iterator[pa.RecordBatch]:
        """Yield the batches."""
        with pa.memory_map(str(self._path(name))) as source, pa.ipc.open_stream(source) as reader:
            yield from reader

    def size_bytes(self, name: str) -> int:
        """Return the size of what was stored."""
        path = self._path(name)
        return path.stat().st_size if path.exists() else 0

    def _path(self, name: str) -> Path:
        return self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.arrows"
