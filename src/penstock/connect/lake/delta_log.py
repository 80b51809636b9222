"""The commits of a Delta table: which files each one added and removed, and the rows of those files.

Source: Delta transaction log protocol, https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from penstock.connect.lake.query import BATCH_ROWS

__all__ = ["Commit", "DataFile", "DeltaLog"]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of rows. partition: values of the columns that are not in the file, as texts; None if it is not known."""

    path: str
    partition: Mapping[str, str | None] | None
    has_deletions: bool


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of the table: its changes of rows, not those that only move rows to other files."""

    version: int
    added: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]


class DeltaLog:
    """The log of one table. table: a deltalake.DeltaTable."""

    def __init__(self, table: Any) -> None:
        from deltalake.fs import DeltaStorageHandler
        from pyarrow.fs import PyFileSystem

        self._files = PyFileSystem(DeltaStorageHandler.from_table(table._table))
        metadata = table.metadata()
        mapping = metadata.configuration.get("delta.columnMapping.mode", "none")
        if mapping != "none":
            raise OSError(f"the Delta table maps columns by {mapping!r}, which cannot be followed")
        self._partitions = tuple(metadata.partition_columns)

    def commit(self, version: int) -> Commit | None:
        """Return a version's changes; None if there is no such version (yet). Raises: OSError."""
        try:
            with self._files.open_input_stream(f"_delta_log/{version:020}.json") as stream:
                lines = stream.read().splitlines()
        except FileNotFoundError:
            return None
        added, removed = [], []
        for line in lines:
            action = msgspec.json.decode(line)
            if (add := action.get("add")) and add.get("dataChange", True):
                added.append(_file(add))
            elif (remove := action.get("remove")) and remove.get("dataChange", True):
                removed.append(_file(remove))
        return Commit(version, tuple(added), tuple(removed))

    def rows(self, file: DataFile, schema: Any) -> Iterator[Any]:
        """Yield the rows of a file, whole. schema: pyarrow.Schema of the table. Raises: OSError."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if file.has_deletions:
            raise OSError(f"file {file.path} has a deletion vector, which cannot be followed: purge the Delta table")
        if self._partitions and file.partition is None:
            raise OSError(f"the log does not say which partition the removed file {file.path} belongs to")
        values = {name.lower(): value for name, value in (file.partition or {}).items()}
        with self._files.open_input_file(file.path) as opened:
            for batch in pq.ParquetFile(opened).iter_batches(BATCH_ROWS, use_threads=False):
                columns = []
                for field in schema:
                    at = batch.schema.get_field_index(field.name)
                    if at >= 0:
                        columns.append(batch.column(at).cast(field.type))
                    else:
                        value = values.get(field.name.lower()) or None
                        columns.append(pa.repeat(pa.scalar(value, pa.string()).cast(field.type), batch.num_rows))
                yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _file(action: Mapping[str, Any]) -> DataFile:
    return DataFile(unquote(action["path"]), action.get("partitionValues"), action.get("deletionVector") is not None)
