"""What the steps of a run left behind: counts of records by stage, arguments that were set, resolved properties.

The one place that knows the names of outputs under which `lower`'s steps leave them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.kernel.runs import StepRecord

__all__ = ["arguments_by_step", "arguments_set", "counts_by_stage", "resolved_properties"]


def counts_by_stage(steps: Iterable[StepRecord]) -> dict[str, dict[str, int]]:
    """Return records by stage: `in`, `out`, `error`, `alert`, `out.<port>`."""
    found: dict[str, dict[str, int]] = {}
    for step in steps:
        counts = step.outputs.get("counts")
        for stage, of_stage in counts.items() if isinstance(counts, dict) else ():
            known = found.setdefault(stage, {})
            for name, count in of_stage.items() if isinstance(of_stage, dict) else ():
                if isinstance(count, int):
                    known[name] = known.get(name, 0) + count
    return found


def arguments_by_step(steps: Iterable[StepRecord]) -> list[tuple[str, dict[str, str]]]:
    """Return which step set which arguments, in the order of their ends."""
    found: list[tuple[int, str, dict[str, str]]] = []
    for step in steps:
        arguments = step.outputs.get("arguments")
        if isinstance(arguments, dict) and arguments:
            values = {name: str(value) for name, value in arguments.items()}
            found.append((step.finished_at_us or 0, step.name, values))
    return [(name, values) for _, name, values in sorted(found, key=lambda each: each[0])]


def arguments_set(steps: Iterable[StepRecord]) -> dict[str, str]:
    """Return the arguments that actions set; later ones win."""
    found: dict[str, str] = {}
    for _, values in arguments_by_step(steps):
        found.update(values)
    return found


def resolved_properties(steps: Iterable[StepRecord]) -> dict[str, dict[str, Any]]:
    """Return the properties of stages as they were when their steps ran, without macros."""
    found: dict[str, dict[str, Any]] = {}
    for step in steps:
        resolved = step.outputs.get("properties")
        for stage, properties in resolved.items() if isinstance(resolved, dict) else ():
            if isinstance(properties, dict):
                found[stage] = properties
    return found
