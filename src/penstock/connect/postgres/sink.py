"""A view's changes into a table of PostgreSQL, by the key of an index: kept as the view is, or appended as a log."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.connect.formats.upserts import by_key
from penstock.connect.postgres.connection import (
    TLS_SETTINGS,
    Place,
    checked,
    literal,
    quoted,
    relation_name,
    text_setting,
)
from penstock.data.arrow import UnsupportedInArrow, arrow_schema, to_arrow
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import Field
from penstock.ports.format import Encoded, Layout
from penstock.ports.source import TransportRefused

_SETTINGS = (
    "uri", "table", "mode", "cdc_op_column", "cdc_ts_column", "on_conflict_do_nothing", "max_buffer_size_bytes",
    "threads", *TLS_SETTINGS,
)  # fmt: skip
_MODES = ("materialized", "cdc")
_ROWS = 20_000
_DELETED, _UPDATED, _INSERTED = -1, 0, 1
_LETTERS = {_DELETED: "d", _UPDATED: "u", _INSERTED: "i"}
_OPERATION = "__penstock_operation"


class PostgresSink:
    """The transport "postgres_output": the table has the view's rows, by the key of the connector's `index`.

    Settings: uri (postgresql://…); table (`table` or `schema.table`, which is there); mode: "materialized" keeps the
    table as the view is, "cdc" appends every change with its kind (i, u, d) in cdc_op_column ("__feldera_op") and its
    instant in cdc_ts_column ("__feldera_ts"); on_conflict_do_nothing (a row that is there stays as it is);
    ssl_ca_pem, ssl_client_pem, ssl_client_key (texts), ssl_ca_location, ssl_client_location, ssl_client_key_location,
    ssl_certificate_chain_location (files), verify_hostname (true). max_buffer_size_bytes and threads are taken and mean
    nothing: changes go by COPY, in one transaction for a step. Writing a step once more leaves the same rows, so in the
    mode "materialized" nothing is doubled after a crash; the log of the mode "cdc" may have changes twice.
    """

    name = "postgres_output"
    needs_format = False

    def bound(self, config: Mapping[str, Any], relation: Layout, pool: Pool) -> tuple[BoundPostgresSink, KeyedEncoder]:
        """Return the transport for one relation, and what makes its payloads. Raises: TransportRefused."""
        return BoundPostgresSink(relation), KeyedEncoder(relation, pool)

    def open(self, config: Mapping[str, Any]) -> OpenPostgresSink:
        """Refuse: it has to be bound to a relation first."""
        raise TransportRefused("this transport needs to know the relation")


@dataclass(frozen=True, slots=True)
class _Target:
    """Where rows go. kinds: the type of each column of the view there; is_unique: whether the key is unique there."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    is_log: bool
    keeps_present: bool
    op_column: str
    ts_column: str
    kinds: dict[str, str] = field(default_factory=dict)
    is_unique: bool = False


class BoundPostgresSink:
    """The transport for one relation."""

    name = "postgres_output"
    needs_format = False

    def __init__(self, relation: Layout) -> None:
        self._relation = relation

    def open(self, config: Mapping[str, Any]) -> OpenPostgresSink:
        """Return a sink. Raises: TransportRefused if the table is not there or lacks a column."""
        checked(config, _SETTINGS)
        relation = self._relation
        if not relation.index:
            raise TransportRefused(
                "changes go by a key: declare one by CREATE INDEX on the view, and name it as the connector's 'index'"
            )
        mode = config.get("mode", "materialized")
        if mode not in _MODES:
            raise TransportRefused(f"mode is one of {', '.join(_MODES)}, not {mode!r}")
        try:
            arrow_schema(tuple(Field(column.name, column.type) for column in relation.columns))
        except UnsupportedInArrow as error:
            raise TransportRefused(str(error)) from None
        target = _Target(
            text_setting(config, "table"),
            tuple(column.name for column in relation.columns),
            tuple(relation.columns[at].name for at in relation.index),
            mode == "cdc",
            bool(config.get("on_conflict_do_nothing", False)),
            str(config.get("cdc_op_column", "__feldera_op")),
            str(config.get("cdc_ts_column", "__feldera_ts")),
        )
        place = Place(config)
        try:
            with place.connected() as connection:
                target = _described(connection, target)
        except OSError as error:
            raise TransportRefused(str(error)) from error
        return OpenPostgresSink(place, target)

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[OpenPostgresSink, int]:
        """Return a sink: what is written again leaves the same rows."""
        return self.open(config), 0


class KeyedEncoder:
    """Changes by key as Arrow's stream format: the row, and what has become of it."""

    def __init__(self, relation: Layout, pool: Pool) -> None:
        self._relation = relation
        self._schema = tuple(Field(column.name, column.type) for column in relation.columns)
        self._pool = pool

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        """Encode consolidated changes: deletions, updates, insertions. Raises: ValueError; see `by_key`."""
        changes = by_key(batch, self._relation, self._pool)
        parts = ((changes.deleted, _DELETED), (changes.after, _UPDATED), (changes.inserted, _INSERTED))
        for rows, operation in parts:
            for start in range(0, len(rows), _ROWS):
                piece = rows.take(np.arange(start, min(start + _ROWS, len(rows))))
                records = to_arrow(piece, self._schema, self._pool)
                marks = pa.array(np.full(len(piece), operation, np.int16))
                yield Encoded(_to_bytes(records.append_column(_OPERATION, marks)), len(piece))


class OpenPostgresSink:
    """Writes what was given since the last flush in one transaction."""

    def __init__(self, place: Place, target: _Target) -> None:
        self._place = place
        self._target = target
        self._payloads: list[bytes] = []
        self._connected: Any = None
        self._connection: Any = None

    def write(self, payload: bytes) -> None:
        """Note what is to be done; see `flush`."""
        self._payloads.append(payload)

    def flush(self) -> None:
        """Do it, all or nothing. Raises: OSError if the database refuses."""
        if not self._payloads:
            return
        from adbc_driver_manager import Error

        try:
            if self._connection is None:
                self._connected = self._place.connected()
                self._connection = self._connected.__enter__()
            with self._connection.cursor() as cursor:
                for payload in self._payloads:
                    _apply(cursor, payload, self._target)
            self._connection.commit()
        except Error as error:
            raise OSError(f"PostgreSQL: {error}") from error
        self._payloads.clear()

    def place(self) -> None:
        """Be nowhere: writing again is harmless."""

    def close(self) -> None:
        """Close the connection."""
        if self._connected is not None:
            self._connected.__exit__(None, None, None)


def _apply(cursor: Any, payload: bytes, target: _Target) -> None:
    """Bring rows of one operation into a table of the connection's own, and from there into the target."""
    (records,) = pa.ipc.open_stream(payload)
    operation = int(records.column(_OPERATION)[0].as_py())
    rows = _takable(records.drop_columns([_OPERATION]))
    cursor.adbc_ingest("penstock_staged", rows, mode="create", temporary=True)
    for statement in _statements(target, operation):
        cursor.execute(statement)
    cursor.execute("DROP TABLE pg_temp.penstock_staged")


def _statements(target: _Target, operation: int) -> Iterator[str]:
    table = relation_name(target.table)
    names = ", ".join(quoted(name) for name in target.columns)
    values = ", ".join(f"s.{quoted(name)}::{target.kinds[name]}" for name in target.columns)
    if target.is_log:
        more = f"{quoted(target.op_column)}, {quoted(target.ts_column)}"
        letter = literal(_LETTERS[operation])
        yield f"INSERT INTO {table} ({names}, {more}) SELECT {values}, {letter}, now() FROM pg_temp.penstock_staged s"
        return
    if operation == _DELETED or not target.is_unique:
        match = " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}::{target.kinds[name]}" for name in target.key)
        if operation == _INSERTED and target.keeps_present:
            yield f"DELETE FROM pg_temp.penstock_staged s USING {table} t WHERE {match}"
        else:
            yield f"DELETE FROM {table} t USING pg_temp.penstock_staged s WHERE {match}"
    if operation == _DELETED:
        return
    insert = f"INSERT INTO {table} ({names}) SELECT {values} FROM pg_temp.penstock_staged s"
    if not target.is_unique:
        yield insert
        return
    others = [quoted(name) for name in target.columns if name not in target.key]
    sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in others)
    keeps = not sets or (operation == _INSERTED and target.keeps_present)
    key = ", ".join(quoted(name) for name in target.key)
    yield f"{insert} ON CONFLICT ({key}) DO " + ("NOTHING" if keeps else f"UPDATE SET {sets}")


