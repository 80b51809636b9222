"""A server of the demo's own: a child process on a temporary directory, gone with everything it kept at the end."""

import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer

from penstock.kernel.errors import Unavailable

__all__ = ["Child", "ended_in_order", "running_server"]

_READY = "penstock is ready at "
_START_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 15.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Child:
    """A running server. keep: leave it running, with its directory, when the demo ends."""

    process: subprocess.Popen[str]
    directory: Path
    url: str
    keep: bool = field(default=False)

    @property
    def log(self) -> Path:
        """The file with the server's log."""
        return self.directory / "server.log"


@contextmanager
def running_server(port: int, *options: str) -> Iterator[Child]:
    """Start a server on a port of this machine (0: a free one); stop and remove it unless it is to be kept.

    options: further ones of `penstock serve`.

    Raises: Unavailable if it does not start.
    """
    directory = Path(tempfile.mkdtemp(prefix="penstock-demo-"))
    process: subprocess.Popen[str] | None = None
    child: Child | None = None
    try:
        process = _start(port, directory, options)
        child = Child(process, directory, _ready_url(process, directory))
        yield child
    finally:
        if child is None or not child.keep:
            _remove(process, directory)


def _start(port: int, directory: Path, options: tuple[str, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "penstock.cli", "serve", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--data", str(directory / "data"), *options]
    with (directory / "server.log").open("w") as log:
        # A session of its own: Ctrl-C in the terminal is for the demo, which then stops the server in order.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )


def _ready_url(process: subprocess.Popen[str], directory: Path) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_DEADLINE_S)
    line = process.stdout.readline() if ready else ""
    if line.startswith(_READY):
        return line.removeprefix(_READY).strip()
    said = (directory / "server.log").read_text(errors="replace").strip().splitlines()
    reason = said[-1] if said else "it said nothing"
    raise Unavailable(f"the server of the demo did not start: {reason}", hint="another --port may help")


def _remove(process: subprocess.Popen[str] | None, directory: Path) -> None:
    # An impatient second Ctrl-C must not leave the server behind, nor a request to end that comes just now.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING}
    try:
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Turn the signals that end a program into exceptions, so that the server is stopped and removed."""

    def leave(number: int, frame: object) -> None:
        raise typer.Exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
