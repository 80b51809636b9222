"""Files as records: what is read, what is refused, what is detected; and what is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from penstock.connect.records.delimited import Delimited
from penstock.connect.records.detection import clean_names, detect_delimited
from penstock.connect.records.file_sink import FileSink
from penstock.connect.records.file_source import FileSource
from penstock.connect.records.listing import list_files
from penstock.connect.records.places import Places, PlaceUnknown
from penstock.connect.records.printing import print_delimited, print_json
from penstock.ports.records import ReadFailed, WriteFailed
from penstock.ports.transform import MAIN, Surroundings

SCHEMA = pa.schema([pa.field("a", pa.string()), pa.field("b", pa.int32()), pa.field("c", pa.float64())])


def read(data: bytes, **more: Any) -> list[tuple[Any, ...]]:
    batch = Delimited(SCHEMA, more.pop("delimiter", ","), **more).parse(data, "f")
    return [tuple(row.values()) for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"x,1,2.5\r\ny,,3\r\n", [("x", 1, 2.5), ("y", None, 3.0)]),
        (b"x,1\n,2,3\n", [("x", 1, None), (None, 2, 3.0)]),
        (b'"q",1,2\n', [('"q"', 1, 2.0)]),
        (b" x ,1,2", [(" x ", 1, 2.0)]),
        (b"x,+1, 2.5\n", [("x", 1, 2.5)]),
    ],
)
def test_lines_are_read_without_trimming_or_quoting(data: bytes, expected: list[Any]) -> None:
    assert read(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'"x,y",1,2\n', [("x,y", 1, 2.0)]),
        (b'a"b,c"d,1,2\n', [("ab,cd", 1, 2.0)]),
        (b'"a""b",1,2\n', [("ab", 1, 2.0)]),
    ],
)
def test_quotes_keep_delimiters_and_vanish_where_they_are_enabled(data: bytes, expected: list[Any]) -> None:
    assert read(data, quoted=True) == expected


def test_quoted_values_may_span_lines_where_that_is_enabled() -> None:
    assert read(b'"x\ny",1,2\n', quoted=True, multiline=True) == [("x\ny", 1, 2.0)]


@pytest.mark.parametrize(
    ("data", "quoted", "said"),
    [
        (b"x,1,2,3\n", False, "4 values, but the schema has 3"),
        (b"x,zz,2\n", False, "'zz'"),
        (b'"x,1,2\n', True, "unenclosed quote"),
    ],
)
def test_a_line_that_does_not_fit_fails_with_what_is_wrong(data: bytes, quoted: bool, said: str) -> None:
    with pytest.raises(ReadFailed, match=said):
        read(data, quoted=quoted)


def test_a_delimiter_may_have_several_characters() -> None:
    assert read(b"x::1::2\n", delimiter="::") == [("x", 1, 2.0)]


def test_names_and_types_are_detected() -> None:
    rows = [["1", "2", "x", "true", ""], ["3000000000", "2.5", "y", "false"]]
    schema = detect_delimited(rows, ["my id", "2nd", "", "x", "x"], {})

    assert clean_names(["my id", "2nd", "", "x", "X"]) == ["my_id", "col_2nd", "BLANK", "x", "X_2"]
    assert [str(field.type) for field in schema] == ["int64", "double", "string", "bool", "string"]
    assert [field.nullable for field in schema] == [False, False, False, False, True]


def test_hidden_files_are_passed_over_and_whole_paths_are_matched(tmp_path: Path) -> None:
    for name in ("a1.csv", "b2.csv", "_SUCCESS", ".c"):
        (tmp_path / name).write_text("")

    assert list_files(tmp_path / "none", recursive=False, pattern=None) is None
    found = list_files(tmp_path, recursive=False, pattern=re.compile(r".+1\.csv"))
    assert [file.name for file in found or ()] == ["a1.csv"]
    found = list_files(tmp_path / "{a1,b2}.csv", recursive=False, pattern=None)
    assert [file.name for file in found or ()] == ["a1.csv", "b2.csv"]


def test_schemes_are_mapped_to_folders_or_refused() -> None:
    places = Places.parse("gs=/srv/gs, s3=/srv/s3")

    assert places.local("gs://bucket/x") == Path("/srv/gs/bucket/x")
    assert places.local("s3a://bucket/x") == Path("/srv/s3/bucket/x")
    assert places.local("file:/a%20b") == Path("/a b")
    for path in ("hdfs://n/x", "gs://b/../../etc"):
        with pytest.raises(PlaceUnknown):
            places.local(path)


def test_lines_are_printed_without_quotes_and_json_with_escapes() -> None:
    batch = pa.RecordBatch.from_pylist([{"a": 'x,"y', "b": None, "c": 1e10}], schema=SCHEMA)

    assert bytes(print_delimited(batch, ",")) == b'x,"y,,1.0E10\n'
    assert bytes(print_json(batch)) == b'{"a":"x,\\"y","b":null,"c":1.0E10}\n'


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "avro", "parquet", "orc"])
def test_what_is_written_is_read_again(form: str, tmp_path: Path) -> None:
    places = Places()
    batch = pa.RecordBatch.from_pylist([{"a": "x", "b": 1, "c": 2.5}, {"a": "y", "b": None, "c": None}], schema=SCHEMA)
    sink = FileSink(places).open({"path": str(tmp_path / "out"), "format": form}, SCHEMA, Surroundings("s"))
    sink.write(batch)
    assert not (tmp_path / "out").exists()
    sink.commit()

    source = FileSource(places)
    found = source.read({"path": str(tmp_path / "out"), "format": form}, SCHEMA, Surroundings("s"))
    assert pa.Table.from_batches(list(found), SCHEMA).to_pylist() == batch.to_pylist()


def test_a_sink_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    sink = FileSink(Places()).open({"path": str(tmp_path / "out"), "format": "csv"}, SCHEMA, Surroundings("s"))
    sink.abort()

    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(WriteFailed, match="already exists"):
        FileSink(Places()).open({"path": str(tmp_path), "format": "csv"}, SCHEMA, Surroundings("s"))


def test_all_that_is_wrong_with_a_source_is_said_at_once(tmp_path: Path) -> None:
    properties = {"path": str(tmp_path), "format": "what", "override": "a", "fileRegex": "("}
    found = FileSource(Places()).describe(properties)

    assert {finding.property for finding in found.findings} == {"format", "override", "fileRegex"}
    assert found.outputs[MAIN] is None
