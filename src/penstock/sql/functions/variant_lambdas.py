"""Functions that evaluate a lambda for the parts of a VARIANT: VARIANT_FILTER and VARIANT_MAP, and what goes deep.

The parts of all rows become two long columns, label and value, over which the lambda runs once (going deep: once for
each level). The label is the key, as VARIANT, or the path of the part, as VARCHAR.
Source: the dialect's documentation of these functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.data.batch import Column
from penstock.data.jsontext import map_variant
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.data.values_variant import VARIANT_NULL, Variant
from penstock.sql.functions.casts_variant import variants_of
from penstock.sql.functions.coercion import expect_count, mismatch
from penstock.sql.functions.lambdas import run_lambda
from penstock.sql.functions.registry import Argument, Context, Evaluator, Resolve, Signature, lazy
from penstock.sql.functions.variants import path_of

_VARIANT = SqlType(Kind.VARIANT)
_PATH = SqlType(Kind.VARCHAR)

LABELS = {"VARIANT_FILTER": _VARIANT, "VARIANT_MAP": _VARIANT, "VARIANT_DEEP_FILTER": _PATH, "VARIANT_DEEP_MAP": _PATH}
"""The type of the lambda's first parameter; the second is VARIANT."""


@dataclass(slots=True)
class _Part:
    """A value at some place of a row's VARIANT. parts: those inside it; keep, made: what the lambda said."""

    row: int
    label: object
    value: Variant
    key: Variant | None = None
    parts: list[_Part] = field(default_factory=list)
    keep: bool = True
    made: Variant | None = None


def _types(name: str, predicate: bool) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name.lower(), types, 2)
        if types[0].kind not in (Kind.VARIANT, Kind.NULL):
            raise mismatch(name, types)
        if predicate and types[1].kind not in (Kind.BOOLEAN, Kind.NULL):
            raise mismatch(name, types)
        return Signature((_VARIANT, types[1]), _VARIANT)

    return resolve


Ask = Callable[[list[_Part]], list[Any]]
"""ask(parts) -> the lambda's result for each."""


