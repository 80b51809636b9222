"""Driving a circuit in its own process, for tests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import Chunk, FormatSpec, Pushed
from penstock.services.circuits.remote import RemoteCircuit

PROGRAM = """
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, name VARCHAR, price DECIMAL(10, 2));
CREATE TABLE log (n INT NOT NULL, word VARCHAR DEFAULT 'none');
CREATE MATERIALIZED VIEW totals AS SELECT name, SUM(price) AS total, COUNT(*) AS c FROM t GROUP BY name;
CREATE VIEW lines AS SELECT n, word FROM log;
CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) AS c FROM log;
"""
JSON = FormatSpec("json", {"array": True})


@asynccontextmanager
async def running(
    engine: WarmEngine, program: str = PROGRAM, *, paused: bool = False, directory: Path | None = None, **settings: Any
) -> AsyncIterator[RemoteCircuit]:
    settings = {"clock_resolution_usecs": 1_000_000, **settings}
    circuit = await engine.open("c", program, settings, paused=paused, directory=directory)
    try:
        yield circuit
    finally:
        await circuit.stop()


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def push(circuit: RemoteCircuit, table: str, text: str, format: str = "csv", **options: Any) -> Pushed:
    force = options.pop("force", False)
    return await circuit.push(table, FormatSpec(format, options), body(text.encode()), force=force)


async def feed(circuit: RemoteCircuit, table: str, text: str, format: str = "csv", **options: Any) -> int:
    """Push, wait until it is completed, return the step."""
    return await completion(circuit, await push(circuit, table, text, format, **options))


async def completion(circuit: RemoteCircuit, pushed: Pushed) -> int:
    async with asyncio.timeout(10):
        while True:
            done, step = await circuit.completed(pushed.endpoint, pushed.position)
            if done:
                assert step is not None
                return step
            await asyncio.sleep(0.002)


async def query(circuit: RemoteCircuit, sql: str, format: str = "json") -> Any:
    data = b"".join([piece async for piece in circuit.query(sql, format)])
    return [json.loads(line) for line in data.splitlines()] if format == "json" else data.decode()


async def until(stream: AsyncIterator[Chunk], step: int) -> list[Any]:
    """Return the records of a JSON stream up to a step."""
    records: list[Any] = []
    async with asyncio.timeout(10):
        async for chunk in stream:
            records += json.loads(chunk.payload or b"[]")
            if chunk.step is not None and chunk.step >= step:
                return records
    raise AssertionError("the stream ended early")


async def settled(circuit: RemoteCircuit) -> None:
    """Wait until everything that came in is processed."""
    async with asyncio.timeout(10):
        while True:
            total = (await circuit.stats())["global"]
            if total["total_completed_records"] == total["total_input_records"]:
                return
            await asyncio.sleep(0.01)


async def answers(circuit: RemoteCircuit, sql: str, expected: Any) -> None:
    """Wait until a query gives what is expected; fail with what it gives instead."""
    given: Any = None
    try:
        async with asyncio.timeout(10):
            while (given := await query(circuit, sql)) != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{sql}: {given}") from None
