"""`penstock demo ubiops` as a person runs it, with the client of this environment."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(400)]


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


def test_every_answer_is_what_the_model_says_and_nothing_is_left(tmp_path: Path) -> None:
    command = [os.environ["CONFORMANCE_SERVER"], "demo", "ubiops", "--check", "--limit", "20000"]
    done = subprocess.run(
        [*command, "--client", sys.executable],
        capture_output=True,
        text=True,
        timeout=380,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 1,300 answers are what the model says" in done.stdout
    assert re.search(r"half within [0-9.]+ ms, 99 of 100 within [0-9.]+ ms", done.stdout)
    assert left_behind(tmp_path) == []
