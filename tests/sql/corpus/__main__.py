"""Run files of the public SQLLogicTest corpus: python -m tests.sql.corpus [--queries N --seed S] FILE...

Prints what passed, mismatched and was skipped for which reason; exits with 1 if a query mismatched or was refused.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.sql.corpus.chunks import Chunk, read_chunks
from tests.sql.corpus.records import Other, Query, read_records
from tests.sql.corpus.session import Report, Session

MODES = ("batch", "stepwise")


def sample(paths: Sequence[Path], count: int, seed: int) -> dict[Path, set[int]]:
    """Choose queries of some files at random; returns their lines."""
    there = [(path, r.line) for path in paths for r in read_records(path) if isinstance(r, Query)]
    chosen: dict[Path, set[int]] = {}
    for path, line in random.Random(seed).sample(there, min(count, len(there))):
        chosen.setdefault(path, set()).add(line)
    return chosen


def guard(most_gigabytes: float) -> None:
    """End this process when it holds too much memory: a wrong plan must not take the machine with it."""

    def watch() -> None:
        while True:
            time.sleep(0.2)
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            if pages * resource.getpagesize() > most_gigabytes * 1e9:
                print(f"more than {most_gigabytes} GB of memory", file=sys.stderr, flush=True)
                os._exit(3)

    if Path("/proc/self/statm").exists():
        threading.Thread(target=watch, daemon=True).start()


def run_file(
    path: Path, wanted: set[int] | None, seed: int, modes: Sequence[str] = MODES
) -> tuple[Path, Report, float]:
    """Run one file."""
    began = time.perf_counter()
    report = Report()
    rng = random.Random(f"{seed} {path.name}")
    if wanted is None:
        report.elsewhere = sum(isinstance(r, Other) for r in read_records(path))
    for found in read_chunks(path, wanted):
        if isinstance(found, Chunk):
            report.add(Session(found, path.name, rng).run(modes))
        else:
            report.failures.append(f"{path.name}: STATEMENT {found}")
    return path, report, time.perf_counter() - began


def main() -> int:
    """Run the files of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.sql.corpus", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--queries", type=int, help="how many queries of all files, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", choices=MODES, help="one way of running only")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time")
    parser.add_argument("--memory", type=float, default=6.0, help="gigabytes that each process may hold")
    parser.add_argument("--show", type=int, default=20, help="failures shown of each file")
    given = parser.parse_args()
    files = [f for path in given.files for f in (sorted(path.glob("*.test")) if path.is_dir() else [path])]
    began = time.perf_counter()
    wanted: dict[Path, set[int]] = {}
    if given.queries is not None:
        wanted = sample(files, given.queries, given.seed)
        files = [f for f in files if f in wanted]
    modes = MODES if given.mode is None else (given.mode,)
    total = Report()
    files.sort(key=lambda f: -f.stat().st_size)
    with ProcessPoolExecutor(given.jobs, initializer=guard, initargs=(given.memory,)) as workers:
        work = [workers.submit(run_file, f, wanted.get(f), given.seed, modes) for f in files]
        for done in work:
            path, report, seconds = done.result()
            total.add(report)
            print(f"{path.name}: {_told(report)} in {seconds:.1f} s", flush=True)
            for line in report.failures[: given.show]:
                print("  " + line, flush=True)
    print(f"{len(files)} files: {_told(total)} in {time.perf_counter() - began:.1f} s")
    for reason, count in total.skipped.most_common():
        print(f"  skipped {count}: {reason}")
    return 1 if total.failed else 0


def _told(report: Report) -> str:
    counts = [f"{report.queries} queries", f"{report.passed} passed", f"{report.mismatched} mismatched"]
    counts += [f"{report.refused} refused", f"{sum(report.skipped.values())} skipped"]
    if report.elsewhere:
        counts.append(f"{report.elsewhere} more for other engines")
    return ", ".join(counts)


if __name__ == "__main__":
    sys.exit(main())
