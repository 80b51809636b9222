"""What the functions of arrays, maps and rows share: types of their parts, and the order of elements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from penstock.data.types import STRINGS, Kind, SqlType
from penstock.data.values_bytes import writer
from penstock.sql.functions.coercion import describe, least_restrictive
from penstock.sql.functions.registry import TypeMismatch
from penstock.sql.functions.textual import as_text

OrderKey = Callable[[object], bytes]


def part(type: SqlType | None) -> SqlType:
    """Return the type of elements or keys, NULL where nothing says what it is."""
    return SqlType(Kind.NULL) if type is None else type


def array_of(element: SqlType, nullable: bool) -> SqlType:
    """Return an ARRAY type."""
    return SqlType(Kind.ARRAY, nullable, element=element)


def with_element(type: SqlType, element: SqlType) -> SqlType:
    """Return the ARRAY type with another type of elements."""
    return replace(type, element=element)


def same_parts(types: Sequence[SqlType]) -> SqlType:
    """Return the type that the parameters of a constructor have in common; scalars beside strings become strings.

    Raises: TypeMismatch if there is none.
    """
    shared = least_restrictive(types)
    if shared is not None:
        return shared
    if any(t.kind in STRINGS for t in types) and all(as_text(t) is not None for t in types):
        return SqlType(Kind.VARCHAR, any(t.nullable for t in types))
    raise TypeMismatch("Parameters must be of the same type")


def comparable_element(element: SqlType, other: SqlType) -> SqlType:
    """Return what both elements of an array and a value given beside it are cast to.

    Raises: TypeMismatch if they have nothing in common.
    """
    shared = least_restrictive((element, other))
    if shared is None:
        raise TypeMismatch(f"{describe(element)} is not comparable to {describe(other)}")
    return shared


def order_key(type: SqlType) -> OrderKey:
    """Return the function from an element (None: NULL, the smallest) to bytes that are equal and order as elements."""
    write = writer(type)

    def key(value: object) -> bytes:
        if value is None:
            return b""
        out = bytearray(b"\x01")
        write(value, out)
        return bytes(out)

    return key


def distinct(values: Iterable[object], key: OrderKey) -> dict[bytes, object]:
    """Return the first of equal elements, by order key, in the order given."""
    found: dict[bytes, object] = {}
    for value in values:
        found.setdefault(key(value), value)
    return found


def in_order(found: dict[bytes, object]) -> list[object]:
    """Return elements sorted by their keys."""
    return [found[key] for key in sorted(found)]
