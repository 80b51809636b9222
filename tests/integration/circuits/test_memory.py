"""Circuits whose state is larger than the memory they may have."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.circuits.driving import completion, query, running

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import FormatSpec, RequestFailed
from penstock.services.circuits.remote import RemoteCircuit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROGRAM = """
CREATE TABLE fact (id BIGINT NOT NULL PRIMARY KEY, k BIGINT NOT NULL, v BIGINT NOT NULL, label VARCHAR NOT NULL);
CREATE TABLE side (k BIGINT NOT NULL PRIMARY KEY, name VARCHAR NOT NULL);
CREATE MATERIALIZED VIEW joined AS SELECT fact.id, fact.label, side.name FROM fact JOIN side ON fact.k = side.k;
CREATE MATERIALIZED VIEW grouped AS SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(label) AS last FROM fact GROUP BY k;
CREATE MATERIALIZED VIEW apart AS SELECT DISTINCT v, label FROM fact;
"""
ANSWERS = (
    "SELECT COUNT(*) AS n, SUM(id) AS ids, COUNT(DISTINCT label) AS labels, COUNT(DISTINCT name) AS names FROM joined",
    "SELECT COUNT(*) AS n, SUM(n) AS m, SUM(total) AS total, MAX(last) AS last, MIN(last) AS least FROM grouped",
    "SELECT COUNT(*) AS n, SUM(v) AS v, COUNT(DISTINCT label) AS labels FROM apart",
    "SELECT COUNT(*) AS n, SUM(v) AS v FROM fact",
    "SELECT * FROM joined WHERE id % 40009 = 17 ORDER BY id",
)
ROWS, STEP, GROUPS = 140_000, 2_500, 50_021
BUDGET_BYTES = 24_000_000
"""What is left for state below the point from which on it is put on disk."""
PADDING = "that is long enough to be worth a place on disk, as the words of people are, " * 3


def lines(first: int, count: int, *, gone: bool) -> bytes:
    """Rows of `fact` from `first` on: inserted, or rows that are there already taken away."""
    ids = range(first, first + count)
    values = ((i, i * 7919 % GROUPS, i * 2_654_435_761 % 1_000_003) for i in ids)
    sign = "delete" if gone else "insert"
    texts = (f'{{"{sign}":{{"id":{i},"k":{k},"v":{v},"label":"label {v} {PADDING}"}}}}\n' for i, k, v in values)
    return "".join(texts).encode()


async def feed(circuit: RemoteCircuit, table: str, *bodies: bytes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in bodies:
            yield piece

    options = {"update_format": "insert_delete"}
    await completion(circuit, await circuit.push(table, FormatSpec("json", options), pieces()))


def own_bytes(circuit: RemoteCircuit) -> int:
    """Return the memory of a circuit's process that the system cannot take back."""
    lines = Path(f"/proc/{circuit.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


async def answers(circuit: RemoteCircuit) -> list[object]:
    return [await query(circuit, sql) for sql in ANSWERS]


async def load(circuit: RemoteCircuit, first: int, last: int) -> int:
    """Feed rows, some of which go again; returns the most memory that the process had between steps."""
    most = 0
    for start in range(first, last, STEP):
        await feed(circuit, "fact", lines(start, STEP, gone=False))
        if start % (4 * STEP) == 0:
            await feed(circuit, "fact", lines(start, STEP // 4, gone=True))
        most = max(most, own_bytes(circuit))
    return most


async def test_state_of_three_times_its_memory_gives_the_same_answers(engine: WarmEngine, tmp_path: Path) -> None:
    """A join, an aggregate and a distinct, stopped with a checkpoint and resumed in the middle, under a limit."""
    side = b"".join(b'{"insert":{"k":%d,"name":"group %d"}}\n' % (k, k) for k in range(0, GROUPS, 2))
    async with running(engine, PROGRAM, directory=tmp_path / "free") as circuit:
        empty_bytes = own_bytes(circuit)
        await feed(circuit, "side", side)
        unlimited_bytes = await load(circuit, 0, ROWS)
        state_bytes = (await circuit.stats())["global"]["state_bytes"]
        expected = await answers(circuit)
    limit_mb = int((empty_bytes + BUDGET_BYTES) / 0.85) // 1_000_000
    limited = {"directory": tmp_path / "limited", "max_memory_mb": limit_mb}
    async with running(engine, PROGRAM, **limited) as circuit:
        await feed(circuit, "side", side)
        before_bytes = await load(circuit, 0, ROWS // 2)
        half = await answers(circuit)
        await circuit.suspend()
    async with running(engine, PROGRAM, **limited) as circuit:
        again = await answers(circuit)
        after_bytes = await load(circuit, ROWS // 2, ROWS)
        stats = (await circuit.stats())["global"]
        found = await answers(circuit)

    assert state_bytes >= 3 * BUDGET_BYTES
    assert half == again
    assert found == expected
    assert unlimited_bytes > empty_bytes + 3 * BUDGET_BYTES
    assert max(before_bytes, after_bytes) < 1.1 * limit_mb * 1_000_000
    assert stats["storage_bytes"] > BUDGET_BYTES
    assert {path.name for path in (tmp_path / "limited").iterdir()} <= {"checkpoints", "journal"}


async def test_state_that_cannot_be_put_on_disk_stops_the_circuit_and_says_why(
    engine: WarmEngine, tmp_path: Path
) -> None:
    directory = tmp_path / "gone"
    async with running(engine, PROGRAM, directory=directory, max_memory_mb=1) as circuit:
        directory.rmdir()
        with pytest.raises(RequestFailed):
            await load(circuit, 0, ROWS)
        failure = await circuit.ended()

    assert failure is not None
    assert failure.message == f"state cannot be put on disk in {directory}: No such file or directory"
