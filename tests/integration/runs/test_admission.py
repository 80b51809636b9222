"""How many runs go on and wait, and what becomes of one too many."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.execute.inline import InlineExecutor
from penstock.kernel.errors import Exhausted
from penstock.kernel.expr import Literal
from penstock.kernel.graph import Body, Graph, Job, Step
from penstock.kernel.runs import Result, RunRejected, RunState
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.runs.service import Runs
from penstock.services.runs.submission import Submission
from penstock.services.timekeeper import SystemClock
from penstock.store.memory import MemoryBlobs
from penstock.store.sqlite import SqliteStore

GRAPH = Graph({"main": Body((Step("a", Job("call", Literal({"function": "work"}))),))})


async def test_a_run_beyond_what_may_wait_is_refused_and_can_be_kept_as_rejected(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def work(spec: object, task: object) -> Result:
        await gate.wait()
        return Result()

    store = await SqliteStore.open(tmp_path / "metadata.sqlite")
    executors = (InlineExecutor({"work": work}),)
    runs = Runs(store, MemoryBlobs(), SystemClock(), executors, max_running=1, max_queued=1)
    await runs.open()
    running, waiting, third = (Submission(DEFAULT_SCOPE, GRAPH, name) for name in ("running", "waiting", "third"))
    first, second = await runs.submit(running), await runs.submit(waiting)
    with pytest.raises(Exhausted):
        await runs.submit(third)
    rejected = await runs.reject(third, "too many")
    gate.set()
    for run in (first, second):
        await runs.wait(run.id, 30)
    found = await runs.get(rejected.id)
    last = (await runs.events(rejected.id))[-1]
    await runs.close()
    await store.close()

    assert (found.state, found.body.message) == (RunState.REJECTED, "too many")
    assert isinstance(last, RunRejected)
