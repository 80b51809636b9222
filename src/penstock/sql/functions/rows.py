"""ROW values: making one and taking a field out of it."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import Field, Kind, SqlType
from penstock.data.values import encode_values
from penstock.data.values_parts import row_field
from penstock.sql.functions.coercion import mismatch
from penstock.sql.functions.distinct import by_column, by_value
from penstock.sql.functions.registry import Signature


def _row_types(types: Sequence[SqlType]) -> Signature:
    fields = tuple(Field(f"EXPR${i}", t) for i, t in enumerate(types))
    return Signature(tuple(types), SqlType(Kind.STRUCT, False, fields=fields))


@by_value("ROW", resolve=_row_types, strict=False)
def row(*values: object) -> tuple[object, ...]:
    """Make a ROW of the arguments."""
    return values


def _field_types(types: Sequence[SqlType]) -> Signature:
    """The result type depends on the position; the binder puts it into the call."""
    if len(types) != 2 or types[0].kind is not Kind.STRUCT:
        raise mismatch("FIELD", types)
    fields = types[0].fields
    result = fields[0].type if len(fields) == 1 else SqlType(Kind.NULL)
    return Signature((types[0], SqlType(Kind.INTEGER, False)), result.with_nullable(True))


@by_column("FIELD", resolve=_field_types)
def field(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
    """Return the field at a constant position from 0."""
    if not len(columns[0]):
        return columns[0]
    take = row_field(signature.arguments[0], int(columns[1].words[0]))
    return encode_values([*map(take, pool.values(columns[0].words))], signature.result, pool)
