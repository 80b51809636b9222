"""`penstock demo` as a person runs it: the real flights through a real server, checked with DuckDB, nothing left."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import httpx
import pytest

START = [sys.executable, "-m", "penstock.cli", "demo"]
WRONG_ORACLE = """
import sys
import penstock.cli.demo.oracle as oracle
oracle.differences = lambda expected, found: ["expected this", "found    that"]
sys.argv[0] = "penstock"
from penstock.cli import main
main()
"""


def environment(scratch: Path, **more: str) -> dict[str, str]:
    """Return an environment in which temporary files go to scratch."""
    return {**os.environ, "TMPDIR": str(scratch), **more}


def demo(scratch: Path, *options: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*START, *options], capture_output=True, text=True, timeout=timeout_s, env=environment(scratch)
    )


def left_behind(scratch: Path, patience_s: float = 5) -> list[str]:
    """Return the files below scratch, and the processes that were started for it and do not end within a moment."""
    deadline = time.monotonic() + patience_s
    while (processes := _processes(scratch)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [*map(str, scratch.iterdir()), *processes]


def _processes(scratch: Path) -> list[str]:
    """Return the commands of the processes with scratch in their environment, which children inherit."""
    commands = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={scratch}".encode() in (directory / "environ").read_bytes().split(b"\0"):
                commands.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended, or is somebody else's
            continue
    return commands


def test_every_view_is_what_duckdb_computes(tmp_path: Path) -> None:
    done = demo(tmp_path, "--check", "--limit", "60000")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"check +all 7 views \([\d,]+ rows\) are what DuckDB computes", done.stdout)
    assert re.search(r"60,000 flights in [\d.]+ s, [\d,]+ rows/s", done.stdout)
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_every_view_of_all_flights_is_what_duckdb_computes(tmp_path: Path) -> None:
    done = demo(tmp_path, "--check", timeout_s=600)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "336,776 flights in" in done.stdout
    assert left_behind(tmp_path) == []


def test_a_difference_is_shown_and_the_server_can_be_kept(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRONG_ORACLE, "demo", "--check", "--keep", "--limit", "3000"],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment(tmp_path),
    )
    stop = re.search(r"kill (\d+); sleep 1; rm -r (\S+)", done.stdout)
    assert stop is not None, done.stdout + done.stderr
    try:
        assert done.returncode == 1
        assert "check     FAILED" in done.stdout
        assert "worst_airports, as queried, differs from DuckDB in 2 rows:\n  expected this\n" in done.stdout
        where = re.search(r"P=(\S+)", done.stdout)
        assert where is not None
        reply = httpx.get(f"{where[1]}/query", params={"sql": "SELECT COUNT(*) AS n FROM flights", "format": "json"})
        assert reply.json() == {"n": 3000}
    finally:
        assert _processes(tmp_path)
        os.kill(int(stop[1]), signal.SIGTERM)
    assert left_behind(tmp_path) == [stop[2]]


def test_ctrl_c_in_a_terminal_leaves_nothing_behind(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        START,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(tmp_path, TERM="xterm-256color"),
        start_new_session=True,
        preexec_fn=_at_terminal,
    )
    os.close(theirs)
    try:
        shown = _read_until(ours, "of 336,776 flights")
        pressing = threading.Thread(target=_press_until_ended, args=(process, ours), daemon=True)
        pressing.start()
        shown += _read_until(ours, None)
        assert process.wait(30) == 130
        pressing.join()
    finally:
        process.kill()
        os.close(ours)
    assert "Interrupted: the server is stopped and its files are removed." in shown
    assert "Traceback" not in shown
    assert left_behind(tmp_path) == []


def test_a_request_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(START, stdout=subprocess.PIPE, text=True, env=environment(tmp_path))
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("server"):
            break
    process.terminate()
    rest, _ = process.communicate(timeout=30)

    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in rest
    assert left_behind(tmp_path) == []


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = demo(tmp_path, "--port", str(port))

    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(tmp_path) == []


def _at_terminal() -> None:
    """Take the terminal, and hear Ctrl-C even if the tests run in the background, where shells have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _press_until_ended(process: subprocess.Popen[bytes], descriptor: int) -> None:
    """Press Ctrl-C, and again as people do when nothing seems to happen."""
    while process.poll() is None:
        os.write(descriptor, b"\x03")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)


def _read_until(descriptor: int, text: str | None, timeout_s: float = 120) -> str:
    """Read from a terminal until a text appears, or to its end."""
    read = ""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # how Linux tells that nobody has the terminal open any more
            return read
        read += piece.decode(errors="replace")
        if text is not None and text in read:
            return read
    raise AssertionError(f"{text!r} did not appear in {read[-2000:]!r}")
