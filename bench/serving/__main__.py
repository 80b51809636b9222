"""Direct requests through two trivial deployments, beside a bare echo and beside others that serve Python.

    python -m bench.serving [--seconds 5] [--levels 1,8,32] [--rounds 1] [--peers bentoml] [--discard]

penstock  a pipeline of two deployments, each on warm workers of its own; every request is stored before it is answered
echo      Starlette under uvicorn, one process, sends back what it gets: what an HTTP request costs at least
bentoml   two services, each a process of its own, the first calls the second; nothing is stored
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from typing import Any

from bench.results import keep, show
from bench.server import serving
from bench.serving import compare, ours
from bench.serving.load import Target, measure


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="per level and round")
    parser.add_argument("--levels", default="1,8,32")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default=",".join(compare.PEERS), help="names, or nothing")
    parser.add_argument("--discard", action="store_true")
    options = parser.parse_args()
    levels = [int(level) for level in options.levels.split(",")]
    names = ["penstock", "echo", *(name for name in options.peers.split(",") if name)]
    found: dict[str, Any] = {name: {level: [] for level in levels} for name in names}
    failures: dict[str, str] = {}
    load = os.getloadavg()[0]
    for _ in range(options.rounds):
        for name in names:
            try:
                with _target(name) as target:
                    for level in levels:
                        found[name][level].append(measure(target, level, options.seconds))
            except (RuntimeError, OSError) as error:
                failures[name] = str(error)
    best = {name: {level: _best(rounds) for level, rounds in rows.items() if rounds} for name, rows in found.items()}
    result = {"best": best, "failures": failures, "load_average": {"before": load, "after": os.getloadavg()[0]}}
    _print(best, failures, load)
    if not options.discard:
        print(show(keep("serving", result)))


@contextlib.contextmanager
def _target(name: str) -> Iterator[Target]:
    if name == "penstock":
        with serving() as server:
            yield ours.prepare(server)
    else:
        with getattr(compare, name)() as target:
            yield target


def _best(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the round with the most requests per second."""
    return max(rounds, key=lambda row: row["requests_per_s"])


def _print(best: dict[str, Any], failures: dict[str, str], load: float) -> None:
    heads = {"at once": 8, "p50 ms": 10, "p99 ms": 10, "requests/s": 12, "wrong": 7, "p50 - echo": 12, "of echo": 9}
    print(" " * 10 + "".join(f"{head:>{width}}" for head, width in heads.items()))
    for name, rows in best.items():
        for level, row in rows.items():
            bare = best["echo"].get(level, row)
            more, share = row["p50_ms"] - bare["p50_ms"], row["requests_per_s"] / bare["requests_per_s"]
            print(
                f"{name:10}{level:>8}{row['p50_ms']:>10.2f}{row['p99_ms']:>10.2f}{row['requests_per_s']:>12.1f}"
                f"{row['errors']:>7.0f}{more:>12.2f}{share:>9.2f}"
            )
    for name, failure in failures.items():
        print(f"{name}: {failure}")
    print(f"load average {load:.1f}; beyond the number of cores only ratios mean something")


if __name__ == "__main__":
    main()
