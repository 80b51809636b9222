"""Executors: whoever carries out the work of steps. The engine hands over a `Task` and gets back what came of it.

The truth about a run is in its events, not in an executor: an executor may report late, twice, or about an attempt that
nobody waits for any more; such reports are dropped. What it must keep to is: an attempt's id is launched at most once,
whoever asks and however often, also across restarts of the server.

Contract suite: `tests/contracts/executor.py`. Reference implementation: `execute.inline.InlineExecutor`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from penstock.kernel.graph import Command, Job
from penstock.kernel.policies import Placement
from penstock.kernel.runs import Failure, Result
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.values import Value

__all__ = ["Executor", "Observer", "ReadSecret", "Task"]

ReadSecret = Callable[[Scope, str], Awaitable[str | None]]
"""Gives the text of a scope's secret, or None if there is none of that name. What it gives is written nowhere."""


class Task(msgspec.Struct, frozen=True):
    """One attempt's work.

    Attributes:
        run, attempt: together unique for ever; `attempt` is `<path>#<number>`.
        work: what to do; its expressions see `inputs`, `artifacts`, `facts`, places and secrets.
        inputs: the step's parameters. artifacts: its artifacts, or lists of them, in JSON form.
        facts: what `Fact` expressions come to.
    """

    run: str
    attempt: str
    work: Command | Job
    scope: Scope = DEFAULT_SCOPE
    inputs: Mapping[str, Value] = msgspec.field(default_factory=dict)
    artifacts: Mapping[str, Value] = msgspec.field(default_factory=dict)
    facts: Mapping[str, Value] = msgspec.field(default_factory=dict)
    placement: Placement | None = None
    labels: Mapping[str, Value] = msgspec.field(default_factory=dict)


class Observer(Protocol):
    """Whom an executor tells. Called on the server's event loop, never from another thread; returns at once."""

    def started(self, task: Task, handle: str | None) -> None:
        """The work has begun."""
        ...

    def finished(self, task: Task, outcome: Result | Failure) -> None:
        """The work has ended and nothing of it goes on."""
        ...

    def logged(self, run: str, attempt: str) -> None:
        """The work wrote lines; they are in the log book already."""
        ...


class Executor(Protocol):
    """Carries out the work of steps of certain kinds."""

    @property
    def name(self) -> str:
        """What it is called in settings and messages."""
        ...

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds it serves: `command`, or kinds of `Job`."""
        ...

    async def open(self, observer: Observer) -> None:
        """Get ready. Raises: Unavailable."""
        ...

    def launch(self, task: Task) -> None:
        """Begin the work and return at once; everything else, also that it cannot begin, goes to the observer.

        A second launch of the same attempt does nothing.
        """
        ...

    async def attach(self, task: Task) -> bool:
        """Take up again an attempt that was launched before a restart; later reports go to the observer.

        Returns: False if nothing is known of it: then it was never begun, and may be launched.
        An attempt that was begun and whose end nobody saw is reported as failed with `Cause.LOST`.
        """
        ...

    def cancel(self, run: str, attempt: str, reason: str, grace_s: float) -> None:
        """Have the work stop, with all processes it made; return at once. Unknown attempts are ignored.

        The last line of its log says the reason.
        """
        ...

    def release(self, run: str, attempt: str) -> None:
        """The end of an attempt is stored for good: what is kept to attach to it may go."""
        ...

    async def forget(self, run: str) -> None:
        """Remove all that is kept of a run's attempts, other than logs."""
        ...

    async def close(self) -> None:
        """Let go, and report nothing more. Work that can be attached to again goes on; other work is cancelled."""
        ...