def _register(name: str, predicate: bool, answer: Callable[[list[Variant | None], Ask], list[Variant | None]]) -> None:
    label = LABELS[name]

    def build(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
        pool, (given, function) = context.pool, arguments

        def run(columns: Sequence[Column], row_count: int) -> Column:
            values: list[Any] = decode_column(given.run(columns, row_count), _VARIANT, pool)
            return encode_values(answer(values, _asker(function, columns, label, predicate, pool)), _VARIANT, pool)

        return run

    lazy(name, resolve=_types(name, predicate))(build)


def _asker(function: Argument, columns: Sequence[Column], label: SqlType, predicate: bool, pool: Pool) -> Ask:
    convert = None if predicate else variants_of(function.type)

    def ask(parts: list[_Part]) -> list[Any]:
        if not parts:
            return []
        rows = np.array([p.row for p in parts], np.int64)
        parameters = [
            encode_values([p.label for p in parts], label, pool),
            encode_values([p.value for p in parts], _VARIANT, pool),
        ]
        made = decode_column(run_lambda(function, columns, rows, parameters), function.type, pool)
        if convert is None:
            return made
        return [None if plain is None else v for plain, v in zip(made, convert(made), strict=True)]

    return ask


def _entries(value: Variant) -> list[tuple[Variant, Variant]]:
    """The entries of a MAP, NULL among the values as the variant null."""
    entries: dict[Variant, Variant | None] = value.value  # type: ignore[assignment]
    return [(key, VARIANT_NULL if item is None else item) for key, item in entries.items()]


def _items(value: Variant) -> list[Variant]:
    """The elements of an ARRAY, NULL among them as the variant null."""
    elements: list[Variant | None] = value.value  # type: ignore[assignment]
    return [VARIANT_NULL if item is None else item for item in elements]


# --------------------------------------------------------------------------------------------------- one level


def _shallow(values: list[Variant | None]) -> list[list[_Part]]:
    """The members of each row's object, or the row's value alone under no label."""
    rows: list[list[_Part]] = []
    for row, value in enumerate(values):
        if value is None:
            rows.append([])
        elif value.kind is Kind.MAP:
            rows.append([_Part(row, key, item, key) for key, item in _entries(value)])
        else:
            rows.append([_Part(row, None, value)])
    return rows


def _filter(values: list[Variant | None], ask: Ask) -> list[Variant | None]:
    rows = _shallow(values)
    kept = iter(ask([p for parts in rows for p in parts]))
    result: list[Variant | None] = []
    for value, parts in zip(values, rows, strict=True):
        chosen = [p for p in parts if next(kept)]
        if value is None or value.kind is not Kind.MAP:
            result.append(chosen[0].value if chosen else None)
        else:
            result.append(map_variant({p.key: p.value for p in chosen if p.key is not None}))
    return result


def _map(values: list[Variant | None], ask: Ask) -> list[Variant | None]:
    rows = _shallow(values)
    made = iter(ask([p for parts in rows for p in parts]))
    result: list[Variant | None] = []
    for value, parts in zip(values, rows, strict=True):
        results = [next(made) for _ in parts]
        if value is None or value.kind is not Kind.MAP:
            result.append(results[0] if results else None)
        else:
            pairs = zip(parts, results, strict=True)
            result.append(map_variant({p.key: VARIANT_NULL if v is None else v for p, v in pairs if p.key is not None}))
    return result


# --------------------------------------------------------------------------------------------------- all levels


def _open(part: _Part) -> list[_Part]:
    """Find the parts of an object or array that have a path; members with keys that are no strings stay as they are."""
    path = part.label if isinstance(part.label, str) else ""
    if part.value.kind is Kind.MAP:
        part.parts = [
            _Part(part.row, path_of(path, str(key.value)) if key.kind is Kind.VARCHAR else None, item, key)
            for key, item in _entries(part.value)
        ]
        return [p for p in part.parts if p.label is not None]
    if part.value.kind is Kind.ARRAY:
        part.parts = [_Part(part.row, f"{path}[{i}]", item) for i, item in enumerate(_items(part.value), 1)]
        return part.parts
    return []


def _deep_filter(values: list[Variant | None], ask: Ask) -> list[Variant | None]:
    whole = [None if value is None else _Part(row, None, value) for row, value in enumerate(values)]
    scalars = [p for p in whole if p is not None and p.value.kind not in (Kind.MAP, Kind.ARRAY)]
    level = [part for p in whole if p is not None for part in _open(p)]
    for part, kept in zip(scalars, ask(scalars), strict=True):
        part.keep = bool(kept)
    while level:
        for part, kept in zip(level, ask(level), strict=True):
            part.keep = bool(kept)
        level = [inner for part in level if part.keep for inner in _open(part)]
    return [_rebuilt(p) if p is not None and p.keep else None for p in whole]


def _deep_map(values: list[Variant | None], ask: Ask) -> list[Variant | None]:
    whole = [None if value is None else _Part(row, None, value) for row, value in enumerate(values)]
    level = [p for p in whole if p is not None]
    leaves: list[_Part] = []
    while level:
        leaves.extend(p for p in level if p.value.kind not in (Kind.MAP, Kind.ARRAY))
        level = [inner for part in level for inner in _open(part)]
    alone = {id(p) for p in whole}
    for part, made in zip(leaves, ask(leaves), strict=True):
        part.made = made
        if made is None:
            part.made = VARIANT_NULL
            part.keep = id(part) not in alone
    return [_rebuilt(p) if p is not None and p.keep else None for p in whole]


def _rebuilt(part: _Part) -> Variant:
    """The value with what was kept or made of its parts."""
    if part.made is not None:
        return part.made
    kept = [p for p in part.parts if p.keep]
    if part.value.kind is Kind.ARRAY and (part.parts or part.value.value == []):
        return Variant(Kind.ARRAY, [_rebuilt(p) for p in kept])
    if part.value.kind is Kind.MAP and part.parts:
        return map_variant({p.key: _rebuilt(p) for p in kept if p.key is not None})
    return part.value


_register("VARIANT_FILTER", True, _filter)
_register("VARIANT_MAP", False, _map)
_register("VARIANT_DEEP_FILTER", True, _deep_filter)
_register("VARIANT_DEEP_MAP", False, _deep_map)
