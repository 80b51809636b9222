"""Commands as processes of this machine: the default executor.

Each attempt has a directory, a process group and an environment of its own. A launcher process (`launcher`) starts
the commands and outlives the server, so that an attempt in flight is found again after a restart: it still runs, or
its end was noted, or, when launcher or machine went down with it, it is reported as lost. Images are not used: a
command runs on this machine's programs, with a private Python first on its path.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from penstock.execute.keeper import Ended, Keeper
from penstock.execute.surroundings import Surroundings, ThisMachine
from penstock.execute.values import no_secrets
from penstock.execute.workspace import Workspace
from penstock.kernel.errors import PenstockError
from penstock.kernel.events import LogEvent
from penstock.kernel.functions import ExprFailed
from penstock.kernel.policies import Cause
from penstock.kernel.runs import Failure, Result
from penstock.ports.blobs import BlobStore
from penstock.ports.executor import Observer, ReadSecret, Task
from penstock.ports.logbook import LogBook, LogLine

__all__ = ["ProcessExecutor"]

DEFAULT_PROCESSES = 4 * (os.cpu_count() or 1)
_TAIL = 5
"""How many of the last lines are searched for what to say of a failure."""

_log = structlog.get_logger("penstock.execute")


@dataclass(slots=True)
class _Attempt:
    """An attempt this executor has in hand."""

    task: Task
    runner: asyncio.Task[None] | None = None
    ended: asyncio.Future[Ended] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    is_sent: bool = False
    is_cancelled: bool = False


class ProcessExecutor:
    """Executor of kind `command`.

    Args:
        directory: for attempts, environments and the launcher's socket.
        blobs, log_book: where artifacts and logs are kept.
        read_secret: gives the text of a secret.
        max_processes: most commands that run at once; further ones wait in order.
        python: the interpreter steps use; see `Environments`.
        surroundings: what commands run in; this machine's programs if not given.
    """

    kinds = frozenset({"command"})

    def __init__(
        self,
        directory: Path,
        blobs: BlobStore,
        log_book: LogBook,
        *,
        read_secret: ReadSecret = no_secrets,
        max_processes: int = DEFAULT_PROCESSES,
        python: str | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._directory = directory.absolute()
        self._steps = self._directory / "steps"
        self._blobs = blobs
        self._log_book = log_book
        self._read_secret = read_secret
        self._surroundings = surroundings or ThisMachine(self._directory / "environments", python)
        self._keeper = Keeper(self._directory, self._heard_started, self._heard_ended, self._heard_logged, self._gone)
        self._room = asyncio.Semaphore(max_processes)
        self._attempts: dict[str, _Attempt] = {}
        self._observer: Observer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """What it is called in settings and messages."""
        return self._surroundings.name

    @property
    def isolation(self) -> str:
        """What keeps a step from the rest of the machine, in words."""
        return self._surroundings.isolation

    async def open(self, observer: Observer) -> None:
        """Find the launcher that is there. One is started when the first command is launched. Raises: Unavailable."""
        self._observer = observer
        self._steps.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._surroundings.open()
        await self._keeper.open(starts=False)
        _log.info(LogEvent.EXECUTOR_STARTED, executor=self.name, isolation=self.isolation)

    def launch(self, task: Task) -> None:
        """Begin a command, once."""
        id = _id(task.run, task.attempt)
        if id not in self._attempts:
            attempt = self._attempts[id] = _Attempt(task)
            attempt.runner = asyncio.create_task(self._run(id, attempt))

    async def attach(self, task: Task) -> bool:
        """Take a command up again that was launched before a restart."""
        id = _id(task.run, task.attempt)
        if id in self._attempts:
            return True
        workspace = self._workspace(task)
        ended = await asyncio.to_thread(_read_end, workspace.directory)
        if ended is None and id not in self._keeper.live:
            if not (workspace.directory / "begun").exists():
                await asyncio.to_thread(workspace.remove)
                return False
            ended = Ended(None, "the command was lost: the launcher or the machine went down with it", is_lost=True)
        attempt = self._attempts[id] = _Attempt(task, is_sent=True)
        if ended is not None:
            attempt.ended.set_result(ended)
        attempt.runner = asyncio.create_task(self._follow(id, attempt, workspace))
        return True

    def cancel(self, run: str, attempt: str, reason: str, grace_s: float) -> None:
        """Have a command and all processes of its group stop: SIGTERM, then, after the grace, SIGKILL."""
        id = _id(run, attempt)
        found = self._attempts.get(id)
        if found is None or found.is_cancelled:
            return
        found.is_cancelled = True
        if found.is_sent:
            self._keeper.kill(id, reason, grace_s)
            self._later(self._surroundings.stop(id, grace_s))
        elif found.runner is not None:
            found.runner.cancel()
            self._say(run, attempt, reason)

    def release(self, run: str, attempt: str) -> None:
        """Remove the directory of an attempt whose end is stored."""
        found = self._attempts.pop(_id(run, attempt), None)
        if found is not None:
            self._later(asyncio.to_thread(self._workspace(found.task).remove))

    async def forget(self, run: str) -> None:
        """Remove a run's directory."""
        if not any(attempt.task.run == run for attempt in self._attempts.values()):
            await asyncio.to_thread(shutil.rmtree, self._steps / run, ignore_errors=True)

    async def close(self) -> None:
        """Let go of the launcher; what runs goes on under it for a while, and is found again by the next server."""
        self._observer = None
        tasks = [*self._tasks, *(attempt.runner for attempt in self._attempts.values() if attempt.runner)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._surroundings.close()
        await self._keeper.close()

    # One attempt.

    async def _run(self, id: str, attempt: _Attempt) -> None:
        workspace = self._workspace(attempt.task)
        async with self._room:
            try:
                order = await self._prepare(id, attempt.task, workspace)
                await self._keeper.launch(order)
                attempt.is_sent = True
            except (ExprFailed, PenstockError) as error:
                self._report(id, attempt, Failure(Cause.FAILED, error.message))
                return
            except OSError as error:
                self._report(id, attempt, Failure(Cause.ERRORED, f"the step's directory cannot be made: {error}"))
                return
            await self._follow(id, attempt, workspace)

    async def _prepare(self, id: str, task: Task, workspace: Workspace) -> Mapping[str, object]:
        await workspace.prepare(self._blobs, self._read_secret)
        stdin = workspace.stdin()
        if stdin is not None:
            await asyncio.to_thread((workspace.directory / "stdin").write_text, stdin)
        return {
            "op": "launch",
            "id": id,
            "directory": str(workspace.directory),
            "log": str(self._log_book.path(task.run, task.attempt)),
            "stdin": None if stdin is None else str(workspace.directory / "stdin"),
            **await self._surroundings.order(id, task, workspace),
        }

    async def _follow(self, id: str, attempt: _Attempt, workspace: Workspace) -> None:
        if not attempt.ended.done() and id in self._keeper.live and self._observer:
            self._observer.started(attempt.task, self._keeper.live[id])
        ended = await attempt.ended
        reason = await self._surroundings.finish(id, ended.code)
        if reason is not None and ended.reason is None:
            ended = Ended(ended.code, reason, is_lost=ended.is_lost)
        if attempt.is_cancelled:
            self._attempts.pop(id, None)
            await asyncio.to_thread(workspace.remove)
            return
        outcome: Result | Failure
        if ended.code in workspace.command.success_codes and ended.reason is None:
            try:
                outcome = await workspace.collect(self._blobs, ended.code)
            except (ExprFailed, PenstockError) as error:
                outcome = Failure(Cause.FAILED, error.message, ended.code)
            except OSError as error:
                outcome = Failure(Cause.ERRORED, f"the step's outputs cannot be read: {error}", ended.code)
        else:
            outcome = self._failure(attempt.task, ended)
        self._report(id, attempt, outcome)

    def _failure(self, task: Task, ended: Ended) -> Failure:
        if ended.is_lost or (ended.reason or "").startswith("no server for"):
            return Failure(Cause.LOST, ended.reason or "lost", ended.code)
        if ended.reason is not None:
            return Failure(Cause.FAILED, ended.reason, ended.code)
        code = ended.code or 0
        if self._surroundings.is_platform(code):
            words = self._last_words(task) or f"exit code {code}"
            return Failure(Cause.ERRORED, f"the step could not be started: {words}", code)
        what = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        last = self._last_words(task)
        return Failure(Cause.FAILED, f"{what}: {last}" if last and code > 0 else what, code)

    def _last_words(self, task: Task) -> str | None:
        """Return the last line the command wrote on its error stream, which mostly says what went wrong."""
        path = self._log_book.path(task.run, task.attempt)
        try:
            size = path.stat().st_size
        except OSError:
            return None
        lines = self._log_book.read(task.run, task.attempt, after=max(0, size - 8192), limit=10_000)
        words = [line.text.strip() for line in lines[-_TAIL:] if line.stream == "err" and line.text.strip()]
        return words[-1][:500] if words else None

    def _report(self, id: str, attempt: _Attempt, outcome: Result | Failure) -> None:
        if isinstance(outcome, Failure) and not attempt.is_sent:
            self._say(attempt.task.run, attempt.task.attempt, outcome.message)
        if self._observer is not None and not attempt.is_cancelled:
            self._observer.finished(attempt.task, outcome)

    def _say(self, run: str, attempt: str, text: str) -> None:
        lines = [LogLine(time.time_ns() // 1000, "sys", line) for line in text.splitlines()]
        self._log_book.append(run, attempt, lines)
        if self._observer is not None:
            self._observer.logged(run, attempt)

    # What the launcher says.

    def _heard_started(self, id: str, pid: str) -> None:
        attempt = self._attempts.get(id)
        if attempt is not None and self._observer is not None:
            self._observer.started(attempt.task, pid)

    def _heard_ended(self, id: str, ended: Ended) -> None:
        attempt = self._attempts.get(id)
        if attempt is not None and not attempt.ended.done():
            attempt.ended.set_result(ended)

    def _heard_logged(self, id: str) -> None:
        if self._observer is not None:
            run, _, attempt = id.partition("/")
            self._observer.logged(run, attempt)

    def _gone(self) -> None:
        """The launcher went away, and with it all that ran."""
        _log.error(LogEvent.EXECUTOR_FAILED, executor=self.name, reason="the launcher went away; it is started again")
        for id, attempt in list(self._attempts.items()):
            if attempt.is_sent and not attempt.ended.done():
                ended = _read_end(self._workspace(attempt.task).directory)
                self._heard_ended(
                    id, ended or Ended(None, "the command was lost: the launcher went away", is_lost=True)
                )

    def _workspace(self, task: Task) -> Workspace:
        return Workspace(self._steps, task)

    def _later(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _id(run: str, attempt: str) -> str:
    return f"{run}/{attempt}"


def _read_end(directory: Path) -> Ended | None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        end = json.loads((directory / "ended").read_text())
        return Ended(end["code"], end["reason"])
    return None
