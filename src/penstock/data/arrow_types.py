"""Which Arrow type each SQL type has."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pyarrow as pa

from penstock.data.types import BINARIES, INTERVALS, STRINGS, Field, Kind, Schema, SqlType
from penstock.data.values_scalars import decimal_size

_PLAIN = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.TINYINT: pa.int8(),
    Kind.SMALLINT: pa.int16(),
    Kind.INTEGER: pa.int32(),
    Kind.BIGINT: pa.int64(),
    Kind.UTINYINT: pa.uint8(),
    Kind.USMALLINT: pa.uint16(),
    Kind.UINTEGER: pa.uint32(),
    Kind.UBIGINT: pa.uint64(),
    Kind.REAL: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("ns"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMP_TZ: pa.timestamp("us", "UTC"),
    Kind.UUID: pa.string(),
    Kind.VARIANT: pa.string(),
    Kind.NULL: pa.null(),
    **{kind: pa.string() for kind in STRINGS},
    **{kind: pa.binary() for kind in BINARIES},
}


class UnsupportedInArrow(ValueError):
    """A SQL type that has no Arrow form."""


@lru_cache(maxsize=4096)
def arrow_type(type: SqlType) -> Any:
    """Return the pyarrow.DataType of a SQL type.

    Raises: UnsupportedInArrow for INTERVAL.
    """
    kind = type.kind
    if kind in INTERVALS:
        raise UnsupportedInArrow(f"{kind.value} cannot be written as Arrow; cast it to a number or a string")
    if kind is Kind.DECIMAL:
        return pa.decimal128(*decimal_size(type))
    if kind is Kind.ARRAY and type.element is not None:
        return pa.large_list(pa.field("item", arrow_type(type.element)))
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        return pa.map_(arrow_type(type.key), arrow_type(type.element))
    if kind is Kind.STRUCT:
        return pa.struct([arrow_field(f) for f in type.fields])
    return _PLAIN[kind]


def arrow_field(field: Field) -> Any:
    """Return the pyarrow.Field of a column or a field of a ROW."""
    return pa.field(field.name, arrow_type(field.type), nullable=field.type.nullable)


def arrow_schema(schema: Schema) -> Any:
    """Return the pyarrow.Schema of a relation."""
    return pa.schema([arrow_field(f) for f in schema])
