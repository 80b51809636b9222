"""A server of ours for all tests of a folder: what every dialect's conftest takes its `server` fixture from.

Knows no client; `CONFORMANCE_SERVER` is the command that `run.py` gives.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

__all__ = ["Server", "server", "wait_for"]

READY = "penstock is ready at "
Found = TypeVar("Found")


class Server:
    """A server process on a data directory of its own."""

    def __init__(self, data: Path, **variables: str) -> None:
        self.data = data
        self.variables = variables
        self.port = "0"
        self.start()

    def start(self) -> None:
        """Start, and wait for the line that says so; a second time on the same port."""
        command = [os.environ["CONFORMANCE_SERVER"], "serve", "--port", self.port, "--data", str(self.data)]
        self.log = (self.data.parent / "server.log").open("a")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env={**os.environ, **self.variables}
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(READY):
                self.url = line.removeprefix(READY).strip()
                self.port = self.url.rpartition(":")[2]
                return
        raise AssertionError(f"the server ended with status {self.process.wait()}")

    def kill(self) -> None:
        """End without warning."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End cleanly."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="penstock-conformance-", ignore_cleanup_errors=True) as folder:
        made = Server(Path(folder) / "data")
        yield made
        made.stop()
        if "CONFORMANCE_SHOW_LOG" in os.environ:
            sys.stderr.write((Path(folder) / "server.log").read_text())


def wait_for(look: Callable[[], Found | None], timeout_s: float = 120) -> Found:
    """Return what `look` finds, as soon as it finds something that counts as true."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found
