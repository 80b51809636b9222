"""Applies writes to the database, inside a transaction that `writer` opened. There is one writer, so a check holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any, NamedTuple

import apsw
import msgspec

from penstock.kernel.errors import AlreadyExists, Conflict, NotFound
from penstock.kernel.instants import unix_us
from penstock.kernel.query import IndexValue
from penstock.kernel.records import Append, Delete, DropStream, Insert, Replace, Write
from penstock.store.counts import Change
from penstock.store.queries import query
from penstock.store.texts import IndexTexts, index_texts, row_of

__all__ = ["Applier", "StoreWrite"]

StoreWrite = Write | IndexTexts
"""Writes of the port, and the store's own."""

_decode_columns = msgspec.json.Decoder(dict[str, IndexValue]).decode


class _Head(NamedTuple):
    """What a write must know of the record it changes."""

    number: int
    scope: str
    name: str | None
    revision: int
    created_at: int
    updated_at: int
    columns: str


class Applier:
    """Applies writes over one connection, and remembers which records they changed.

    changes: what was changed since it was last emptied; the caller empties it, also of what it rolls back.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self.changes: list[Change] = []
        self._connection = connection
        self._fields: dict[tuple[str, str, str], tuple[int, bool]] = {}

    def apply(self, write: StoreWrite) -> int:
        """Apply one write and return its revision or position, 0 for a removal.

        Raises: AlreadyExists, NotFound, Conflict as the write says; the caller rolls back.
        """
        match write:
            case Insert():
                return self._insert(write)
            case Replace():
                return self._replace(write)
            case Delete():
                return self._delete(write)
            case Append():
                return self._append(write)
            case DropStream(stream):
                self._connection.execute(query("drop_stream"), {"stream": stream})
                return 0
            case IndexTexts():
                self._fields.clear()
                return index_texts(self._connection, write)

    def rolled_back(self, count: int) -> None:
        """Forget all changes but the first `count`, and what was looked up: it may not be there any more."""
        del self.changes[count:]
        self._fields.clear()

    def _insert(self, write: Insert) -> int:
        key = {"kind": write.kind, "id": write.id}
        if self._connection.execute(query("record_head"), key).fetchone():
            raise AlreadyExists(f"there is a {write.kind} with id {write.id!r} already")
        scope = str(write.scope)
        self._check_name(write.kind, scope, write.name)
        number = self._one("insert_record", {**key, "scope": scope, "name": write.name, **_content(write)})
        at = unix_us(write.at)
        head = _Head(number, scope, write.name, 1, at, at, "")
        self._write_columns(write.kind, write.id, head, {}, write.index)
        self.changes.append(Change((write.kind, scope), None, partial(_fields_of, write.id, head, write.index)))
        return 1

    def _replace(self, write: Replace) -> int:
        head = self._head(write.kind, write.id, write.expected_revision)
        if write.name != head.name:
            self._check_name(write.kind, head.scope, write.name)
        content = _content(write)
        revision = self._one("replace_record", {"number": head.number, "name": write.name, **content})
        if content["columns"] != head.columns:
            self._write_columns(write.kind, write.id, head, _decode_columns(head.columns), write.index)
        now = head._replace(name=write.name, revision=revision, updated_at=unix_us(write.at))
        after = partial(_fields_of, write.id, now, write.index)
        self.changes.append(Change((write.kind, head.scope), _before(write.id, head), after))
        return revision

    def _delete(self, write: Delete) -> int:
        head = self._head(write.kind, write.id, write.expected_revision)
        self._write_columns(write.kind, write.id, head, _decode_columns(head.columns), {})
        self._connection.execute(query("delete_record"), {"number": head.number})
        self.changes.append(Change((write.kind, head.scope), _before(write.id, head), None))
        return 0

    def _append(self, write: Append) -> int:
        count = self._one("last_position", {"stream": write.stream})
        if write.expected_position is not None and write.expected_position != count:
            raise Conflict(f"stream {write.stream!r} has {count} facts, not {write.expected_position}; read it again")
        values = {"stream": write.stream, "position": count + 1, "at": unix_us(write.at), "name": write.name}
        self._connection.execute(query("append_fact"), {**values, "body": write.body})
        return count + 1

    def _head(self, kind: str, id: str, expected_revision: int | None) -> _Head:
        found: Any = self._connection.execute(query("record_head"), {"kind": kind, "id": id}).fetchone()
        if found is None:
            raise NotFound(f"there is no {kind} with id {id!r}")
        head = _Head(*found)
        if expected_revision is not None and expected_revision != head.revision:
            raise Conflict(f"{kind} {id!r} is at revision {head.revision}, not {expected_revision}; read it again")
        return head

    def _check_name(self, kind: str, scope: str, name: str | None) -> None:
        if name is None:
            return
        if self._connection.execute(query("name_taken"), {"kind": kind, "scope": scope, "name": name}).fetchone():
            raise AlreadyExists(f"there is a {kind} named {name!r} in {scope!r} already; choose another name")

    def _write_columns(
        self, kind: str, id: str, head: _Head, old: Mapping[str, IndexValue], new: Mapping[str, IndexValue]
    ) -> None:
        """Bring the index columns of a record from what they were to what they are; only what differs is touched."""
        gone = [name for name, value in old.items() if name not in new or new[name] != value]
        come = [name for name, value in new.items() if name not in old or old[name] != value]
        removed: list[dict[str, object]] = []
        added: list[dict[str, object]] = []
        for names, values, rows in ((gone, old, removed), (come, new, added)):
            for name in names:
                number, _ = self._field(kind, head.scope, name)
                rows.append(
                    {
                        "record": head.number, "field": number, "value": _stored(values[name]),
                        "created_at": head.created_at, "id": id,
                    }
                )  # fmt: skip
        for statement, rows in (
            ("delete_column", removed), ("delete_order", removed), ("insert_column", added), ("insert_order", added)
        ):  # fmt: skip
            if rows:
                self._connection.executemany(query(statement), rows)
        self._write_texts(kind, head, gone, come, new)

    def _write_texts(
        self, kind: str, head: _Head, gone: list[str], come: list[str], new: Mapping[str, IndexValue]
    ) -> None:
        for name in {**dict.fromkeys(gone), **dict.fromkeys(come)}:
            number, is_indexed = self._field(kind, head.scope, name)
            if not is_indexed:
                continue
            row = row_of(head.number, number)
            self._connection.execute(query("delete_text"), {"row": row})
            if isinstance(text := new.get(name), str):
                self._connection.execute(query("insert_text"), {"row": row, "text": text})

    def _field(self, kind: str, scope: str, name: str) -> tuple[int, bool]:
        """Return the number of an index column, and whether parts of its texts are indexed."""
        key = (kind, scope, name)
        known = self._fields.get(key)
        if known is None:
            values = {"kind": kind, "scope": scope, "name": name}
            found: Any = self._connection.execute(query("field"), values).fetchone()
            number, state = found if found is not None else (self._one("insert_field", values), 0)
            known = self._fields[key] = (number, state > 0)
        return known

    def _one(self, name: str, values: Mapping[str, Any]) -> int:
        row = self._connection.execute(query(name), values).fetchone()
        assert row is not None, f"the statement {name!r} returns one row"
        return int(row[0])


def _stored(value: IndexValue) -> int | str | float:
    return -inf if value is None else value


def _content(write: Insert | Replace) -> dict[str, str | int | bytes]:
    columns = msgspec.json.encode(dict(write.index)).decode()
    return {"at": unix_us(write.at), "columns": columns, "body": write.body}


def _before(id: str, head: _Head) -> Callable[[], dict[str, IndexValue]]:
    return lambda: _fields_of(id, head, _decode_columns(head.columns))


def _fields_of(id: str, head: _Head, index: Mapping[str, IndexValue]) -> dict[str, IndexValue]:
    return {
        **index,
        "id": id,
        "name": head.name,
        "revision": head.revision,
        "created_at": head.created_at,
        "updated_at": head.updated_at,
    }
