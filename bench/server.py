"""A `penstock serve` in a temporary directory, seen from outside: its process, its memory and its HTTP port."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY = re.compile(r"ready at http://(?P<host>[0-9a-zA-Z.\[\]:-]+?):(?P<port>\d+)")


@dataclass(slots=True)
class Server:
    """A running server: `ready_seconds` went by from the start of its process to its ready line."""

    process: subprocess.Popen[str]
    host: str
    port: int
    ready_seconds: float

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send one request; give the status and the decoded answer (text where it is not JSON)."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text) if text else None
        except json.JSONDecodeError:
            return answer.status, text

    def processor_seconds(self) -> float:
        """Measure how long the server's own process, with all its threads, has had a processor (Linux)."""
        return _processor_seconds(self.process.pid)

    def all_processor_seconds(self) -> float:
        """Measure the same for it and the descendants that are there now."""
        return sum(map(_processor_seconds, [self.process.pid, *_descendants(self.process.pid)]))

    def resident_bytes(self) -> dict[str, int]:
        """Measure memory (Linux): `server` the process itself, `all` it and its descendants, shared pages once."""
        pids = [self.process.pid, *_descendants(self.process.pid)]
        return {"server": _memory(pids[0], "Rss"), "all": sum(_memory(pid, "Pss") for pid in pids)}

    def own_bytes(self) -> int:
        """Measure the most memory that one of its processes has and the system cannot take back (Linux)."""
        return max(_memory(pid, "Anonymous") for pid in [self.process.pid, *_descendants(self.process.pid)])


@contextlib.contextmanager
def serving(timeout_s: float = 60.0, *, data: Path | None = None) -> Iterator[Server]:
    """Start a server on a free port over a data directory, or an empty one that is removed afterwards; end it."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        directory = str(data or Path(folder) / "data")
        command = [_penstock(), "serve", "--port", str(_free_port()), "--data", directory]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            host, port = _await_ready(process, started + timeout_s)
            yield Server(process, host, port, time.perf_counter() - started)
        finally:
            _end(process)


def _await_ready(process: subprocess.Popen[str], deadline: float) -> tuple[str, int]:
    """Read what the server prints until the line that names its URL."""
    assert process.stdout is not None
    printed: list[str] = []
    for line in process.stdout:
        printed.append(line.rstrip())
        found = READY.search(line)
        if found:
            return found["host"].strip("[]"), int(found["port"])
        if time.perf_counter() > deadline:
            break
    raise RuntimeError("the server did not get ready: " + " | ".join(printed[-5:]))


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _penstock() -> str:
    """Find the command beside the Python that runs this."""
    return str(Path(sys.executable).with_name("penstock"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _descendants(pid: int) -> list[int]:
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listing.read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int, kind: str) -> int:
    """Read Rss or Pss of a process in bytes; 0 where it is gone or the system has no such file."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{kind}:")), 0)
