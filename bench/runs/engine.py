"""What the run engine costs: a chain and a fan of processes that do nothing, beside a bare loop that starts them."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from os import cpu_count
from pathlib import Path
from typing import ClassVar

from penstock.execute import process
from penstock.execute.keeper import Keeper
from penstock.kernel.expr import Literal
from penstock.kernel.graph import After, Body, Command, Graph, Step
from penstock.kernel.runs import RunState
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.runs.service import Runs
from penstock.services.runs.submission import Submission
from penstock.services.timekeeper import SystemClock
from penstock.store.localdir import LocalBlobs
from penstock.store.logfiles import LogFiles
from penstock.store.sqlite import SqliteStore

__all__ = ["measure"]

NOTHING = Command((Literal("true"),))


class Watched(Keeper):
    """Notes when each process is asked for."""

    asked_us: ClassVar[dict[str, int]] = {}

    async def launch(self, order: Mapping[str, object]) -> None:
        """Pass the order on."""
        await super().launch(order)
        self.asked_us[str(order["id"])] = time.time_ns() // 1000


def chain(count: int) -> Graph:
    """Return steps one after the other."""
    steps = tuple(Step(f"s{i}", NOTHING, (After(f"s{i - 1}"),) if i else ()) for i in range(count))
    return Graph({"main": Body(steps)})


def fan(count: int) -> Graph:
    """Return steps side by side."""
    return Graph({"main": Body(tuple(Step(f"s{i}", NOTHING) for i in range(count)))})


async def measure(directory: Path, steps: int, rounds: int) -> dict[str, object]:
    """Run everything once per round, interleaved; seconds and milliseconds."""
    store = await SqliteStore.open(directory / "metadata.sqlite")
    blobs, book, clock = LocalBlobs(directory / "blobs"), LogFiles(directory / "logs"), SystemClock()
    process.Keeper = Watched  # type: ignore[misc]
    executor = process.ProcessExecutor(directory / "execute", blobs, book, max_processes=steps)
    runs = Runs(store, blobs, clock, [executor])
    await runs.open()
    times: dict[str, list[float]] = {"chain": [], "fan": [], "loop": [], "threads": []}
    asked_ms: list[float] = []
    hops_ms: list[float] = []
    try:
        await runs.submit_and_wait(Submission(DEFAULT_SCOPE, chain(1), "warm"), 120)
        for _ in range(rounds):
            for name, graph in (("chain", chain(steps)), ("fan", fan(steps))):
                began = time.perf_counter()
                done = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, graph, name), 600)
                times[name].append(time.perf_counter() - began)
                if done.state is not RunState.SUCCEEDED:
                    raise SystemExit(f"{name} is {done.state.value}: {done.body.message}")
                if name == "chain":
                    found = await hops(runs, done.id)
                    asked_ms.extend(asked for asked, _ in found)
                    hops_ms.extend(hop for _, hop in found)
            times["loop"].append(await asyncio.to_thread(loop, steps))
            times["threads"].append(await asyncio.to_thread(threads, steps))
    finally:
        await runs.close()
        await store.close()
    return {
        "steps": steps,
        "seconds": times,
        "best_s": {name: min(values) for name, values in times.items()},
        "asked_p50_ms": statistics.median(asked_ms),
        "hop_p50_ms": statistics.median(hops_ms),
        "hop_p95_ms": sorted(hops_ms)[int(len(hops_ms) * 0.95)],
    }


async def hops(runs: Runs, run_id: str) -> list[tuple[float, float]]:
    """Return the milliseconds from each step's reported end to when the next one's process was asked for, was there."""
    attempts = [record.attempts[-1] for record in await runs.steps(run_id)]
    return [
        (
            (Watched.asked_us[f"{run_id}/{after.id}"] - before.finished_at_us) / 1000,
            (after.started_at_us - before.finished_at_us) / 1000,
        )
        for before, after in pairwise(attempts)
        if after.started_at_us is not None and before.finished_at_us is not None
    ]


def loop(count: int) -> float:
    """Start the same processes one after the other."""
    began = time.perf_counter()
    for _ in range(count):
        subprocess.run(["true"], check=True)
    return time.perf_counter() - began


def threads(count: int) -> float:
    """Start the same processes from one thread per core."""
    began = time.perf_counter()
    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(lambda _: subprocess.run(["true"], check=True), range(count)))
    return time.perf_counter() - began
