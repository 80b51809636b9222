"""What the fork of a circuit's process does for one ad-hoc request.

Memory is a copy-on-write snapshot of the circuit between two steps, so reading it needs no care; nothing it writes is
seen by the circuit. It talks to its parent over one socket: frames of a kind, a length and bytes.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from penstock.data.arrow import to_arrow
from penstock.data.types import BINARIES, STRINGS, Kind, SqlType
from penstock.services.circuits.adhoc import macros
from penstock.services.circuits.adhoc.answers import IN_BAND_ERRORS, error_line, render
from penstock.services.circuits.adhoc.statements import Refused, Statement, parse
from penstock.services.circuits.built import Built

HEADER = struct.Struct(">BI")
DATA, REFUSED, INSERT, DONE = 1, 2, 3, 4
"""Frames to the parent: a piece of the answer; a refusal's message; rows to insert (then wait for a byte); the end."""

_ROWS_PER_BATCH = 8192
_PLANNING = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.NotImplementedException)


def run(end: socket.socket, built: Built, sql: str, format: str, memory_mb: int) -> None:
    """Answer one request."""
    os.environ.pop("HOME", None)  # there is no home directory to look for extensions in
    try:
        _Child(end, built, format, memory_mb).answer(sql)
        _send(end, DONE, b"")
    except Refused as error:
        _send(end, REFUSED, str(error).encode())
    except (duckdb.Error, pa.ArrowException, ValueError, MemoryError, RecursionError) as error:
        _send(end, REFUSED, _said(error).encode())


