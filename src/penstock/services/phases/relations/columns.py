"""Records' types as the circuit's, and small expressions over columns."""

from __future__ import annotations

import pyarrow as pa

from penstock.data.types import Field, Kind, Schema, SqlType
from penstock.sql.plan.expr import Call, Cast, ColumnRef, Expr

__all__ = ["TypeUnsupported", "cast_to", "column", "is_null", "sql_schema", "sql_type"]


class TypeUnsupported(ValueError):
    """A type of records that no circuit holds."""


_PLAIN: tuple[tuple[pa.DataType, SqlType], ...] = (
    (pa.bool_(), SqlType(Kind.BOOLEAN)),
    (pa.int32(), SqlType(Kind.INTEGER)),
    (pa.int64(), SqlType(Kind.BIGINT)),
    (pa.float32(), SqlType(Kind.REAL)),
    (pa.float64(), SqlType(Kind.DOUBLE)),
    (pa.string(), SqlType(Kind.VARCHAR)),
    (pa.binary(), SqlType(Kind.VARBINARY)),
    (pa.date32(), SqlType(Kind.DATE)),
    (pa.null(), SqlType(Kind.NULL)),
)


def sql_type(kind: pa.DataType, nullable: bool = True) -> SqlType:
    """Return the circuit's type for one of records. Raises: TypeUnsupported."""
    for known, type in _PLAIN:
        if kind.equals(known):
            return type.with_nullable(nullable or known.equals(pa.null()))
    types = pa.types
    if types.is_decimal128(kind):
        return SqlType(Kind.DECIMAL, nullable, kind.precision, kind.scale)
    if types.is_timestamp(kind):
        return SqlType(Kind.TIMESTAMP_TZ if kind.tz else Kind.TIMESTAMP, nullable, 6)
    if types.is_time(kind):
        return SqlType(Kind.TIME, nullable, 9)
    if types.is_list(kind):
        return SqlType(Kind.ARRAY, nullable, element=sql_type(kind.value_type, kind.value_field.nullable))
    if types.is_map(kind):
        element = sql_type(kind.item_type, kind.item_field.nullable)
        return SqlType(Kind.MAP, nullable, key=sql_type(kind.key_type, False), element=element)
    if types.is_struct(kind):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return SqlType(
            Kind.STRUCT, nullable, fields=tuple(Field(f.name, sql_type(f.type, f.nullable)) for f in members)
        )
    raise TypeUnsupported(f"values of the type {kind} cannot be joined or grouped")


def sql_schema(schema: pa.Schema) -> Schema:
    """Return the circuit's columns for fields. Raises: TypeUnsupported that names the field."""
    columns = []
    for field in schema:
        try:
            columns.append(Field(field.name, sql_type(field.type, field.nullable)))
        except TypeUnsupported as error:
            raise TypeUnsupported(f"field '{field.name}': {error}") from None
    return tuple(columns)


def column(schema: Schema, name: str) -> ColumnRef:
    """Return a reference to a column by name."""
    index = next(i for i, field in enumerate(schema) if field.name == name)
    return ColumnRef(index, schema[index].type)


def cast_to(expr: Expr, type: SqlType) -> Expr:
    """Return an expression of another type, as nullable as it was."""
    wanted = type.with_nullable(expr.type.nullable)
    return expr if expr.type == wanted else Cast(expr, wanted)


def is_null(expr: Expr) -> Expr:
    """Return whether an expression is null."""
    return Call("IS NULL", (expr,), SqlType(Kind.BOOLEAN, False))
