"""What of a circuit is there again after its process has ended, well or badly."""

import asyncio
import json
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.integration.circuits.driving import PROGRAM, completion, feed, push, query, running, settled

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.remote import RemoteCircuit

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXACTLY = {"fault_tolerance": {"model": "exactly_once", "checkpoint_interval_secs": None}}
ROUNDS = int(os.environ.pop("PENSTOCK_TEST_CIRCUIT_KILLS", "6"))


async def kill(circuit: RemoteCircuit) -> None:
    os.kill(circuit.pid, signal.SIGKILL)
    await circuit.ended()


async def test_what_was_suspended_goes_on_where_it_was(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, directory=tmp_path) as circuit:
        await feed(circuit, "t", "1,apple,2.50\n2,pear,1.00\n")
        await feed(circuit, "log", "1,ä\n2,b\n")
        kept = await circuit.suspend()
    async with running(engine, directory=tmp_path) as circuit:
        before = await query(circuit, "SELECT * FROM totals ORDER BY name")
        await feed(circuit, "t", "2,apple,4.00\n")
        await feed(circuit, "log", "3,c\n")
        totals = await query(circuit, "SELECT * FROM totals ORDER BY name")
        counted = await query(circuit, "SELECT * FROM counted")
        stats = (await circuit.stats())["global"]

    assert kept["records"] == 4
    assert before == [{"name": "apple", "total": 2.5, "c": 1}, {"name": "pear", "total": 1.0, "c": 1}]
    assert totals == [{"name": "apple", "total": 6.5, "c": 2}]
    assert counted == [{"c": 3}]
    assert stats["total_processed_records"] == 6


async def test_without_a_checkpoint_a_circuit_begins_empty(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, directory=tmp_path) as circuit:
        await feed(circuit, "log", "1,a\n")
    async with running(engine, directory=tmp_path) as circuit:
        assert await query(circuit, "SELECT * FROM counted") == [{"c": 0}]


async def test_what_was_completed_survives_a_kill_with_fault_tolerance(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, directory=tmp_path, **EXACTLY) as circuit:
        await feed(circuit, "log", "1,a\n2,\n")
        await circuit.checkpoint()
        await feed(circuit, "log", "3,c\n")
        await feed(circuit, "t", "1,apple,2.50\n")
        await kill(circuit)
    async with running(engine, directory=tmp_path, **EXACTLY) as circuit:
        rows = await query(circuit, "SELECT * FROM counted")
        totals = await query(circuit, "SELECT * FROM totals")
        await feed(circuit, "t", "1,pear,1.00\n")
        await kill(circuit)
    async with running(engine, directory=tmp_path, **EXACTLY) as circuit:
        again = await query(circuit, "SELECT * FROM totals")

    assert rows == [{"c": 3}]
    assert totals == [{"name": "apple", "total": 2.5, "c": 1}]
    assert again == [{"name": "pear", "total": 1.0, "c": 1}]


def files(directory: Path, rows: int) -> str:
    """Write input files and return a program from them to a file: a join, an aggregate, and the joined rows."""
    orders = "".join(f"{n},{n % 97},{n % 13}\n" for n in range(rows))
    (directory / "orders.csv").write_text(orders)
    (directory / "people.csv").write_text("".join(f"{n},name of {n}\n" for n in range(97)))

    def connector(kind: str, name: str) -> str:
        config = {"path": str(directory / name)}
        if kind == "file_input":
            config["buffer_size_bytes"] = 4096  # type: ignore[assignment]
        return json.dumps([{"name": "c", "transport": {"name": kind, "config": config}, "format": {"name": "csv"}}])

    return f"""
    CREATE TABLE orders (id INT NOT NULL, person INT, amount INT) WITH ('connectors' = '{connector("file_input", "orders.csv")}');
    CREATE TABLE people (id INT NOT NULL PRIMARY KEY, name VARCHAR) WITH ('connectors' = '{connector("file_input", "people.csv")}');
    CREATE VIEW sums WITH ('connectors' = '{connector("file_output", "sums.csv")}') AS
        SELECT name, SUM(amount) AS total, COUNT(*) AS c FROM orders JOIN people ON orders.person = people.id GROUP BY name;
    CREATE VIEW bought WITH ('connectors' = '{connector("file_output", "bought.csv")}') AS
        SELECT orders.id, name FROM orders JOIN people ON orders.person = people.id;
    """  # noqa: E501


def integral(path: Path) -> Counter[str]:
    """Return the rows that a file of changes comes to."""
    rows: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        row, _, weight = line.rpartition(",")
        rows[row] += int(weight)
    return Counter({row: count for row, count in rows.items() if count})


