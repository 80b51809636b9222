"""A server killed with SIGKILL at random moments: every run reaches the same end, and nothing is done twice."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SEED = int(os.environ.pop("PENSTOCK_TEST_SEED", "0")) or random.randrange(1 << 30)


def start(directory: Path, ledger: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.runs.victim", str(directory), str(ledger)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate(timeout=150)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    assert lines, output
    return json.loads(lines[-1])  # type: ignore[no-any-return]


def wait_until_open(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()).strip() != "open":
        assert line, "the server ended before it was open"


@pytest.mark.parametrize("kill_count", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_random_moments_a_run_ends_as_if_nothing_had_been(tmp_path: Path, kill_count: int) -> None:
    undisturbed = result_of(start(tmp_path / "a", tmp_path / "ledger-a"))
    chance = random.Random(SEED)
    kills, rounds = 0, 0
    while kills < kill_count:
        rounds += 1
        directory, ledger = tmp_path / f"b{rounds}", tmp_path / f"ledger-{rounds}"
        while kills < kill_count:
            process = start(directory, ledger)
            try:
                wait_until_open(process)
                process.wait(timeout=chance.uniform(0.0, 0.8))
                break  # this run has ended; kill another one
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
            finally:
                if process.stdout:
                    process.stdout.close()
        disturbed = result_of(start(directory, ledger))

        assert disturbed == undisturbed, f"seed {SEED}, round {rounds}"
        counts = collections.Counter(ledger.read_text().split())
        assert counts.pop("unsteady") == 2, f"seed {SEED}, round {rounds}"
        assert set(counts.values()) == {1}, f"seed {SEED}, round {rounds}: {counts}"
        assert len(counts) == 29, sorted(counts)


def test_with_the_launcher_killed_too_a_run_ends_all_the_same(tmp_path: Path) -> None:
    directory, ledger = tmp_path / "b", tmp_path / "ledger"
    chance = random.Random(SEED)
    for _ in range(3):
        process = start(directory, ledger)
        wait_until_open(process)
        pid_file = directory / "execute" / "launcher.pid"
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.05)
        time.sleep(chance.uniform(0.1, 0.4))
        launcher = int(pid_file.read_text())
        process.send_signal(signal.SIGKILL)
        process.wait()
        with contextlib.suppress(ProcessLookupError):  # with nothing under way it ends by itself, server or not
            os.kill(launcher, signal.SIGKILL)
        pid_file.unlink(missing_ok=True)  # the next server starts another one
    done = result_of(start(directory, ledger))

    assert done["state"] == "succeeded", f"seed {SEED}: {done}"
    assert done["outputs"] == {"joined": "[1+2+3+4,2+4+6+8,3+6+9+12]"}
    for path, (_, _, attempts) in done["steps"].items():
        assert attempts.count("succeeded") <= 1, path
