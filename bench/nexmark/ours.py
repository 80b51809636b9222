"""Our engine on one query: two threads parse, this thread steps the circuit; each step's time is kept.

The clock starts when the circuit stands (SQL compiled, kernels loaded and warmed on a throw-away circuit, as they are
in the zygote of a server) and the files are still closed; it stops when the last change is out. A tick is the time of
one step in the circuit's thread: Arrow to words, all operators, changes out. Changes end as batches of words, as
Flink's end in its blackhole as rows; with `--sink arrow` they are decoded to Arrow as a subscriber would need them.
"""

import argparse
import gc
import itertools
import resource
import time
from pathlib import Path

import pyarrow as pa

from bench import engine
from bench.nexmark.answer import Answer, Verdict
from bench.nexmark.dataset import Dataset, load_dataset
from bench.nexmark.feed import side_rows, steps
from bench.nexmark.measurement import Measurement, encode, summarise
from bench.nexmark.queries import QUERIES, Query, tables

WARM_STEPS = 3


def run(query: Query, dataset: Dataset, step: int, sink: str) -> Measurement:
    """Keep one query up to date over the whole data set in steps of `step` events."""
    pa.set_cpu_count(2)
    begun = time.perf_counter()
    circuit = _start(query)
    start_seconds = time.perf_counter() - begun
    _warm(query, dataset, step, sink)
    gc.collect()
    rss_start_bytes = _resident_bytes()
    durations_ns: list[int] = []
    circuit_cpu_ns = 0
    out_rows = 0
    started, cpu_started = time.perf_counter(), time.process_time()
    for batches in steps(dataset, query.reads, step):
        tick, cpu_tick = time.perf_counter_ns(), time.thread_time_ns()
        change = circuit.step(batches).get(query.name)
        if change is not None and sink == "arrow":
            circuit.decode(query.name, change)
        durations_ns.append(time.perf_counter_ns() - tick)
        circuit_cpu_ns += time.thread_time_ns() - cpu_tick
        out_rows += 0 if change is None else len(change)
    return Measurement(
        "penstock",
        query.name,
        step,
        dataset.event_count,
        seconds=time.perf_counter() - started,
        ticks=summarise(durations_ns),
        circuit_seconds=sum(durations_ns) / 1e9,
        cpu_seconds=time.process_time() - cpu_started,
        circuit_cpu_seconds=circuit_cpu_ns / 1e9,
        start_seconds=start_seconds,
        rss_start_bytes=rss_start_bytes,
        rss_peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        state_rows=circuit.state_rows(),
        hottest=tuple(circuit.hottest()[:5]),
        out_rows=out_rows,
    )


def check(query: Query, dataset: Dataset, step: int) -> Verdict:
    """Compare the sum of all changes with DuckDB's answer."""
    circuit = _start(query)
    answer = Answer(query, dataset)
    for batches in steps(dataset, query.reads, step):
        change = circuit.step(batches).get(query.name)
        if change is not None and len(change):
            answer.add(*circuit.decode(query.name, change))
    return answer.compare()


def _start(query: Query) -> engine.Engine:
    circuit = engine.start(tables("feldera") + query.text("feldera"))
    if query.side:
        circuit.step({"side_input": side_rows()})
    return circuit


def _warm(query: Query, dataset: Dataset, step: int, sink: str) -> None:
    """Let a second circuit take the first steps, so that no kernel is loaded while the clock runs."""
    circuit = _start(query)
    reading = steps(dataset, query.reads, step)
    for batches in itertools.islice(reading, WARM_STEPS):
        change = circuit.step(batches).get(query.name)
        if change is not None and sink == "arrow":
            circuit.decode(query.name, change)
    reading.close()


def _resident_bytes() -> int:
    """Read the resident size of this process (Linux; 0 elsewhere)."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * resource.getpagesize() if status.exists() else 0


def main() -> None:
    """Measure, or check, one query from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dataset", type=Path, required=True)
    options.add_argument("--query", choices=QUERIES, required=True)
    options.add_argument("--step", type=int, default=10_000, help="events per step")
    options.add_argument("--sink", choices=["blackhole", "arrow"], default="blackhole")
    options.add_argument("--check", action="store_true", help="compare with DuckDB's answer instead of measuring")
    chosen = options.parse_args()
    query, dataset = QUERIES[chosen.query], load_dataset(chosen.dataset)
    print(_answer(query, dataset, chosen))


def _answer(query: Query, dataset: Dataset, chosen: argparse.Namespace) -> str:
    try:
        if chosen.check:
            return encode(check(query, dataset, chosen.step))
        return encode(run(query, dataset, chosen.step, chosen.sink))
    except Exception as error:  # a query that cannot run is a result, and the other queries go on
        reason = f"{type(error).__name__}: {error}"[:500]
    if chosen.check:
        return encode(Verdict(query.name, dataset.event_count, failure=reason))
    return encode(Measurement("penstock", query.name, chosen.step, dataset.event_count, failure=reason))


if __name__ == "__main__":
    main()
