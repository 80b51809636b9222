"""What expressions see: in a level, in a step's work that needs no executor, and over what work left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.flow.tree import Level, Node
from penstock.kernel.expr import (
    Expr,
    Fact,
    Input,
    InputArtifact,
    Item,
    ItemIndex,
    Output,
    OutputArtifact,
    Raw,
    RawArtifact,
    StepFact,
    describe,
    evaluate,
)
from penstock.kernel.functions import ExprFailed
from penstock.kernel.runs import StepState
from penstock.kernel.values import ABSENT, Absent, Value

__all__ = ["LevelValues", "WorkValues", "YieldValues", "bind_parameters"]


@dataclass(slots=True)
class LevelValues:
    """What guards, loop lists, inputs of steps and outputs of a body see. node: the step, if it is for one."""

    level: Level
    facts: Mapping[str, Value]
    node: Node | None = None

    def look_up(self, leaf: Expr) -> Value | Absent:
        """Return a leaf's value. Raises: ExprFailed if it has no meaning in a level."""
        match leaf:
            case Input(name):
                return self._input(name, self.level.inputs, leaf)
            case InputArtifact(name):
                return self.level.artifacts.get(name, ABSENT)
            case Output(step, name):
                node = self._sibling(step, leaf)
                return node.record.outputs.get(name, _nothing(node))
            case OutputArtifact(step, name):
                node = self._sibling(step, leaf)
                return node.record.output_artifacts.get(name, _nothing(node))
            case StepFact(step, name):
                return _step_fact(self._sibling(step, leaf), name)
            case Fact(name):
                return self.facts.get(name, ABSENT)
            case Item() if self.node and self.node.record.index is not None:
                return self.node.record.item
            case ItemIndex() if self.node and self.node.record.index is not None:
                return self.node.record.index
            case _:
                raise ExprFailed(f"{describe(leaf)} is not known here")

    def _input(self, name: str, given: Mapping[str, Value], leaf: Expr) -> Value | Absent:
        if name in given:
            return given[name]
        if name in self.level.body.parameters:
            return ABSENT
        raise ExprFailed(f"{describe(leaf)} is not declared here")

    def _sibling(self, step: str, leaf: Expr) -> Node:
        node = self.level.nodes.get(step)
        if node is None:
            raise ExprFailed(f"{describe(leaf)}: there is no such step here")
        return node


def _nothing(node: Node) -> Value | Absent:
    """What a group that ran over nothing gives: the empty list. Any other step that gives nothing: absence."""
    if node.step.fan_out and not node.children and node.state is StepState.SUCCEEDED:
        return []
    return ABSENT


def _step_fact(node: Node, name: str) -> Value | Absent:
    match name:
        case "state":
            return node.state.value
        case "message":
            return node.record.message or ""
        case "exit_code":
            attempts = node.record.attempts
            code = attempts[-1].exit_code if attempts else None
            return ABSENT if code is None else code
        case _:
            raise ExprFailed(f"nothing called {name!r} is known of a step; there are state, message, exit_code")


@dataclass(slots=True)
class WorkValues:
    """What a step's work sees, as far as no executor is needed: its own inputs, and facts."""

    inputs: Mapping[str, Value]
    artifacts: Mapping[str, Value]
    facts: Mapping[str, Value]

    def look_up(self, leaf: Expr) -> Value | Absent:
        """Return a leaf's value. Raises: ExprFailed if it has no meaning in work."""
        match leaf:
            case Input(name):
                return self.inputs.get(name, ABSENT)
            case InputArtifact(name):
                return self.artifacts.get(name, ABSENT)
            case Fact(name):
                return self.facts.get(name, ABSENT)
            case _:
                raise ExprFailed(f"{describe(leaf)} is not known here")


@dataclass(slots=True)
class YieldValues(WorkValues):
    """What `yields` see: the same, and what the work left."""

    raw: Mapping[str, Value]
    raw_artifacts: Mapping[str, Value]

    def look_up(self, leaf: Expr) -> Value | Absent:
        """Return a leaf's value. Raises: ExprFailed if it has no meaning in `yields`."""
        match leaf:
            case Raw(name):
                return self.raw.get(name, ABSENT)
            case RawArtifact(name):
                return self.raw_artifacts.get(name, ABSENT)
            case _:
                return WorkValues.look_up(self, leaf)


def bind_parameters(level: Level, given: Mapping[str, Value], facts: Mapping[str, Value]) -> None:
    """Give a level its inputs, defaults filled in. Raises: ExprFailed if a required one is missing."""
    level.inputs.update(given)
    for name, parameter in level.body.parameters.items():
        if name in level.inputs:
            continue
        if parameter.default is not None:
            value = evaluate(parameter.default, LevelValues(level, facts))
            if not isinstance(value, Absent):
                level.inputs[name] = value
        elif not parameter.is_optional:
            raise ExprFailed(f"input {name!r} was not given and has no default")