async def finished(circuit: RemoteCircuit) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while not (stats := await circuit.stats())["global"]["pipeline_complete"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return stats


async def test_killed_at_random_moments_files_come_out_as_if_nothing_had_been(
    engine: WarmEngine, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    (tmp_path / "calm").mkdir()
    (tmp_path / "storm").mkdir()
    calm, storm = files(tmp_path / "calm", 20_000), files(tmp_path / "storm", 20_000)
    async with running(engine, calm) as circuit:
        await finished(circuit)
    settings = {"fault_tolerance": {"model": "exactly_once", "checkpoint_interval_secs": None}}
    for _ in range(ROUNDS):
        async with running(engine, storm, directory=tmp_path / "kept", **settings) as circuit:
            await asyncio.sleep(chance.uniform(0, 0.05))
            if chance.random() < 0.5:
                task = asyncio.ensure_future(circuit.checkpoint())
                await asyncio.sleep(chance.uniform(0, 0.05))
                await kill(circuit)
                await asyncio.gather(task, return_exceptions=True)
            else:
                await kill(circuit)
    async with running(engine, storm, directory=tmp_path / "kept", **settings) as circuit:
        stats = await finished(circuit)

    for name in ("sums.csv", "bought.csv"):
        assert integral(tmp_path / "storm" / name) == integral(tmp_path / "calm" / name), f"{name}, seed {seed}"
    lines = (tmp_path / "storm" / "bought.csv").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 20_000, f"seed {seed}"
    assert stats["global"]["total_processed_records"] == 20_097


async def test_a_changed_program_starts_from_the_rows_of_the_old_one(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, directory=tmp_path) as circuit:
        await feed(circuit, "t", "1,apple,2.50\n2,pear,1.00\n")
        await circuit.suspend()
    changed = PROGRAM.replace("SUM(price) AS total", "MAX(price) AS total").replace(
        "log (n INT NOT NULL, word", "log (m BIGINT, n INT NOT NULL, word"
    )
    async with running(engine, changed, directory=tmp_path) as circuit:
        carried = await query(circuit, "SELECT * FROM totals ORDER BY name")
        await feed(circuit, "t", "3,apple,9.00\n")
        more = await query(circuit, "SELECT * FROM totals ORDER BY name")
        counted = await query(circuit, "SELECT * FROM counted")

    assert carried == [{"name": "apple", "total": 2.5, "c": 1}, {"name": "pear", "total": 1.0, "c": 1}]
    assert more[0] == {"name": "apple", "total": 9.0, "c": 2}
    assert counted == [{"c": 0}]


async def test_a_changed_program_is_refused_where_the_rows_were_not_kept(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, directory=tmp_path) as circuit:
        await feed(circuit, "log", "1,a\n")
        await circuit.suspend()

    with pytest.raises(RequestFailed, match="'log' are not kept") as refused:
        async with running(engine, PROGRAM.replace("SUM(price)", "MAX(price)"), directory=tmp_path):
            pass

    assert refused.value.code == "CheckpointUnusable"


async def test_the_newest_checkpoints_are_kept_and_a_damaged_one_is_refused(engine: WarmEngine, tmp_path: Path) -> None:
    made = []
    async with running(engine, directory=tmp_path) as circuit:
        for n in range(3):
            await feed(circuit, "log", f"{n},a\n")
            made.append((await circuit.checkpoint())["id"])
    there = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    (tmp_path / "checkpoints" / made[-1] / "state.bin").write_bytes(b"cut")

    with pytest.raises(RequestFailed, match="damaged"):
        async with running(engine, directory=tmp_path):
            pass

    assert there == set(made[1:])


async def test_a_checkpoint_waits_for_the_end_of_a_transaction(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, directory=tmp_path) as circuit:
        await circuit.begin_transaction()
        pushed = await push(circuit, "log", "1,a\n")
        asked = asyncio.ensure_future(circuit.checkpoint())
        with pytest.raises(RequestFailed, match="transaction") as refused:
            await circuit.suspend()
        await asyncio.sleep(0.05)
        early = asked.done()
        await circuit.commit_transaction()
        await completion(circuit, pushed)
        kept = await asked

    assert refused.value.code == "TransactionInProgress"
    assert not early
    assert kept["records"] == 1


async def test_completion_tokens_of_before_hold_after_a_restart(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, directory=tmp_path) as circuit:
        pushed = await push(circuit, "log", "1,a\n")
        await settled(circuit)
        await circuit.suspend()
    async with running(engine, directory=tmp_path) as circuit:
        done, _ = await circuit.completed(pushed.endpoint, pushed.position)

    assert done
