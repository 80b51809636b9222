"""The run engine beside a bare loop that starts the same processes.

    python -m bench.runs [--steps 100] [--rounds 3] [--stored 200000] [--discard]

chain   steps one after the other, each a process that does nothing
fan     the same number of steps side by side
asked   from the report that a step ended to the request for the next one's process
hop     the same to the report that the process is there
loop    subprocess.run of the same program, one after the other; threads: with one thread per core
lists   page and get calls on a store with many runs
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from os import cpu_count
from pathlib import Path
from typing import ClassVar

import msgspec

from bench.results import keep, show
from penstock.execute import process
from penstock.execute.keeper import Keeper
from penstock.kernel.expr import Literal
from penstock.kernel.graph import After, Body, Command, Graph, Step
from penstock.kernel.ids import RunId
from penstock.kernel.query import AllOf, Compare, Comparison, Order
from penstock.kernel.records import Insert
from penstock.kernel.runs import RunState
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.runs.record import RUN_KIND, Run, RunBody
from penstock.services.runs.service import Runs
from penstock.services.runs.submission import Submission
from penstock.services.timekeeper import SystemClock
from penstock.store.localdir import LocalBlobs
from penstock.store.logfiles import LogFiles
from penstock.store.sqlite import SqliteStore

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


async def measure(directory: Path, steps: int, rounds: int, stored: int) -> dict[str, object]:
    """Run everything once per round, interleaved."""
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
        lists = await measure_lists(runs, store, clock, stored) if stored else {}
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
        "lists": lists,
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


async def measure_lists(runs: Runs, store: SqliteStore, clock: SystemClock, count: int) -> dict[str, object]:
    """Fill the store with finished runs, then time list and get calls."""
    ids: list[str] = []
    states = [RunState.SUCCEEDED, RunState.FAILED, RunState.SUCCEEDED, RunState.CANCELLED]
    for start in range(0, count, 500):
        writes = []
        for number in range(start, min(start + 500, count)):
            at = clock.now()
            body = RunBody(f"run {number}", "bench", "0" * 64, states[number % 4], group=f"g{number % 100}")
            body.finished_at_us = number
            body.columns = {"experiment": f"e{number % 20}", "is_archived": 0}
            run = Run(RunId(clock.new_id()), DEFAULT_SCOPE, None, at, at, body)
            ids.append(run.id)
            writes.append(Insert(RUN_KIND, run.id, run.scope, None, at, msgspec.json.encode(body), run.columns()))
        await store.commit(*writes)
    newest = Order("created_at", descending=True)
    deep = (await runs.page(DEFAULT_SCOPE, order=newest, limit=10_000)).next
    failed = Compare("state", Comparison.EQ, "failed")
    of_one = AllOf((Compare("experiment", Comparison.EQ, "e3"), Compare("is_archived", Comparison.EQ, 0)))
    calls: dict[str, Callable[[int], object]] = {
        "newest 20": lambda _: runs.page(DEFAULT_SCOPE, order=newest, limit=20),
        "page 500 of 20": lambda _: runs.page(DEFAULT_SCOPE, order=newest, limit=20, after=deep),
        "by title": lambda _: runs.page(DEFAULT_SCOPE, order=Order("title"), limit=20),
        "by end": lambda _: runs.page(DEFAULT_SCOPE, order=Order("finished_at", descending=True), limit=20),
        "failed": lambda _: runs.page(DEFAULT_SCOPE, where=failed, order=newest, limit=20),
        "of one experiment": lambda _: runs.page(DEFAULT_SCOPE, where=of_one, order=newest, limit=20),
        "count": lambda _: runs.count(DEFAULT_SCOPE),
        "count failed": lambda _: runs.count(DEFAULT_SCOPE, failed),
        "get": lambda n: runs.get(ids[n * 7919 % len(ids)]),
    }
    return {"runs": count, "p50_ms": {name: await p50_ms(call) for name, call in calls.items()}}


async def p50_ms(call: Callable[[int], object]) -> float:
    """Return the median of twenty calls, in milliseconds."""
    found = []
    for number in range(20):
        began = time.perf_counter()
        await call(number)  # type: ignore[misc]
        found.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(found), 2)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stored", type=int, default=200_000)
    parser.add_argument("--discard", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        result = asyncio.run(measure(Path(directory), options.steps, options.rounds, options.stored))
    best: dict[str, float] = result["best_s"]  # type: ignore[assignment]
    print(f"{'':10}{'best s':>10}{'ms/step':>10}{'x loop':>10}")
    for name, value in best.items():
        print(f"{name:10}{value:10.3f}{value * 1000 / options.steps:10.2f}{value / best['loop']:10.2f}")
    print(f"asked p50 {result['asked_p50_ms']:.2f} ms")
    print(f"hop p50 {result['hop_p50_ms']:.2f} ms, p95 {result['hop_p95_ms']:.2f} ms")
    print(result["lists"])
    if not options.discard:
        print(show(keep("runs", result)))


if __name__ == "__main__":
    main()
