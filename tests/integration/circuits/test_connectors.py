"""Declared connectors of a running circuit."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.integration.circuits.driving import answers, feed, query, running

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.remote import RemoteCircuit

pytestmark = pytest.mark.asyncio(loop_scope="session")


def table(name: str, columns: str, *connectors: dict[str, Any]) -> str:
    return f"CREATE TABLE {name} ({columns}) WITH ('connectors' = '{json.dumps(connectors)}', 'materialized' = 'true');"


def view(name: str, query: str, *connectors: dict[str, Any]) -> str:
    return f"CREATE MATERIALIZED VIEW {name} WITH ('connectors' = '{json.dumps(connectors)}') AS {query};"


def datagen(name: str, limit: int | None, **attributes: Any) -> dict[str, Any]:
    part = {} if limit is None else {"limit": limit}
    fields = attributes.pop("fields", None)
    if fields is not None:
        part["fields"] = fields
    return {"name": name, "transport": {"name": "datagen", "config": {"plan": [part], "seed": 1}}, **attributes}


async def complete(circuit: RemoteCircuit) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while not (stats := await circuit.stats())["global"]["pipeline_complete"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return stats


async def test_generated_rows_come_in_their_exact_number(engine: WarmEngine) -> None:
    async with running(engine, table("t", "a INT", datagen("d", 5))) as circuit:
        stats = await complete(circuit)
        rows = await query(circuit, "SELECT a FROM t ORDER BY a")
        endpoint, position = await circuit.connector_position("t", "d")
        done, _ = await circuit.completed(endpoint, position)

    metrics = stats["inputs"][0]["metrics"]
    assert rows == [{"a": a} for a in range(5)]
    assert (metrics["total_records"], metrics["total_bytes"], metrics["end_of_input"]) == (5, 40, True)
    assert stats["inputs"][0]["endpoint_name"] == "t.d"
    assert stats["inputs"][0]["config"]["stream"] == "t"
    assert done


async def test_a_paused_connector_starts_when_told(engine: WarmEngine) -> None:
    async with running(engine, table("t", "a INT", datagen("d", 5, paused=True))) as circuit:
        await asyncio.sleep(0.1)
        before = (await circuit.stats())["inputs"][0]
        await circuit.connector("t", "d", "start")
        after = (await complete(circuit))["inputs"][0]
        with pytest.raises(RequestFailed) as refused:
            await circuit.connector("t", "nope", "start")

    assert (before["paused"], before["metrics"]["total_records"]) == (True, 0)
    assert (after["paused"], after["metrics"]["total_records"]) == (False, 5)
    assert refused.value.code == "UnknownInputEndpoint"


async def test_a_connector_waits_for_those_it_starts_after(engine: WarmEngine) -> None:
    program = table(
        "t", "a INT", datagen("first", 3, labels=["one"], paused=True), datagen("second", 4, start_after="one")
    )
    async with running(engine, program) as circuit:
        await asyncio.sleep(0.2)
        before = (await circuit.stats())["global"]["total_input_records"]
        await circuit.connector("t", "first", "start")
        after = (await complete(circuit))["global"]["total_input_records"]

    assert (before, after) == (0, 7)


@pytest.mark.parametrize(
    ("connectors", "code"),
    [
        ([{"name": "x", "transport": {"name": "nope", "config": {}}}], "InvalidTransportConfig"),
        ([datagen("x", 5, fields={"nope": {}})], "InvalidTransportConfig"),
        ([{"name": "x", "transport": {"name": "file_input", "config": {"path": "/nope"}}}], "InvalidParserConfig"),
        ([datagen("x", 5, start_after=[])], "EmptyStartAfter"),
        (
            [datagen("x", 5, labels=["l"], start_after="m"), datagen("y", 5, labels=["m"], start_after="l")],
            "CyclicDependency",
        ),
        ([datagen("x", 5, index="i")], "NotSupported"),
        ([datagen("x", 5, enable_output_buffer=True)], "InvalidOutputBufferConfig"),
        ([{"name": "x", "transport": {"name": "${env:NOT_THERE}", "config": {}}}], "InvalidTransportConfig"),
    ],
)
async def test_what_cannot_work_is_refused_at_the_start(
    engine: WarmEngine, connectors: list[dict[str, Any]], code: str
) -> None:
    with pytest.raises(RequestFailed) as refused:
        async with running(engine, table("t", "a INT", *connectors)):
            pass

    assert refused.value.code == code


async def test_from_file_to_file(engine: WarmEngine, tmp_path: Path) -> None:
    source, sink = tmp_path / "in.csv", tmp_path / "out.json"
    source.write_text("1,a\n2,b\nx,c\n3,d")
    program = table(
        "t",
        "a INT, b VARCHAR",
        {
            "name": "in",
            "transport": {"name": "file_input", "config": {"path": "${env:SOURCE}"}},
            "format": {"name": "csv"},
        },
    ) + view(
        "v",
        "SELECT a, b FROM t",
        {
            "name": "out",
            "transport": {"name": "file_output", "config": {"path": str(sink)}},
            "format": {"name": "json", "config": {}},
        },
    )
    async with running(engine, program, env={"SOURCE": str(source)}) as circuit:
        stats = await complete(circuit)
        await feed(circuit, "t", "4,e\n")
        lines = [json.loads(line) for line in sink.read_text().splitlines()]

    assert stats["inputs"][0]["metrics"]["num_parse_errors"] == 1
    assert stats["outputs"][0]["metrics"]["transmitted_records"] == 3
    assert lines == [{"insert": {"a": a, "b": b}} for a, b in ((1, "a"), (2, "b"), (3, "d"), (4, "e"))]


async def test_a_paused_output_drops_what_comes(engine: WarmEngine, tmp_path: Path) -> None:
    sink = tmp_path / "out.csv"
    file = {"name": "file_output", "config": {"path": str(sink)}}
    program = table("t", "a INT") + view(
        "v", "SELECT a FROM t", {"name": "o", "transport": file, "format": {"name": "csv"}}
    )
    async with running(engine, program) as circuit:
        await circuit.connector("v", "o", "pause")
        await feed(circuit, "t", "1\n")
        await circuit.connector("v", "o", "start")
        await feed(circuit, "t", "2\n")
        written = sink.read_text()

    assert written == "2,1\n"


async def test_nothing_in_and_nothing_out_is_complete(engine: WarmEngine) -> None:
    empty = {"name": "e", "transport": {"name": "empty_input", "config": {}}}
    null = {"name": "n", "transport": {"name": "null_output", "config": {}}}
    async with running(engine, table("t", "a INT", empty) + view("v", "SELECT COUNT(*) AS c FROM t", null)) as circuit:
        await complete(circuit)
        rows = await query(circuit, "SELECT c FROM v")

    assert rows == [{"c": 0}]


async def test_a_source_without_end_waits_for_the_circuit(engine: WarmEngine) -> None:
    async with running(engine, table("t", "a INT", datagen("d", None, max_queued_records=200_000))) as circuit:
        await asyncio.sleep(0.5)
        await circuit.pause()
        await asyncio.sleep(0.2)
        one = (await circuit.stats())["global"]["total_input_records"]
        await asyncio.sleep(0.2)
        stats = (await circuit.stats())["global"]

    assert stats["total_input_records"] == one
    assert stats["buffered_input_records"] <= 300_000


async def test_the_streams_of_nexmark_go_on_after_a_kill(engine: WarmEngine, tmp_path: Path) -> None:
    def stream(table: str, **options: int) -> str:
        config = {"table": table, **({"options": options} if options else {})}
        return "'" + json.dumps([{"transport": {"name": "nexmark", "config": config}}]) + "'"

    program = f"""
    CREATE TABLE auction (id BIGINT, item VARCHAR, description VARCHAR, initial BIGINT, reserve BIGINT, at TIMESTAMP,
        expires TIMESTAMP, seller BIGINT, category BIGINT, extra VARCHAR) WITH ('connectors' = {stream("auction")});
    CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, at TIMESTAMP,
        extra VARCHAR) WITH ('connectors' = {stream("bid", events=100_000)});
    CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS bids, COUNT(DISTINCT b.auction) > 1000 AS many
    FROM bid b JOIN auction a ON a.id = b.auction;
    CREATE MATERIALIZED VIEW counted AS SELECT (SELECT COUNT(*) FROM bid) AS b, (SELECT COUNT(*) FROM auction) AS a;
    """
    settings = {"fault_tolerance": {"model": "exactly_once", "checkpoint_interval_secs": None}}
    async with running(engine, program, directory=tmp_path, **settings) as circuit:
        await asyncio.sleep(0.1)
        os.kill(circuit.pid, signal.SIGKILL)
        await circuit.ended()
    async with running(engine, program, directory=tmp_path, **settings) as circuit:
        await answers(circuit, "SELECT * FROM counted", [{"b": 92_000, "a": 6_000}])
        joined = await query(circuit, "SELECT bids > 90000 AS most, many FROM v")

    assert joined == [{"most": True, "many": True}]
