"""What the machine offers to keep a step within its directory: bubblewrap, or nothing; whichever it is, it is said."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

__all__ = ["Bubblewrap", "Open", "Sandbox", "find_sandbox"]

_PROBE_TIMEOUT_S = 5.0


class Sandbox(Protocol):
    """Wraps a command line."""

    @property
    def description(self) -> str:
        """What it keeps a step from, for the log and for people."""
        ...

    def wrap(self, argv: Sequence[str], writable: Sequence[Path], *, network: bool) -> list[str]:
        """Return the command line that runs `argv` so that it can write below `writable` only."""
        ...


class Open:
    """No sandbox: a step may do whatever the server's user may."""

    description = (
        "none: steps run as the server's user and can read and write what it can; install bubblewrap to confine them"
    )

    def wrap(self, argv: Sequence[str], writable: Sequence[Path], *, network: bool) -> list[str]:
        """Return the command line as it is."""
        return list(argv)


class Bubblewrap:
    """bubblewrap: the file system is read-only but for the step's own directories and a /tmp of its own.

    Source: bwrap(1).
    """

    description = "bubblewrap: steps write to their own directories only and see no other process"

    def __init__(self, program: str, hidden: Sequence[Path] = ()) -> None:
        self._program = program
        self._hidden = tuple(hidden)

    def wrap(self, argv: Sequence[str], writable: Sequence[Path], *, network: bool) -> list[str]:
        """Return the command line."""
        wrapped = [self._program, "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
        if not network:
            wrapped.append("--unshare-net")
        wrapped += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
        for path in self._hidden:
            wrapped += ["--tmpfs", str(path)]
        for path in writable:
            wrapped += ["--bind", str(path), str(path)]
        return [*wrapped, "--", *argv]


def find_sandbox(hidden: Sequence[Path] = ()) -> Sandbox:
    """Return the best the machine offers; it is tried, since a kernel may forbid what is installed. Blocks shortly.

    hidden: directories of the server that steps must not see; their own are put back into them.
    """
    program = shutil.which("bwrap")
    if program is None:
        return Open()
    candidate = Bubblewrap(program, hidden)
    try:
        done = subprocess.run(
            candidate.wrap(["true"], (), network=True), capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Open()
    return candidate if done.returncode == 0 else Open()
