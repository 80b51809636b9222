"""The run engine beside a bare loop that starts the same processes, and beside other orchestrators in one process.

    python -m bench.runs [--steps 100] [--rounds 3] [--stored 200000] [--peers luigi,dagster] [--discard]

chain   steps one after the other, each a process that does nothing
fan     the same number of steps side by side
asked   from the report that a step ended to the request for the next one's process
hop     the same to the report that the process is there
loop    subprocess.run of the same program, one after the other; threads: with one thread per core
lists   lists and get calls of the Kubeflow dialect, over HTTP, on a store with many runs
peers   the same chain and fan by others; their own processes, servers and imports are started before the clock
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.results import keep, show
from bench.runs import engine, lists
from bench.runs.compare import PEERS, measure_peer


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stored", type=int, default=200_000, help="runs in the store; 0 for no lists")
    parser.add_argument("--peers", default=",".join(peer.name for peer in PEERS), help="names, or nothing")
    parser.add_argument("--discard", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "engine").mkdir()
        result: dict[str, Any] = asyncio.run(engine.measure(Path(folder) / "engine", options.steps, options.rounds))
        chosen = [peer for peer in PEERS if peer.name in options.peers.split(",")]
        result["peers"] = {peer.name: measure_peer(peer, options.steps, options.rounds) for peer in chosen}
        if options.stored:
            result["lists"] = lists.measure(Path(folder), options.stored)
    result["load_average"] = {"before": load, "after": os.getloadavg()[0]}
    _print(result, options.steps)
    if not options.discard:
        print(show(keep("runs", result)))


def _print(result: dict[str, Any], steps: int) -> None:
    rows = {f"penstock {name}" if name in ("chain", "fan") else name: best for name, best in result["best_s"].items()}
    for name, found in result["peers"].items():
        if "failure" in found:
            print(f"{name}: {found['failure']}")
            continue
        rows |= {f"{name} {found['version']} {what}": min(times) for what, times in found["seconds"].items()}
    loop = rows["loop"]
    ours = {what: rows[f"penstock {what}"] for what in ("chain", "fan")}
    print(f"{'best of the rounds':28}{'s':>10}{'ms/step':>10}{'x loop':>10}{'x ours':>10}")
    for name, value in rows.items():
        mine = ours.get(name.rsplit(" ", 1)[-1], ours["chain"])
        print(f"{name:28}{value:10.3f}{value * 1000 / steps:10.2f}{value / loop:10.2f}{value / mine:10.2f}")
    print(f"load average {result['load_average']['before']:.1f}; beyond the number of cores only ratios mean something")
    print(f"asked p50 {result['asked_p50_ms']:.2f} ms")
    print(f"hop p50 {result['hop_p50_ms']:.2f} ms, p95 {result['hop_p95_ms']:.2f} ms")
    if found := result.get("lists"):
        print(f"{found['runs']} runs stored, {found['database_bytes'] / 1e6:.0f} MB; milliseconds")
        print(f"{'':34}{'p50':>9}{'processor':>11}{'first':>9}")
        for name, value in found["p50_ms"].items():
            print(f"{name:34}{value:9.2f}{found['processor_ms'][name]:11.2f}{found['first_ms'][name]:9.2f}")


if __name__ == "__main__":
    main()
