"""`python -m bench.tpch`: the 22 queries of TPC-H as views of one program, beside DuckDB recomputing them per step.

The tables are loaded in steps; of what is there, rows are changed, taken away and added again. Ours keeps all 22 views;
DuckDB makes the same changes to its tables and computes all queries anew after each step. First the answers of both are
compared after every tenth step. Rounds are interleaved, each run in a process of its own. Prints the total times, and
writes `bench/results/tpch-<date>-<commit>.json`. Exits non-zero if an answer differs.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.results import keep, show
from bench.tpch.story import open_story

PEERS = ("penstock", "duckdb")


def main() -> int:
    """Run the check and the rounds, print a table and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.tpch", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="1.0: six million lines of orders")
    parser.add_argument("--steps", type=int, default=100, help="in which the rows of the scale come")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-check", action="store_true", help="compare no answers")
    parser.add_argument("--discard", action="store_true", help="write no result file")
    options = parser.parse_args()
    console = Console()
    story = open_story(options.scale, options.steps, options.seed)
    checked = None if options.no_check else run("check", story)
    if checked is not None:
        verdict = "all equal" if not checked["differing"] else f"DIFFERENT: {', '.join(checked['differing'])}"
        empty = f"; without rows: {', '.join(checked['empty'])}" if checked["empty"] else ""
        console.print(f"{checked['compared']} answers compared: {verdict}{empty}", highlight=False)
    runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in PEERS}
    for number in range(1, options.rounds + 1):
        for peer in PEERS:
            runs[peer].append(run(peer, story))
            console.print(f"round {number} {peer}: {runs[peer][-1]['seconds']:.2f} s", highlight=False)
    draw(console, options.scale, runs)
    if not options.discard:
        content = {"options": vars(options), "answers": checked, "runs": runs, "ratios": ratios(runs)}
        console.print(f"kept as {show(keep('tpch', content))}")
    return 1 if checked is not None and checked["differing"] else 0


def run(side: str, story: Path) -> dict[str, Any]:
    """Run one side in a fresh process. Raises: CalledProcessError."""
    command = [sys.executable, "-m", "bench.tpch.sides", "--side", side, "--story", str(story)]
    outcome = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(outcome.stdout.strip().splitlines()[-1])
    return figures


def ratios(runs: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """How many times our total time DuckDB's is: of the medians, and our slowest round against its fastest."""
    if not all(runs.values()):
        return {}
    ours, theirs = ([figures["seconds"] for figures in runs[peer]] for peer in PEERS)
    return {"of_medians": median(theirs) / median(ours), "worst": min(theirs) / max(ours)}


def draw(console: Console, scale: float, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Print the figures."""
    table = Table(title=f"TPC-H, 22 views, scale {scale}: medians of the rounds")
    for title in ("", "total s", "CPU s", "steps", "step p50 ms", "longest ms", "last ms", "peak MB"):
        table.add_column(title, justify="right")
    for peer, rounds in runs.items():
        if not rounds:
            continue
        middle = {name: median(figures[name] for figures in rounds) for name in rounds[0] if name in _SHOWN}
        cells = [f"{middle[name]:,.1f}" for name in _SHOWN if name not in ("steps", "rss_peak_bytes")]
        table.add_row(peer, *cells[:2], str(rounds[0]["steps"]), *cells[2:], f"{middle['rss_peak_bytes'] / 1e6:,.0f}")
    console.print(table)
    if found := ratios(runs):
        worst = f"its fastest over our slowest {found['worst']:.2f}"
        console.print(f"DuckDB's total time : ours = {found['of_medians']:.2f} ({worst})", highlight=False)


_SHOWN = (
    *("seconds", "cpu_seconds", "steps", "step_median_ms", "step_longest_ms", "step_last_ms"),
    "rss_peak_bytes",
)


if __name__ == "__main__":
    sys.exit(main())
