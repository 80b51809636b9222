"""Casts to VARIANT, which keep what a value is, and from VARIANT, which never fail: what does not convert is NULL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np

from penstock.data.batch import Column, Words
from penstock.data.jsontext import map_variant
from penstock.data.types import (
    BINARIES,
    INTERVALS,
    MAX_DECIMAL_PRECISION,
    NUMERIC,
    STRINGS,
    TEMPORAL,
    Kind,
    SqlType,
    decimal,
)
from penstock.data.values import decode_words, encode_values
from penstock.data.values_bytes import hashable
from penstock.data.values_variant import VARIANT_NULL, Variant
from penstock.sql.functions.casts import CASTS, Conversion, conversion
from penstock.sql.functions.casts_nested import Many, by_distinct, values_converter
from penstock.sql.functions.containers import part
from penstock.sql.functions.distinct import Memo
from penstock.sql.functions.registry import Context, EvaluationError, Kernel, Signature, prepared
from penstock.sql.functions.variants import text_entries, variant_types

_VARIANT = SqlType(Kind.VARIANT)
_SCALARS = (*NUMERIC, *STRINGS, *BINARIES, *TEMPORAL, *INTERVALS, Kind.BOOLEAN, Kind.UUID)
_ALL = (*_SCALARS, Kind.ARRAY, Kind.MAP, Kind.STRUCT)


# ------------------------------------------------------------------------------------------------------ to VARIANT


@lru_cache(maxsize=4096)
def to_variant(type: SqlType) -> Callable[[Any], Variant]:
    """Return the function from a value of a type, or None, to the VARIANT that holds it.

    NULL becomes the variant null; a NULL of a ROW type becomes an object whose members are null.
    """
    kind = type.kind
    if kind is Kind.VARIANT:
        return lambda value: VARIANT_NULL if value is None else value
    if kind is Kind.ARRAY:
        item = to_variant(part(type.element))
        return _or_null(lambda value: Variant(Kind.ARRAY, [item(v) for v in value]))
    if kind is Kind.MAP:
        key, item = to_variant(part(type.key)), to_variant(part(type.element))
        return _or_null(lambda value: map_variant({key(k): item(v) for k, v in value.items()}))
    if kind is Kind.STRUCT:
        names = [Variant(Kind.VARCHAR, f.name) for f in type.fields]
        members = [to_variant(f.type) for f in type.fields]

        def row(value: Any) -> Variant:
            values = [None] * len(names) if value is None else value.values() if isinstance(value, dict) else value
            return map_variant({n: make(v) for n, make, v in zip(names, members, values, strict=True)})

        return row
    held = Kind.VARCHAR if kind in STRINGS else Kind.VARBINARY if kind in BINARIES else kind
    return _or_null(lambda value: Variant(held, value))


def _or_null(make: Callable[[Any], Variant]) -> Callable[[Any], Variant]:
    return lambda value: VARIANT_NULL if value is None else make(value)


def variants_of(source: SqlType) -> Many:
    """Return the conversion of values, of which None is NULL, to VARIANT."""
    make = to_variant(source)
    return lambda values: [make(v) for v in values]


@conversion(_ALL, (Kind.VARIANT,))
def _to_variant(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    make, pool = to_variant(source), context.pool
    null = int(encode_values([make(None)], _VARIANT, pool).words[0])

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        column = arguments[0]
        rows = slice(None) if column.nulls is None else ~column.nulls
        words, inverse = np.unique(column.words[rows], return_inverse=True)
        made = encode_values([*map(make, decode_words(words, source, pool))], _VARIANT, pool).words
        result = np.full(row_count, null, np.int64)
        result[rows] = made[inverse]
        return Column(result)

    return Conversion(kernel)


# ---------------------------------------------------------------------------------------------------- from VARIANT


def held_type(value: Variant) -> SqlType:
    """Return the SQL type of a scalar in a VARIANT."""
    if value.kind is Kind.DECIMAL and isinstance(value.value, Decimal):
        exponent = value.value.as_tuple().exponent
        return decimal(MAX_DECIMAL_PRECISION, -exponent if isinstance(exponent, int) and exponent < 0 else 0)
    return SqlType(value.kind, False)


def _converts(held: Kind, target: Kind) -> bool:
    """Whether a value in a VARIANT is naturally a value of the target kind."""
    if held in NUMERIC:
        return target in NUMERIC or target in STRINGS
    if held is Kind.VARCHAR:
        return target in STRINGS or target in TEMPORAL or target in (Kind.UUID, *INTERVALS)
    if held is Kind.VARBINARY:
        return target in BINARIES
    if target in STRINGS:
        return held in (Kind.BOOLEAN, Kind.UUID, *TEMPORAL, *INTERVALS)
    if held in (Kind.DATE, Kind.TIMESTAMP):
        return target in (Kind.DATE, Kind.TIMESTAMP)
    return held is target


def from_variants(context: Context, target: SqlType) -> Many:
    """Return the conversion of VARIANT values, of which None is NULL, to values of a type; None where there is none."""
    if target.kind is Kind.VARIANT:
        return lambda values: values
    if target.kind is Kind.ARRAY:
        return _to_arrays(from_variants(context, part(target.element)))
    if target.kind is Kind.MAP:
        return _to_maps(from_variants(context, part(target.key)), from_variants(context, part(target.element)))
    if target.kind is Kind.STRUCT:
        return _to_rows(context, target)
    return _to_scalars(context, target)


def _to_scalars(context: Context, target: SqlType) -> Many:
    """Values of one held type are converted together by the cast from that type."""

    def convert(values: list[Variant | None]) -> list[Any]:
        result: list[Any] = [None] * len(values)
        groups: dict[SqlType, list[int]] = {}
        for at, value in enumerate(values):
            if value is not None and _converts(value.kind, target.kind):
                groups.setdefault(held_type(value), []).append(at)
        for held, places in groups.items():
            for at, made in zip(places, _converted(context, held, target, [values[at] for at in places]), strict=True):
                result[at] = made
        return result

    return convert


def _converted(context: Context, held: SqlType, target: SqlType, values: list[Any]) -> list[Any]:
    if held.kind is not target.kind and (held.kind, target.kind) not in CASTS:
        return [None] * len(values)
    many, _ = values_converter(context, held, target, True)
    try:
        return many([v.value for v in values])
    except EvaluationError:  # a cast that has no safe form: find the values that fail
        return [None] if len(values) == 1 else [_converted(context, held, target, [v])[0] for v in values]


def _to_arrays(inner: Many) -> Many:
    def convert(values: list[Variant | None]) -> list[Any]:
        arrays: list[Any] = [v.value if v is not None and v.kind is Kind.ARRAY else None for v in values]
        made = iter(inner([item for a in arrays if a is not None for item in a]))
        return [None if a is None else [next(made) for _ in a] for a in arrays]

    return convert


def _to_maps(keys: Many, inner: Many) -> Many:
    def convert(values: list[Variant | None]) -> list[Any]:
        maps: list[Any] = [v.value if v is not None and v.kind is Kind.MAP else None for v in values]
        entries = [entry for m in maps if m is not None for entry in m.items()]
        made = iter(zip(keys([k for k, _ in entries]), inner([e for _, e in entries]), strict=True))
        result: list[Any] = []
        for entries_of in maps:
            if entries_of is None:
                result.append(None)
                continue
            pairs = [next(made) for _ in entries_of]
            result.append({hashable(k): e for k, e in pairs if k is not None})
        return result

    return convert


def _to_rows(context: Context, target: SqlType) -> Many:
    parts = [(Variant(Kind.VARCHAR, f.name), f.name, from_variants(context, f.type)) for f in target.fields]

    def convert(values: list[Variant | None]) -> list[Any]:
        maps: list[Any] = [v.value if v is not None and v.kind is Kind.MAP else None for v in values]
        there = [m for m in maps if m is not None]
        columns = [many([m.get(key) for m in there]) for key, _, many in parts]
        made = iter(zip(*columns, strict=True)) if columns else iter([()] * len(there))
        names = [name for _, name, _ in parts]
        return [None if m is None else dict(zip(names, next(made), strict=True)) for m in maps]

    return convert


@conversion((Kind.VARIANT,), _ALL)
def _from_variant(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return by_distinct(source, target, context.pool, from_variants(context, target), False)


# -------------------------------------------------------------------------------------------- JSON_EACH of moments


def _each_moment(name: str, kind: Kind) -> None:
    """Register the function that takes the members of an object that are moments, or strings that read as such."""
    element = SqlType(kind, False)
    result = SqlType(Kind.MAP, key=SqlType(Kind.VARCHAR, False), element=element)

    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        read = from_variants(context, element)
        pool = context.pool

        def compute(codes: Words) -> Column:
            made = []
            for value in decode_words(codes, _VARIANT, pool):
                items = [(k, v) for k, v in text_entries(value) if v.kind in (kind, Kind.VARCHAR)]  # type: ignore[arg-type]
                found = read([v for _, v in items])
                made.append({k: v for (k, _), v in zip(items, found, strict=True) if v is not None})
            return encode_values(made, result, pool)

        memo = Memo(compute, pool, result.pooled)

        return lambda arguments, row_count: memo.of(arguments[0])

    prepared(name, resolve=variant_types(name, result))(prepare)


_each_moment("JSON_EACH_DATE", Kind.DATE)
_each_moment("JSON_EACH_TIME", Kind.TIME)
_each_moment("JSON_EACH_TIMESTAMP", Kind.TIMESTAMP)
