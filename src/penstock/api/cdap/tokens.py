"""What the steps of a run left behind: statistics by stage, arguments that were set, resolved properties.

The one place that knows the names of outputs under which `lower`'s steps leave them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.kernel.runs import StepRecord

__all__ = ["arguments_by_step", "arguments_set", "resolved_properties", "statistics_of"]


def statistics_of(step: StepRecord) -> dict[str, dict[str, int]]:
    """Return records by stage of a phase that has ended: `input`, `output`, `error`."""
    found = step.outputs.get("statistics")
    return found if isinstance(found, dict) else {}  # type: ignore[return-value]


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
