"""`python -m bench.nexmark`: every peer on every query, in interleaved rounds, each run in a process of its own.

Interleaved: round 1 of all, then round 2 of all, so that a slow quarter of an hour of the machine hits everybody.
Prints one table and writes `bench/results/nexmark-<date>-<commit>.json`. Exits non-zero if an answer of ours is wrong.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench.nexmark import flink, pathway
from bench.nexmark.answer import Verdict
from bench.nexmark.dataset import Dataset, open_dataset
from bench.nexmark.measurement import Measurement, decode
from bench.nexmark.queries import QUERIES
from bench.nexmark.report import compare, condense, draw
from bench.results import keep, show

MODULES = {
    "penstock": "bench.nexmark.ours",
    "flink": "bench.nexmark.flink",
    "pathway": "bench.nexmark.pathway",
    "duckdb": "bench.nexmark.duck",
}
DEFAULT_PEERS = ["penstock", "flink", "duckdb"]
CHECKED = ("penstock", "pathway")
"""The peers whose answers are compared with DuckDB's; of Flink nothing is kept that could be."""


def main() -> int:
    """Run what the command line asks for."""
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 190)
    console.print(f"{options.events:,} events, seed {options.seed}", highlight=False)
    dataset = open_dataset(options.events, options.seed)
    if "flink" in options.peers:
        try:
            flink.find_flink()
        except flink.FlinkMissing as missing:
            console.print(f"without Flink: {missing}", highlight=False)
            options.peers.remove("flink")
    if "pathway" in options.peers:
        try:
            pathway.find_pathway()
        except pathway.PathwayMissing as missing:
            console.print(f"without Pathway: {missing}", highlight=False)
            options.peers.remove("pathway")
    answers = {peer: _check(peer, dataset, options, console) for peer in CHECKED}
    verdicts = answers["penstock"]
    runs = _measure(dataset, options, console)
    lines = condense(runs)
    console.print(draw(lines, verdicts))
    console.print("ours : peer = ratio of medians (our slowest round over the peer's fastest)", highlight=False)
    console.print("* ended at the time limit; the rate holds for the events until then", highlight=False)
    for query in options.queries:
        if QUERIES[query].note:
            console.print(f"{query}: {QUERIES[query].note}", highlight=False)
    if options.discard:
        return _status(verdicts)
    path = _keep(dataset, options, runs, answers)
    console.print(f"kept as {show(path)}")
    return _status(verdicts)


def _status(verdicts: list[Verdict]) -> int:
    return 1 if any(not verdict.holds() and not verdict.failure for verdict in verdicts) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.nexmark", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--queries", type=_names(QUERIES), default=list(QUERIES), help="comma-separated")
    parser.add_argument("--peers", type=_names(MODULES), default=DEFAULT_PEERS, help="comma-separated")
    parser.add_argument("--step", type=_sizes, default=[1_000, 10_000, 100_000], help="events per step of ours")
    parser.add_argument("--duck-step", type=_sizes, default=[100_000], help="of DuckDB")
    parser.add_argument("--sink", choices=["blackhole", "arrow"], default="blackhole", help="of ours")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for one run of Flink or Pathway")
    parser.add_argument("--duck-limit", type=float, default=30.0, help="seconds for one run of DuckDB")
    parser.add_argument("--check-events", type=int, default=200_000, help="events of the comparison; 0: none")
    parser.add_argument("--discard", action="store_true", help="write no result file (for a quick look)")
    return parser.parse_args()


def _check(peer: str, dataset: Dataset, options: argparse.Namespace, console: Console) -> list[Verdict]:
    """Compare a peer's answers with DuckDB's, on a data set of its own size."""
    if peer not in options.peers or not options.check_events:
        return []
    events = min(options.check_events, options.events)
    small = open_dataset(events, options.seed)
    verdicts = []
    how = ["--step", str(max(events // 40, 1))] if peer == "penstock" else ["--limit", str(options.limit)]
    for query in options.queries:
        line, error = _child(peer, small, query, "--check", *how)
        verdict = Verdict(**json.loads(line)) if line else Verdict(query, events, failure=error)
        verdicts.append(verdict)
        console.print(
            f"{query} {peer} checked on {events:,} events: {'equal' if verdict.holds() else verdict}",
            highlight=False,
        )
    return verdicts


def _measure(dataset: Dataset, options: argparse.Namespace, console: Console) -> list[Measurement]:
    runs = []
    for number in range(1, options.rounds + 1):
        for query in options.queries:
            for peer, step, arguments in _plan(options):
                line, error = _child(peer, dataset, query, *arguments)
                run = decode(line) if line else Measurement(peer, query, step, dataset.event_count, failure=error)
                runs.append(run)
                rate = run.events_per_second()
                told = f"{rate:,.0f} events/s" if rate else run.failure
                at = "" if step is None else f" in steps of {step:,}"
                console.print(f"round {number} {query} {peer}{at}: {told}", highlight=False)
    return runs


def _plan(options: argparse.Namespace) -> list[tuple[str, int | None, list[str]]]:
    """List the runs of one query in one round: peer, step and arguments."""
    plan: list[tuple[str, int | None, list[str]]] = []
    for peer in options.peers:
        if peer == "penstock":
            plan += [(peer, step, ["--step", str(step), "--sink", options.sink]) for step in options.step]
        elif peer == "duckdb":
            limit = str(options.duck_limit)
            plan += [(peer, step, ["--step", str(step), "--limit", limit]) for step in options.duck_step]
        else:
            plan.append((peer, None, ["--limit", str(options.limit)]))
    return plan


def _child(peer: str, dataset: Dataset, query: str, *arguments: str) -> tuple[str, str]:
    """Run one peer in a fresh process: the line of JSON it ends with, or what went wrong."""
    command = [sys.executable, "-m", MODULES[peer], "--dataset", str(dataset.path), "--query", query, *arguments]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode == 0 and outcome.stdout.strip():
        return outcome.stdout.strip().splitlines()[-1], ""
    last = (outcome.stderr.strip().splitlines() or [f"ended with status {outcome.returncode}"])[-1]
    return "", last[:300]


def _keep(
    dataset: Dataset, options: argparse.Namespace, runs: list[Measurement], answers: dict[str, list[Verdict]]
) -> Path:
    lines = condense(runs)
    return keep(
        "nexmark",
        {
            "options": vars(options),
            "input_bytes": dataset.size_bytes(),
            "flink": {"version": flink.VERSION, "heap": flink.HEAP, "settings": flink.SETTINGS},
            "pathway": {"version": pathway.VERSION, "threads": pathway.THREADS},
            "lines": [asdict(line) for line in lines],
            "ratios": [asdict(ratio) for ratio in compare(lines)],
            "answers": [asdict(verdict) for verdict in answers["penstock"]],
            "answers_of_pathway": [asdict(verdict) for verdict in answers["pathway"]],
            "runs": [asdict(run) for run in runs],
        },
    )


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",") if name.strip()]
        unknown = sorted(set(chosen) - set(known))
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; known are {', '.join(known)}")
        return chosen

    return parse


def _sizes(text: str) -> list[int]:
    return [int(size.replace("_", "")) for size in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