def _takable(records: Any) -> Any:
    """Return records with columns that the driver can bring in; what it cannot goes as text, and is cast there."""
    return pa.RecordBatch.from_arrays([_column(column) for column in records.columns], names=records.schema.names)


def _column(column: Any) -> Any:
    kind = column.type
    if pa.types.is_time64(kind):
        return column.cast(pa.time64("us"), safe=False)
    if pa.types.is_unsigned_integer(kind):
        return column.cast(pa.int64()) if kind != pa.uint64() else column.cast(pa.decimal128(20)).cast(pa.string())
    if pa.types.is_decimal(kind):
        return column.cast(pa.string())
    if pa.types.is_int8(kind):
        return column.cast(pa.int16())
    if pa.types.is_map(kind) or pa.types.is_struct(kind):
        return pa.array([None if v is None else json.dumps(_plain(v), default=str) for v in column.to_pylist()])
    if pa.types.is_large_list(kind):
        return pa.array([None if v is None else _array_text(v) for v in column.to_pylist()])
    return pc.cast(column, kind)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: a MAP comes as pairs."""
    if isinstance(value, list) and value and all(isinstance(item, tuple) for item in value):
        return {str(key): _plain(item) for key, item in value}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def _array_text(value: list[Any]) -> str:
    """Return an array as PostgreSQL writes it."""
    items = []
    for item in value:
        if item is None:
            items.append("NULL")
        elif isinstance(item, list):
            items.append(_array_text(item))
        else:
            text = json.dumps(item, default=str) if isinstance(item, dict) else str(item)
            items.append('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + ",".join(items) + "}"


def _described(connection: Any, target: _Target) -> _Target:
    """Return a target with what the database says of its table. Raises: TransportRefused."""
    name = literal(relation_name(target.table))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            f" WHERE attrelid = to_regclass({name}) AND attnum > 0 AND NOT attisdropped"
        )
        found = dict(cursor.fetchall())
        cursor.execute(
            "SELECT count(*) FROM pg_index i WHERE indrelid = to_regclass("
            f"{name}) AND indisunique AND indpred IS NULL AND ARRAY(SELECT attname::text FROM pg_attribute"
            " WHERE attrelid = i.indrelid AND attnum = ANY(i.indkey) ORDER BY 1) = "
            f"ARRAY[{', '.join(map(literal, sorted(target.key)))}]"
        )
        ((unique,),) = cursor.fetchall()
    connection.rollback()
    if not found:
        raise TransportRefused(f"there is no table {target.table!r}")
    wanted = [*target.columns, *((target.op_column, target.ts_column) if target.is_log else ())]
    if lacking := [column for column in wanted if column not in found]:
        raise TransportRefused(f"table {target.table!r} has no column {', '.join(map(repr, lacking))}")
    return _Target(
        target.table,
        target.columns,
        target.key,
        target.is_log,
        target.keeps_present,
        target.op_column,
        target.ts_column,
        {column: str(found[column]) for column in target.columns},
        bool(unique),
    )


def _to_bytes(records: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, records.schema) as writer:
        writer.write_batch(records)
    return sink.getvalue()
