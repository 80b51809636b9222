"""Containers for commands: each attempt in one of its own, made of the image the step names, by docker or podman.

The program's client is what the launcher starts, so that logs, exit codes and re-attaching after a restart are those of
any command. The step's directory is mounted at its own path, so that places mean the same inside and outside. A
container outlives a client that is killed; therefore each has a name, and is stopped and removed by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from penstock.execute.environments import passed_on
from penstock.execute.workspace import Workspace
from penstock.kernel.errors import Invalid, Unavailable
from penstock.kernel.graph import Command
from penstock.kernel.policies import Placement
from penstock.ports.executor import Task

__all__ = ["Containers", "find_program"]

PROGRAMS: Final = ("docker", "podman")
_PROBES: Final = {
    # docker needs a daemon, and its client alone answers without one; podman needs none.
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "podman": ("version", "--format", "{{.Client.Version}}"),
}
_PROBE_TIMEOUT_S: Final = 20.0
_CANNOT_RUN: Final = 125
"""The program's own exit code if the container cannot be made. Source: docker-run(1), podman-run(1)."""
_KILLED: Final = 137
_OWN_VARIABLES: Final = ("PATH", "HOME", "DOCKER_", "CONTAINER", "XDG_")
"""Beginnings of names that the client reads for itself: the step's variables of such names are not passed by name."""


class Containers:
    """Runs commands in containers.

    Args:
        program: docker or podman, or a path to one of them; empty for whichever answers.
        default_image: for steps that name none; empty refuses those.
    """

    name = "container"

    def __init__(self, program: str = "", default_image: str = "") -> None:
        self._wanted = program
        self._default_image = default_image
        self._program = ""
        self._kind = ""

    @property
    def isolation(self) -> str:
        """What keeps a step from the rest of the machine, in words."""
        return f"{self._kind}: each step in a container of its own" if self._kind else "not opened"

    async def open(self) -> None:
        """Find a program that answers. Raises: Unavailable that says of each what is wrong."""
        self._program, self._kind = await find_program(self._wanted)

    async def order(self, id: str, task: Task, workspace: Workspace) -> Mapping[str, object]:
        """Return what the launcher is told: to run the client."""
        image = workspace.command.image or self._default_image
        if not image:
            raise Invalid("the step names no container image; give it one, or run it with the process executor")
        placement = task.placement or Placement()
        argv = _with_requirements(workspace.command, workspace.argv())
        directory = workspace.directory
        inside = {
            **passed_on(os.environ),
            "HOME": str(directory / "home"),
            "TMPDIR": str(directory / "tmp"),
            "PYTHONUNBUFFERED": "1",
            **workspace.env(),
        }
        options = [
            *("run", "--init", "--name", _name(id), "--label", f"penstock.attempt={id}"),
            *("--workdir", str(workspace.working_directory), "--entrypoint", argv[0]),
            *self._user(),
            *_mounts(workspace),
            *_limits(placement, self._kind),
            *(("--interactive",) if workspace.command.stdin is not None else ()),
            *_variables(inside),
        ]
        own = {name: value for name, value in os.environ.items() if name.startswith(_OWN_VARIABLES)}
        return {
            "argv": [self._program, *options, image, *argv[1:]],
            "env": {**inside, **own},
            "cwd": str(directory),
            "limits": {},
            "memory_bytes": None,  # the container's own limit holds; the client needs none
        }

    async def stop(self, id: str, grace_s: float) -> None:
        """Have the container end: SIGTERM, and SIGKILL after the grace."""
        await self._call("stop", "--time", str(max(0, round(grace_s))), _name(id))

    async def finish(self, id: str, code: int | None) -> str | None:
        """Remove the container; say so if it was killed for want of memory."""
        reason = None
        if code == _KILLED:
            _, said = await self._call("inspect", "--format", "{{.State.OOMKilled}}", _name(id))
            reason = "out of memory: the container was killed at its limit" if said.strip() == "true" else None
        await self._call("rm", "--force", _name(id))
        return reason

    def is_platform(self, code: int) -> bool:
        """Tell whether the program says that it could make no container."""
        return code == _CANNOT_RUN

    async def close(self) -> None:
        """Nothing is kept open."""

    def _user(self) -> tuple[str, ...]:
        """Have files belong to the server's user, who must be able to read and remove them."""
        if os.getuid() == 0:
            return ()
        if self._kind == "podman":
            return ("--userns", "keep-id")
        return ("--user", f"{os.getuid()}:{os.getgid()}")

    async def _call(self, *arguments: str) -> tuple[int, str]:
        return await _said(self._program, *arguments)


