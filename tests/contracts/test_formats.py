"""The format contract on every format there is."""

import io
import json
from typing import ClassVar

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.connect.formats.avro import AvroFormat
from penstock.connect.formats.csv import CsvFormat
from penstock.connect.formats.json import JsonFormat
from penstock.connect.formats.parquet import ParquetFormat
from penstock.connect.formats.raw import RawFormat
from penstock.data.types import Kind, SqlType
from tests.contracts.formats import FormatContract, layout


class TestJsonLines(FormatContract):
    format = JsonFormat()
    body = '{"insert":{"id":1,"word":"grün"}}\n{"insert":{"id":2,"word":"a b"}}'.encode()


class TestJsonArray(FormatContract):
    format = JsonFormat()
    options: ClassVar = {"array": True, "update_format": "raw"}
    body = '[{"id":1,"word":"grün"},\n {"id":2,"word":"a b"}]'.encode()


class TestJsonPretty(FormatContract):
    format = JsonFormat()
    options: ClassVar = {"update_format": "raw"}
    body = '{\n  "id": 1,\n  "word": "grün"\n}\n{\n  "id": 2,\n  "word": "a b"\n}\n'.encode()


class TestJsonPositional(FormatContract):
    format = JsonFormat()
    options: ClassVar = {"update_format": "raw"}
    body = '[1,"grün"]\n[2,"a b"]\n'.encode()


class TestJsonWeighted(FormatContract):
    format = JsonFormat()
    options: ClassVar = {"update_format": "weighted"}
    body = '{"weight":1,"data":{"id":1,"word":"grün"}} {"weight":1,"data":{"id":2,"word":"a b"}}'.encode()


class TestCsv(FormatContract):
    format = CsvFormat()
    body = '1,grün\r\n2,"a b"'.encode()


class TestCsvWithHeaders(FormatContract):
    format = CsvFormat()
    options: ClassVar = {"headers": True}
    body = "word,id\ngrün,1\na b,2\n".encode()


def parquet_file() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"WORD": ["grün", "a b"], "id": pa.array([1, 2], pa.int32())}), file)
    return file.getvalue()


class TestParquet(FormatContract):
    format = ParquetFormat()
    body = parquet_file()


class TestRawLines(FormatContract):
    format = RawFormat()
    table = layout(("word", SqlType(Kind.VARCHAR)))
    rows = (("grün", 1), ("a b", 1))
    options: ClassVar = {"mode": "lines"}
    body = "grün\r\na b".encode()


class TestRawBlob(FormatContract):
    format = RawFormat()
    table = layout(("n", SqlType(Kind.INTEGER)), ("data", SqlType(Kind.VARBINARY)))
    rows = ((None, b"\x00\xff\n", 1),)
    options: ClassVar = {"column_name": "DATA"}
    body = b"\x00\xff\n"


AVRO = {
    "type": "record",
    "name": "r",
    "fields": [{"name": "ID", "type": "int"}, {"name": "word", "type": ["null", "string"]}],
}


def avro_data(head: bytes) -> bytes:
    schema = fastavro.parse_schema(AVRO)
    data = io.BytesIO()
    for row in ({"ID": 1, "word": "grün"}, {"ID": 2, "word": "a b"}):
        data.write(head)
        fastavro.schemaless_writer(data, schema, row)
    return data.getvalue()


class TestAvroMessages(FormatContract):
    format = AvroFormat()
    options: ClassVar = {"schema": json.dumps(AVRO)}
    body = avro_data(b"\0\0\0\0\7")


class TestAvroBare(FormatContract):
    format = AvroFormat()
    options: ClassVar = {"schema": json.dumps(AVRO), "skip_schema_id": True}
    body = avro_data(b"")
