"""Each side's way through a story, in a process of its own: `python -m bench.tpch.sides --side penstock --story DIR`.

The clock of a step runs from its changes as Arrow until all 22 answers are current. Reading the story's files is left
out for both, and for ours compiling and the loading of kernels, which a second, throw-away circuit warms. As
`check` both go side by side, and their answers are compared after every tenth step and the last.
"""

import argparse
import gc
import itertools
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench import engine
from bench.nexmark.measurement import summarise
from bench.tpch.duck import Recomputing, comparable
from bench.tpch.program import program, queries
from bench.tpch.story import Change, read_story

WARM_STEPS = 3
CHECK_EVERY = 10


def penstock(story: Path) -> dict[str, Any]:
    """Keep the views up to date."""
    pa.set_cpu_count(2)
    begun = time.perf_counter()
    circuit = engine.start(program())
    start_seconds = time.perf_counter() - begun
    warm = engine.start(program())
    for step in itertools.islice(read_story(story), WARM_STEPS):
        _step(warm, step)
    del warm
    gc.collect()
    figures = _timed(_step(circuit, step) for step in list(read_story(story)))
    return {**figures, "start_seconds": start_seconds, "hottest": circuit.hottest()[:20]}


def duckdb(story: Path) -> dict[str, Any]:
    """Recompute the queries after each step."""
    peer, texts = Recomputing(), queries()
    by_query = dict.fromkeys(["changes", *texts], 0.0)

    def recompute(step: dict[str, Change]) -> None:
        began = time.perf_counter()
        peer.apply(step)
        by_query["changes"] += time.perf_counter() - began
        for name, text in texts.items():
            began = time.perf_counter()
            peer.answer(text)
            by_query[name] += time.perf_counter() - began

    figures = _timed(recompute(step) for step in list(read_story(story)))
    return {**figures, "seconds_by_query": by_query}


def check(story: Path) -> dict[str, Any]:
    """Compare all answers of both; return how many, those that differ, and the queries that never had a row."""
    circuit, peer, texts = engine.start(program()), Recomputing(), queries()
    steps = list(read_story(story))
    compared, differing, filled = 0, [], set()
    for number, step in enumerate(steps, 1):
        _step(circuit, step)
        peer.apply(step)
        if number % CHECK_EVERY and number != len(steps):
            continue
        for name, text in texts.items():
            wanted = comparable(_rows(peer.answer(text)))
            table, weights = circuit.contents(name)
            listed = zip(_rows(table), weights.to_pylist(), strict=True)
            given = comparable([row for row, weight in listed for _ in range(weight)])
            compared += 1
            if wanted != given:
                differing.append(f"{name} after step {number}")
            if wanted and any(value is not None for value in wanted[0]):
                filled.add(name)
    return {"compared": compared, "differing": differing, "empty": sorted(set(texts) - filled)}


def _step(circuit: engine.Engine, step: dict[str, Change]) -> None:
    circuit.step({name: batch for name, (batch, _) in step.items()}, {name: w for name, (_, w) in step.items()})


def _timed(steps: Iterator[None]) -> dict[str, Any]:
    """Go through the steps, each done when it is asked for; the seconds of all, wall and processor, and each one's."""
    durations_ns: list[int] = []
    started, cpu_started = time.perf_counter(), time.process_time()
    while True:
        tick = time.perf_counter_ns()
        if next(steps, "end") == "end":
            break
        durations_ns.append(time.perf_counter_ns() - tick)
    ticks = summarise(durations_ns)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu_started,
        "steps": ticks.count,
        "step_median_ms": ticks.median_ms,
        "step_longest_ms": ticks.longest_ms,
        "step_last_ms": durations_ns[-1] / 1e6,
        "rss_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


SIDES = {"penstock": penstock, "duckdb": duckdb, "check": check}


def main() -> None:
    """Measure one side from the command line; prints one line of JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--side", choices=SIDES, required=True)
    options.add_argument("--story", type=Path, required=True)
    chosen = options.parse_args()
    print(json.dumps(SIDES[chosen.side](chosen.story)))


if __name__ == "__main__":
    main()
