"""Kept kernels are compiled anew when something that they were compiled from has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLEE = """
from penstock.data.kernels import compiled
FACTOR = {factor}
@compiled("int64(int64)")
def raised(n):
    return n + {raise_by}
"""

CALLER = """
from penstock.data.kernels import compiled
from callee import FACTOR, raised
@compiled("int64(int64)")
def scaled(n):
    return raised(n) * FACTOR
"""

RUN = """
import caller
print(caller.scaled(1), sum(caller.scaled.stats.cache_hits.values()))
"""


def run(folder: Path, raise_by: int, factor: int) -> tuple[int, int]:
    """Return the kernel's answer for 1, and how many kernels were taken from where they are kept."""
    (folder / "callee.py").write_text(CALLEE.format(raise_by=raise_by, factor=factor))
    (folder / "caller.py").write_text(CALLER)
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True)
    answer, hits = map(int, done.stdout.split())
    return answer, hits


@pytest.mark.parametrize(("raise_by", "factor", "answer"), [(5, 10, 60), (2, 100, 300)])
def test_a_change_of_a_callee_or_of_its_numbers_reaches_the_caller(
    tmp_path: Path, raise_by: int, factor: int, answer: int
) -> None:
    first = run(tmp_path, 2, 10)
    again = run(tmp_path, 2, 10)
    changed = run(tmp_path, raise_by, factor)

    assert first == (30, 0)
    assert again == (30, 1)
    assert changed == (answer, 0)
