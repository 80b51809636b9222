"""Keeping figures: one JSON file per run under `bench/results/`, named by benchmark, time and commit."""

import json
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import describe_machine, find_commit

RESULTS = Path(__file__).parent / "results"


def keep(benchmark: str, content: dict[str, object]) -> Path:
    """Write one result together with the facts that let it be judged."""
    now = datetime.now(UTC)
    commit = find_commit()
    facts: dict[str, object] = {
        "benchmark": benchmark,
        "commit": commit,
        "time": now.isoformat(timespec="seconds"),
        "machine": describe_machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{benchmark}-{now:%Y%m%dT%H%M%SZ}-{commit}.json"
    path.write_text(json.dumps(facts | content, indent=1) + "\n")
    return path


def show(path: Path) -> str:
    """Give a path as the reader would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
