"""Tables of Delta Lake as output: every change is a row that is appended, with what has become of it and when."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.connect.formats.printing import sorted_changes
from penstock.connect.formats.upserts import by_key
from penstock.connect.lake.storage import needs_extra, storage_options
from penstock.data.arrow import UnsupportedInArrow, arrow_schema, to_arrow
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import Field
from penstock.ports.format import Encoded, Layout
from penstock.ports.source import TransportRefused

__all__ = ["DeltaSink"]

_SETTINGS = (
    "uri", "mode", "checkpoint_interval", "max_retries", "threads", "log_retention_duration",
    "enable_expired_log_cleanup",
)  # fmt: skip
_PROPERTIES = {
    "checkpoint_interval": "delta.checkpointInterval",
    "log_retention_duration": "delta.logRetentionDuration",
    "enable_expired_log_cleanup": "delta.enableExpiredLogCleanup",
}
_MODES = ("append", "truncate", "error_if_exists")
_OP, _TS = "__feldera_op", "__feldera_ts"
_ROWS = 100_000


class DeltaSink:
    """The transport "delta_table_output": changes of a view as rows of a Delta table, with two more columns:
    __feldera_op ("i" inserted, "d" deleted, "u" updated, where the connector has an `index`) and __feldera_ts (a number
    that grows with every commit). Settings: uri; mode: "append" to a table that is there or made, "truncate" what is
    there, "error_if_exists"; checkpoint_interval, log_retention_duration, enable_expired_log_cleanup (properties of a
    table that is made); max_retries; those of the object store (aws_region and the like). threads is taken and changes
    nothing. A commit is noted in the table as this output's, so after a crash no change is there twice. Unsigned
    integers become wider signed ones, TIME a text. Needs penstock[lake].
    """

    name = "delta_table_output"
    needs_format = False

    def bound(self, config: Mapping[str, Any], relation: Layout, pool: Pool) -> tuple[BoundDeltaSink, ChangeEncoder]:
        """Return the transport for one relation, and what makes its payloads. Raises: TransportRefused."""
        fields = tuple(Field(column.name, column.type) for column in relation.columns)
        try:
            plain = arrow_schema(fields)
        except UnsupportedInArrow as error:
            raise TransportRefused(str(error)) from None
        schema = pa.schema([pa.field(f.name, _delta_type(f.type), f.nullable) for f in plain])
        schema = schema.append(pa.field(_OP, pa.string())).append(pa.field(_TS, pa.int64()))
        return BoundDeltaSink(schema), ChangeEncoder(relation, fields, pool)

    def open(self, config: Mapping[str, Any]) -> OpenDeltaSink:
        """Refuse: it has to be bound to a relation first."""
        raise TransportRefused("this transport needs to know the relation")


def _delta_type(type: Any) -> Any:
    """Return the type that a Delta table has for an Arrow type."""
    wider = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20)}
    if type in wider:
        return wider[type]
    if pa.types.is_time(type) or pa.types.is_null(type):
        return pa.string()
    if pa.types.is_list(type) or pa.types.is_large_list(type):
        return pa.list_(_delta_type(type.value_type))
    if pa.types.is_map(type):
        return pa.map_(_delta_type(type.key_type), _delta_type(type.item_type))
    if pa.types.is_struct(type):
        return pa.struct([pa.field(f.name, _delta_type(f.type), f.nullable) for f in type])
    return type


class ChangeEncoder:
    """Changes as Arrow's stream format: the row, and what has become of it."""

    def __init__(self, relation: Layout, fields: tuple[Field, ...], pool: Pool) -> None:
        self._relation, self._fields, self._pool = relation, fields, pool

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        """Encode consolidated changes; a row is there as often as it came or went. Raises: ValueError; see `by_key`."""
        if not len(batch):
            return
        if self._relation.index:
            changes = by_key(batch, self._relation, self._pool)
            parts = [(changes.deleted, "d"), (changes.after, "u"), (changes.inserted, "i")]
        else:
            ordered = sorted_changes(batch, self._relation, self._pool)
            comes = ordered.weights > 0
            parts = [(ordered.take(~comes), "d"), (ordered.take(comes), "i")]
        for rows, operation in parts:
            whole = rows.take(np.repeat(np.arange(len(rows)), np.abs(rows.weights)))
            for start in range(0, len(whole), _ROWS):
                piece = whole.take(np.arange(start, min(start + _ROWS, len(whole))))
                yield Encoded(self._payload(piece, operation), len(piece))

    def _payload(self, rows: Batch, operation: str) -> bytes:
        batch = to_arrow(rows, self._fields, self._pool)
        batch = batch.append_column(_OP, pa.repeat(pa.scalar(operation), len(rows)))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content: bytes = sink.getvalue().to_pybytes()
        return content


