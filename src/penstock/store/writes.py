"""Applies writes to the database, inside a transaction that `writer` opened. There is one writer, so a check holds."""

from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from penstock.kernel.errors import AlreadyExists, Conflict, NotFound
from penstock.kernel.instants import unix_us
from penstock.kernel.query import IndexValue
from penstock.kernel.records import Append, Delete, DropStream, Insert, Replace, Write
from penstock.store.queries import query

__all__ = ["apply"]


def apply(connection: apsw.Connection, write: Write) -> int:
    """Apply one write and return its revision or position, 0 for a removal.

    Raises: AlreadyExists, NotFound, Conflict as the write says; the caller rolls back.
    """
    match write:
        case Insert():
            return _insert(connection, write)
        case Replace():
            return _replace(connection, write)
        case Delete(kind, id, expected):
            number, *_ = _head(connection, kind, id, expected)
            connection.execute(query("delete_record"), {"number": number})
            return 0
        case Append():
            return _append(connection, write)
        case DropStream(stream):
            connection.execute(query("drop_stream"), {"stream": stream})
            return 0


def _insert(connection: apsw.Connection, write: Insert) -> int:
    key = {"kind": write.kind, "id": write.id}
    if connection.execute(query("record_head"), key).fetchone():
        raise AlreadyExists(f"there is a {write.kind} with id {write.id!r} already")
    scope = str(write.scope)
    _check_name(connection, write.kind, scope, write.name)
    values = {**key, "scope": scope, "name": write.name, **_content(write)}
    number = _one(connection, "insert_record", values)
    _write_columns(connection, number, write.kind, scope, write.index)
    return 1


def _replace(connection: apsw.Connection, write: Replace) -> int:
    number, scope, name, _ = _head(connection, write.kind, write.id, write.expected_revision)
    if write.name != name:
        _check_name(connection, write.kind, scope, write.name)
    revision = _one(connection, "replace_record", {"number": number, "name": write.name, **_content(write)})
    connection.execute(query("delete_columns"), {"record": number})
    _write_columns(connection, number, write.kind, scope, write.index)
    return revision


def _append(connection: apsw.Connection, write: Append) -> int:
    count = _one(connection, "last_position", {"stream": write.stream})
    if write.expected_position is not None and write.expected_position != count:
        raise Conflict(f"stream {write.stream!r} has {count} facts, not {write.expected_position}; read it again")
    connection.execute(
        query("append_fact"),
        {
            "stream": write.stream,
            "position": count + 1,
            "at": unix_us(write.at),
            "name": write.name,
            "body": write.body,
        },
    )
    return count + 1


def _head(
    connection: apsw.Connection, kind: str, id: str, expected_revision: int | None
) -> tuple[int, str, str | None, int]:
    found = connection.execute(query("record_head"), {"kind": kind, "id": id}).fetchone()
    if found is None:
        raise NotFound(f"there is no {kind} with id {id!r}")
    number, scope, name, revision = found
    if expected_revision is not None and expected_revision != revision:
        raise Conflict(f"{kind} {id!r} is at revision {revision}, not {expected_revision}; read it again")
    return number, scope, name, revision


def _check_name(connection: apsw.Connection, kind: str, scope: str, name: str | None) -> None:
    if name is None:
        return
    if connection.execute(query("name_taken"), {"kind": kind, "scope": scope, "name": name}).fetchone():
        raise AlreadyExists(f"there is a {kind} named {name!r} in {scope!r} already; choose another name")


def _content(write: Insert | Replace) -> dict[str, str | int | bytes]:
    columns = msgspec.json.encode(dict(write.index)).decode()
    return {"at": unix_us(write.at), "columns": columns, "body": write.body}


def _write_columns(
    connection: apsw.Connection, number: int, kind: str, scope: str, index: Mapping[str, IndexValue]
) -> None:
    rows = [
        {"record": number, "kind": kind, "scope": scope, "field": field, "value": value}
        for field, value in index.items()
    ]
    connection.executemany(query("insert_column"), rows)


def _one(connection: apsw.Connection, name: str, values: Mapping[str, Any]) -> int:
    row = connection.execute(query(name), values).fetchone()
    assert row is not None, f"the statement {name!r} returns one row"
    return int(row[0])
