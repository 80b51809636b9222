"""Transforms that are configured by properties: what they give, what they refuse."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.ports.transform import Surroundings, TransformFailed, TransformKind
from penstock.transform.codecs import CodecTransform, DigestTransform
from penstock.transform.field_parsing import CsvParseTransform, JsonParseTransform, LogParseTransform
from penstock.transform.field_printing import CsvPrintTransform, JsonPrintTransform, StreamPrintTransform
from penstock.transform.normalize import NormalizeTransform
from penstock.transform.splitting import CloneTransform, NullSplitTransform, RouteTransform, UnionSplitTransform
from penstock.transform.value_map import ValueMapTransform
from penstock.transform.wrangle import WrangleTransform
from penstock.transform.xml_fields import XmlJsonTransform, XmlParseTransform, XmlSplitTransform
from tests.unit.transform.plugins import messages, records, rows_by_port, run, schema_text

Rows = list[dict[str, Any]]
LOG = '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "-" "Mozilla/5.0"'


@dataclass
class Case:
    """A configuration, records, what comes out by port, and the codes and messages of what is refused."""

    kind: TransformKind
    properties: dict[str, str]
    schema: str
    rows: Rows
    out: dict[str, Rows]
    refused: list[tuple[int | None, str]] = field(default_factory=list)


CASES = {
    "normalize": Case(
        NormalizeTransform(),
        {
            "fieldMapping": "id:key",
            "fieldNormalizing": "a:name:value,b:name:value",
            "outputSchema": schema_text(key="string?", name="string?", value="string?"),
        },
        schema_text(id="int", a="string?", b="double?"),
        [{"id": 1, "a": "x", "b": 1.5}, {"id": 2, "a": None, "b": 2.0}],
        {
            "": [
                {"key": "1", "name": "a", "value": "x"},
                {"key": "1", "name": "b", "value": "1.5"},
                {"key": "2", "name": "b", "value": "2.0"},
            ]
        },
    ),
    "clone": Case(
        CloneTransform(),
        {"copies": "3"},
        schema_text(a="int"),
        [{"a": 1}, {"a": 2}],
        {"": [{"a": 1}] * 3 + [{"a": 2}] * 3},
    ),
    "split-null": Case(
        NullSplitTransform(),
        {"field": "a"},
        schema_text(a="int?", b="string"),
        [{"a": 1, "b": "x"}, {"a": None, "b": "y"}],
        {"nonnull": [{"a": 1, "b": "x"}], "null": [{"b": "y"}]},
    ),
    "split-null-keeping": Case(
        NullSplitTransform(),
        {"field": "a", "modifySchema": "false"},
        schema_text(a="int?"),
        [{"a": None}],
        {"null": [{"a": None}]},
    ),
    "route": Case(
        RouteTransform(),
        {
            "routingField": "a",
            "portSpecification": "P1:equals(1),P2:in(2|3),P3:starts_with(9)",
            "defaultHandling": "Default Port",
            "nullHandling": "Null Port",
        },
        schema_text(a="string?"),
        [{"a": "1"}, {"a": "3"}, {"a": "95"}, {"a": "7"}, {"a": None}],
        {"P1": [{"a": "1"}], "P2": [{"a": "3"}], "P3": [{"a": "95"}], "Default": [{"a": "7"}], "Null": [{"a": None}]},
    ),
    "parse-csv": Case(
        CsvParseTransform(),
        {"field": "body", "format": "DEFAULT", "schema": schema_text(id="long", a="int?", b="string?")},
        schema_text(id="long", body="string?"),
        [{"id": 1, "body": '5,"x, y"\n6,z'}, {"id": 2, "body": None}],
        {"": [{"id": 1, "a": 5, "b": "x, y"}, {"id": 1, "a": 6, "b": "z"}, {"id": 2, "a": None, "b": None}]},
    ),
    "parse-csv-custom": Case(
        CsvParseTransform(),
        {"field": "body", "format": "Custom", "delimiter": ";", "schema": schema_text(a="int?", b="string?")},
        schema_text(body="string"),
        [{"body": "5;x"}],
        {"": [{"a": 5, "b": "x"}]},
    ),
    "parse-json": Case(
        JsonParseTransform(),
        {"field": "body", "mapping": "a:$.x.y,b:$.z[0]", "schema": schema_text(a="long?", b="string?")},
        schema_text(body="string"),
        [{"body": '{"x":{"y":5},"z":["q"]}'}, {"body": "{}"}],
        {"": [{"a": 5, "b": "q"}, {"a": None, "b": None}]},
    ),
    "print-csv": Case(
        CsvPrintTransform(),
        {"format": "DELIMITED", "delimiter": "VBAR", "schema": schema_text(body="string")},
        schema_text(a="int", b="string?"),
        [{"a": 1, "b": "x|y"}],
        {"": [{"body": '1|"x|y"'}]},
    ),
    "print-json": Case(
        JsonPrintTransform(),
        {"schema": schema_text(body="string")},
        schema_text(a="int", b="string?"),
        [{"a": 1, "b": "x"}],
        {"": [{"body": '{"a":1,"b":"x"}'}]},
    ),
    "parse-xml": Case(
        XmlParseTransform(),
        {"input": "body", "xPathMappings": "t:/r/t,n:/r/n", "fieldTypeMapping": "t:string,n:int"},
        schema_text(body="string"),
        [{"body": "<r><t>x</t><n>4</n></r>"}],
        {"": [{"t": "x", "n": 4}]},
    ),
    "split-xml": Case(
        XmlSplitTransform(),
        {"field": "body", "xPath": "/r/i", "schema": schema_text(a="int?", b="string?")},
        schema_text(body="string"),
        [{"body": "<r><i><a>1</a><b>x</b></i><i><a>2</a></i></r>"}],
        {"": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
    ),
    "xml-to-json": Case(
        XmlJsonTransform(),
        {"inputField": "body", "outputField": "json", "schema": schema_text(json="string")},
        schema_text(body="string"),
        [{"body": "<r><a>1</a></r>"}],
        {"": [{"json": '{"r":{"a":1}}'}]},
    ),
    "encode": Case(
        CodecTransform("encode"),
        {"encode": "a:STRING_BASE64", "schema": schema_text(a="string")},
        schema_text(a="string"),
        [{"a": "hi"}],
        {"": [{"a": "aGk="}]},
    ),
    "decode": Case(
        CodecTransform("decode"),
        {"decode": "a:HEX", "schema": schema_text(a="bytes")},
        schema_text(a="string"),
        [{"a": "6869"}],
        {"": [{"a": b"hi"}]},
    ),
    "decompress": Case(
        CodecTransform("decompress"),
        {"decompressor": "a:GZIP", "schema": schema_text(a="bytes")},
        schema_text(a="bytes"),
        [{"a": gzip.compress(b"hello")}],
        {"": [{"a": b"hello"}]},
    ),
    "digest": Case(
        DigestTransform(),
        {"hash": "MD5", "fields": "a"},
        schema_text(a="string?", b="string"),
        [{"a": "abc", "b": "x"}, {"a": None, "b": "y"}],
        {"": [{"a": "900150983cd24fb0d6963f7d28e17f72", "b": "x"}, {"a": None, "b": "y"}]},
    ),
    "wrangle": Case(
        WrangleTransform(),
        {
            "directives": "uppercase :a\nset-column :n exp:{n * 2}\nsend-to-error exp:{n > 9}",
            "precondition": "a == 'drop'",
            "schema": schema_text(a="string", n="int"),
            "on-error": "send-to-error-port",
        },
        schema_text(a="string", n="int"),
        [{"a": "x", "n": 1}, {"a": "drop", "n": 1}, {"a": "y", "n": 5}],
        {"": [{"a": "X", "n": 2}]},
        [(1, "n > 9  (ecode: 1, directive: send-to-error)")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_transform_when_run_gives_the_documented_records(name: str) -> None:
    case = CASES[name]
    emitted = run(case.kind, case.properties, records(case.schema, case.rows))
    assert rows_by_port(emitted) == case.out
    refused = [pair for r in emitted.rejected for pair in zip(r.codes.to_pylist(), r.messages.to_pylist(), strict=True)]
    assert refused == case.refused


def test_compressed_values_when_decompressed_are_what_they_were() -> None:
    schema, rows = schema_text(a="bytes"), [{"a": b"hello" * 100}, {"a": b""}]
    for kind in ("SNAPPY", "ZIP", "GZIP"):
        small = run(CodecTransform("compress"), {"compressor": f"a:{kind}", "schema": schema}, records(schema, rows))
        back = run(CodecTransform("decompress"), {"decompressor": f"a:{kind}", "schema": schema}, small.batches[0][1])
        assert rows_by_port(back) == {"": rows}


def test_a_union_when_split_goes_by_the_kind_of_its_value() -> None:
    schema = schema_text(a="int?")
    described = UnionSplitTransform().describe({"unionField": "a"}, records(schema, []).schema)
    assert set(described.outputs) == {"int", "null"}


def test_records_that_cannot_be_parsed_when_read_go_out_of_the_error_port() -> None:
    properties = {"field": "body", "format": "DEFAULT", "schema": schema_text(a="int?", b="string?")}
    emitted = run(
        CsvParseTransform(), properties, records(schema_text(body="string"), [{"body": '1,"x'}, {"body": "1,y"}])
    )
    assert rows_by_port(emitted) == {"": [{"a": 1, "b": "y"}]}
    assert [(r.codes.to_pylist(), r.records.to_pylist()) for r in emitted.rejected] == [([31], [{"body": '1,"x'}])]


def test_lines_of_logs_when_parsed_give_their_parts() -> None:
    batch = records(schema_text(line="string"), [{"line": LOG}, {"line": "no log line"}])
    emitted = run(LogParseTransform(), {"logFormat": "CLF", "inputName": "line"}, batch)
    [row] = rows_by_port(emitted)[""]
    assert (row["uri"], row["ip"], row["httpStatus"], row["ts"]) == ("/apache_pb.gif", "127.0.0.1", 200, 971211336000)
    assert sum(r.records.num_rows for r in emitted.rejected) == 1


def test_records_when_printed_to_a_stream_have_a_header_and_a_body() -> None:
    output = schema_text(header='{"type":"map","keys":"string","values":"string"}', body="string")
    properties = {"body": "a,b", "header": "a", "format": "PSV", "schema": output}
    emitted = run(StreamPrintTransform(), properties, records(schema_text(a="int", b="string"), [{"a": 1, "b": "x"}]))
    assert rows_by_port(emitted) == {"": [{"header": [("a", "1")], "body": "1|x"}]}


def test_values_when_mapped_come_from_the_table_else_the_default_else_stay(tmp_path: Path) -> None:
    (tmp_path / "desig.json").write_text('{"1": "CEO", "2": "CTO"}')
    properties = {"mapping": "d:desig:title,e:desig:other", "defaults": "d:none"}
    batch = records(
        schema_text(d="string?", e="string?"), [{"d": "1", "e": "2"}, {"d": "9", "e": "9"}, {"d": None, "e": ""}]
    )
    emitted = run(ValueMapTransform(), properties, batch, Surroundings("Stage", datasets=str(tmp_path)))
    assert rows_by_port(emitted)[""] == [
        {"title": "CEO", "other": "CTO"},
        {"title": "none", "other": "9"},
        {"title": "none", "other": ""},
    ]
    with pytest.raises(TransformFailed, match="desig"):
        ValueMapTransform().open(properties, batch.schema, Surroundings("Stage", datasets=str(tmp_path / "nowhere")))


WRONG: list[tuple[TransformKind, dict[str, str], str]] = [
    (CloneTransform(), {"copies": "0"}, "copies"),
    (NullSplitTransform(), {"field": "zz"}, "zz"),
    (RouteTransform(), {"routingField": "a", "portSpecification": "P1:nofn(1)"}, "nofn"),
    (RouteTransform(), {"routingField": "a", "portSpecification": "P1"}, "P1"),
    (CsvParseTransform(), {"field": "zz", "schema": schema_text(a="int?")}, "zz"),
    (CsvParseTransform(), {"field": "a", "format": "ODD", "schema": schema_text(a="int?")}, "ODD"),
    (JsonParseTransform(), {"field": "a", "mapping": "x:", "schema": schema_text(x="int?")}, "mapping"),
    (LogParseTransform(), {"logFormat": "ODD", "inputName": "a"}, "ODD"),
    (XmlParseTransform(), {"input": "a", "xPathMappings": "x:/r[", "fieldTypeMapping": "x:int"}, "/r["),
    (CodecTransform("encode"), {"encode": "a:ROT13", "schema": schema_text(a="string")}, "ROT13"),
    (DigestTransform(), {"hash": "CRC", "fields": "a"}, "CRC"),
    (WrangleTransform(), {"directives": "no-such-thing :a", "schema": schema_text(a="string")}, "no-such-thing"),
    (
        WrangleTransform(),
        {"directives": "drop :a\nset-column :b exp:{1 +}", "schema": schema_text(a="string")},
        "line 2",
    ),
    (WrangleTransform(), {"precondition": "a ==", "schema": schema_text(a="string")}, "a =="),
    (WrangleTransform(), {"directives": "", "schema": "{}"}, "schema"),
]


@pytest.mark.parametrize(("kind", "properties", "part"), WRONG)
def test_a_configuration_that_is_wrong_when_described_is_found(
    kind: TransformKind, properties: dict[str, str], part: str
) -> None:
    found = messages(kind.describe(properties, records(schema_text(a="string"), []).schema))
    assert found
    assert any(part in message for message in found), found


@pytest.mark.parametrize(
    ("policy", "kept", "refused"), [("skip-error", 1, 0), ("send-to-error-port", 1, 1), (None, None, None)]
)
def test_a_record_that_fails_in_a_recipe_when_a_policy_is_set_follows_it(
    policy: str | None, kept: int | None, refused: int | None
) -> None:
    properties = {"directives": "set-type :a int", "schema": schema_text(a="int")}
    batch = records(schema_text(a="string"), [{"a": "1"}, {"a": "x"}])
    if policy is None:
        with pytest.raises(TransformFailed, match="Stage:Stage - Failing pipeline due to error"):
            run(WrangleTransform(), properties, batch)
        return
    emitted = run(WrangleTransform(), {**properties, "on-error": policy}, batch)
    assert sum(b.num_rows for _, b in emitted.batches) == kept
    assert sum(r.records.num_rows for r in emitted.rejected) == refused


def test_an_sql_precondition_when_false_drops_the_record() -> None:
    properties = {"expressionLanguage": "sql", "preconditionSQL": "a > 1", "schema": schema_text(a="int")}
    assert rows_by_port(run(WrangleTransform(), properties, records(schema_text(a="int"), [{"a": 1}, {"a": 2}]))) == {
        "": [{"a": 2}]
    }
