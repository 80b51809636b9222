"""A writer is killed at random points; every write it was told was durable must be there."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock.kernel.query import Query
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.store.sqlite import SqliteStore

WRITER = """
import asyncio, os, sys
from pathlib import Path
from penstock.kernel.instants import EPOCH
from penstock.kernel.records import Append, Insert
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.store.sqlite import SqliteStore

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    async def write(lane):
        for number in range(1_000_000):
            id = f"{sys.argv[2]}-{lane}-{number}"
            insert = Insert("k", id, DEFAULT_SCOPE, id, EPOCH, id.encode() * 50, {"lane": lane})
            await store.commit(insert, Append(id, EPOCH, "made", b""))
            os.write(1, id.encode() + b"\\n")
    await asyncio.gather(*(write(lane) for lane in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("rounds", [6, pytest.param(60, marks=pytest.mark.slow)])
async def test_no_acknowledged_write_is_lost_when_the_writer_is_killed(tmp_path: Path, rounds: int) -> None:
    file = tmp_path / "metadata.sqlite"
    acknowledged: set[str] = set()
    chance = random.Random(rounds)

    for number in range(rounds):
        acknowledged |= await asyncio.to_thread(_write_and_kill, file, str(number), chance.uniform(0.02, 0.25))
        store = await SqliteStore.open(file)
        present = {id for id in acknowledged if await store.get("k", id)}
        facts = {id for id in acknowledged if len(await store.facts(id)) == 1}
        count = await store.count(Query("k", DEFAULT_SCOPE))
        await store.close()

        assert acknowledged == present
        assert acknowledged == facts
        # Each of the eight lanes of a round may have had one write that was stored but not yet acknowledged.
        assert len(acknowledged) <= count <= len(acknowledged) + 8 * (number + 1)

    assert len(acknowledged) > 10 * rounds


def _write_and_kill(file: Path, round_: str, after_s: float) -> set[str]:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(file), round_], stdout=subprocess.PIPE)
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(after_s)
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read()
    child.wait()
    child.stdout.close()
    lines = (first + rest).split(b"\n")
    # The last line may be cut; log lines of the child are not ids.
    return {line.decode() for line in lines[:-1] if line.startswith(f"{round_}-".encode())}