class _Child:
    def __init__(self, end: socket.socket, built: Built, format: str, memory_mb: int) -> None:
        self._end = end
        self._built = built
        self._format = format
        self._memory_mb = memory_mb
        self._registered: set[str] = set()
        self._duck: Any = None

    def answer(self, sql: str) -> None:
        """Run the statements; the last one gives the answer."""
        statements = parse(sql, self._reason)
        self._duck = self._connect(statements)
        for index, statement in enumerate(statements):
            is_last = index == len(statements) - 1
            if statement.target is not None:
                count = self._insert(statement, *statement.target)
                if is_last:
                    table = pa.table({"count": pa.array([count], pa.uint64())})
                    self._send_all(render(table.to_reader(), self._format))
            elif is_last:
                self._select(statement)
            else:
                for _ in self._duck.sql(statement.sql).to_arrow_reader(_ROWS_PER_BATCH):
                    pass

    def _reason(self, name: str) -> str | None:
        built = self._built
        if name not in built.tables and name not in built.views:
            return f"table '{name}' not found"
        if not built.materialized(name):
            return (
                f"'{name}' is not materialized: only materialized tables and views can be queried; "
                f"declare it with CREATE MATERIALIZED VIEW or 'materialized' = 'true'"
            )
        return None

    def _connect(self, statements: list[Statement]) -> Any:
        duck = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
                "integer_division": "true",
                "enable_external_access": "false",
                "threads": "2",
                "temp_directory": "",
                "memory_limit": f"{self._memory_mb}MB",
            },
        )
        for statement in statements:
            for name, internal in statement.relations.items():
                if internal not in self._registered:
                    self._registered.add(internal)
                    duck.register(internal, self._contents(name))
        for macro in macros.statements(name for statement in statements for name in statement.functions):
            duck.execute(macro)
        duck.execute("SET lock_configuration=true")
        return duck

    def _contents(self, name: str) -> Any:
        """Return the rows of a relation as an Arrow table, each as often as it is there."""
        built = self._built
        batch = built.circuit.contents(name)
        if len(batch) and ((batch.weights != 1).any()):
            batch = batch.take(np.repeat(np.arange(len(batch)), np.maximum(batch.weights, 0)))
        relation = built.tables.get(name) or built.views[name]
        return pa.Table.from_batches([to_arrow(batch, relation.schema, built.pool)])

    def _select(self, statement: Statement) -> None:
        try:
            relation = self._duck.sql(statement.sql)
        except _PLANNING as error:
            raise Refused(_said(error)) from error
        except duckdb.Error as error:
            self._fail_late(error)
            return
        if relation is None:
            return
        try:
            reader = _narrowed(relation.to_arrow_reader(_ROWS_PER_BATCH), [str(type) for type in relation.types])
            self._send_all(render(reader, self._format))
        except _PLANNING as error:
            raise Refused(_said(error)) from error
        except (duckdb.Error, pa.ArrowException, ValueError) as error:
            self._fail_late(error)

    def _fail_late(self, error: Exception) -> None:
        """Say that a running query failed: within the answer where the format has room for it."""
        if self._format not in IN_BAND_ERRORS:
            raise Refused(_said(error)) from error
        _send(self._end, DATA, error_line(_said(error), self._format))

    def _insert(self, statement: Statement, table: str, columns: tuple[str, ...] | None) -> int:
        """Have the parent queue the rows; returns their number."""
        relation = self._built.tables.get(table)
        if relation is None:
            raise Refused(f"table '{table}' not found" if table not in self._built.views else f"'{table}' is a view")
        places = [column.name for column in relation.columns] if columns is None else list(columns)
        types = {field.name: field.type for field in relation.schema}
        folded = {name.lower(): name for name in types}
        named = [name if name in types else folded.get(name.lower(), "") for name in places]
        for given, found in zip(places, named, strict=True):
            if not found:
                raise Refused(f"table '{table}' has no column '{given}'")
        aliases = ", ".join(f"c{i}" for i in range(len(named)))
        casts = ", ".join(_cast(f"c{i}", types[name]) + f" AS {_quoted(name)}" for i, name in enumerate(named))
        try:
            rows = self._duck.sql(f"SELECT {casts} FROM ({statement.sql}) AS given({aliases})").to_arrow_table()
        except duckdb.Error as error:
            raise Refused(_said(error)) from error
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        name_bytes = table.encode()
        _send(self._end, INSERT, struct.pack(">I", len(name_bytes)) + name_bytes + sink.getvalue().to_pybytes())
        reply = _receive(self._end)
        if reply:
            raise Refused(reply.decode())
        return int(rows.num_rows)

    def _send_all(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            _send(self._end, DATA, piece)


def _narrowed(reader: Any, types: list[str]) -> Any:
    """Return the batches with sums of integers in 64 bits, as clients expect, instead of the 128 that DuckDB gives."""
    wide = [i for i, type in enumerate(types) if type == "HUGEINT"]
    if not wide:
        return reader
    schema = reader.schema
    for i in wide:
        schema = schema.set(i, schema.field(i).with_type(pa.int64()))

    def batches() -> Iterator[Any]:
        for batch in reader:
            columns = [c.cast(pa.int64()) if i in wide else c for i, c in enumerate(batch.columns)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _cast(column: str, type: SqlType) -> str:
    if type.kind in (Kind.VARIANT,):
        return f"CAST({column} AS VARCHAR)"
    return f"CAST({column} AS {duck_type(type)})"


def duck_type(type: SqlType) -> str:
    """Return DuckDB's word for a type."""
    kind = type.kind
    if kind is Kind.DECIMAL:
        return f"DECIMAL({type.precision or 38}, {type.scale or 0})"
    if kind in STRINGS or kind in (Kind.UUID, Kind.VARIANT):
        return "VARCHAR"
    if kind in BINARIES:
        return "BLOB"
    if kind is Kind.ARRAY and type.element is not None:
        return f"{duck_type(type.element)}[]"
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        return f"MAP({duck_type(type.key)}, {duck_type(type.element)})"
    if kind is Kind.STRUCT:
        return "STRUCT(" + ", ".join(f"{_quoted(f.name)} {duck_type(f.type)}" for f in type.fields) + ")"
    return {
        Kind.UTINYINT: "UTINYINT",
        Kind.USMALLINT: "USMALLINT",
        Kind.UINTEGER: "UINTEGER",
        Kind.UBIGINT: "UBIGINT",
        Kind.TIMESTAMP_TZ: "TIMESTAMPTZ",
    }.get(kind, str(kind.value))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _said(error: Exception) -> str:
    """Return an error's message without internal names and the hints for DuckDB's own users."""
    return str(error).split("\n\nLINE ")[0].split("\nLINE ")[0].strip() or type(error).__name__


def _send(end: socket.socket, kind: int, payload: bytes) -> None:
    end.sendall(HEADER.pack(kind, len(payload)) + payload)


def _receive(end: socket.socket) -> bytes:
    """Return the parent's reply to an INSERT: empty, or why the rows were not taken."""
    size = struct.unpack(">I", _exactly(end, 4))[0]
    return _exactly(end, size)


def _exactly(end: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        piece = end.recv(count - len(parts))
        if not piece:
            raise Refused("the circuit is gone")
        parts += piece
    return bytes(parts)
