"""Tables of lakes through circuits that are killed: nothing is lost, nothing is there twice."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from tests.integration.circuits.driving import answers, running
from tests.integration.circuits.object_store import object_store
from tests.integration.circuits.test_durability import EXACTLY, ROUNDS, finished, kill

from penstock.services.circuits.engine import WarmEngine

pytestmark = pytest.mark.asyncio(loop_scope="session")


def connector(name: str, config: dict[str, Any], **attributes: Any) -> str:
    return "'" + json.dumps([{"name": "c", "transport": {"name": name, "config": config}, **attributes}]) + "'"


def rows(first: int, count: int) -> pa.Table:
    return pa.table(
        {"id": pa.array(range(first, first + count), pa.int64()), "k": [n % 3 for n in range(first, first + count)]}
    )


def state(uri: str, options: dict[str, str] | None = None) -> Counter[tuple[Any, ...]]:
    """Return what the changes in an output table add up to."""
    total: Counter[tuple[Any, ...]] = Counter()
    for row in DeltaTable(uri, storage_options=options).to_pyarrow_table().to_pylist():
        operation = row.pop("__feldera_op")
        row.pop("__feldera_ts")
        total[tuple(row.values())] += -1 if operation == "d" else 1
    return +total


async def test_a_followed_table_comes_out_in_another_one_over_kills(engine: WarmEngine, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    source, target = str(tmp_path / "in"), str(tmp_path / "out")
    write_deltalake(source, rows(0, 1000))
    follow = connector("delta_table_input", {"uri": source, "mode": "snapshot_and_follow"})
    append = connector("delta_table_output", {"uri": target, "mode": "truncate"})
    program = f"""
    CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, k BIGINT) WITH ('connectors' = {follow});
    CREATE MATERIALIZED VIEW v WITH ('connectors' = {append})
    AS SELECT k, COUNT(*) AS c, SUM(id) AS s FROM t GROUP BY k;
    """
    made = 1000
    for number in range(ROUNDS):
        async with running(engine, program, directory=tmp_path / "kept", **EXACTLY) as circuit:
            write_deltalake(source, rows(made, 100), mode="append")
            made += 100
            if number % 2:
                DeltaTable(source).delete(f"id = {number}")
            await asyncio.sleep(chance.random() * 0.8)
            await kill(circuit)
    table = DeltaTable(source).to_pyarrow_table().to_pydict()
    expected: Counter[tuple[Any, ...]] = Counter()
    for k in range(3):
        ids = [id for id, at in zip(table["id"], table["k"], strict=True) if at == k]
        expected[k, len(ids), sum(ids)] = 1
    async with running(engine, program, directory=tmp_path / "kept", **EXACTLY) as circuit:
        total = [{"c": len(table["id"])}]
        await answers(circuit, "SELECT SUM(c) AS c FROM v", total)
        async with asyncio.timeout(20):
            while state(target) != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    assert state(target) == expected, f"seed {seed}"


async def test_a_follower_that_has_seen_nothing_yet_knows_where_it_began(engine: WarmEngine, tmp_path: Path) -> None:
    source = str(tmp_path / "in")
    write_deltalake(source, rows(0, 10))
    program = f"""
    CREATE TABLE t (id BIGINT, k BIGINT)
    WITH ('connectors' = {connector("delta_table_input", {"uri": source, "mode": "follow"})});
    CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS c FROM t;
    """
    async with running(engine, program, directory=tmp_path / "kept", **EXACTLY) as circuit:
        await asyncio.sleep(1.0)
        await circuit.checkpoint()
        await kill(circuit)
    write_deltalake(source, rows(10, 5), mode="append")
    async with running(engine, program, directory=tmp_path / "kept", **EXACTLY) as circuit:
        await answers(circuit, "SELECT * FROM v", [{"c": 5}])


async def test_a_snapshot_goes_on_where_it_was(engine: WarmEngine, tmp_path: Path) -> None:
    source = str(tmp_path / "in")
    write_deltalake(source, rows(0, 120_000))
    snapshot = connector("delta_table_input", {"uri": source, "mode": "snapshot"}, max_queued_records=1000)
    program = f"""
    CREATE TABLE t (id BIGINT, k BIGINT) WITH ('connectors' = {snapshot});
    CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS c, SUM(id) AS s FROM t;
    """
    async with running(engine, program, directory=tmp_path / "kept", **EXACTLY) as circuit:
        async with asyncio.timeout(20):
            while not (await circuit.stats())["global"]["total_completed_records"]:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        await kill(circuit)
    write_deltalake(source, rows(120_000, 5), mode="append")
    async with running(engine, program, directory=tmp_path / "kept", **EXACTLY) as circuit:
        await finished(circuit)
        await answers(circuit, "SELECT * FROM v", [{"c": 120_000, "s": 119_999 * 60_000}])


async def test_tables_lie_in_an_object_store_as_well(engine: WarmEngine, tmp_path: Path) -> None:
    with object_store() as store:
        options = {
            "aws_endpoint_url": store.url,
            "aws_allow_http": "true",
            "aws_access_key_id": "k",
            "aws_secret_access_key": "s",
            "aws_region": "us-east-1",
        }
        write_deltalake("s3://bucket/in", rows(0, 6), storage_options=options)
        shown = {**options, "aws_secret_access_key": "${env:SECRET}"}
        follow = connector("delta_table_input", {"uri": "s3://bucket/in", "mode": "snapshot_and_follow", **shown})
        append = connector("delta_table_output", {"uri": "s3://bucket/out", **shown})
        program = f"""
        CREATE TABLE t (id BIGINT, k BIGINT) WITH ('connectors' = {follow});
        CREATE VIEW v WITH ('connectors' = {append}) AS SELECT k, COUNT(*) AS c FROM t GROUP BY k;
        """
        async with running(engine, program, directory=tmp_path / "kept", env={"SECRET": "s"}):
            async with asyncio.timeout(20):
                while state("s3://bucket/out", options) != {(0, 2): 1, (1, 2): 1, (2, 2): 1}:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            write_deltalake("s3://bucket/in", rows(6, 3), storage_options=options, mode="append")
            async with asyncio.timeout(20):
                while state("s3://bucket/out", options) != {(0, 3): 1, (1, 3): 1, (2, 3): 1}:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
