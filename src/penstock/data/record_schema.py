"""Schemas of records: their JSON form, and the Arrow types that stand for it. Pure.

The JSON form is Avro's, with a few more logical types: `{"type": "record", "name": …, "fields": [{"name", "type"}]}`;
a type is a name, a list (union) or an object. A union of one type with null is a nullable field.

| JSON | Arrow |
|---|---|
| boolean, int, long, float, double, bytes, string, null | bool, int32, int64, float32, float64, binary, string, null |
| enum | string, with the symbols in the field's metadata |
| array, map, record | list, map, struct |
| union of several types | dense union |
| int date; int time-millis; long time-micros | date32; time32[ms]; time64[us] |
| long timestamp-millis, timestamp-micros | timestamp[ms or us, UTC] |
| string datetime | timestamp[us] without a zone |
| bytes decimal(precision, scale) | decimal128 or decimal256 |

Source: Avro 1.11 specification, "Schema Declaration"; `datetime` and free map keys are additions of pipelines in use.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

__all__ = ["SchemaInvalid", "parse_schema", "print_schema", "schema_json", "type_name"]

_PRIMITIVES: dict[str, pa.DataType] = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
_LOGICAL: dict[str, pa.DataType] = {
    "date": pa.date32(),
    "time-millis": pa.time32("ms"),
    "time-micros": pa.time64("us"),
    "timestamp-millis": pa.timestamp("ms", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "datetime": pa.timestamp("us"),
}
_LOGICAL_BASE = {
    "date": "int",
    "time-millis": "int",
    "time-micros": "long",
    "timestamp-millis": "long",
    "timestamp-micros": "long",
    "datetime": "string",
}
_SYMBOLS = b"symbols"


class SchemaInvalid(ValueError):
    """A text that is no schema of records. The message says what is wrong and where."""


def parse_schema(text: str | dict[str, Any]) -> pa.Schema:
    """Read the JSON form of a record schema.

    Raises: SchemaInvalid if it is none, or the schema of something else than a record, or refers to itself.
    """
    parsed: Any = text
    if isinstance(text, str):
        try:
            parsed = json.loads(text)
        except ValueError as error:
            raise SchemaInvalid(f"the schema is no JSON: {error}") from None
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise SchemaInvalid("the schema is not that of a record; it needs the members type, name and fields")
    return pa.schema(_fields(parsed, {}))


def schema_json(schema: pa.Schema, name: str = "record") -> dict[str, Any]:
    """Return the JSON form of a schema, as an object."""
    return {"type": "record", "name": name, "fields": [_field_json(field, f"{name}_") for field in schema]}


def print_schema(schema: pa.Schema, name: str = "record") -> str:
    """Return the JSON form of a schema, as compact text."""
    return json.dumps(schema_json(schema, name), separators=(",", ":"))


def type_name(kind: pa.DataType) -> str:
    """Return what users call a type: `int`, `string`, `timestamp-micros`, `decimal`, `array` …"""
    shown = _type_json(kind, "r_")
    if isinstance(shown, dict):
        return str(shown.get("logicalType") or shown["type"])
    return "union" if isinstance(shown, list) else str(shown)


def _fields(record: dict[str, Any], named: dict[str, pa.DataType | None]) -> list[pa.Field]:
    declared = record.get("fields")
    if not isinstance(declared, list):
        raise SchemaInvalid("a record needs a list of fields")
    name = record.get("name")
    if isinstance(name, str):
        named[name] = None
    fields: list[pa.Field] = []
    for member in declared:
        if not isinstance(member, dict) or not isinstance(member.get("name"), str) or "type" not in member:
            raise SchemaInvalid(f"a field needs a name and a type; {member!r} has not both")
        if any(field.name == member["name"] for field in fields):
            raise SchemaInvalid(f"there are two fields called {member['name']!r}")
        fields.append(_field(member["name"], member["type"], named))
    if isinstance(name, str):
        named[name] = pa.struct(fields)
    return fields


def _field(name: str, declared: Any, named: dict[str, pa.DataType | None]) -> pa.Field:
    kind, nullable = _type(declared, named)
    metadata = None
    if isinstance(declared, dict) and declared.get("type") == "enum":
        metadata = {_SYMBOLS: json.dumps(declared.get("symbols", [])).encode()}
    return pa.field(name, kind, nullable=nullable or pa.types.is_null(kind), metadata=metadata)


def _type(declared: Any, named: dict[str, pa.DataType | None]) -> tuple[pa.DataType, bool]:
    """Return the Arrow type and whether it is nullable."""
    if isinstance(declared, str):
        return _named_type(declared, named), False
    if isinstance(declared, list):
        return _union(declared, named)
    if not isinstance(declared, dict) or "type" not in declared:
        raise SchemaInvalid(f"{declared!r} is no type")
    return _object_type(declared, named)


def _named_type(name: str, named: dict[str, pa.DataType | None]) -> pa.DataType:
    if name in _PRIMITIVES:
        return _PRIMITIVES[name]
    if name in named:
        known = named[name]
        if known is None:
            raise SchemaInvalid(f"the record {name!r} contains itself; records of unbounded depth are not supported")
        return known
    raise SchemaInvalid(f"there is no type {name!r}; there are {', '.join(_PRIMITIVES)}")


def _union(members: list[Any], named: dict[str, pa.DataType | None]) -> tuple[pa.DataType, bool]:
    others = [member for member in members if member != "null"]
    nullable = len(others) < len(members)
    if not others:
        return pa.null(), True
    if len(others) == 1:
        return _type(others[0], named)[0], nullable
    kinds = [_type(member, named)[0] for member in others]
    fields = [pa.field(type_name(kind), kind) for kind in kinds]
    return pa.dense_union(fields), nullable


def _object_type(declared: dict[str, Any], named: dict[str, pa.DataType | None]) -> tuple[pa.DataType, bool]:
    base, logical = declared["type"], declared.get("logicalType")
    if logical == "decimal":
        precision, scale = int(declared.get("precision", 38)), int(declared.get("scale", 0))
        try:
            return (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale), False
        except (ValueError, pa.ArrowInvalid) as error:
            raise SchemaInvalid(f"decimal({precision}, {scale}) cannot be: {error}") from None
    if isinstance(logical, str) and logical in _LOGICAL:
        return _LOGICAL[logical], False
    match base:
        case "record":
            return pa.struct(_fields(declared, named)), False
        case "array":
            kind, nullable = _type(declared.get("items"), named)
            return pa.list_(pa.field("item", kind, nullable=nullable)), False
        case "map":
            key, _ = _type(declared.get("keys", "string"), named)
            kind, nullable = _type(declared.get("values"), named)
            return pa.map_(key, pa.field("value", kind, nullable=nullable)), False
        case "enum":
            return pa.string(), False
    return _type(base, named)


def _field_json(field: pa.Field, prefix: str) -> dict[str, Any]:
    if field.metadata and _SYMBOLS in field.metadata:
        shown: Any = {"type": "enum", "symbols": json.loads(field.metadata[_SYMBOLS])}
    else:
        shown = _type_json(field.type, f"{prefix}{field.name}_")
    if field.nullable and shown != "null":
        shown = [*(shown if isinstance(shown, list) else [shown]), "null"]
    return {"name": field.name, "type": shown}


def _type_json(kind: pa.DataType, prefix: str) -> Any:
    for name, known in _PRIMITIVES.items():
        if kind.equals(known):
            return name
    for name, known in _LOGICAL.items():
        if kind.equals(known):
            return {"type": _LOGICAL_BASE[name], "logicalType": name}
    if pa.types.is_decimal(kind):
        return {"type": "bytes", "logicalType": "decimal", "precision": kind.precision, "scale": kind.scale}
    if pa.types.is_map(kind):
        value = kind.item_field
        return {"type": "map", "keys": _type_json(kind.key_type, prefix), "values": _nullable_json(value, prefix)}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return {"type": "array", "items": _nullable_json(kind.value_field, prefix)}
    if pa.types.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return {"type": "record", "name": prefix.rstrip("_"), "fields": [_field_json(f, prefix) for f in fields]}
    if pa.types.is_union(kind):
        return [_type_json(kind.field(i).type, prefix) for i in range(kind.num_fields)]
    return _type_json(_plain(kind), prefix)


def _nullable_json(field: pa.Field, prefix: str) -> Any:
    shown = _type_json(field.type, prefix)
    return [shown, "null"] if field.nullable and shown != "null" else shown


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the table above that holds every value of a type that is not in it."""
    types = pa.types
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if types.is_dictionary(kind):
        return kind.value_type
    if types.is_integer(kind):
        return pa.int32() if kind.bit_width < 32 or kind.equals(pa.int32()) else pa.int64()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC") if kind.tz else pa.timestamp("us")
    if types.is_date(kind):
        return pa.date32()
    if types.is_time(kind):
        return pa.time64("us")
    raise SchemaInvalid(f"the type {kind} has no form in schemas of records")
