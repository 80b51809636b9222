"""Connectors whose other end is a server: Kafka's stand-in, Redis, NATS, PostgreSQL, a store of objects."""

import asyncio
import http.server
import json
import random
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.integration.circuits.driving import feed, query, running
from tests.integration.circuits.kafka_broker import kafka_broker
from tests.integration.circuits.test_durability import EXACTLY, ROUNDS, finished, kill

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.remote import RemoteCircuit

HEADER = {"name": "kind", "pattern": "^odd"}

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with kafka_broker() as address:
        yield address


def needs(name: str, port: int) -> None:
    """Skip a test whose server is not on this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        pytest.skip(f"no {name} answers on 127.0.0.1:{port}")


def connectors(name: str, config: dict[str, Any], format: str | None = "json", **options: Any) -> str:
    connector: dict[str, Any] = {"name": "c", "transport": {"name": name, "config": config}}
    if format is not None:
        connector["format"] = {"name": format, "config": options}
    return "'" + json.dumps([connector]).replace("'", "''") + "'"


def produce(address: str, topic: str, bodies: list[bytes]) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": address})
    for number, body in enumerate(bodies):
        producer.produce(topic, body, partition=number % 4)
    assert producer.flush(30) == 0


def consumed(address: str, topic: str) -> list[bytes]:
    """Return all messages of a topic."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": address, "group.id": str(uuid.uuid4())})
    bodies: list[bytes] = []
    for partition in range(4):
        place = TopicPartition(topic, partition)
        low, high = consumer.get_watermark_offsets(place, 30)
        consumer.assign([TopicPartition(topic, partition, low)])
        found: list[bytes] = []
        while len(found) < high - low:
            found += [
                message.value() for message in consumer.consume(high - low - len(found), 1.0) if not message.error()
            ]
        bodies += found
    consumer.close()
    return bodies


def integral(bodies: list[bytes]) -> Counter[str]:
    """Return the rows that messages of changes come to."""
    rows: Counter[str] = Counter()
    for body in bodies:
        for line in body.splitlines():
            ((action, row),) = json.loads(line).items()
            rows[json.dumps(row)] += 1 if action == "insert" else -1
    return Counter({row: count for row, count in rows.items() if count})


async def until_rows(circuit: RemoteCircuit, sql: str, rows: list[Any]) -> None:
    found: Any = None
    try:
        async with asyncio.timeout(60):
            while (found := await query(circuit, sql)) != rows:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{found} is not {rows}") from None


async def test_a_topic_comes_in_and_goes_out(engine: WarmEngine, broker: str) -> None:
    source, target = f"in-{uuid.uuid4()}", f"out-{uuid.uuid4()}"
    produce(broker, source, [b'{"insert":{"n":%d}}' % n for n in range(50)] + [b"not json"])
    settings = {"bootstrap.servers": broker}
    program = f"""
    CREATE TABLE t (n INT NOT NULL) WITH ('materialized' = 'true', 'connectors' = {
        connectors("kafka_input", {"topic": source, "enable.partition.eof": True, **settings})
    });
    CREATE MATERIALIZED VIEW v WITH ('connectors' = {
        connectors("kafka_output", {"topic": target, **settings})
    }) AS SELECT MOD(n, 5) AS k, SUM(n) AS s FROM t GROUP BY MOD(n, 5);
    """
    async with running(engine, program) as circuit:
        stats = await finished(circuit)
        rows = await query(circuit, "SELECT k, s FROM v ORDER BY k")

    wanted = [{"k": k, "s": sum(range(k, 50, 5))} for k in range(5)]
    assert rows == wanted
    assert stats["inputs"][0]["metrics"]["num_parse_errors"] == 1
    assert integral(consumed(broker, target)) == Counter(json.dumps(row) for row in wanted)


async def test_settings_that_kafka_does_not_have_are_refused(engine: WarmEngine, broker: str) -> None:
    config = {"topic": "t", "bootstrap.servers": broker, "colour": "blue"}
    program = f"CREATE TABLE t (n INT) WITH ('connectors' = {connectors('kafka_input', config)});"

    with pytest.raises(RequestFailed, match="colour"):
        async with running(engine, program):
            pass