class BoundDeltaSink:
    """The transport for one relation. schema: of the table."""

    name = "delta_table_output"
    needs_format = False

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    def open(self, config: Mapping[str, Any]) -> OpenDeltaSink:
        """Return a sink of a table that is made ready for it. Raises: TransportRefused."""
        return self._opened(config, None)

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[OpenDeltaSink, int]:
        """Return a sink that goes on, and how many pieces it committed after the place. Raises: TransportRefused."""
        sink = self._opened(config, place)
        there = sink.committed() - int(place["number"])
        sink.number += there
        return sink, there

    def _opened(self, config: Mapping[str, Any], place: Any) -> OpenDeltaSink:
        options = storage_options(config, _SETTINGS)
        uri, mode = config.get("uri"), config.get("mode", "append")
        if not isinstance(uri, str) or not uri:
            raise TransportRefused("the setting 'uri' is missing")
        if mode not in _MODES:
            raise TransportRefused(f"mode is one of {', '.join(_MODES)}, not {mode!r}")
        retries = config.get("max_retries")
        if retries is not None and (not isinstance(retries, int) or isinstance(retries, bool) or retries < 0):
            raise TransportRefused(f"max_retries is an integer of at least 0, not {retries!r}")
        properties = {p: str(config[name]).lower() for name, p in _PROPERTIES.items() if config.get(name) is not None}
        try:
            from deltalake.exceptions import DeltaError
        except ImportError as error:
            raise needs_extra("deltalake", error) from None
        target = _Target(uri, options, self._schema, retries)
        try:
            if place is None:
                target.make(mode, properties)
            writer, number = (str(uuid.uuid4()), 0) if place is None else (place["writer"], int(place["number"]))
            return OpenDeltaSink(target, writer, number)
        except (DeltaError, OSError, ValueError) as error:
            raise TransportRefused(f"Delta table {uri!r}: {error}") from error


class _Target:
    """The table that is written to."""

    def __init__(self, uri: str, options: dict[str, str], schema: Any, retries: int | None) -> None:
        self.uri, self.options, self.schema, self.retries = uri, options or None, schema, retries

    def make(self, mode: str, properties: dict[str, str]) -> None:
        """Have the table be there as the mode says. Raises: TransportRefused."""
        from deltalake import DeltaTable, write_deltalake

        if not DeltaTable.is_deltatable(self.uri, self.options):
            DeltaTable.create(self.uri, self.schema, storage_options=self.options, configuration=properties or None)
            return
        if mode == "error_if_exists":
            raise TransportRefused(f"there is a Delta table at {self.uri!r} already")
        if mode == "truncate":
            nothing = self.schema.empty_table()
            write_deltalake(self.uri, nothing, mode="overwrite", schema_mode="overwrite", storage_options=self.options)
            return
        there = pa.schema(DeltaTable(self.uri, storage_options=self.options).schema().to_arrow())
        missing = [field.name for field in self.schema if there.get_field_index(field.name) < 0]
        if missing:
            raise TransportRefused(f"the Delta table at {self.uri!r} has no column {missing[0]!r}")

    def append(self, rows: Any, writer: str, number: int) -> None:
        """Commit rows, noting that they are the pieces of a writer up to a number."""
        from deltalake import CommitProperties, Transaction, write_deltalake

        noted = CommitProperties(app_transactions=[Transaction(writer, number)], max_commit_retries=self.retries)
        write_deltalake(self.uri, rows, mode="append", storage_options=self.options, commit_properties=noted)


class OpenDeltaSink:
    """Appends to one table. `number` is of the next piece; `writer` tells this sink's commits from others'."""

    def __init__(self, target: _Target, writer: str, number: int) -> None:
        self._target, self._writer = target, writer
        self.number = number
        self._pending: list[bytes] = []
        self._last_us = 0

    def write(self, payload: bytes) -> None:
        """Keep a piece for the next commit."""
        self._pending.append(payload)

    def flush(self) -> None:
        """Commit what was written, all of it or nothing. Raises: OSError."""
        from deltalake.exceptions import DeltaError

        if not self._pending:
            return
        self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
        rows = pa.concat_tables([pa.ipc.open_stream(piece).read_all() for piece in self._pending])
        rows = rows.append_column(_TS, pa.repeat(pa.scalar(self._last_us, pa.int64()), rows.num_rows))
        number = self.number + len(self._pending)
        try:
            self._target.append(rows.cast(self._target.schema), self._writer, number)
        except DeltaError as error:
            raise OSError(f"Delta table {self._target.uri!r}: {error}") from error
        self.number = number
        self._pending.clear()

    def committed(self) -> int:
        """Return up to which piece the table has what this writer wrote."""
        from deltalake import DeltaTable

        table = DeltaTable(self._target.uri, storage_options=self._target.options)
        return int(table.transaction_version(self._writer) or 0)

    def place(self) -> Any:
        """Return who wrote and how much."""
        return {"writer": self._writer, "number": self.number}

    def close(self) -> None:
        """Nothing is held."""
