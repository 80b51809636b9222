"""Calls of functions registered in this process: for pure work that needs no process of its own, and for tests.

A call that was under way when the server ended is lost; nothing of it can go on. Such calls must bear repetition.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping

from penstock.execute.values import TaskValues, no_secrets, read_secrets
from penstock.kernel.errors import PenstockError
from penstock.kernel.expr import evaluate
from penstock.kernel.functions import ExprFailed
from penstock.kernel.graph import Job
from penstock.kernel.policies import Cause
from penstock.kernel.runs import Failure, Result
from penstock.kernel.values import Absent, Value
from penstock.ports.executor import Observer, ReadSecret, Task
from penstock.ports.logbook import LogBook, LogLine

__all__ = ["Function", "InlineExecutor"]

Function = Callable[[Value, Task], "Result | Awaitable[Result]"]
"""Takes the evaluated spec without its `function` member, and the task. PenstockError and ValueError fail the step."""


class InlineExecutor:
    """Executor of kind `call`. The spec is an object whose member `function` names what to call."""

    name = "inline"
    kinds = frozenset({"call"})

    def __init__(
        self, functions: Mapping[str, Function], log_book: LogBook | None = None, read_secret: ReadSecret = no_secrets
    ) -> None:
        self._functions = functions
        self._log_book = log_book
        self._read_secret = read_secret
        self._observer: Observer | None = None
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._seen: set[tuple[str, str]] = set()

    async def open(self, observer: Observer) -> None:
        """Get ready."""
        self._observer = observer

    def launch(self, task: Task) -> None:
        """Begin a call, once."""
        key = (task.run, task.attempt)
        if key not in self._seen:
            self._seen.add(key)
            self._running[key] = asyncio.create_task(self._run(task))

    async def attach(self, task: Task) -> bool:
        """Know nothing of calls of an earlier process: they ended with it, and may be begun again."""
        return (task.run, task.attempt) in self._seen

    def cancel(self, run: str, attempt: str, reason: str, grace_s: float) -> None:
        """Cancel a call that runs."""
        running = self._running.get((run, attempt))
        if running is not None:
            running.cancel()
            self._log(run, attempt, f"cancelled: {reason}")

    def release(self, run: str, attempt: str) -> None:
        """Nothing is kept."""

    async def forget(self, run: str) -> None:
        """Forget that attempts were launched; those of a run that is over are not launched again."""
        self._seen = {key for key in self._seen if key[0] != run or key in self._running}

    async def close(self) -> None:
        """Cancel what runs."""
        self._observer = None
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, task: Task) -> None:
        try:
            if self._observer:
                self._observer.started(task, None)
            outcome = await self._call(task)
        finally:
            self._running.pop((task.run, task.attempt), None)
        if isinstance(outcome, Failure):
            self._log(task.run, task.attempt, outcome.message)
        if self._observer:
            self._observer.finished(task, outcome)

    async def _call(self, task: Task) -> Result | Failure:
        try:
            function, spec = await self._resolve(task)
            answer = function(spec, task)
            return await answer if inspect.isawaitable(answer) else answer
        except (ExprFailed, PenstockError) as error:
            return Failure(Cause.FAILED, error.message)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            return Failure(Cause.FAILED, f"{type(error).__name__}: {error}")

    async def _resolve(self, task: Task) -> tuple[Function, Value]:
        if not isinstance(task.work, Job):
            raise ExprFailed("only jobs can be called")
        spec = evaluate(task.work.spec, TaskValues(task, {}, {}, await read_secrets(task, self._read_secret)))
        if isinstance(spec, Absent) or not isinstance(spec, dict):
            raise ExprFailed("the spec of a call is an object")
        name = spec.get("function")
        if not isinstance(name, str) or name not in self._functions:
            raise ExprFailed(f"there is no function {name!r} here; there are {', '.join(sorted(self._functions))}")
        return self._functions[name], {key: value for key, value in spec.items() if key != "function"}

    def _log(self, run: str, attempt: str, text: str) -> None:
        if self._log_book is not None:
            self._log_book.append(run, attempt, [LogLine(time.time_ns() // 1000, "sys", text)])
            if self._observer:
                self._observer.logged(run, attempt)
