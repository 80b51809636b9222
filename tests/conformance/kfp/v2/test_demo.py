"""`penstock demo kfp` as a person runs it, with the client of this environment."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]


def command(*options: str) -> list[str]:
    return [os.environ["CONFORMANCE_SERVER"], "demo", "kfp", "--client", sys.executable, *options]


def left_behind(scratch: Path) -> list[str]:
    """Return the files below scratch, and the processes that know of it and do not end within a moment."""
    deadline = time.monotonic() + 20
    while (processes := _processes(scratch)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [*map(str, scratch.iterdir()), *processes]


def _processes(scratch: Path) -> list[str]:
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if str(scratch).encode() in (directory / "environ").read_bytes():
                found.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def test_the_metrics_of_both_models_are_what_their_predictions_give(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--check", "--limit", "4000"),
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"check +[\d,]+ flights are split, and both models' metrics are", done.stdout)
    assert re.search(r"boosted trees +0\.\d{4} +0\.\d{4} +0\.\d{4}", done.stdout)
    assert "\x1b" not in done.stdout
    assert left_behind(tmp_path) == []


def _hear_ctrl_c() -> None:
    """Undo what a shell does to commands in the background, should the tests be one: it has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_stops_the_run_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command(), stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=_hear_ctrl_c
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("load  running"):
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait() == 130

    assert "Interrupted" in rest
    assert left_behind(tmp_path) == []
