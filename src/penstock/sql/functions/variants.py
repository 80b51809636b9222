"""VARIANT: JSON text to values and back, kinds, members, and documents taken apart.

Source: the dialect's documentation of JSON and dynamically typed values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

from penstock.data.batch import Column
from penstock.data.jsontext import BadJson, map_variant, variant_text
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, INTEGERS, SqlType
from penstock.data.types import Kind as K
from penstock.data.values_bytes import decoder, encode_key
from penstock.data.values_parts import parse_document, variant_element, variant_member
from penstock.data.values_scalars import integer_range
from penstock.data.values_variant import VARIANT_NULL, Variant
from penstock.sql.functions.coercion import describe, expect_count, mismatch
from penstock.sql.functions.containers import array_of
from penstock.sql.functions.distinct import by_column, by_value, interned
from penstock.sql.functions.registry import Resolve, Signature
from penstock.sql.functions.textual import texts

_VARIANT = SqlType(K.VARIANT)


def variant_types(name: str, result: SqlType, count: int = 1) -> Resolve:
    """Return the typing of a function of VARIANT values only; it may give NULL."""

    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name.lower(), types, count)
        if any(t.kind not in (K.VARIANT, K.NULL) for t in types):
            raise mismatch(name, types)
        return Signature((_VARIANT,) * count, result)

    return resolve


def _parse_types(types: Sequence[SqlType]) -> Signature:
    taken = texts("PARSE_JSON", "t", K.VARCHAR)(types)
    return Signature(taken.arguments, _VARIANT)


@by_column("PARSE_JSON", resolve=_parse_types)
def parse_json(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
    """Read JSON documents; NULL for a text that is none."""
    return interned(pool, [_document(text) for text in pool.values(columns[0].words)])


def _document(text: bytes) -> bytes | None:
    try:
        return parse_document(text)
    except BadJson:
        return None


@by_value("TO_JSON", resolve=variant_types("TO_JSON", SqlType(K.VARCHAR)))
def to_json(value: Variant) -> str:
    """Write a value as JSON text."""
    return variant_text(value)


@by_value("VARIANTNULL", resolve=lambda types: _no_arguments(types))
def variantnull() -> Variant:
    """Return the null of JSON documents, which is not NULL."""
    return VARIANT_NULL


def _no_arguments(types: Sequence[SqlType]) -> Signature:
    expect_count("variantnull", types, 0)
    return Signature((), _VARIANT.with_nullable(False))


@by_value("TYPEOF", resolve=variant_types("TYPEOF", SqlType(K.VARCHAR, False)), strict=False)
def typeof(value: Variant | None) -> str:
    """Return the SQL name of what a VARIANT holds: VARIANT for its null, NULL for NULL."""
    if value is None:
        return "NULL"
    if value.kind is K.NULL:
        return "VARIANT"
    if value.kind in (K.DECIMAL, K.ARRAY, K.MAP, K.VARCHAR, K.VARBINARY):
        return str(value.kind.value)
    return str(describe(SqlType(value.kind)))


# --------------------------------------------------------------------------------------------------------- members


def variant_items(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
    """Return the elements at positions of ARRAYs or under keys of MAPs, NULL where there is none."""
    wholes, keys = (pool.values(c.words) for c in columns)
    return interned(pool, [_member(whole, key) for whole, key in zip(wholes, keys, strict=True)])


def _member(whole: bytes, key: bytes) -> bytes | None:
    """The element of a VARIANT under an index, all in bytes; an integer fits an integer key of any type."""
    found = variant_member(whole, key)
    if found is not None:
        return found
    index = _decode(key)
    if not isinstance(index, Variant) or index.kind not in INTEGERS:
        return None
    position = int(index.value)  # type: ignore[call-overload]
    for kind in INTEGERS:
        low, high = integer_range(kind)
        if kind is not index.kind and low <= position <= high:
            found = variant_member(whole, encode_key(Variant(kind, position), _VARIANT))
            if found is not None:
                return found
    return variant_element(whole, position)


_decode = lru_cache(maxsize=4096)(decoder(_VARIANT))


def text_entries(value: Variant) -> Iterator[tuple[str, Variant]]:
    """Return the fields of an object: the entries of a MAP whose keys are strings; none of anything else."""
    if value.kind is K.MAP:
        for key, item in value.value.items():  # type: ignore[attr-defined]
            if key.kind is K.VARCHAR:
                yield key.value, VARIANT_NULL if item is None else item


_KEYS = array_of(SqlType(K.VARCHAR, False), True)


@by_value("JSON_OBJECT_KEYS", resolve=variant_types("JSON_OBJECT_KEYS", _KEYS))
def json_object_keys(value: Variant) -> list[str]:
    """Return the keys of an object, sorted."""
    return sorted((key for key, _ in text_entries(value)), key=str.encode)


def path_of(prefix: str, key: str) -> str:
    """Return the path of a member: joined by dots, keys that are no identifiers in double quotes."""
    plain = key.isascii() and key.isidentifier()
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    name = key if plain else f'"{escaped}"'
    return f"{prefix}.{name}" if prefix else name


@by_value("JSON_KEYS", resolve=variant_types("JSON_KEYS", _KEYS))
def json_keys(value: Variant) -> list[str]:
    """Return the paths of the keys of an object and of the objects in it, but not in arrays, sorted."""
    paths: set[str] = set()

    def collect(prefix: str, whole: Variant) -> None:
        for key, item in text_entries(whole):
            path = path_of(prefix, key)
            paths.add(path)
            collect(path, item)

    collect("", value)
    return sorted(paths, key=str.encode)


@by_value("VARIANT_MERGE", resolve=variant_types("VARIANT_MERGE", _VARIANT, 2))
def variant_merge(left: Variant, right: Variant) -> Variant:
    """Put two objects together, objects under the same key likewise; elsewhere the second wins."""
    if left.kind is not K.MAP or right.kind is not K.MAP:
        return right
    entries: dict[Variant, Variant | None] = dict(left.value)  # type: ignore[call-overload]
    added: dict[Variant, Variant | None] = dict(right.value)  # type: ignore[call-overload]
    for key, item in added.items():
        there = entries.get(key)
        if there is not None and item is not None:
            item = variant_merge(there, item)
        entries[key] = item
    return map_variant(entries)


# ------------------------------------------------------------------------------------------------------- JSON_EACH


def _integral(value: Variant) -> int | None:
    if value.kind in INTEGERS or (value.kind in (*FLOATS, K.DECIMAL) and value.value == value.value):
        number = Decimal(value.value)  # type: ignore[arg-type]
        low, high = integer_range(K.BIGINT)
        if number.is_finite() and number == number.to_integral_value() and low <= number <= high:
            return int(number)
    return None


def _held(kind: K) -> Callable[[Variant], object]:
    return lambda value: value.value if value.kind is kind else None


def _each(name: str, element: K, take: Callable[[Variant], object]) -> None:
    result = SqlType(K.MAP, key=SqlType(K.VARCHAR, False), element=SqlType(element, False))

    def each(value: Variant) -> dict[str, object]:
        taken = ((key, take(item)) for key, item in text_entries(value))
        return {key: found for key, found in taken if found is not None}

    by_value(name, resolve=variant_types(name, result))(each)


_each("JSON_EACH_BIGINT", K.BIGINT, _integral)
_each("JSON_EACH_STRING", K.VARCHAR, _held(K.VARCHAR))
_each("JSON_EACH_BOOLEAN", K.BOOLEAN, _held(K.BOOLEAN))
