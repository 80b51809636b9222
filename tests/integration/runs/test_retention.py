"""When the time of a run is over, all that was kept of it goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.execute.inline import InlineExecutor
from penstock.kernel.errors import NotFound
from penstock.kernel.expr import Literal
from penstock.kernel.graph import Body, Graph, Job, Step
from penstock.kernel.policies import Retention
from penstock.kernel.runs import Result
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.logs import Logs
from penstock.services.metrics import Metric, Metrics, metrics_stream
from penstock.services.runs.record import EXPIRY_KIND, RUN_KIND, STEPS_KIND, stream_of
from penstock.services.runs.service import Runs
from penstock.services.runs.submission import Submission
from penstock.store.logfiles import LogFiles
from penstock.store.memory import MemoryBlobs
from penstock.store.sqlite import SqliteStore
from tests.integration.runs.test_triggers import SteppedClock

GRAPH = Graph({"main": Body((Step("a", Job("call", Literal({"function": "work"}))),))})


async def _fails(spec: object, task: object) -> Result:
    raise ValueError("a line for the log")


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_run_whose_time_is_over_is_removed_with_events_steps_metrics_and_logs(
    tmp_path: Path, restarts: bool
) -> None:
    clock, book = SteppedClock(), LogFiles(tmp_path / "logs")
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")

    def made() -> Runs:
        inline = InlineExecutor({"work": _fails}, book)
        return Runs(store, MemoryBlobs(), clock, [inline], forget_logs=Logs(book).forget)

    runs = made()
    await runs.open()
    kept = await runs.submit(Submission(DEFAULT_SCOPE, GRAPH, "kept"))
    gone = await runs.submit(Submission(DEFAULT_SCOPE, GRAPH, "gone", retention=Retention(3600)))
    for run in (kept, gone):
        await runs.wait(run.id, 30)
        await Metrics(store, clock).report(run.id, [Metric("m", 1.0)])
        assert book.read(run.id, "a#1")

    if restarts:
        await runs.close()
        clock._now = clock._now.replace(hour=2)
        runs = made()
        await runs.open()
    else:
        await clock.move(3599)
        assert (await runs.get(gone.id)).id == gone.id
        await clock.move(2)
    for _ in range(3000):
        if not book.read(gone.id, "a#1"):  # the last thing to go
            break
        await asyncio.sleep(0.01)

    with pytest.raises(NotFound):
        await runs.get(gone.id)
    assert [await store.get(kind, gone.id) for kind in (RUN_KIND, STEPS_KIND, EXPIRY_KIND)] == [None, None, None]
    assert await store.facts(stream_of(gone.id)) == await store.facts(metrics_stream(gone.id)) == ()
    assert await store.facts(stream_of(kept.id))
    assert await store.facts(metrics_stream(kept.id))
    assert book.read(kept.id, "a#1")
    await runs.close()
    await store.close()
