"""What the expressions of a task's work see: its inputs, facts, places and secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from penstock.kernel.expr import Expr, Fact, Input, InputArtifact, Place, Secret, describe
from penstock.kernel.functions import ExprFailed
from penstock.kernel.values import ABSENT, Absent, Value
from penstock.ports.executor import Task

__all__ = ["ReadSecret", "TaskValues"]

ReadSecret = Callable[[str], str | None]
"""Gives the text of a secret, or None if there is none of that name."""


@dataclass(slots=True)
class TaskValues:
    """Values for `kernel.expr.evaluate`. places: absolute paths by side and name."""

    task: Task
    places: Mapping[tuple[str, str], str]
    read_secret: ReadSecret
    facts: Mapping[str, Value]

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
                text = self.read_secret(name)
                if text is None:
                    raise ExprFailed(f"there is no secret {name!r}")
                return text
            case _:
                raise ExprFailed(f"{describe(leaf)} is not known in a step's work")

    def _place(self, side: str, name: str) -> Value | Absent:
        if (side, name) in self.places:
            return self.places[side, name]
        if side == "inputs":
            return ABSENT  # an optional artifact that was not given
        raise ExprFailed(f"the step declares no output {name!r}")
