"""Where benchmarks keep what is costly to make again: event files and the peers' environments."""

import os
from pathlib import Path

VARIABLE = "PENSTOCK_BENCH_CACHE"


def cache_directory() -> Path:
    """Give the cache folder, made if need be: `$PENSTOCK_BENCH_CACHE`, else `bench/.cache` (ignored by git)."""
    path = Path(os.environ.get(VARIABLE) or Path(__file__).parent / ".cache")
    path.mkdir(parents=True, exist_ok=True)
    return path
