"""Casts of UUID and binary values, and of arrays, maps and rows part by part."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, STRINGS, Kind, SqlType
from penstock.data.values import decode_column, decode_words, encode_values
from penstock.data.values_bytes import hashable
from penstock.sql.functions.casts import Conversion, conversion, prepare_cast
from penstock.sql.functions.casts_text import fit
from penstock.sql.functions.containers import part
from penstock.sql.functions.distinct import Memo
from penstock.sql.functions.registry import Context, EvaluationError, TypeMismatch

Many = Callable[[list[Any]], list[Any]]
"""Converts values, of which None is NULL, one for one."""

_UUID = re.compile(r"(\{)?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}(?(1)\})")


def by_distinct(source: SqlType, target: SqlType, pool: Pool, convert: Many, can_fail: bool) -> Conversion:
    """Return the cast of a pooled type that converts each distinct value once."""
    pool = pool.lasting

    def compute(codes: Words) -> Column:
        return encode_values(convert(decode_words(codes, source, pool)), target, pool)

    memo = Memo(compute, pool, target.pooled)
    return Conversion(lambda arguments, row_count: memo.of(arguments[0]), can_fail)


def read_uuid(text: str) -> uuid.UUID:
    """Read 32 hexadecimal digits, perhaps in braces, with hyphens between groups of four.

    Raises: EvaluationError for any other text.
    """
    if not _UUID.fullmatch(text):
        raise EvaluationError(f"Invalid UUID string '{text}'")
    return uuid.UUID(text.strip("{}").replace("-", ""))


def fit_bytes(data: bytes, target: SqlType) -> bytes:
    """Return the bytes cut to the length of a binary type, and filled with zeros for BINARY."""
    if target.precision is None:
        return data
    data = data[: target.precision]
    return data.ljust(target.precision, b"\x00") if target.kind is Kind.BINARY else data


def _uuid_of_bytes(data: bytes) -> uuid.UUID:
    if len(data) != 16:
        raise EvaluationError(f"Error converting a binary value of {len(data)} bytes to UUID: 16 bytes are needed")
    return uuid.UUID(bytes=data)


def _each(convert: Callable[[Any], Any], safe: bool) -> Many:
    def attempt(value: Any) -> Any:
        try:
            return convert(value)
        except EvaluationError:
            return None

    chosen = attempt if safe else convert
    return lambda values: [None if v is None else chosen(v) for v in values]


def _plain(
    sources: Sequence[Kind], targets: Sequence[Kind], can_fail: bool, one: Callable[[Any, SqlType], Any]
) -> None:
    """Register a cast by the function of one value and the target type."""

    def convert(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
        many = _each(lambda value: one(value, target), safe)
        return by_distinct(source, target, context.pool, many, can_fail and not safe)

    conversion(sources, targets)(convert)


_plain(BINARIES, BINARIES, False, fit_bytes)
_plain(STRINGS, BINARIES, False, lambda text, target: fit_bytes(text.encode(), target))
_plain(BINARIES, STRINGS, False, lambda data, target: fit(data.hex(), target))
_plain((Kind.UUID,), STRINGS, False, lambda value, target: fit(str(value), target))
_plain(STRINGS, (Kind.UUID,), True, lambda text, target: read_uuid(text))
_plain((Kind.UUID,), BINARIES, False, lambda value, target: fit_bytes(value.bytes, target))
_plain(BINARIES, (Kind.UUID,), True, lambda data, target: _uuid_of_bytes(data))


# ----------------------------------------------------------------------------------------------- arrays, maps, rows


def values_converter(context: Context, source: SqlType, target: SqlType, safe: bool) -> tuple[Many, bool]:
    """Return the conversion of Python values of one type to another, and whether it may fail.

    Raises: TypeMismatch if there is none.
    """
    if source.kind is Kind.NULL or source.with_nullable(True) == target.with_nullable(True):
        return (lambda values: values), False
    nested = _NESTED.get(source.kind)
    if nested is not None and source.kind is target.kind:
        return nested(context, source, target, safe)
    if target.kind is Kind.VARIANT:
        from penstock.sql.functions.casts_variant import variants_of

        return variants_of(source), False
    return _by_kernel(context, source, target, safe)


def _by_kernel(context: Context, source: SqlType, target: SqlType, safe: bool) -> tuple[Many, bool]:
    """Convert through the cast of columns."""
    kernel, can_fail, _ = prepare_cast(context, source, target, safe)
    pool = context.pool

    def convert(values: list[Any]) -> list[Any]:
        there = [at for at, v in enumerate(values) if v is not None]
        if not there:
            return list(values)
        column = encode_values([values[at] for at in there], source, pool)
        if kernel is not None:
            column = kernel((column,), len(there))
        result: list[Any] = [None] * len(values)
        for at, value in zip(there, decode_column(column, target, pool), strict=True):
            result[at] = value
        return result

    return convert, can_fail


def _arrays(context: Context, source: SqlType, target: SqlType, safe: bool) -> tuple[Many, bool]:
    inner, can_fail = values_converter(context, part(source.element), part(target.element), safe)

    def convert(values: list[Any]) -> list[Any]:
        made = iter(inner([item for v in values if v is not None for item in v]))
        return [None if v is None else [next(made) for _ in v] for v in values]

    return convert, can_fail


def _maps(context: Context, source: SqlType, target: SqlType, safe: bool) -> tuple[Many, bool]:
    keys, keys_fail = values_converter(context, part(source.key), part(target.key), safe)
    inner, can_fail = values_converter(context, part(source.element), part(target.element), safe)

    def convert(values: list[Any]) -> list[Any]:
        entries = [entry for v in values if v is not None for entry in v.items()]
        made_keys, made = iter(keys([k for k, _ in entries])), iter(inner([e for _, e in entries]))
        result: list[Any] = []
        for value in values:
            if value is None:
                result.append(None)
                continue
            pairs = [(hashable(next(made_keys)), next(made)) for _ in value]
            result.append({k: e for k, e in pairs if k is not None})
        return result

    return convert, keys_fail or can_fail


def _rows(context: Context, source: SqlType, target: SqlType, safe: bool) -> tuple[Many, bool]:
    if len(source.fields) != len(target.fields):
        raise TypeMismatch("Cast function cannot convert between ROW types with different numbers of fields")
    parts = [values_converter(context, a.type, b.type, safe) for a, b in zip(source.fields, target.fields, strict=True)]

    def convert(values: list[Any]) -> list[Any]:
        rows = [[*(v.values() if isinstance(v, dict) else v)] for v in values if v is not None]
        columns = [many([r[i] for r in rows]) for i, (many, _) in enumerate(parts)]
        made = iter(zip(*columns, strict=True))
        return [
            None if v is None else {f.name: x for f, x in zip(target.fields, next(made), strict=True)} for v in values
        ]

    return convert, any(can_fail for _, can_fail in parts)


_NESTED = {Kind.ARRAY: _arrays, Kind.MAP: _maps, Kind.STRUCT: _rows}


def _nested_cast(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    many, can_fail = values_converter(context, source, target, safe)
    return by_distinct(source, target, context.pool, many, can_fail)


for _kind in _NESTED:
    conversion((_kind,), (_kind,))(_nested_cast)
