"""How a worker comes to be: package, environment, directory, process, object."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.execute.environments import Environments, passed_on
from penstock.execute.pool import worker as worker_program
from penstock.execute.pool.nest import Birth, Nest, Watch
from penstock.execute.pool.packages import Packages, furnish, read_requirements, remove
from penstock.execute.pool.worker_link import Reply, WorkerLink
from penstock.execute.sandbox import Sandbox, find_sandbox
from penstock.kernel.errors import Invalid, TimedOut
from penstock.kernel.values import Value
from penstock.ports.workers import PoolSpec

__all__ = ["Start", "Starter"]

_SLACK_BYTES: Final = 1 << 30
"""How far beyond its limit a worker's address space may grow before its own allocations fail."""

Lines = Sequence[tuple[int, str, str, str | None]]


@dataclass(frozen=True, slots=True)
class Start:
    """A worker that is to be started. number: which process of its instance it is."""

    spec: PoolSpec
    link: WorkerLink
    number: int
    ended: Callable[[WorkerLink, int | None, str | None], None]
    lines: Callable[[WorkerLink, Lines], None]


class Starter:
    """Starts workers. directory: where packages, environments and the workers' own directories are."""

    def __init__(self, directory: Path, packages: Packages, environments: Environments, nest: Nest) -> None:
        self._directory = directory
        self._packages = packages
        self._environments = environments
        self._nest = nest
        self._last = 0
        self._sandbox: Sandbox | None = None
        self._opening = asyncio.Lock()

    async def start(self, start: Start, furnished: Callable[[Path], None]) -> Reply:
        """Return what a worker says when its object is ready.

        Raises: Invalid with the reason if the code cannot be used; TimedOut; Unavailable.
        """
        spec, link = start.spec, start.link
        await self._open()
        package = await self._packages.provide(spec.package, spec.root)
        requirements, options = await asyncio.to_thread(read_requirements, package)
        python = await self._environments.provide(
            (*spec.requirements, *requirements), (*spec.requirements_options, *options)
        )
        self._last += 1
        home = self._directory / f"{self._last}"
        directory = home / "package"
        await asyncio.to_thread(_prepare, package, home, directory)
        furnished(directory)
        ended: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(spec.start_timeout_s):
                return await self._begin(start, python, home, directory, ended)
        except TimeoutError:
            self.kill(link, "it took too long to start")
            limit = spec.start_timeout_s
            raise TimedOut(f"the class was not initialised within {limit:g} seconds") from None
        except BaseException:
            self.kill(link, "its start was given up")
            raise

    async def _open(self) -> None:
        async with self._opening:
            if self._sandbox is None:
                await asyncio.to_thread(remove, self._directory)  # what an earlier server's workers left behind
                self._sandbox = await asyncio.to_thread(find_sandbox)

    def kill(self, link: WorkerLink, reason: str | None) -> None:
        """Have a worker killed, with all processes it made."""
        self._nest.kill(link.id, reason)

    async def _begin(
        self, start: Start, python: Path, home: Path, directory: Path, outcome: asyncio.Future[Reply]
    ) -> Reply:
        spec, link = start.spec, start.link
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        link.opening = outcome
        await loop.create_unix_connection(lambda: link, sock=ours)
        argv = [str(python / "bin" / "python3"), "-P", worker_program.__file__]
        assert self._sandbox is not None, "the starter is open"
        argv = self._sandbox.wrap(argv, [home], network=True)
        mark = f"\x1e{secrets.token_hex(8)}\x1f"

        def ended(code: int | None, reason: str | None) -> None:
            asyncio.get_running_loop().run_in_executor(None, remove, home)
            if not outcome.done():
                what = reason or (f"exit code {code}" if (code or 0) >= 0 else f"signal {-(code or 0)}")
                outcome.set_exception(Invalid(f"the worker ended while it was starting: {what}"))
            start.ended(link, code, reason)

        def started(pid: int) -> None:
            link.pid = pid

        birth = Birth(argv, _environment(spec, python, home), directory, mark, _limits(spec), spec.memory_bytes)
        watch = Watch(started, ended, lambda lines: start.lines(link, lines))
        link.id = await self._nest.start(birth, theirs, watch)
        context: dict[str, Value] = {**spec.context, "process_id": start.number}
        link.tell(
            {
                "mark": mark,
                "directory": str(directory),
                "module": spec.module,
                "class": spec.class_name,
                "context": context,
            }
        )
        reply = await outcome
        if reply.t != "ready":
            raise Invalid(reply.message)
        return reply


def _prepare(package: Path, home: Path, directory: Path) -> None:
    remove(home)
    for name in ("home", "tmp"):
        (home / name).mkdir(parents=True, mode=0o700)
    furnish(package, directory)


def _environment(spec: PoolSpec, python: Path, home: Path) -> dict[str, str]:
    """Return the variables of a worker: nothing of the server's own but how to reach the network."""
    path = [python / "bin", "/usr/local/bin", "/usr/bin", "/bin"]
    own: Mapping[str, str] = {
        **passed_on(os.environ),
        "PATH": ":".join(map(str, path)),
        "HOME": str(home / "home"),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "VIRTUAL_ENV": str(python),
        "PYTHONNOUSERSITE": "1",
    }
    return {**own, **spec.variables}


def _limits(spec: PoolSpec) -> dict[str, int]:
    limits = {"RLIMIT_CORE": 0}
    if spec.memory_bytes is not None:
        # A stop for what grows faster than it is watched; threads and libraries reserve much that they never use.
        limits["RLIMIT_DATA"] = 2 * spec.memory_bytes + _SLACK_BYTES
    return limits
