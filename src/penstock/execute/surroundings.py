"""What a command runs in: this machine's programs with a private Python, or a container.

`ProcessExecutor` does the rest: directories, launcher, logs, outputs. Knows nothing of the engine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from penstock.execute.environments import Environments, passed_on
from penstock.execute.sandbox import Open, Sandbox, find_sandbox
from penstock.execute.workspace import Workspace
from penstock.kernel.policies import Placement
from penstock.ports.executor import Task

__all__ = ["Surroundings", "ThisMachine"]


class Surroundings(Protocol):
    """Where commands run."""

    @property
    def name(self) -> str:
        """What the executor is called in settings and messages."""
        ...

    @property
    def isolation(self) -> str:
        """What keeps a step from the rest of the machine, in words."""
        ...

    async def open(self) -> None:
        """Get ready. Raises: Unavailable if commands cannot be run here."""
        ...

    async def order(self, id: str, task: Task, workspace: Workspace) -> Mapping[str, object]:
        """Return what the launcher is told: `argv`, `env`, `cwd`, `limits`, `memory_bytes`, and `writable` if it
        is the kernel that keeps the command within directories.

        Raises: ExprFailed, Invalid, Unsupported.
        """
        ...

    async def stop(self, id: str, grace_s: float) -> None:
        """Stop what the launcher's signals do not reach."""
        ...

    async def finish(self, id: str, code: int | None) -> str | None:
        """Remove what is left of an attempt that has ended or was lost; say why it ended, if more is known of that."""
        ...

    def is_platform(self, code: int) -> bool:
        """Tell whether an exit code is that of the surroundings and not of the command."""
        ...

    async def close(self) -> None:
        """Give up what is being made."""
        ...


class ThisMachine:
    """Programs of this machine, a private Python first on the path, confined as far as the machine can.

    Args:
        directory: where Python environments are made.
        python: the interpreter steps use; see `Environments`.
        hidden: directories that steps must not see, where the machine can hide any.
        is_confined: False leaves steps free to write wherever the server may.
    """

    name = "process"

    def __init__(
        self, directory: Path, python: str | None = None, *, hidden: Sequence[Path] = (), is_confined: bool = True
    ) -> None:
        self._directory = directory
        self._hidden = tuple(hidden)
        self._is_confined = is_confined
        self._environments = Environments(directory, python)
        self._sandbox: Sandbox | None = None

    @property
    def isolation(self) -> str:
        """What keeps a step from the rest of the machine, in words."""
        return self._sandbox.description if self._sandbox else "not opened"

    async def open(self) -> None:
        """Find out what the machine offers."""
        if self._is_confined:
            self._sandbox = await asyncio.to_thread(find_sandbox, self._hidden, (self._directory,))
        else:
            self._sandbox = Open("so the settings want it")

    async def order(self, id: str, task: Task, workspace: Workspace) -> Mapping[str, object]:
        """Return what the launcher is told."""
        command, directory = workspace.command, workspace.directory
        python = await self._environments.provide(
            command.requirements, command.requirements_options, command.requirements_alone
        )
        placement = task.placement or Placement()
        assert self._sandbox is not None, "the executor is open"
        writable = [directory, *workspace.shared]
        return {
            "argv": self._sandbox.wrap(workspace.argv(), writable, network=placement.network),
            "writable": self._sandbox.rules(writable),
            "env": {**_environment(directory, python, id), **workspace.env()},
            "cwd": str(workspace.working_directory),
            "limits": _limits(placement),
            "memory_bytes": placement.memory_bytes,
        }

    async def stop(self, id: str, grace_s: float) -> None:
        """The launcher's signals reach everything."""

    async def finish(self, id: str, code: int | None) -> str | None:
        """Nothing is left that the launcher does not know of."""
        return None

    def is_platform(self, code: int) -> bool:
        """There is nothing in between."""
        return False

    async def close(self) -> None:
        """Give up environments that are being made."""
        await self._environments.close()


def _environment(directory: Path, python: Path, id: str) -> dict[str, str]:
    """Return the variables every command has: nothing of the server's own but how to reach the network."""
    path = [directory / "user" / "bin", python / "bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin",
            "/usr/sbin", "/sbin"]  # fmt: skip
    return {
        **passed_on(os.environ),
        "PATH": ":".join(map(str, path)),
        "HOME": str(directory / "home"),
        "TMPDIR": str(directory / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # What the step installs by itself goes to a directory of its own, whatever the interpreter.
        "PYTHONUSERBASE": str(directory / "user"),
        "PIP_USER": "1",
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_WARN_SCRIPT_LOCATION": "1",
        "PENSTOCK_ATTEMPT": id,
    }


def _limits(placement: Placement) -> dict[str, int]:
    limits = {"RLIMIT_CORE": 0}
    if placement.disk_bytes is not None:
        limits["RLIMIT_FSIZE"] = placement.disk_bytes
    if placement.open_files is not None:
        limits["RLIMIT_NOFILE"] = placement.open_files
    return limits
