"""Side effects and decisions between data phases: actions set arguments for later steps, conditions say yes or no.

Both run in a process of their own, which is killed when the run is stopped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import pyarrow as pa

from penstock.ports.transform import Finding, Surroundings

__all__ = ["ActionFailed", "ActionKind", "ConditionKind", "Predicate", "PredicateKind", "Statistics"]

Statistics = Mapping[str, Mapping[str, int]]
"""Records by stage of the data phases that have ended: `input`, `output`, `error`."""


class ActionFailed(Exception):
    """An action that could not do its work; a condition that has no value. The message is the run's."""


class ActionKind(Protocol):
    """An action by name."""

    @property
    def name(self) -> str: ...

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> tuple[Finding, ...]:
        """Check a configuration."""
        ...

    def run(self, properties: Mapping[str, str], surroundings: Surroundings) -> Mapping[str, str]:
        """Do the work and return the arguments it sets. Raises: ActionFailed."""
        ...


class ConditionKind(Protocol):
    """A language of conditions by name."""

    @property
    def name(self) -> str: ...

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> tuple[Finding, ...]:
        """Check a configuration."""
        ...

    def decide(self, properties: Mapping[str, str], surroundings: Surroundings, statistics: Statistics) -> bool:
        """Evaluate. Raises: ActionFailed."""
        ...


class Predicate(Protocol):
    """A compiled condition over records."""

    def apply(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return for each record whether it holds, never null. Raises: `TransformFailed`."""
        ...


class PredicateKind(Protocol):
    """A language of conditions over records, for grouping stages."""

    @property
    def name(self) -> str: ...

    def compile(self, text: str, schema: pa.Schema | None) -> Predicate:
        """Compile. schema: what the records are; None if not known. Raises: ValueError if the text is wrong."""
        ...
