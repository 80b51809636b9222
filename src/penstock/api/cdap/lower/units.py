"""How a pipeline falls apart into what runs one after the other: data phases, actions, conditions.

A data phase is a set of data stages that are connected without a condition between them. What crosses a condition is
stored by the phase before it and loaded by the phase after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.api.cdap.lower.pipeline import Pipeline, Stage
from penstock.api.cdap.lower.structure import below, is_action, is_condition, is_control
from penstock.kernel.flows import Carries, Edge

__all__ = ["Crossing", "Unit", "edges_into", "units_of"]


@dataclass(frozen=True, slots=True)
class Crossing:
    """Records that go through conditions: from a stage (and port) of one phase to a stage of another."""

    source: str
    port: str
    target: str

    @property
    def store(self) -> str:
        """The name under which they are stored."""
        return f"{self.source} {self.port}".strip()


@dataclass(slots=True)
class Unit:
    """What is one step. stages: of a data phase, or the single control stage. after: names of units it comes after,
    with the outcome of a condition that it needs, or None. stores, loads: what crosses conditions."""

    name: str
    stages: tuple[Stage, ...]
    is_control: bool = False
    after: dict[str, bool | None] = field(default_factory=dict)
    stores: list[Crossing] = field(default_factory=list)
    loads: list[Crossing] = field(default_factory=list)


def edges_into(pipeline: Pipeline, stage: Stage) -> tuple[Edge, ...]:
    """Return the edges that bring records to a stage; across conditions, from where the records come."""
    edges: dict[tuple[str, str, Carries], Edge] = {}
    for source, port in _feeders(pipeline, stage.name):
        carries = Carries.RECORDS
        if stage.type == "errortransform":
            carries = Carries.ERRORS
        elif stage.type == "alertpublisher":
            carries = Carries.ALERTS
        edges[source, port, carries] = Edge(source, port, carries)
    return tuple(edges.values())


def _feeders(pipeline: Pipeline, name: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for c in pipeline.connections:
        if c.target != name:
            continue
        source = pipeline.stage(c.source)
        assert source is not None, "connections were checked"
        if is_condition(source):
            found.extend(_feeders(pipeline, source.name))
        elif not is_action(source):
            found.append((source.name, c.port or ""))
    return found


def units_of(pipeline: Pipeline) -> list[Unit]:
    """Return the steps of a pipeline whose structure was checked, each after those it comes after."""
    groups = _groups(pipeline)
    units: dict[str, Unit] = {}
    owner: dict[str, str] = {}
    taken = {stage.name for stage in pipeline.stages}
    number = 0
    for group in groups:
        if len(group) == 1 and is_control(group[0]):
            unit = Unit(group[0].name, tuple(group), is_control=True)
        else:
            number += 1
            while f"phase-{number}" in taken:
                number += 1
            unit = Unit(f"phase-{number}", tuple(group))
        units[unit.name] = unit
        for stage in group:
            owner[stage.name] = unit.name
    _connect(pipeline, units, owner)
    _cross(pipeline, units, owner)
    _lead(pipeline, units, owner)
    return _ordered(units)


def _groups(pipeline: Pipeline) -> list[list[Stage]]:
    """Return control stages alone, and data stages with all that are connected to them."""
    leader = {stage.name: stage.name for stage in pipeline.stages}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    stages = {stage.name: stage for stage in pipeline.stages}
    for c in pipeline.connections:
        if not is_control(stages[c.source]) and not is_control(stages[c.target]):
            leader[find(c.source)] = find(c.target)
    groups: dict[str, list[Stage]] = {}
    for stage in pipeline.stages:
        groups.setdefault(find(stage.name), []).append(stage)
    return list(groups.values())


def _connect(pipeline: Pipeline, units: dict[str, Unit], owner: dict[str, str]) -> None:
    for c in pipeline.connections:
        before, after = owner[c.source], owner[c.target]
        if before != after:
            source = pipeline.stage(c.source)
            assert source is not None
            units[after].after[before] = c.condition if is_condition(source) else units[after].after.get(before)


def _cross(pipeline: Pipeline, units: dict[str, Unit], owner: dict[str, str]) -> None:
    for stage in pipeline.stages:
        if is_control(stage):
            continue
        for edge in edges_into(pipeline, stage):
            before, after = units[owner[edge.stage]], units[owner[stage.name]]
            if before is not after:
                crossing = Crossing(edge.stage, edge.port, stage.name)
                before.stores.append(crossing)
                after.loads.append(crossing)
                after.after.setdefault(before.name, None)


def _lead(pipeline: Pipeline, units: dict[str, Unit], owner: dict[str, str]) -> None:
    """Actions before the data come before all of it, also where no connection says so."""
    data = {stage.name for stage in pipeline.stages if not is_control(stage)}
    leading = [s.name for s in pipeline.stages if is_action(s) and below(pipeline, s.name) & data]
    for unit in units.values():
        if not unit.is_control and not unit.after:
            for name in leading:
                unit.after.setdefault(owner[name], None)


def _ordered(units: dict[str, Unit]) -> list[Unit]:
    ordered: list[Unit] = []
    waiting = dict(units)
    while waiting:
        ready = [unit for unit in waiting.values() if not any(name in waiting for name in unit.after)]
        assert ready, "the structure has no circles"
        for unit in ready:
            ordered.append(unit)
            del waiting[unit.name]
    return ordered
