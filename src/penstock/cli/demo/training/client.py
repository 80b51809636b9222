"""The released client: what it is, and the process in which it runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from penstock.cli.demo.environment import ClientEnvironment
from penstock.kernel.errors import Unavailable

__all__ = ["ENVIRONMENT", "Client", "submitted"]

ENVIRONMENT: Final = ClientEnvironment("kfp", "kfp>=2.13,<3")
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
