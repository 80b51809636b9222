"""What leaves a circuit by declared outputs: held and sent again while nobody takes it, joined, by key."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.circuits.driving import feed, running
from tests.integration.circuits.test_connectors import complete
from tests.integration.circuits.test_durability import EXACTLY, kill
from tests.integration.servers import redis_server

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import FormatSpec, RequestFailed
from penstock.services.circuits.remote import RemoteCircuit

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLE = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, n INT);"


def view(connector: dict[str, Any], more: str = "", name: str = "v") -> str:
    declared = json.dumps([{"name": "c", **connector}])
    return f"CREATE MATERIALIZED VIEW {name} WITH ('connectors' = '{declared}') AS SELECT id, n FROM t; {more}"


def to_file(path: Path, **attributes: Any) -> dict[str, Any]:
    options = attributes.pop("options", {})
    transport = {"name": "file_output", "config": {"path": str(path)}}
    return {"transport": transport, "format": {"name": "json", "config": options}, **attributes}


def to_redis(port: int, **attributes: Any) -> dict[str, Any]:
    transport = {"name": "redis_output", "config": {"connection_string": f"redis://127.0.0.1:{port}/0"}}
    return {"transport": transport, "format": {"name": "json", "config": {"key_fields": ["id"]}}, **attributes}


async def put(circuit: RemoteCircuit, *rows: tuple[int, int]) -> None:
    """Push rows without waiting for their delivery."""

    async def body() -> Any:
        yield "".join(f"{id},{n}\n" for id, n in rows).encode()

    await circuit.push("t", FormatSpec("csv", {}), body())


async def journalled(circuit: RemoteCircuit) -> None:
    """Wait until what was put is in the journal: a step has taken it, and the step has been handed out."""

    async def is_under_way() -> bool:
        found = (await circuit.stats())["global"]
        handed_out: int = (await circuit.profile())["steps"]
        return bool(found["buffered_input_records"]) or handed_out < found["total_initiated_steps"]

    async with asyncio.timeout(30):
        while await is_under_way():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def output(circuit: RemoteCircuit) -> dict[str, Any]:
    found: dict[str, Any] = (await circuit.stats())["outputs"][0]
    return found


async def until(circuit: RemoteCircuit, holds: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(30):
            while not holds(found := await output(circuit)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"the output is still {found}") from None
    return found


async def test_what_a_dead_server_does_not_take_it_has_when_it_is_back(engine: WarmEngine, tmp_path: Path) -> None:
    import redis

    with redis_server(tmp_path) as server:
        sink = to_redis(server.port)
        async with running(engine, TABLE + view(sink)) as circuit:
            await feed(circuit, "t", "1,10\n")
            server.kill()
            await put(circuit, (2, 20))
            failing = await until(circuit, lambda found: found["metrics"]["num_transport_errors"] > 1)
            await put(circuit, (3, 30), (1, 11))
            async with asyncio.timeout(10):
                while (stats := await circuit.stats())["global"]["total_processed_records"] < 4:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            server.start()
            healthy = await until(circuit, lambda found: found["metrics"]["queued_batches"] == 0)
            done = (await circuit.stats())["global"]
        client = redis.Redis(port=server.port)
        kept = {key: json.loads(client.get(key)) for key in client.scan_iter()}

    assert failing["health"]["status"] == "Unhealthy"
    assert "Redis" in failing["transport_errors"][-1]["message"]
    assert stats["global"]["total_completed_records"] == 1, "what is not delivered is not completed"
    assert healthy["health"] == {"status": "Healthy", "description": None}
    assert done["total_completed_records"] == 4
    assert kept == {b"1": {"id": 1, "n": 11}, b"2": {"id": 2, "n": 20}, b"3": {"id": 3, "n": 30}}


async def test_what_was_not_delivered_before_a_crash_is_delivered_after_it(engine: WarmEngine, tmp_path: Path) -> None:
    import redis

    (state := tmp_path / "state").mkdir()
    with redis_server(tmp_path) as server:
        sink = to_redis(server.port)
        async with running(engine, TABLE + view(sink), directory=state, **EXACTLY) as circuit:
            await feed(circuit, "t", "1,10\n")
            server.kill()
            await put(circuit, (2, 20))
            await until(circuit, lambda found: found["metrics"]["num_transport_errors"] > 0)
            await circuit.checkpoint()
            await put(circuit, (3, 30))
            await until(circuit, lambda found: found["metrics"]["queued_batches"] == 2)
            await kill(circuit)
        server.start()
        async with running(engine, TABLE + view(sink), directory=state, **EXACTLY) as circuit:
            await until(circuit, lambda found: found["metrics"]["queued_batches"] == 0)
        keys = sorted(redis.Redis(port=server.port).scan_iter())

    assert keys == [b"1", b"2", b"3"]


async def test_a_full_queue_holds_the_circuit_back_but_no_checkpoint(engine: WarmEngine, tmp_path: Path) -> None:
    (state := tmp_path / "state").mkdir()
    with redis_server(tmp_path) as server:
        program = TABLE + view(to_redis(server.port, max_queued_records=2))
        async with running(engine, program, directory=state) as circuit:
            server.kill()
            await put(circuit, (1, 10), (2, 20))
            await until(circuit, lambda found: found["metrics"]["queued_records"] == 2)
            await put(circuit, (3, 30))
            await asyncio.sleep(0.2)
            before = (await circuit.stats())["global"]["total_processed_records"]
            async with asyncio.timeout(10):
                await circuit.checkpoint()
            server.start()
            await until(circuit, lambda found: found["metrics"]["transmitted_records"] == 3)

    assert before == 2


async def test_a_full_queue_holds_no_stop_back_and_is_kept(engine: WarmEngine, tmp_path: Path) -> None:
    (state := tmp_path / "state").mkdir()
    with redis_server(tmp_path) as server:
        program = TABLE + view(to_redis(server.port, max_queued_records=2))
        async with running(engine, program, directory=state) as circuit:
            server.kill()
            await put(circuit, (1, 10), (2, 20))
            await until(circuit, lambda found: found["metrics"]["queued_records"] == 2)
            await put(circuit, (3, 30))
            await put(circuit, (4, 40))
            async with asyncio.timeout(30):
                await circuit.suspend()
        server.start()
        async with running(engine, program, directory=state) as circuit:
            again = (await circuit.stats())["global"]["total_processed_records"]
            await until(circuit, lambda found: found["metrics"]["transmitted_records"] == 4)

    assert again == 4


async def test_a_buffer_joins_the_changes_of_several_steps(engine: WarmEngine, tmp_path: Path) -> None:
    path = tmp_path / "out"
    program = TABLE + view(to_file(path, enable_output_buffer=True, max_output_buffer_time_millis=400))
    async with running(engine, program) as circuit:
        for n in range(5):
            await put(circuit, (1, n))
            await asyncio.sleep(0.02)
        held = await output(circuit)
        before = (await circuit.stats())["global"]["total_completed_records"]
        await until(circuit, lambda found: found["metrics"]["transmitted_records"] == 1)
        after = (await circuit.stats())["global"]["total_completed_records"]

    assert held["metrics"]["buffered_records"] > 1
    assert (before, after) == (0, 5)
    assert path.read_text() == '{"insert":{"id":1,"n":4}}\n'


async def test_a_buffer_is_flushed_when_it_is_full_and_by_a_checkpoint(engine: WarmEngine, tmp_path: Path) -> None:
    path = tmp_path / "out"
    (state := tmp_path / "state").mkdir()
    program = TABLE + view(to_file(path, enable_output_buffer=True, max_output_buffer_size_records=2))
    async with running(engine, program, directory=state) as circuit:
        await feed(circuit, "t", "1,10\n2,20\n")
        full = path.read_text()
        await put(circuit, (3, 30))
        await until(circuit, lambda found: found["metrics"]["buffered_records"] == 1)
        await circuit.checkpoint()
        await until(circuit, lambda found: found["metrics"]["transmitted_records"] == 3)

    assert full == '{"insert":{"id":1,"n":10}}\n{"insert":{"id":2,"n":20}}\n'


async def test_with_an_index_a_key_has_one_change(engine: WarmEngine, tmp_path: Path) -> None:
    path = tmp_path / "out"
    program = TABLE + view(to_file(path, index="by_id"), "CREATE INDEX by_id ON v (id);")
    async with running(engine, program) as circuit:
        await feed(circuit, "t", "1,10\n2,20\n")
        await feed(circuit, "t", "1,11\n3,30\n")
        await feed(circuit, "t", '{"delete":{"id":2}}', "json")

    assert path.read_text().splitlines() == [
        '{"insert":{"id":1,"n":10}}',
        '{"insert":{"id":2,"n":20}}',
        '{"update":{"id":1,"n":11}}',
        '{"insert":{"id":3,"n":30}}',
        '{"delete":{"id":2,"n":20}}',
    ]


async def test_an_index_that_does_not_tell_rows_apart_is_an_error_of_its_output(
    engine: WarmEngine, tmp_path: Path
) -> None:
    program = TABLE + view(to_file(tmp_path / "out", index="by_n"), "CREATE INDEX by_n ON v (n);")
    async with running(engine, program) as circuit:
        await feed(circuit, "t", "1,10\n2,10\n")
        found = await output(circuit)

    assert found["metrics"]["num_encode_errors"] == 1
    assert "index: n" in found["encode_errors"][0]["message"]


async def test_an_index_that_is_not_there_is_refused(engine: WarmEngine, tmp_path: Path) -> None:
    with pytest.raises(RequestFailed, match="no index 'nope'"):
        async with running(engine, TABLE + view(to_file(tmp_path / "out", index="nope"))):
            pass


async def test_a_new_output_has_what_is_there_already_if_it_wants_it(engine: WarmEngine, tmp_path: Path) -> None:
    (state := tmp_path / "state").mkdir()
    async with running(engine, TABLE + view(to_file(tmp_path / "old")), directory=state) as circuit:
        await feed(circuit, "t", "1,10\n2,20\n")
        await circuit.suspend()
    new = {**to_file(tmp_path / "new", send_snapshot=True), "name": "d"}
    program = TABLE + view(to_file(tmp_path / "old")).replace("}]'", "}, " + json.dumps(new) + "]'")
    async with running(engine, program, directory=state) as circuit:
        await feed(circuit, "t", "3,30\n")

    lines = ['{"insert":{"id":1,"n":10}}', '{"insert":{"id":2,"n":20}}', '{"insert":{"id":3,"n":30}}']
    assert (tmp_path / "new").read_text().splitlines() == lines
    assert (tmp_path / "old").read_text().splitlines() == lines


async def test_a_step_takes_no_more_of_a_connector_than_it_may(engine: WarmEngine, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("".join(f"{n},{n}\n" for n in range(10)))
    source = {
        "name": "f",
        "transport": {"name": "file_input", "config": {"path": str(tmp_path / "in")}},
        "format": {"name": "csv"},
        "max_batch_size": 3,
    }
    program = TABLE.replace(";", f" WITH ('connectors' = '{json.dumps([source])}');")
    async with running(engine, program) as circuit:
        stats = await complete(circuit)

    assert stats["global"]["total_processed_records"] == 10
    assert stats["global"]["total_completed_steps"] >= 4
