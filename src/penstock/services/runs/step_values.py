"""What the spec of a step that is carried out by a service sees: the step's inputs and facts."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.kernel.expr import Expr, Fact, Input, describe
from penstock.kernel.functions import ExprFailed
from penstock.kernel.values import ABSENT, Absent, Value
from penstock.ports.executor import Task

__all__ = ["StepValues"]


@dataclass(frozen=True, slots=True)
class StepValues:
    """Values for `kernel.expr.evaluate`."""

    task: Task

    def look_up(self, leaf: Expr) -> Value | Absent:
        """Return a leaf's value. Raises: ExprFailed if it has no meaning here."""
        match leaf:
            case Input(name):
                return self.task.inputs.get(name, ABSENT)
            case Fact(name):
                return self.task.facts.get(name, ABSENT)
            case _:
                raise ExprFailed(f"{describe(leaf)} is not known in a step's work")
