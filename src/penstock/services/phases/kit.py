"""What a phase's process is given by the composition root: adapters by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from penstock.ports.action import ActionKind, ConditionKind, PredicateKind
from penstock.ports.records import RecordSinkKind, RecordSourceKind
from penstock.ports.transform import TransformKind

__all__ = ["PhaseKit"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Kind = TypeVar("_Kind", bound=_Named)


@dataclass(frozen=True, slots=True)
class PhaseKit:
    """Adapters by name. predicates: languages of conditions over records; the first is the usual one."""

    sources: Mapping[str, RecordSourceKind] = field(default_factory=dict)
    sinks: Mapping[str, RecordSinkKind] = field(default_factory=dict)
    transforms: Mapping[str, TransformKind] = field(default_factory=dict)
    actions: Mapping[str, ActionKind] = field(default_factory=dict)
    conditions: Mapping[str, ConditionKind] = field(default_factory=dict)
    predicates: Mapping[str, PredicateKind] = field(default_factory=dict)

    @staticmethod
    def by_name(kinds: Iterable[_Kind]) -> dict[str, _Kind]:
        """Return adapters by their names."""
        return {kind.name: kind for kind in kinds}
