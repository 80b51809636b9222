"""Files that have arrived within a span of time, as a source of records: what streams read, one span after the other.

Properties: those of the source `file`; `afterMs` and `untilMs`, milliseconds since 1970: a file belongs to the span in
which it was last changed; `extensions`, separated by commas: names of other files are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from penstock.connect.records.file_source import FileOptions, FileSource
from penstock.connect.records.places import Places
from penstock.ports.transform import Surroundings

__all__ = ["FileArrivals"]


class FileArrivals(FileSource):
    """Source `file arrivals`."""

    name = "file arrivals"

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of the files of the span."""
        return self._within(properties).read(properties, schema, surroundings)

    def size_bytes(self, properties: Mapping[str, str]) -> int:
        """Return how much has arrived."""
        return self._within(properties).size_bytes(properties)

    def _within(self, properties: Mapping[str, str]) -> FileSource:
        span = range(int(properties.get("afterMs", "0")) + 1, int(properties.get("untilMs", str(1 << 60))) + 1)
        wanted = (text.strip().lstrip(".") for text in properties.get("extensions", "").split(","))
        return _Span(self._places, span, tuple(f".{text}" for text in wanted if text))


class _Span(FileSource):
    def __init__(self, places: Places, span: range, extensions: tuple[str, ...]) -> None:
        super().__init__(places)
        self._span = span
        self._extensions = extensions

    def _files(self, options: FileOptions) -> list[Path]:
        return [file for file in super()._files(options) if self._holds(file)]

    def _holds(self, file: Path) -> bool:
        try:
            changed_ms = file.stat().st_mtime_ns // 1_000_000
        except OSError:  # gone meanwhile
            return False
        return changed_ms in self._span and (not self._extensions or file.name.endswith(self._extensions))
