"""Avro schemas: those of relations, and those of others made ready for reading."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from penstock.data.types import BINARIES, FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values_scalars import decimal_size
from penstock.ports.format import ColumnLayout, FormatRefused

__all__ = ["parsed", "record_schema"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONNECT = {
    "io.debezium.time.Date": "date",
    "io.debezium.time.Time": "time-millis",
    "io.debezium.time.MicroTime": "time-micros",
    "io.debezium.time.Timestamp": "timestamp-millis",
    "io.debezium.time.MicroTimestamp": "timestamp-micros",
    "io.debezium.data.Uuid": "uuid",
    "org.apache.kafka.connect.data.Date": "date",
    "org.apache.kafka.connect.data.Time": "time-millis",
    "org.apache.kafka.connect.data.Timestamp": "timestamp-millis",
}
"""Types that change feeds name in their own way, by the logical types that they are."""
_SMALL = (Kind.TINYINT, Kind.SMALLINT, Kind.INTEGER, Kind.UTINYINT, Kind.USMALLINT)


@lru_cache(maxsize=1024)
def parsed(text: str) -> Any:
    """Return a schema as the library reads by it, with the types of change feeds. Raises: ValueError."""
    from fastavro.schema import SchemaParseException, UnknownType, parse_schema

    try:
        schema = json.loads(text)
        # A document of one word is a schema too: "string" with or without its quotes.
        return parse_schema(_with_logical_types(schema))
    except (SchemaParseException, UnknownType, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no Avro schema: {error}") from error


def _with_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_logical_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: _with_logical_types(item) if name in ("type", "items", "values") else item
        for name, item in schema.items()
    }
    if "fields" in schema:
        made["fields"] = [_with_logical_types(field) for field in schema["fields"]]
    logical = _CONNECT.get(schema.get("connect.name", ""))
    if logical is not None and "logicalType" not in schema:
        made["logicalType"] = logical
    return made


def record_schema(
    name: str, namespace: str | None, columns: Sequence[ColumnLayout], more: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the schema of rows. more: names of further fields, of text. Raises: FormatRefused."""
    fields = [{"name": _checked(c.name), "type": _avro_type(c.type, f"{name}_{c.name}")} for c in columns]
    fields += [{"name": _checked(field), "type": ["null", "string"], "default": None} for field in more]
    for column, field in zip(columns, fields, strict=False):
        if column.type.nullable:
            field["default"] = None
    record = {"type": "record", "name": _checked(name), "fields": fields}
    return record | ({"namespace": namespace} if namespace else {})


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise FormatRefused(f"{name!r} is no name in Avro: letters, digits and _ are allowed in one")
    return name


def _avro_type(type: SqlType, name: str) -> Any:
    made = _plain_type(type, name)
    return ["null", made] if type.nullable else made


def _plain_type(type: SqlType, name: str) -> Any:
    kind = type.kind
    simple: Mapping[Kind, Any] = {
        Kind.BOOLEAN: "boolean",
        Kind.REAL: "float",
        Kind.DOUBLE: "double",
        Kind.DATE: {"type": "int", "logicalType": "date"},
        Kind.TIME: {"type": "long", "logicalType": "time-micros"},
        Kind.TIMESTAMP: {"type": "long", "logicalType": "timestamp-micros"},
        Kind.TIMESTAMP_TZ: {"type": "long", "logicalType": "timestamp-micros"},
        Kind.UUID: {"type": "string", "logicalType": "uuid"},
        Kind.VARIANT: "string",
        Kind.UBIGINT: {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 0},
    }
    if kind in simple and (kind in FLOATS or kind not in _SMALL):
        return simple[kind]
    if kind in _SMALL:
        return "int"
    if kind in INTEGER_BITS:
        return "long"
    if kind in STRINGS:
        return "string"
    if kind in BINARIES:
        return "bytes"
    if kind is Kind.DECIMAL:
        precision, scale = decimal_size(type)
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    if kind is Kind.ARRAY and type.element is not None:
        return {"type": "array", "items": _avro_type(type.element, f"{name}_item")}
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        if type.key.kind not in STRINGS:
            raise FormatRefused("a MAP has keys of text in Avro")
        return {"type": "map", "values": _avro_type(type.element, f"{name}_value")}
    if kind is Kind.STRUCT:
        fields = [{"name": _checked(f.name), "type": _avro_type(f.type, f"{name}_{f.name}")} for f in type.fields]
        return {"type": "record", "name": _checked(name), "fields": fields}
    raise FormatRefused(f"{kind.value} has no form in Avro")
