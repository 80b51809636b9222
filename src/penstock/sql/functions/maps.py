"""Functions of maps. Entries are in the order of keys; a key that occurs twice keeps the later value.

Source: the dialect's documentation of map operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.data.types import Kind, SqlType
from penstock.data.values_bytes import hashable
from penstock.sql.functions.coercion import any_nullable, expect_count, mismatch
from penstock.sql.functions.containers import array_of, comparable_element, part, same_parts
from penstock.sql.functions.distinct import by_value
from penstock.sql.functions.registry import EvaluationError, Resolve, Signature, TypeMismatch


def _map_types(types: Sequence[SqlType]) -> Signature:
    if len(types) % 2:
        raise TypeMismatch("Map requires an even number of arguments")
    if not types:
        return Signature((), SqlType(Kind.MAP, False, key=SqlType(Kind.NULL, False), element=SqlType(Kind.NULL)))
    key, element = same_parts(types[::2]), same_parts(types[1::2])
    if key.kind in (Kind.MAP, Kind.NULL):
        raise mismatch("MAP", types)
    shared = (key, element)
    given = tuple(shared[i % 2].with_nullable(t.nullable) for i, t in enumerate(types))
    return Signature(given, SqlType(Kind.MAP, False, key=key.with_nullable(False), element=element))


@by_value("MAP", "MAP()", resolve=_map_types, strict=False, can_fail=True)
def map_of(*parts: object) -> list[tuple[object, object]]:
    """Make a map of keys and values that alternate."""
    if any(key is None for key in parts[::2]):
        raise EvaluationError("a key of a MAP cannot be NULL")
    return [*zip(parts[::2], parts[1::2], strict=True)]


def lookup(entries: dict[object, object], key: object) -> object:
    """Return the value under a key, None if there is none."""
    return entries.get(hashable(key))


def _one_map(name: str, result: Callable[[SqlType], SqlType]) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name.lower(), types, 1)
        if types[0].kind is not Kind.MAP:
            raise mismatch(name, types)
        return Signature((types[0],), result(types[0]))

    return resolve


def _keys(type: SqlType) -> SqlType:
    return array_of(part(type.key).with_nullable(False), type.nullable)


def _values(type: SqlType) -> SqlType:
    return array_of(part(type.element), type.nullable)


@by_value("MAP_KEYS", resolve=_one_map("MAP_KEYS", _keys))
def map_keys(entries: dict[object, object]) -> list[object]:
    """Return the keys in order."""
    return [*entries]


@by_value("MAP_VALUES", resolve=_one_map("MAP_VALUES", _values))
def map_values(entries: dict[object, object]) -> list[object]:
    """Return the values in the order of keys."""
    return [*entries.values()]


def _contains_types(types: Sequence[SqlType]) -> Signature:
    expect_count("map_contains_key", types, 2)
    if types[0].kind is not Kind.MAP:
        raise mismatch("MAP_CONTAINS_KEY", types)
    key = part(types[0].key)
    comparable_element(key, types[1])
    result = SqlType(Kind.BOOLEAN, any_nullable(types))
    return Signature((types[0], key.with_nullable(types[1].nullable)), result)


@by_value("MAP_CONTAINS_KEY", resolve=_contains_types)
def map_contains_key(entries: dict[object, object], key: object) -> bool:
    """Whether there is an entry with a key."""
    return hashable(key) in entries


def _concat_types(types: Sequence[SqlType]) -> Signature:
    expect_count("map_concat", types, 1, -1)
    if any(t.kind is not Kind.MAP for t in types):
        raise mismatch("MAP_CONCAT", types)
    try:
        key = same_parts([part(t.key) for t in types])
        element = same_parts([part(t.element) for t in types])
    except TypeMismatch:
        raise mismatch("MAP_CONCAT", types) from None
    result = SqlType(Kind.MAP, any_nullable(types), key=key.with_nullable(False), element=element)
    return Signature(tuple(result.with_nullable(t.nullable) for t in types), result)


@by_value("MAP_CONCAT", resolve=_concat_types)
def map_concat(*maps: dict[object, object]) -> dict[object, object]:
    """Put entries together; of equal keys the later map's value is kept."""
    return {key: value for entries in maps for key, value in entries.items()}
