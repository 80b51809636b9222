"""Whether a program is the one that a checkpoint was made by: a digest of each relation as it is executed.

Texts, names of places and connectors do not count; types, plans and what the plans read do.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.sql.plan.nodes import Program, Relation, ViewScan

__all__ = ["Difference", "compare", "fingerprints"]

_IGNORED = frozenset(("span", "key_span", "value_span", "connectors", "properties", "plan"))


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of relations that are new, that are gone, and that mean something else now."""

    added_tables: tuple[str, ...]
    removed_tables: tuple[str, ...]
    modified_tables: tuple[str, ...]
    added_views: tuple[str, ...]
    removed_views: tuple[str, ...]
    modified_views: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in dataclasses.fields(self))


def fingerprints(program: Program) -> dict[str, str]:
    """Return the fingerprint of each table ("table …") and view ("view …")."""
    prints: dict[str, str] = {}
    for table in program.tables:
        prints[f"table {table.name}"] = _digest(table, prints)
    for view in program.views:
        prints[f"view {view.name}"] = _digest(view, prints)
    return prints


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """Return where two programs differ."""

    def names(kind: str, of: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(name.removeprefix(kind) for name in of if name.startswith(kind) and name not in other)

    def modified(kind: str) -> tuple[str, ...]:
        return tuple(
            name.removeprefix(kind)
            for name in after
            if name.startswith(kind) and before.get(name, after[name]) != after[name]
        )

    return Difference(
        names("table ", after, before),
        names("table ", before, after),
        modified("table "),
        names("view ", after, before),
        names("view ", before, after),
        modified("view "),
    )


def _digest(relation: Relation, known: Mapping[str, str]) -> str:
    hashed = hashlib.sha256()
    seen: dict[int, int] = {}

    def put(value: Any) -> None:
        if isinstance(value, ViewScan):
            hashed.update(f"view {value.view} {known.get(f'view {value.view}', '')};".encode())
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            if type(value).__eq__ is object.__eq__:  # a node of the plan: read by several others, it is one
                if id(value) in seen:
                    hashed.update(f"#{seen[id(value)]};".encode())
                    return
                seen[id(value)] = len(seen)
            hashed.update(f"{type(value).__name__}(".encode())
            for field in dataclasses.fields(value):
                if field.name not in _IGNORED:
                    put(getattr(value, field.name))
            hashed.update(b")")
        elif isinstance(value, tuple | list):
            hashed.update(b"[")
            for item in value:
                put(item)
            hashed.update(b"]")
        else:
            hashed.update(f"{type(value).__name__} {value!r};".encode())

    put(relation)
    put(relation.plan)
    return hashed.hexdigest()
