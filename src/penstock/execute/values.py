"""What the expressions of a task's work see: its inputs, facts, places and secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from penstock.kernel.expr import Expr, Fact, Input, InputArtifact, Place, Secret, describe, leaves
from penstock.kernel.functions import ExprFailed
from penstock.kernel.graph import Command
from penstock.kernel.scope import Scope
from penstock.kernel.values import ABSENT, Absent, Value
from penstock.ports.executor import ReadSecret, Task

__all__ = ["TaskValues", "no_secrets", "read_secrets"]


@dataclass(slots=True)
class TaskValues:
    """Values for `kernel.expr.evaluate`.

    places: absolute paths by side and name. secrets: texts by name, as `read_secrets` gives them.
    """

    task: Task
    places: Mapping[tuple[str, str], str]
    facts: Mapping[str, Value]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def look_up(self, leaf: Expr) -> Value | Absent:
        """Return a leaf's value. Raises: ExprFailed if it has no meaning in work."""
        match leaf:
            case Input(name):
                return self.task.inputs.get(name, ABSENT)
            case InputArtifact(name):
                return self.task.artifacts.get(name, ABSENT)
            case Fact(name):
                return self.facts.get(name, self.task.facts.get(name, ABSENT))
            case Place(side, name):
                return self._place(side, name)
            case Secret(name):
                if name not in self.secrets:
                    raise ExprFailed(f"there is no secret {name!r}")
                return self.secrets[name]
            case _:
                raise ExprFailed(f"{describe(leaf)} is not known in a step's work")

    def _place(self, side: str, name: str) -> Value | Absent:
        if (side, name) in self.places:
            return self.places[side, name]
        if side == "inputs":
            return ABSENT  # an optional artifact that was not given
        raise ExprFailed(f"the step declares no output {name!r}")


async def no_secrets(scope: Scope, name: str) -> str | None:
    """Know no secret."""
    return None


async def read_secrets(task: Task, read: ReadSecret) -> dict[str, str]:
    """Return the secrets that a task's work asks for, of its run's scope; those that are not there are left out."""
    found = {}
    for name in dict.fromkeys(leaf.name for expr in _expressions(task) for leaf in leaves(expr) if _is_secret(leaf)):
        text = await read(task.scope, name)
        if text is not None:
            found[name] = text
    return found


def _expressions(task: Task) -> Iterator[Expr]:
    work = task.work
    if not isinstance(work, Command):
        yield work.spec
        return
    yield from work.argv
    yield from work.env.values()
    yield from (file.content for file in work.files if file.content is not None)
    if work.stdin is not None:
        yield work.stdin


def _is_secret(leaf: Expr) -> TypeGuard[Secret]:
    return isinstance(leaf, Secret)
