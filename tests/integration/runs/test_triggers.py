"""Triggers over a real store: no time is lost and none fires twice, also over a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from penstock.execute.inline import InlineExecutor
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Literal
from penstock.kernel.graph import Body, Graph, Job, Step
from penstock.kernel.instants import from_unix_us, unix_us
from penstock.kernel.query import Order
from penstock.kernel.runs import Result, RunState
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.kernel.triggers import Firing, Schedule
from penstock.services.runs.service import Runs
from penstock.services.runs.submission import Submission
from penstock.services.timekeeper import SystemClock
from penstock.services.triggers import Triggers
from penstock.store.memory import MemoryBlobs
from penstock.store.sqlite import SqliteStore

GRAPH = Graph({"main": Body((Step("a", Job("call", Literal({"function": "work"}))),))})


class SteppedClock(SystemClock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        super().__init__()
        self._now = datetime.fromisoformat("2026-05-01T00:00:00+00:00")
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, duration_s: float) -> None:
        until = self._now + timedelta(seconds=duration_s)
        while self._now < until:
            self._moved.clear()
            await self._moved.wait()

    async def move(self, duration_s: float) -> None:
        self._now += timedelta(seconds=duration_s)
        self._moved.set()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def opened(directory: Path, clock: SystemClock, gate: asyncio.Event) -> AsyncIterator[tuple[Triggers, Runs]]:
    async def work(spec: object, task: object) -> Result:
        await gate.wait()
        return Result()

    async def launch(document: str, firing: Firing) -> Submission:
        return Submission(DEFAULT_SCOPE, GRAPH, f"{document} {firing.index}")

    store = await SqliteStore.open(directory / "metadata.sqlite")
    runs = Runs(store, MemoryBlobs(), clock, [InlineExecutor({"work": work})])
    triggers = Triggers(store, clock, runs, {"toy": launch})
    await runs.open()
    await triggers.open()
    try:
        yield triggers, runs
    finally:
        await triggers.close()
        await runs.close()
        await store.close()


async def fired(runs: Runs) -> list[str]:
    page = await runs.page(DEFAULT_SCOPE, order=Order("scheduled_at"), limit=1000)
    return [from_unix_us(run.body.scheduled_at_us or 0).strftime("%M:%S") for run in page.runs]


async def caught_up(triggers: Triggers, id: str, clock: SteppedClock) -> None:
    """Without catching up a slow machine would rightly lose seconds."""
    for _ in range(6000):
        if (await triggers.get(id)).body.last_us == unix_us(clock.now()):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the trigger does not fire")


async def settle() -> None:
    await asyncio.sleep(0.3)


def gate_open() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@pytest.mark.parametrize("catches_up", [True, False])
async def test_each_second_for_a_minute_with_a_restart_in_the_middle(tmp_path: Path, catches_up: bool) -> None:
    clock = SteppedClock()
    schedule = Schedule(cron="* * * * * *", catches_up=catches_up, max_concurrency=10)
    async with opened(tmp_path, clock, gate_open()) as (triggers, runs):
        trigger = await triggers.create("toy", DEFAULT_SCOPE, "d", schedule)
        for _ in range(20):
            await clock.move(1)
            await caught_up(triggers, trigger.id, clock)
    clock._now += timedelta(seconds=10)
    async with opened(tmp_path, clock, gate_open()) as (triggers, runs):
        await caught_up(triggers, trigger.id, clock)
        for _ in range(30):
            await clock.move(1)
            await caught_up(triggers, trigger.id, clock)
        seen = await fired(runs)

        expected = [f"{second // 60:02}:{second % 60:02}" for second in range(1, 61)]
        if not catches_up:
            expected = [text for text in expected if not "00:21" <= text <= "00:29"]
        assert seen == expected
        assert (await triggers.get(trigger.id)).body.count == len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("catches_up", [True, False])
async def test_each_second_of_a_real_minute_with_a_restart_in_the_middle(tmp_path: Path, catches_up: bool) -> None:
    """Without catching up a second may be passed over while nothing of us runs: no server, or no processor for it."""
    clock = SystemClock()
    schedule = Schedule(cron="* * * * * *", catches_up=catches_up, max_concurrency=100)
    absences: list[tuple[float, float]] = []
    watching = asyncio.create_task(_watch_absences(absences))
    async with opened(tmp_path, clock, gate_open()) as (triggers, runs):
        trigger = await triggers.create("toy", DEFAULT_SCOPE, "d", schedule)
        await asyncio.sleep(30)
    left = time.time()
    await asyncio.sleep(4)
    async with opened(tmp_path, clock, gate_open()) as (triggers, runs):
        absences.append((left, time.time()))
        await asyncio.sleep(30)
        watching.cancel()
        page = await runs.page(DEFAULT_SCOPE, order=Order("scheduled_at"), limit=1000)
        seen = [(run.body.scheduled_at_us or 0) // 1_000_000 for run in page.runs]
        count = (await triggers.get(trigger.id)).body.count

    missed = set(range(seen[0], seen[-1] + 1)).difference(seen)
    assert len(seen) == len(set(seen))
    assert abs(count - len(seen)) <= 1  # the last one may be between the two looks
    assert seen[-1] - seen[0] >= 60
    if catches_up:
        assert missed == set()
    else:
        assert missed
        assert [at for at in missed if not any(a - 1 <= at <= b + 1 for a, b in absences)] == []


async def _watch_absences(absences: list[tuple[float, float]]) -> None:
    """Note when this process had to wait for a processor."""
    while True:
        before = time.time()
        await asyncio.sleep(0.05)
        if time.time() - before > 0.4:
            absences.append((before, time.time()))


async def test_a_full_trigger_waits_for_a_run_to_end_and_loses_nothing(tmp_path: Path) -> None:
    clock, gate = SteppedClock(), asyncio.Event()
    async with opened(tmp_path, clock, gate) as (triggers, runs):
        await triggers.create("toy", DEFAULT_SCOPE, "d", Schedule(every_s=10, max_concurrency=1))
        for _ in range(3):
            await clock.move(10)
        assert await fired(runs) == ["00:10"]
        gate.set()
        await settle()

        assert await fired(runs) == ["00:10", "00:20", "00:30"]
        page = await runs.page(DEFAULT_SCOPE)
        assert {run.state for run in page.runs} == {RunState.SUCCEEDED}


async def test_a_disabled_trigger_rests_and_may_forget_what_it_missed(tmp_path: Path) -> None:
    clock = SteppedClock()
    async with opened(tmp_path, clock, gate_open()) as (triggers, runs):
        trigger = await triggers.create("toy", DEFAULT_SCOPE, "d", Schedule(every_s=10, max_concurrency=10))
        await clock.move(10)
        await triggers.enable(trigger.id, False)
        await clock.move(30)
        await triggers.enable(trigger.id, True, forgets_missed=True)
        await clock.move(10)
        await settle()

        assert await fired(runs) == ["00:10", "00:50"]


async def test_a_preview_shows_the_next_times_within_start_and_end(tmp_path: Path) -> None:
    clock = SteppedClock()
    now_us = unix_us(clock.now())
    schedule = Schedule(cron="0 * * * *", start_us=now_us + 3_600_000_000, end_us=now_us + 2 * 3_600_000_000)
    async with opened(tmp_path, clock, gate_open()) as (triggers, _):
        trigger = await triggers.create("toy", DEFAULT_SCOPE, "d", schedule)

        shown = [from_unix_us(at_us).strftime("%H:%M") for at_us in await triggers.preview(trigger.id)]
        assert shown == ["01:00", "02:00"]


@pytest.mark.parametrize(
    "schedule",
    [Schedule(), Schedule(cron="x"), Schedule(every_s=0.1), Schedule(cron="@daily", every_s=5),
     Schedule(every_s=5, max_concurrency=0), Schedule(every_s=5, zone="Nowhere"),
     Schedule(every_s=5, start_us=2, end_us=1)],
)  # fmt: skip
async def test_a_wrong_schedule_is_refused_and_nothing_is_stored(tmp_path: Path, schedule: Schedule) -> None:
    async with opened(tmp_path, SteppedClock(), gate_open()) as (triggers, _):
        with pytest.raises(Invalid):
            await triggers.create("toy", DEFAULT_SCOPE, "d", schedule)
