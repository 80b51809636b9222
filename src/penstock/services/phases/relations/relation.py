"""What a stage over whole inputs has to offer: a description, and a plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from penstock.ports.action import PredicateKind
from penstock.ports.transform import Described
from penstock.sql.plan import nodes

__all__ = ["Condition", "Inputs", "Lowered", "Relation", "names_of"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Schemas by input stage, in the order of the edges; languages of conditions."""

    schemas: Mapping[str, pa.Schema | None]
    predicates: Mapping[str, PredicateKind] = field(default_factory=dict)

    @property
    def single(self) -> pa.Schema | None:
        """The schema that all inputs have; None if it is not known."""
        known = list(self.schemas.values())
        return known[0] if known and all(schema is not None for schema in known) else None


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition over records that is evaluated before they enter the circuit: it becomes a column of its own."""

    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Lowered:
    """A stage's plan. It sees its inputs as nodes, whose rows are the fields and then the conditions' columns."""

    plan: nodes.Node


class Relation(Protocol):
    """A stage over whole inputs."""

    def describe(self, properties: Mapping[str, str], inputs: Inputs, hidden: Collection[str]) -> Described:
        """Check a configuration and tell the output's schema."""
        ...

    def conditions(self, properties: Mapping[str, str]) -> Sequence[Condition]:
        """Return the conditions that records must be asked before they enter."""
        ...

    def plan(
        self, properties: Mapping[str, str], inputs: Mapping[str, nodes.Node], schemas: Mapping[str, pa.Schema]
    ) -> nodes.Node:
        """Return the plan. inputs: by stage; a stage that takes several as one gets their union as `""`."""
        ...


def names_of(text: str | None) -> list[str]:
    """Read names that are separated by commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]
