"""Private Python environments for steps, keyed by what they hold, made once and then only read.

Every step's `python3` is that of such an environment, never the server's. What a step installs by itself goes to its
own user directory (`workspace`), so no step changes what another one sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from penstock.kernel.errors import Invalid

__all__ = ["Environments", "passed_on"]

_COMPLETE = "complete.json"
_PASSED_ON = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_FIND_LINKS",
    "PIP_CONFIG_FILE", "TZ",
)  # fmt: skip
_TAIL_LINES = 15


class Environments:
    """Environments below one directory.

    Args:
        directory: where they are made.
        python: the interpreter they are made of; the one this server's own environment was made of by default.
    """

    def __init__(self, directory: Path, python: str | None = None) -> None:
        self._directory = directory
        self._python = python or getattr(sys, "_base_executable", None) or sys.executable
        self._complete: set[str] = set()
        self._making: dict[str, asyncio.Task[Path]] = {}

    async def provide(
        self, requirements: tuple[str, ...] = (), options: tuple[str, ...] = (), alone: tuple[str, ...] = ()
    ) -> Path:
        """Return the directory of an environment that offers the requirements; made if it is not there.

        alone: packages that are installed without what they require themselves.

        Raises: Invalid with pip's last words if they cannot be installed.
        """
        key = self._key(requirements, options, alone)
        target = self._directory / key
        if key in self._complete or (target / _COMPLETE).exists():
            self._complete.add(key)
            return target
        if key not in self._making:
            self._making[key] = asyncio.create_task(self._make(target, requirements, options, alone))
            self._making[key].add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(self._making[key])

    async def close(self) -> None:
        """Give up what is being made."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    def _key(self, requirements: tuple[str, ...], options: tuple[str, ...], alone: tuple[str, ...]) -> str:
        content = json.dumps([self._python, sys.version, sorted(requirements), list(options), sorted(alone)])
        return hashlib.sha256(content.encode()).hexdigest()[:24]

    async def _make(
        self, target: Path, requirements: tuple[str, ...], options: tuple[str, ...], alone: tuple[str, ...]
    ) -> Path:
        # Left half-made by a crash; its scripts name its path, so it is made in place and not moved there.
        await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
        await asyncio.to_thread(target.mkdir, parents=True)
        # Packages of the interpreter itself stay visible: only so does pip allow a step's own user directory.
        await self._run(self._python, "-I", "-m", "venv", "--system-site-packages", "--without-pip", str(target))
        python = str(target / "bin" / "python3")
        if await self._exit_code(python, "-I", "-c", "import pip"):
            await self._run(python, "-I", "-m", "ensurepip", "--default-pip")
        else:
            await asyncio.to_thread(_write_pip, target / "bin")
        for packages, further in ((alone, ("--no-deps",)), (requirements, ())):
            if not packages:
                continue
            # The cache is the server's: steps have their own, so none can spoil what another one installs.
            cache = str(self._directory / "pip-cache")
            arguments = ("install", "--quiet", "--no-input", "--disable-pip-version-check", "--cache-dir", cache)
            await self._run(python, "-m", "pip", *arguments, *options, *further, "--", *packages)
        (target / _COMPLETE).write_text(json.dumps({"requirements": [*alone, *requirements]}))
        return target

    async def _run(self, *argv: str) -> None:
        code, output = await self._output(*argv)
        if code:
            tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
            raise Invalid(f"the step's Python environment cannot be made: {tail or f'exit code {code}'}")

    async def _exit_code(self, *argv: str) -> int:
        return (await self._output(*argv))[0]

    async def _output(self, *argv: str) -> tuple[int, str]:
        environment = {**passed_on(os.environ), "PATH": os.defpath, "HOME": str(self._directory), "LANG": "C.UTF-8"}
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        return process.returncode or 0, output.decode(errors="replace")


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what steps may see of the server's variables: how to reach the network, and nothing else."""
    return {name: environment[name] for name in _PASSED_ON if name in environment}


def _write_pip(directory: Path) -> None:
    for name in ("pip", "pip3"):
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec "{directory}/python3" -m pip "$@"\n')
        script.chmod(0o755)