async def test_killed_at_random_moments_each_message_counts_once(
    engine: WarmEngine, broker: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    source, target, settings = f"in-{uuid.uuid4()}", f"out-{uuid.uuid4()}", {"bootstrap.servers": broker}
    count = 4000
    produce(broker, source, [b'{"insert":{"n":%d}}' % n for n in range(count)])
    program = f"""
    CREATE TABLE t (n INT NOT NULL) WITH ('connectors' = {
        connectors("kafka_input", {"topic": source, "enable.partition.eof": True, **settings})
    });
    CREATE VIEW v WITH ('connectors' = {
        connectors("kafka_output", {"topic": target, **settings}, buffer_size_records=100)
    }) AS SELECT n FROM t;
    CREATE MATERIALIZED VIEW c AS SELECT COUNT(*) AS c, SUM(n) AS s FROM t;
    """
    for _ in range(ROUNDS):
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await asyncio.sleep(chance.uniform(0, 0.3))
            if chance.random() < 0.3:
                await circuit.checkpoint()
            await kill(circuit)
    async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
        await finished(circuit)
        counted = await query(circuit, "SELECT * FROM c")

    lines = [line for body in consumed(broker, target) for line in body.splitlines()]
    assert counted == [{"c": count, "s": sum(range(count))}], f"seed {seed}"
    assert sorted(lines) == sorted(b'{"insert":{"n":%d}}' % n for n in range(count)), f"seed {seed}"


async def test_columns_have_what_is_told_of_their_message(engine: WarmEngine, broker: str, tmp_path: Path) -> None:
    from confluent_kafka import Producer

    topic, settings = f"in-{uuid.uuid4()}", {"bootstrap.servers": broker}
    producer = Producer(settings)
    for n in range(20):
        headers = [("kind", b"even" if n % 2 == 0 else b"odd"), ("n", str(n).encode())]
        producer.produce(
            topic, b'{"insert":{"n":%d}}' % n, partition=1, headers=headers, timestamp=1_700_000_000_000 + n
        )
    assert producer.flush(30) == 0
    config = {"topic": topic, "enable.partition.eof": True, "header_filter": {"not": {"header": HEADER}}, **settings}
    config |= {f"include_{name}": True for name in ("topic", "partition", "offset", "timestamp", "headers")}
    program = f"""
    CREATE TABLE t (
        n INT NOT NULL,
        topic VARCHAR DEFAULT CAST(CONNECTOR_METADATA()['kafka_topic'] AS VARCHAR),
        part INT DEFAULT CAST(CONNECTOR_METADATA()['kafka_partition'] AS INT),
        place BIGINT DEFAULT CAST(CONNECTOR_METADATA()['kafka_offset'] AS BIGINT),
        at TIMESTAMP DEFAULT CAST(CONNECTOR_METADATA()['kafka_timestamp'] AS TIMESTAMP),
        head VARBINARY DEFAULT CAST(CONNECTOR_METADATA()['kafka_headers']['n'] AS VARBINARY)
    ) WITH ('connectors' = {connectors("kafka_input", config)});
    CREATE MATERIALIZED VIEW v AS SELECT n, topic, part, place, at, BIN2UTF8(head) AS head FROM t;
    """
    async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
        await finished(circuit)
        await kill(circuit)
    async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
        await finished(circuit)
        await feed(circuit, "t", '{"insert":{"n":100}}', "json")
        await until_rows(circuit, "SELECT COUNT(*) AS c FROM v", [{"c": 11}])
        rows = await query(circuit, "SELECT * FROM v ORDER BY n")

    told = {"topic": topic, "part": 1}
    assert rows[:-1] == [
        {"n": n, **told, "place": n, "at": f"2023-11-14T22:13:20.{n:03d}".removesuffix(".000"), "head": str(n)}
        for n in range(0, 20, 2)
    ]
    assert rows[-1] == {"n": 100, "topic": None, "part": None, "place": None, "at": None, "head": None}


async def test_rows_have_keys_in_redis_and_go_with_the_row(engine: WarmEngine) -> None:
    needs("Redis", 6379)
    import redis

    prefix = uuid.uuid4().hex
    config = {"connection_string": "redis://127.0.0.1:6379/0"}
    program = f"""
    CREATE TABLE t (id INT NOT NULL PRIMARY KEY, place VARCHAR, n INT);
    CREATE VIEW v WITH ('connectors' = {
        connectors("redis_output", config, key_fields=["place", "id"])
    }) AS SELECT id, place, n FROM t;
    """
    client = redis.Redis()
    async with running(engine, program) as circuit:
        await feed(circuit, "t", f"1,{prefix},10\n2,{prefix},20\n")
        before = {key: client.get(key) for key in sorted(client.scan_iter(f"{prefix}:*"))}
        await feed(
            circuit,
            "t",
            f'[{{"delete":{{"id":1}}}},{{"insert":{{"id":2,"place":"{prefix}","n":21}}}}]',
            "json",
            array=True,
        )
        after = {key: client.get(key) for key in sorted(client.scan_iter(f"{prefix}:*"))}
    client.delete(*after)

    assert before == {f"{prefix}:{n}".encode(): f'{{"id":{n},"place":"{prefix}","n":{n}0}}'.encode() for n in (1, 2)}
    assert after == {f"{prefix}:2".encode(): f'{{"id":2,"place":"{prefix}","n":21}}'.encode()}


async def test_a_stream_of_nats_comes_in_and_goes_on_after_a_kill(engine: WarmEngine, tmp_path: Path) -> None:
    needs("NATS", 4222)
    import nats

    name = uuid.uuid4().hex
    client = await nats.connect("nats://127.0.0.1:4222")
    stream = client.jetstream()
    await stream.add_stream(name=name, subjects=[f"{name}.>"])
    config = {
        "connection_config": {"server_url": "nats://127.0.0.1:4222"},
        "stream_name": name,
        "consumer_config": {"deliver_policy": "All", "filter_subjects": [f"{name}.a", f"{name}.*"]},
    }
    program = f"""
    CREATE TABLE t (n INT) WITH ('connectors' = {connectors("nats_input", config)});
    CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS c, SUM(n) AS s FROM t;
    """
    try:
        for n in range(20):
            await stream.publish(f"{name}.a", b'{"insert":{"n":%d}}' % n)
            await stream.publish(f"{name}.b.c", b'{"insert":{"n":1000}}')
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await until_rows(circuit, "SELECT * FROM v", [{"c": 20, "s": 190}])
            await kill(circuit)
        await stream.publish(f"{name}.a", b'{"insert":{"n":10}}')
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await until_rows(circuit, "SELECT * FROM v", [{"c": 21, "s": 200}])
    finally:
        await stream.delete_stream(name)
        await client.close()


async def test_rows_of_a_database_come_in_and_stand_in_the_way_of_checkpoints(
    engine: WarmEngine, tmp_path: Path
) -> None:
    needs("PostgreSQL", 5432)
    config = {
        "uri": "postgresql://postgres@127.0.0.1:5432/postgres",
        "query": "SELECT g AS n, 'row ' || g AS word, DATE '2024-02-29' AS day FROM generate_series(1, 3) g",
    }
    program = f"""
    CREATE TABLE t (n INT NOT NULL, word VARCHAR, day DATE, more INT)
    WITH ('materialized' = 'true', 'connectors' = {connectors("postgres_input", config, None)});
    """
    async with running(engine, program, directory=tmp_path) as circuit:
        await finished(circuit)
        rows = await query(circuit, "SELECT * FROM t ORDER BY n")
        with pytest.raises(RequestFailed, match=r"t\.c"):
            await circuit.suspend()
    with pytest.raises(RequestFailed) as refused:
        async with running(engine, program, directory=tmp_path, **EXACTLY):
            pass

    assert rows[0] == {"n": 1, "word": "row 1", "day": "2024-02-29", "more": None}
    assert len(rows) == 3
    assert refused.value.code == "FtWithNonFtInput"


class Objects(http.server.BaseHTTPRequestHandler):
    """A store of objects that knows two requests: list a bucket, get an object."""

    protocol_version = "HTTP/1.1"
    objects: ClassVar = {f"day/{n}.csv": "".join(f"{n},{i}\n" for i in range(100)).encode() for n in range(3)}

    def do_GET(self) -> None:
        path, _, options = self.path.partition("?")
        key = path.removeprefix("/bucket").removeprefix("/")
        if "list-type=2" in options:
            found = "".join(
                f"<Contents><Key>{k}</Key><Size>{len(v)}</Size>"
                "<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
                for k, v in self.objects.items()
            )
            self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode())
        elif key in self.objects:
            first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            body = self.objects[key]
            part = body[int(first) : int(last) + 1 if last else len(body)]
            self.answer(
                206 if "Range" in self.headers else 200, part, f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
            )
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        key = self.path.partition("?")[0].removeprefix("/bucket").removeprefix("/")
        known = key in self.objects
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(self.objects[key])) if known else "0")
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()

    def answer(self, status: int, body: bytes, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


async def test_objects_come_in_in_the_order_of_their_keys(engine: WarmEngine, tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Objects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = {
            "region": "us-east-1",
            "bucket_name": "bucket",
            "prefix": "day/",
            "no_sign_request": True,
            "endpoint_url": f"http://127.0.0.1:{server.server_address[1]}",
        }
        program = f"""
        CREATE TABLE t (day INT, n INT) WITH ('connectors' = {connectors("s3_input", config, "csv")});
        CREATE MATERIALIZED VIEW v AS SELECT day, COUNT(*) AS c, SUM(n) AS s FROM t GROUP BY day;
        """
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await finished(circuit)
            await kill(circuit)
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await finished(circuit)
            rows = await query(circuit, "SELECT * FROM v ORDER BY day")
        server.shutdown()

    assert rows == [{"day": day, "c": 100, "s": 4950} for day in range(3)]
