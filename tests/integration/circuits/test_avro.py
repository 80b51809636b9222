"""Avro in and out of a circuit: over Kafka's stand-in with a schema registry, and in files."""

import io
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest
from tests.integration.circuits.driving import feed, query, running
from tests.integration.circuits.kafka_broker import kafka_broker
from tests.integration.circuits.test_brokers import connectors, produce
from tests.integration.circuits.test_durability import EXACTLY, finished, kill
from tests.integration.schema_registry import PASSWORD, USER, SchemaRegistry, schema_registry

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import RequestFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with kafka_broker() as address:
        yield address


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with schema_registry() as made:
        yield made


def access(registry: SchemaRegistry) -> dict[str, Any]:
    return {"registry_urls": [registry.url], "registry_username": USER, "registry_password": PASSWORD}


def datum(schema: Any, record: Any, id: int | None) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), record)
    return (b"" if id is None else b"\0" + id.to_bytes(4, "big")) + stream.getvalue()


def messages(address: str, topic: str) -> list[Any]:
    """Return all messages of partition 0."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": address, "group.id": str(uuid.uuid4())})
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), 30)
    consumer.assign([TopicPartition(topic, 0, low)])
    found: list[Any] = []
    while len(found) < high - low:
        found += [message for message in consumer.consume(high - low - len(found), 1.0) if not message.error()]
    consumer.close()
    return found


def decoded(registry: SchemaRegistry, body: bytes) -> Any:
    schema = fastavro.parse_schema(json.loads(registry.schemas[int.from_bytes(body[1:5], "big") - 1]))
    return fastavro.schemaless_reader(io.BytesIO(body[5:]), schema, None)


EVERY = {
    "type": "record",
    "name": "Every",
    "fields": [
        {"name": "b", "type": "boolean"},
        {"name": "i", "type": ["null", "int"]},
        {"name": "l", "type": "long"},
        {"name": "f", "type": "float"},
        {"name": "d", "type": "double"},
        {"name": "s", "type": "string"},
        {"name": "word", "type": {"type": "enum", "name": "Word", "symbols": ["ONE", "TWO"]}},
        {"name": "raw", "type": "bytes"},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "clock", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "u", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "xs", "type": {"type": "array", "items": ["null", "long"]}},
        {"name": "m", "type": {"type": "map", "values": "double"}},
        {"name": "v", "type": "string"},
        {
            "name": "r",
            "type": {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": ["null", "int"]}]},
        },
        {"name": "ignored", "type": "string"},
    ],
}
COLUMNS = """b BOOLEAN, i INT, l BIGINT, f REAL, d DOUBLE, s VARCHAR, word VARCHAR, raw VARBINARY, price DECIMAL(12, 3),
    day DATE, clock TIME, at TIMESTAMP, u UUID, xs BIGINT ARRAY, m MAP<VARCHAR, DOUBLE>, v VARIANT, r ROW(x INT NULL),
    missing INT, defaulted INT DEFAULT 7"""
RECORD = {
    "b": True,
    "i": None,
    "l": -(1 << 40),
    "f": 1.5,
    "d": 2.25,
    "s": "é",
    "word": "TWO",
    "raw": b"\x01\xff",
    "price": Decimal("12.34"),
    "day": date(2024, 2, 29),
    "clock": time(12, 34, 56, 500000),
    "at": datetime(2024, 2, 29, 12, 34, 56, 789000, UTC),
    "u": uuid.UUID("123e4567-e89b-12d3-a456-426614174000"),
    "xs": [1, None, 3],
    "m": {"k": 0.5},
    "v": '{"a":[1]}',
    "r": {"x": 5},
    "ignored": "x",
}


async def test_values_of_every_type_come_in_and_go_out(
    engine: WarmEngine, broker: str, registry: SchemaRegistry
) -> None:
    source, target, kafka = f"in-{uuid.uuid4()}", f"out-{uuid.uuid4()}", {"bootstrap.servers": broker}
    id = registry.register(f"{source}-value", json.dumps(EVERY))
    produce(broker, source, [datum(EVERY, RECORD, id), b"\0\0\0\0\x63x", b"nothing like it", b""])
    arrives = {"topic": source, "enable.partition.eof": True, **kafka}
    program = f"""
    CREATE TABLE t ({COLUMNS}) WITH ('materialized' = 'true', 'connectors' = {
        connectors("kafka_input", arrives, "avro", **access(registry))
    });
    CREATE VIEW every WITH ('connectors' = {
        connectors("kafka_output", {"topic": target, **kafka}, "avro", namespace="n", **access(registry))
    }) AS SELECT * FROM t;
    """
    async with running(engine, program) as circuit:
        stats = await finished(circuit)
        rows = await query(circuit, "SELECT b, i, l, s, word, price, day, clock, at, xs, missing, defaulted FROM t")

    (message,) = messages(broker, target)
    out = decoded(registry, message.value())
    assert [error["message"].partition(":")[0] for error in stats["inputs"][0]["parse_errors"]] == [
        "invalid Avro data"
    ] * 2
    assert rows == [
        {
            "b": True,
            "i": None,
            "l": -(1 << 40),
            "s": "é",
            "word": "TWO",
            "price": 12.34,
            "day": "2024-02-29",
            "clock": "12:34:56.500000",
            "at": "2024-02-29T12:34:56.789",
            "xs": [1, None, 3],
            "missing": None,
            "defaulted": 7,
        }
    ]
    assert out == {k: v for k, v in RECORD.items() if k != "ignored"} | {"missing": None, "defaulted": 7}
    assert registry.subjects[f"{target}-value"]
    assert dict(message.headers())["op"] == b"insert"


ROW = {
    "type": "record",
    "name": "Value",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "n", "type": ["null", "long"], "default": None},
        {"name": "day", "type": {"type": "int", "connect.name": "io.debezium.time.Date"}},
        {"name": "at", "type": {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}},
    ],
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {"name": "before", "type": ["null", ROW], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "op", "type": "string"},
    ],
}


async def test_a_change_feed_is_followed_and_goes_out_by_key(
    engine: WarmEngine, broker: str, registry: SchemaRegistry, tmp_path: Path
) -> None:
    source, target, kafka = f"in-{uuid.uuid4()}", f"out-{uuid.uuid4()}", {"bootstrap.servers": broker}
    id = registry.register("anything", json.dumps(ENVELOPE))

    def row(key: int, n: int | None) -> dict[str, Any]:
        return {"id": key, "n": n, "day": 19782, "at": 1_709_210_096_000_001}

    def produced(*changes: tuple[str, Any, Any]) -> None:
        bodies = [datum(ENVELOPE, {"before": before, "after": after, "op": op}, id) for op, before, after in changes]
        from confluent_kafka import Producer

        producer = Producer(kafka)
        for body in bodies:
            producer.produce(source, body, partition=0)
        assert producer.flush(30) == 0

    program = f"""
    CREATE TABLE t (id INT NOT NULL PRIMARY KEY, n BIGINT, day DATE, at TIMESTAMP) WITH ('connectors' = {
        connectors(
            "kafka_input",
            {"topic": source, "enable.partition.eof": True, "partitions": [0], **kafka},
            "avro",
            update_format="debezium",
            **access(registry),
        )
    });
    CREATE VIEW v WITH ('connectors' = {
        connectors(
            "kafka_output",
            {"topic": target, **kafka},
            "avro",
            update_format="confluent_jdbc",
            subject_name_strategy="record_name",
            **access(registry),
        ).replace('"name": "c"', '"name": "c", "index": "i"', 1)
    }) AS SELECT id, n, day FROM t; CREATE INDEX i ON v (id);
    """
    produced(("r", None, row(1, 10)), ("c", None, row(2, None)))
    async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
        await finished(circuit)
        await kill(circuit)
    produced(("u", row(1, 10), row(1, 11)), ("d", row(2, None), None))
    async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
        await finished(circuit)
        rows = await query(circuit, "SELECT * FROM t")

    found = [
        (decoded(registry, message.key()), None if message.value() is None else decoded(registry, message.value()))
        for message in messages(broker, target)
    ]
    day = date(2024, 2, 29)
    assert rows == [{"id": 1, "n": 11, "day": "2024-02-29", "at": "2024-02-29T12:34:56.000001"}]
    assert sorted(found[:2], key=str) == [
        ({"id": 1}, {"id": 1, "n": 10, "day": day}),
        ({"id": 2}, {"id": 2, "n": None, "day": day}),
    ]
    assert found[2:] == [({"id": 2}, None), ({"id": 1}, {"id": 1, "n": 11, "day": day})]
    assert {"v", "v_key"} <= registry.subjects.keys()


async def test_files_and_bare_messages_are_read_and_written(engine: WarmEngine, tmp_path: Path) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "n", "type": "int"}]}
    fastavro.writer(file := io.BytesIO(), fastavro.parse_schema(schema), [{"n": n} for n in range(1000)])
    (tmp_path / "in.avro").write_bytes(file.getvalue())
    (tmp_path / "in").write_bytes(b"".join(datum(schema, {"n": n}, None) for n in range(3)))
    text = json.dumps(schema)
    program = f"""
    CREATE TABLE t (n INT) WITH ('connectors' = {
        connectors("file_input", {"path": str(tmp_path / "in.avro")}, "avro", schema=text)
    });
    CREATE TABLE u (n INT) WITH ('connectors' = {
        connectors("file_input", {"path": str(tmp_path / "in")}, "avro", schema=text, skip_schema_id=True)
    });
    CREATE MATERIALIZED VIEW c AS SELECT COUNT(*) AS c, SUM(n) AS s FROM t;
    CREATE VIEW v WITH ('connectors' = {
        connectors("file_output", {"path": str(tmp_path / "out")}, "avro", skip_schema_id=True, cdc_field="op")
    }) AS SELECT n FROM u;
    """
    async with running(engine, program) as circuit:
        await finished(circuit)
        counted = await query(circuit, "SELECT * FROM c")
        await feed(circuit, "u", '{"delete":{"n":1}}', "json")

    written = {"type": "record", "name": "v", "fields": [{"name": "n", "type": ["null", "int"]}]}
    written["fields"].append({"name": "op", "type": ["null", "string"]})
    stream = io.BytesIO((tmp_path / "out").read_bytes())
    found = [fastavro.schemaless_reader(stream, fastavro.parse_schema(written), None) for _ in range(4)]
    assert counted == [{"c": 1000, "s": 499500}]
    assert found == [{"n": n, "op": "I"} for n in range(3)] + [{"n": 1, "op": "D"}]
    assert not stream.read()


async def test_a_registry_that_comes_back_is_asked_again(
    engine: WarmEngine, broker: str, registry: SchemaRegistry
) -> None:
    source, kafka = f"in-{uuid.uuid4()}", {"bootstrap.servers": broker}
    schema = {"type": "record", "name": "r", "fields": [{"name": "n", "type": "int"}]}
    produce(broker, source, [datum(schema, {"n": 1}, registry.register("s", json.dumps(schema)))])
    registry.failing = 2
    config = {"topic": source, "enable.partition.eof": True, **kafka}
    program = f"""CREATE TABLE t (n INT) WITH ('materialized' = 'true', 'connectors' = {
        connectors("kafka_input", config, "avro", **access(registry))
    });"""
    async with running(engine, program) as circuit:
        await finished(circuit)

        assert await query(circuit, "SELECT n FROM t") == [{"n": 1}]


@pytest.mark.parametrize(
    ("transport", "options", "said"),
    [
        ("file_input", {}, "schema"),
        ("file_input", {"schema": "{"}, "no Avro schema"),
        ("file_input", {"schema": '"string"'}, "one of a record"),
        ("file_input", {"schema": "{}", "colour": "blue"}, "colour"),
        ("file_input", {"registry_urls": "http://x"}, "list of addresses"),
        ("file_output", {"update_format": "debezium"}, "update_format"),
        ("file_output", {"update_format": "confluent_jdbc"}, "index"),
        ("file_output", {"key_mode": "key_fields"}, "index"),
        ("file_output", {"update_format": "confluent_jdbc", "by_key": True}, "no place for"),
        ("file_output", {"registry_urls": ["http://127.0.0.1:9"], "registry_timeout_secs": 0.1}, "topic"),
    ],
)
async def test_options_that_cannot_work_are_refused_at_the_start(
    engine: WarmEngine, tmp_path: Path, transport: str, options: dict[str, Any], said: str
) -> None:
    (tmp_path / "f").touch()
    options = dict(options)
    by_key = options.pop("by_key", False)
    declared = connectors(transport, {"path": str(tmp_path / "f")}, "avro", **options)
    if by_key:
        declared = declared.replace('"name": "c"', '"name": "c", "index": "i"', 1)
    program = f"CREATE TABLE t (n INT) WITH ('connectors' = {declared});"
    if transport == "file_output":
        program = f"CREATE TABLE t (n INT); CREATE VIEW v WITH ('connectors' = {declared}) AS SELECT n FROM t;"
        program += "CREATE INDEX i ON v (n);"
    with pytest.raises(RequestFailed, match=said):
        async with running(engine, program):
            pass
