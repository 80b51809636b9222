"""A program's relations as plain JSON values, the form in which servers hand them to clients.

Source: the dialect's description of compiled programs: type words, precision -1 for unbounded strings, places from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.data.types import VARCHAR, VARIANT, Field, Kind, SqlType
from penstock.sql.plan.explain import explain_view
from penstock.sql.plan.expr import Span
from penstock.sql.plan.nodes import Program, Property, Relation, TableColumn

ERROR_VIEW = Relation(
    "error_view",
    False,
    (Field("table_or_view_name", VARCHAR), Field("message", VARCHAR), Field("metadata", VARIANT)),
    (TableColumn("table_or_view_name", False), TableColumn("message", False), TableColumn("metadata", False)),
    False,
)
"""The built-in view of rows that were refused."""

_SIZED = (Kind.CHAR, Kind.VARCHAR, Kind.BINARY, Kind.VARBINARY)
_CLOCK = (Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)


def program_schema(program: Program) -> dict[str, Any]:
    """Return the schema of a compiled program.

    Keys: inputs and outputs (relations), input_connectors and output_connectors ("<relation>.<connector>" to what was
    declared, with "stream"), plan (view to text). Local views are not among the outputs; the built-in view is the first
    one.
    """
    outputs = [ERROR_VIEW, *[v for v in program.views if not v.local]]
    return {
        "inputs": [relation(t) for t in program.tables],
        "outputs": [relation(v) for v in outputs],
        "input_connectors": _connectors(program.tables),
        "output_connectors": _connectors(program.views),
        "plan": {v.name: explain_view(v) for v in program.views},
    }


def relation(declared: Relation) -> dict[str, Any]:
    """Return a table or view with its columns."""
    fields = [_field(field, column) for field, column in zip(declared.schema, declared.columns, strict=True)]
    key = [declared.schema[k].name for k in declared.primary_key]
    return {
        "name": declared.name,
        "case_sensitive": declared.case_sensitive,
        "fields": fields,
        "materialized": declared.materialized,
        "properties": {p.key: _property(p) for p in declared.properties},
        "primary_key": key or None,
        "foreign_keys": [],
    }


def _field(field: Field, column: TableColumn) -> dict[str, Any]:
    return {
        "name": field.name,
        "case_sensitive": column.case_sensitive,
        "columntype": column_type(field.type),
        "default": column.default_text,
        "lateness": column.lateness_text,
        "watermark": column.watermark_text,
        "unused": column.unused,
    }


def column_type(kind: SqlType) -> dict[str, Any]:
    """Return a type: its word, nullability and, where it has them, precision, scale and parts."""
    shown: dict[str, Any] = {"type": type_word(kind), "nullable": kind.nullable}
    if kind.kind is Kind.DECIMAL:
        shown["precision"], shown["scale"] = kind.precision, kind.scale or 0
    elif kind.kind in _SIZED:
        shown["precision"] = -1 if kind.precision is None else kind.precision
    elif kind.kind in _CLOCK:
        shown["precision"] = kind.precision
    if kind.kind is Kind.ARRAY and kind.element is not None:
        shown["component"] = column_type(kind.element)
    elif kind.kind is Kind.MAP and kind.key is not None and kind.element is not None:
        shown["key"], shown["value"] = column_type(kind.key), column_type(kind.element)
    elif kind.kind is Kind.STRUCT:
        shown["fields"] = [
            {"name": f.name, "case_sensitive": False, "columntype": column_type(f.type)} for f in kind.fields
        ]
    return shown


def type_word(kind: SqlType) -> str:
    """Return the word clients know a type by."""
    if kind.kind in (Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS):
        default = "MONTH" if kind.kind is Kind.INTERVAL_MONTHS else "SECOND"
        words = (kind.qualifier or default).split(" TO ")
        return "INTERVAL_" + "_".join(w.split("(")[0].strip() for w in words)
    return str(kind.kind.value)


def _property(item: Property) -> dict[str, Any]:
    return {"value": item.value, "key_position": _position(item.key_span), "value_position": _position(item.value_span)}


def _position(span: object) -> dict[str, int]:
    if not isinstance(span, Span):
        span = Span(0, 0, 0, 0)
    return {
        "start_line_number": span.start_line,
        "start_column": span.start_column,
        "end_line_number": span.end_line,
        "end_column": span.end_column,
    }


def _connectors(relations: Sequence[Relation]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for declared in relations:
        for index, connector in enumerate(declared.connectors):
            name = connector.get("name", f"unnamed-{index}")
            found[f"{declared.name}.{name}"] = {"stream": declared.name, **connector}
    return found
