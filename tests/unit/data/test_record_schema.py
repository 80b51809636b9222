"""Schemas of records in JSON and in Arrow."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from penstock.data.record_schema import SchemaInvalid, parse_schema, print_schema

FIELDS = [
    {"name": "a", "type": "int"},
    {"name": "b", "type": ["string", "null"]},
    {"name": "c", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
    {"name": "d", "type": [{"type": "long", "logicalType": "timestamp-micros"}, "null"]},
    {"name": "e", "type": {"type": "array", "items": ["long", "null"]}},
    {"name": "f", "type": {"type": "map", "keys": "string", "values": "double"}},
    {"name": "g", "type": {"type": "record", "name": "x_g", "fields": [{"name": "h", "type": "boolean"}]}},
    {"name": "i", "type": {"type": "string", "logicalType": "datetime"}},
    {"name": "j", "type": {"type": "enum", "symbols": ["A", "B"]}},
]


def test_a_schema_survives_the_way_to_arrow_and_back() -> None:
    text = json.dumps({"type": "record", "name": "x", "fields": FIELDS})

    assert json.loads(print_schema(parse_schema(text), "x")) == json.loads(text)


def test_null_may_stand_first_in_a_union() -> None:
    schema = parse_schema({"type": "record", "name": "x", "fields": [{"name": "a", "type": ["null", "int"]}]})

    assert schema.field("a").nullable
    assert schema.field("a").type == pa.int32()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ('"string"', "not that of a record"),
        ('{"type":"record","fields":[{"name":"a","type":"what"}]}', "there is no type 'what'"),
        ('{"type":"record","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}', "two fields"),
        ('{"type":"record","name":"r","fields":[{"name":"a","type":["r","null"]}]}', "contains itself"),
    ],
)
def test_a_text_that_is_no_schema_says_why(text: str, said: str) -> None:
    with pytest.raises(SchemaInvalid, match=said):
        parse_schema(text)
