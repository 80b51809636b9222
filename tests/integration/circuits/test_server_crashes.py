"""Servers of messages that are killed while a circuit reads and writes, and the circuit with them: nothing is lost."""

import asyncio
import os
import random
import signal
import uuid
from pathlib import Path

import pytest
from tests.integration.circuits.driving import answers, running
from tests.integration.circuits.kafka_broker import kafka_process
from tests.integration.circuits.test_brokers import connectors, consumed
from tests.integration.circuits.test_delivery import TABLE, put, until
from tests.integration.circuits.test_durability import EXACTLY, kill
from tests.integration.servers import PrivateServer, nats_server, redis_server

from penstock.services.circuits.engine import WarmEngine

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def publish(server: PrivateServer, first: int, count: int) -> None:
    import nats

    client = await nats.connect(f"nats://127.0.0.1:{server.port}")
    stream = client.jetstream()
    if first == 0:
        await stream.add_stream(name="s", subjects=["s.>"])
    for n in range(first, first + count):
        await stream.publish("s.a", b'{"insert":{"n":%d}}' % n)
    await client.close()


async def test_nats_and_redis_and_the_circuit_between_them_are_killed_in_turn(
    engine: WarmEngine, tmp_path: Path
) -> None:
    import redis

    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    places = [tmp_path / name for name in ("nats", "redis", "state")]
    for place in places:
        place.mkdir()
    with nats_server(places[0]) as source, redis_server(places[1]) as target:
        reads = {
            "connection_config": {"server_url": f"nats://127.0.0.1:{source.port}"},
            "stream_name": "s",
            "consumer_config": {"deliver_policy": "All"},
            "retry_interval_secs": 1,
        }
        writes = {"connection_string": f"redis://127.0.0.1:{target.port}/0"}
        program = f"""
        CREATE TABLE t (n INT NOT NULL) WITH ('connectors' = {connectors("nats_input", reads)});
        CREATE MATERIALIZED VIEW v WITH ('connectors' = {
            connectors("redis_output", writes, key_fields=["k"])
        }) AS SELECT MOD(n, 7) AS k, COUNT(*) AS c, SUM(n) AS s FROM t GROUP BY MOD(n, 7);
        """
        count = 0
        for round in range(4):
            await publish(source, count, 100)
            count += 100
            async with running(engine, program, directory=places[2], **EXACTLY) as circuit:
                await asyncio.sleep(chance.uniform(0, 0.4))
                (source if round % 2 else target).kill()
                await asyncio.sleep(chance.uniform(0, 0.4))
                if chance.random() < 0.5:
                    await circuit.checkpoint()
                if chance.random() < 0.5:
                    (source if round % 2 else target).start()
                    await asyncio.sleep(chance.uniform(0, 1.5))
                await kill(circuit)
            for server in (source, target):
                server.kill()
                server.start()
        rows = [{"k": k, "c": len(range(k, count, 7)), "s": sum(range(k, count, 7))} for k in range(7)]
        async with running(engine, program, directory=places[2], **EXACTLY) as circuit:
            await answers(circuit, "SELECT * FROM v ORDER BY k", rows)
            await until(circuit, lambda found: found["metrics"]["queued_batches"] == 0)
        client = redis.Redis(port=target.port)
        kept = [client.get(str(k)) for k in range(7)]

    wanted = [f'{{"k":{row["k"]},"c":{row["c"]},"s":{row["s"]}}}'.encode() for row in rows]
    assert kept == wanted, f"seed {seed}"


async def stop(pid: int) -> None:
    """Stop a process, and wait until none of its threads runs any more: the signal alone takes a moment."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")

    def runs() -> bool:
        states = (task.joinpath("stat").read_text().rpartition(")")[2].split()[0] for task in threads.iterdir())
        return threads.exists() and any(state != "T" for state in states)

    while runs():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_broker_that_does_not_answer_for_a_while_has_each_message_once(
    engine: WarmEngine, tmp_path: Path
) -> None:
    with kafka_process() as (address, pid):
        writes = {
            "topic": (topic := f"out-{uuid.uuid4()}"),
            "bootstrap.servers": address,
            "message.timeout.ms": 1000,
            "socket.timeout.ms": 1000,
            "initialization_timeout_secs": 2,
        }
        program = (
            TABLE
            + f"""CREATE VIEW v WITH ('connectors' = {connectors("kafka_output", writes)}) AS SELECT id, n FROM t;"""
        )
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await put(circuit, (1, 10))
            await until(circuit, lambda found: found["metrics"]["transmitted_records"] == 1)
            await stop(pid)
            await put(circuit, (2, 20))
            await until(circuit, lambda found: found["metrics"]["num_transport_errors"] > 0)
            await put(circuit, (3, 30))
            os.kill(pid, signal.SIGCONT)
            await until(circuit, lambda found: found["metrics"]["queued_batches"] == 0)
        bodies = consumed(address, topic)

    assert sorted(bodies) == [b'{"insert":{"id":%d,"n":%d0}}\n' % (n, n) for n in (1, 2, 3)]
