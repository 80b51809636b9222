"""Schemas found in samples of data: names from a header line, types from values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa

from penstock.data.record_schema import SchemaInvalid, parse_schema

__all__ = ["OverrideInvalid", "clean_names", "detect_delimited", "parse_override"]

_INTEGER = re.compile(r"-?\d+\Z")
_DECIMAL = re.compile(r"-?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?[fFdD]?\Z")
_RANKS: tuple[tuple[str, pa.DataType], ...] = (
    ("int", pa.int32()),
    ("long", pa.int64()),
    ("double", pa.float64()),
    ("boolean", pa.bool_()),
    ("string", pa.string()),
)
_SIMPLE = ("int", "long", "float", "double", "boolean", "bytes", "string")
_LOGICAL = {
    "date": {"type": "int", "logicalType": "date"},
    "time": {"type": "long", "logicalType": "time-micros"},
    "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
    "datetime": {"type": "string", "logicalType": "datetime"},
}


class OverrideInvalid(ValueError):
    """A list of types that cannot be read. element: the member at fault."""

    def __init__(self, message: str, element: str) -> None:
        super().__init__(message)
        self.element = element


def detect_delimited(
    rows: Sequence[Sequence[str]], header: Sequence[str] | None, override: Mapping[str, pa.DataType]
) -> pa.Schema:
    """Return the schema of rows of texts.

    header: the raw names; without them columns are called `body_0`, `body_1` … Rows that are short have empty values at
    their end; a column with an empty value is nullable. override: types that are not detected.
    """
    width = len(header) if header is not None else max((len(row) for row in rows), default=0)
    names = clean_names(header) if header is not None else [f"body_{i}" for i in range(width)]
    fields = []
    for i, name in enumerate(names):
        values = [row[i] if i < len(row) else "" for row in rows]
        kind = override.get(name) or _type_of([value for value in values if value])
        fields.append(pa.field(name, kind, nullable=any(value == "" for value in values)))
    return pa.schema(fields)


def clean_names(header: Sequence[str]) -> list[str]:
    """Return names that fields can have: letters, digits and underscores, none twice (whatever their case)."""
    cleaned: list[str] = []
    seen: set[str] = set()
    for raw in header:
        name = re.sub(r"[^A-Za-z0-9_]+", "_", raw.strip().strip('"').strip()) or "BLANK"
        if name[0].isdigit():
            name = f"col_{name}"
        unique, number = name, 2
        while unique.lower() in seen:
            unique = f"{name}_{number}"
            number += 1
        seen.add(unique.lower())
        cleaned.append(unique)
    return cleaned


def parse_override(text: str) -> dict[str, pa.DataType]:
    """Read `column:type,…`. Raises: OverrideInvalid."""
    kinds: dict[str, pa.DataType] = {}
    for item in text.split(","):
        if not item.strip():
            continue
        name, colon, kind = (part.strip() for part in item.partition(":"))
        if not colon or not name:
            raise OverrideInvalid(f"'{item.strip()}' is no pair of a column and a type", item.strip())
        declared: object = _LOGICAL.get(kind.lower(), kind.lower() if kind.lower() in _SIMPLE else None)
        if declared is None:
            known = ", ".join((*_SIMPLE, *_LOGICAL))
            raise OverrideInvalid(f"'{kind}' is no type for column '{name}'; there are {known}", item.strip())
        try:
            schema = parse_schema({"type": "record", "name": "r", "fields": [{"name": name, "type": declared}]})
        except SchemaInvalid as error:
            raise OverrideInvalid(str(error), item.strip()) from None
        kinds[name] = schema.field(0).type
    return kinds


def _type_of(values: Sequence[str]) -> pa.DataType:
    if not values:
        return pa.string()
    return _RANKS[max(_rank(values))][1]


def _rank(values: Sequence[str]) -> set[int]:
    ranks: set[int] = set()
    for value in values:
        ranks.add(_rank_of(value))
    if 3 in ranks and len(ranks) > 1:
        return {4}
    return ranks


def _rank_of(value: str) -> int:
    if _INTEGER.match(value):
        number = int(value)
        if -(2**31) <= number < 2**31:
            return 0
        return 1 if -(2**63) <= number < 2**63 else 4
    if _DECIMAL.match(value):
        return 2
    return 3 if value.lower() in ("true", "false") else 4
