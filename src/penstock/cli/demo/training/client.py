"""The released client: an environment of its own, made on first use, and the process in which it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from penstock.kernel.errors import Unavailable

__all__ = ["Client", "made_before", "submitted", "with_client"]

REQUIREMENT: Final = "kfp>=2.13,<3"
_SAID_LINES: Final = 5


class Client:
    """A process of the client that has submitted the pipeline. version: the client's. run_id: what the server said."""

    def __init__(self, process: subprocess.Popen[str], version: str, run_id: str) -> None:
        self._process = process
        self.version = version
        self.run_id = run_id

    def outcome(self) -> dict[str, Any]:
        """Wait for the client, which waits for the run; return the state and tasks as the client sees them.

        Raises: Unavailable if it failed.
        """
        return _line(self._process)


def made_before() -> bool:
    """Tell whether the environment is there already."""
    return (_place() / "bin" / "python").exists()


def with_client(scratch: Path) -> Path:
    """Return an interpreter that has the client. Made beside this program's own packages, so that it goes with them;
    where those cannot be written to, in a directory that goes with the demo.

    Raises: Unavailable if the client cannot be installed.
    """
    place = _place()
    if made_before():
        return place / "bin" / "python"
    try:
        place.parent.mkdir(exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix="making-", dir=place.parent))
    except OSError:
        place = making = scratch / "client"
    try:
        _run(sys.executable, "-m", "venv", str(making))
        _run(str(making / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input", REQUIREMENT)
        if making != place and not made_before():
            making.rename(place)
    finally:
        if making != place:
            shutil.rmtree(making, ignore_errors=True)
    return place / "bin" / "python"


@contextmanager
def submitted(python: Path, url: str, file: Path, limit: int | None, home: Path) -> Iterator[Client]:
    """Have the client submit the pipeline; it then waits for the run. What is left of it at the end is killed.

    home: the client's home directory, so that neither a configuration of the user plays a part nor one is written.

    Raises: Unavailable with its last words if it fails.
    """
    home.mkdir(exist_ok=True)
    with as_file(files(__package__).joinpath("pipeline.py")) as script:
        command = [str(python), "-W", "ignore", str(script), url, str(file), str(limit or 0)]
        variables = {**os.environ, "HOME": str(home), "NO_PROXY": "127.0.0.1"}
        variables.pop("PYTHONPATH", None)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(home / "said").open("w"),
            text=True,
            env=variables,
            cwd=home,
            start_new_session=True,
        )
        try:
            said = _line(process)
            yield Client(process, said["client"], said["run_id"])
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read the client's next line of JSON; it also prints lines for people."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
        said.append(line.strip())
    words = "; ".join(line for line in said[-_SAID_LINES:] if line) or "see its traceback"
    raise Unavailable(f"the client ended with status {process.wait()}: {words}", retryable=False)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(
            f"the client cannot be installed: {said[-1] if said else f'exit status {done.returncode}'}",
            hint="the demo needs a package index; or name an interpreter that has kfp 2 with --client",
        )


def _place() -> Path:
    # Another interpreter or another requirement is another environment.
    key = sha256(f"{REQUIREMENT} {sys.version}".encode()).hexdigest()[:12]
    return Path(sys.prefix) / "demo" / f"kfp-{key}"
