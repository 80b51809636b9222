"""What the machine offers to keep a step within its directory: bubblewrap, Landlock, or nothing. Whichever it is, the
log says it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

__all__ = ["Bubblewrap", "Landlock", "Open", "Sandbox", "find_sandbox"]

_PROBE_TIMEOUT_S: Final = 5.0
_LANDLOCK_VERSION: Final = (444, None, 0, 1)
"""The system call that says which version of Landlock the kernel has; its number is the same on all machines."""
_LEAST_LANDLOCK: Final = 2
"""Before it files could not be moved between directories at all, which programs do. Source: landlock(7)."""
_COMMON: Final = ("/tmp", "/var/tmp")
"""Directories that everybody may write to by custom."""


class Sandbox(Protocol):
    """Confines a command."""

    @property
    def description(self) -> str:
        """What it keeps a step from, for the log and for people."""
        ...

    def wrap(self, argv: Sequence[str], writable: Sequence[Path], *, network: bool) -> list[str]:
        """Return the command line that runs `argv` so that it can write below `writable` only."""
        ...

    def rules(self, writable: Sequence[Path]) -> list[str] | None:
        """Return what the launcher has the kernel enforce: below which directories the command may write; or None."""
        ...


class Open:
    """No sandbox: a step may do whatever the server's user may. why: there is none, or none was wanted."""

    def __init__(self, why: str = "install bubblewrap to confine them") -> None:
        self.description = f"none: steps run as the server's user and can read and write what it can; {why}"

    def wrap(self, argv: Sequence[str], writable: Sequence[Path], *, network: bool) -> list[str]:
        """Return the command line as it is."""
        return list(argv)

    def rules(self, writable: Sequence[Path]) -> list[str] | None:
        """There are none."""
        return None


class Bubblewrap:
    """bubblewrap: the file system is read-only but for the step's own directories and those that are everybody's.

    hidden: directories of the server that steps do not see. readable: those within them that they must.
    Source: bwrap(1).
    """

    description = "bubblewrap: steps write to their own directories, /tmp and /var/tmp only, and see no other process"

    def __init__(self, program: str, hidden: Sequence[Path] = (), readable: Sequence[Path] = ()) -> None:
        self._program = program
        self._hidden = tuple(hidden)
        self._readable = tuple(readable)

    def wrap(self, argv: Sequence[str], writable: Sequence[Path], *, network: bool) -> list[str]:
        """Return the command line."""
        wrapped = [self._program, "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
        if not network:
            wrapped.append("--unshare-net")
        wrapped += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        for place in _COMMON:
            wrapped += ["--bind-try", place, place]
        for path in self._hidden:
            wrapped += ["--tmpfs", str(path)]
        for path in self._readable:
            wrapped += ["--ro-bind-try", str(path), str(path)]
        for path in writable:
            wrapped += ["--bind", str(path), str(path)]
        return [*wrapped, "--", *argv]

    def rules(self, writable: Sequence[Path]) -> list[str] | None:
        """The command line has it all."""
        return None


class Landlock:
    """Landlock: the kernel refuses writes elsewhere. Steps still read what the server's user can, and see processes."""

    description = (
        "Landlock: steps write to their own directories, /tmp and /var/tmp only; they can read what the server can"
    )

    def wrap(self, argv: Sequence[str], writable: Sequence[Path], *, network: bool) -> list[str]:
        """Return the command line as it is."""
        return list(argv)

    def rules(self, writable: Sequence[Path]) -> list[str] | None:
        """Return the step's directories, those that are everybody's, and devices."""
        return [*map(str, writable), *(path for path in (*_COMMON, "/dev", "/proc") if Path(path).is_dir())]


def find_sandbox(hidden: Sequence[Path] = (), readable: Sequence[Path] = ()) -> Sandbox:
    """Return the best the machine offers; it is tried, since a kernel may forbid what is installed. Blocks shortly.

    hidden: directories of the server that steps must not see; their own are put back into them. readable: directories
    within those that steps must see.
    """
    program = shutil.which("bwrap")
    if program is not None and _works(Bubblewrap(program, hidden, readable)):
        return Bubblewrap(program, hidden, readable)
    return Landlock() if _has_landlock() else Open()


def _works(candidate: Bubblewrap) -> bool:
    try:
        done = subprocess.run(
            candidate.wrap(["true"], (), network=True), capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _has_landlock() -> bool:
    if sys.platform != "linux":
        return False
    return int(ctypes.CDLL(None).syscall(*_LANDLOCK_VERSION)) >= _LEAST_LANDLOCK