async def find_program(wanted: str = "") -> tuple[str, str]:
    """Return the path of a container program that answers, and which one it is.

    Raises: Unavailable that says of each program what is wrong with it.
    """
    problems = []
    for word in (wanted,) if wanted else PROGRAMS:
        path = shutil.which(word)
        if path is None:
            problems.append(f"{word} is not installed")
            continue
        kind = "podman" if "podman" in Path(word).name else "docker"
        code, said = await _said(path, *_PROBES[kind])
        if code == 0:
            return path, kind
        lines = said.strip().splitlines()
        problems.append(f"{word} does not answer: {lines[-1] if lines else f'exit code {code}'}")
    raise Unavailable(
        f"steps were to run in containers, but {'; '.join(problems)}",
        hint="start the daemon, name a program with PENSTOCK_CONTAINER_PROGRAM, or set PENSTOCK_EXECUTOR=process",
    )


async def _said(*argv: str) -> tuple[int, str]:
    """Run a short command of the program; return its exit code and all it wrote."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return _CANNOT_RUN, str(error.strerror)
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        await _killed(process)
        return _CANNOT_RUN, f"no answer within {_PROBE_TIMEOUT_S:g} s"
    except asyncio.CancelledError:
        await _killed(process)
        raise
    return process.returncode or 0, output.decode(errors="replace")


async def _killed(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.communicate()


def _with_requirements(command: Command, argv: list[str]) -> list[str]:
    """Have what the step requires installed in the container before it begins: images bring their own Python."""
    installs = []
    for packages, further in ((command.requirements_alone, "--no-deps "), (command.requirements, "")):
        if packages:
            words = " ".join(map(shlex.quote, (*command.requirements_options, "--", *packages)))
            installs.append(f"python3 -m pip install --quiet --disable-pip-version-check {further}{words}")
    if not installs:
        return argv
    return ["sh", "-ec", "\n".join([*installs, 'exec "$0" "$@"']), *argv]


def _mounts(workspace: Workspace) -> Iterator[str]:
    for own in (workspace.directory, *workspace.shared):
        yield from ("--volume", f"{own}:{own}")
    for path, place in workspace.mounts.items():
        yield from ("--volume", f"{place}:{path}")


def _limits(placement: Placement, kind: str) -> Iterator[str]:
    if placement.memory_bytes is not None:
        # Without its own limit on swap a container may use as much of it again.
        yield from ("--memory", str(placement.memory_bytes), "--memory-swap", str(placement.memory_bytes))
    if placement.cpu_count is not None:
        yield from ("--cpus", f"{placement.cpu_count:g}")
    if placement.open_files is not None:
        yield from ("--ulimit", f"nofile={placement.open_files}")
    if placement.disk_bytes is not None:
        yield from ("--ulimit", f"fsize={placement.disk_bytes}")
    if placement.accelerator_count:
        if kind == "podman":
            yield from ("--device", "nvidia.com/gpu=all")
        else:
            yield from ("--gpus", str(placement.accelerator_count))
    if not placement.network:
        yield from ("--network", "none")


def _variables(inside: Mapping[str, str]) -> Iterator[str]:
    """Pass variables by name where that is possible: a command line can be read by everybody on the machine."""
    for name, value in inside.items():
        yield from ("--env", f"{name}={value}" if name.startswith(_OWN_VARIABLES) else name)


def _name(id: str) -> str:
    """Name a container after its attempt. Source: names may have letters, digits, `_`, `.` and `-` only."""
    return f"penstock-{hashlib.sha256(id.encode()).hexdigest()[:32]}"
