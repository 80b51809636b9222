"""The messages of PostgreSQL's plugin `pgoutput`, protocol version 1: transactions of row changes, values as text.

Source: PostgreSQL documentation, "Logical Replication Message Formats".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["UNCHANGED", "Change", "Relation", "Transaction", "position_number", "position_text", "transactions"]

UNCHANGED = object()
"""Stands for a large value that an update has not touched: the database does not send it."""

_BEGIN = struct.Struct(">QqI")
_COMMIT = struct.Struct(">BQQq")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as it is at a moment: its columns, and which of them old rows are told by."""

    id: int
    schema: str
    name: str
    columns: tuple[str, ...]
    identity: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a row. kind: I, U, D, or T: all rows go. old: the row as it was; is_key: only the key of it."""

    kind: str
    relation: Relation
    old: tuple[Any, ...] | None = None
    new: tuple[Any, ...] | None = None
    is_key: bool = False


@dataclass(slots=True)
class Transaction:
    """Changes that were committed together. end: the position after the commit. xid: 32 bits."""

    xid: int
    end: int = 0
    changes: list[Change] = field(default_factory=list)


def position_number(text: str) -> int:
    """Return a position in the log (`16/B374D848`) as a number."""
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


def position_text(number: int) -> str:
    """Return a position in the log as PostgreSQL writes it."""
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def transactions(messages: Iterable[bytes], relations: dict[int, Relation]) -> Iterator[Transaction]:
    """Return the transactions of messages, which begin between two. relations: those that are known; added to."""
    current = Transaction(0)
    for message in messages:
        kind = message[:1]
        if kind == b"B":
            current = Transaction(_BEGIN.unpack_from(message, 1)[2])
        elif kind == b"C":
            current.end = _COMMIT.unpack_from(message, 1)[2]
            yield current
        elif kind == b"R":
            relation = _relation(message)
            relations[relation.id] = relation
        elif kind in (b"I", b"U", b"D"):
            current.changes.append(_change(message, relations))
        elif kind == b"T":
            count = int.from_bytes(message[1:5], "big")
            for at in range(count):
                (id,) = struct.unpack_from(">I", message, 6 + 4 * at)
                current.changes.append(Change("T", relations[id]))


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(b"\0", at)
    return message[at:end].decode(), end + 1


def _relation(message: bytes) -> Relation:
    (id,) = struct.unpack_from(">I", message, 1)
    schema, at = _text(message, 5)
    name, at = _text(message, at)
    identity = chr(message[at])
    (count,) = struct.unpack_from(">H", message, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        column, at = _text(message, at + 1)
        columns.append(column)
        at += 8
    return Relation(id, schema, name, tuple(columns), identity)


def _change(message: bytes, relations: dict[int, Relation]) -> Change:
    kind = chr(message[0])
    relation = relations[struct.unpack_from(">I", message, 1)[0]]
    old, new, is_key = None, None, False
    at = 5
    while at < len(message):
        mark = message[at : at + 1]
        values, at = _row(message, at + 1)
        if mark == b"N":
            new = values
        else:
            old, is_key = values, mark == b"K"
    return Change(kind, relation, old, new, is_key)


def _row(message: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    """Return a row's values (text, None for NULL, UNCHANGED) and where it ends."""
    (count,) = struct.unpack_from(">H", message, at)
    at += 2
    values: list[Any] = []
    for _ in range(count):
        mark = message[at]
        at += 1
        if mark == 0x74:  # t
            size = int.from_bytes(message[at : at + 4], "big")
            values.append(message[at + 4 : at + 4 + size].decode())
            at += 4 + size
        else:
            values.append(None if mark == 0x6E else UNCHANGED)  # n, u
    return tuple(values), at
