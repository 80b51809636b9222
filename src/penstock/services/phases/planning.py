"""From a flow to what each stage gets and gives: schemas are carried along the edges, faults are gathered.

The same is done when a flow is deployed, then with what is known so far, and when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.kernel.flows import Carries, Flow, StageRole, StageSpec
from penstock.ports.transform import MAIN, Described, Finding
from penstock.services.phases.errors import describe_errors
from penstock.services.phases.kit import PhaseKit
from penstock.services.phases.relations import RELATIONS, Inputs

__all__ = ["Fault", "Planned", "PlannedStage", "plan_flow"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding about a stage."""

    stage: str
    finding: Finding


@dataclass(slots=True)
class PlannedStage:
    """A stage with its schemas.

    inputs: schema by the stage it comes from, in the order of the edges; None if it is not known.
    input: the one schema of all inputs, for what has one. outputs: schema by port. rejected: of refused records.
    """

    spec: StageSpec
    inputs: dict[str, pa.Schema | None]
    input: pa.Schema | None
    outputs: dict[str, pa.Schema | None]
    rejected: pa.Schema | None


@dataclass(slots=True)
class Planned:
    """A flow's stages by name, in an order in which each comes after those it takes from; and what is wrong."""

    stages: dict[str, PlannedStage] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def plan_flow(flow: Flow, kit: PhaseKit, stored: Mapping[str, pa.Schema | None] | None = None) -> Planned:
    """Describe all stages. stored: schemas of what earlier phases stored, by name."""
    planned = Planned()
    for spec in _in_order(flow):
        inputs = _inputs(spec, planned)
        single, clash = _single(spec, inputs)
        findings: tuple[Finding, ...] = (clash,) if clash else ()
        described = _describe(spec, kit, single if not clash else None, inputs, stored or {})
        outputs = dict(described.outputs)
        if outputs.get(MAIN, False) is None and spec.schema:
            outputs[MAIN] = _fallback(spec.schema)
        findings = (*findings, *described.findings)
        planned.faults.extend(Fault(spec.name, finding) for finding in findings)
        planned.stages[spec.name] = PlannedStage(spec, inputs, single, outputs, described.rejected or single)
    return planned


def _in_order(flow: Flow) -> list[StageSpec]:
    waiting = {spec.name: spec for spec in flow.stages}
    ordered: list[StageSpec] = []
    done: set[str] = set()
    while waiting:
        ready = [
            spec
            for spec in waiting.values()
            if all(edge.stage in done or edge.stage not in waiting for edge in spec.inputs)
        ]
        if not ready:
            raise ValueError(f"these stages feed each other in a circle: {', '.join(waiting)}")
        for spec in ready:
            ordered.append(spec)
            done.add(spec.name)
            del waiting[spec.name]
    return ordered


def _inputs(spec: StageSpec, planned: Planned) -> dict[str, pa.Schema | None]:
    inputs: dict[str, pa.Schema | None] = {}
    for edge in spec.inputs:
        before = planned.stages.get(edge.stage)
        if before is None or edge.carries is Carries.ALERTS:
            continue
        if edge.carries is Carries.ERRORS:
            inputs[edge.stage] = before.rejected
        else:
            inputs[edge.stage] = before.outputs.get(edge.port)
    for stage, text in spec.given.items():
        inputs[stage] = _fallback(text) if text else None
    return inputs


def _fallback(text: str) -> pa.Schema | None:
    try:
        return parse_schema(text)
    except SchemaInvalid:
        return None


def _single(spec: StageSpec, inputs: Mapping[str, pa.Schema | None]) -> tuple[pa.Schema | None, Finding | None]:
    """Return the schema common to all inputs."""
    if spec.role in (StageRole.SOURCE, StageRole.LOAD) or spec.type == "join" or not inputs:
        return None, None
    if any(schema is None for schema in inputs.values()):
        return None, None
    names = list(inputs)
    first = inputs[names[0]]
    for name in names[1:]:
        if not _same(first, inputs[name]):
            message = f"Schema mismatch, the inputs '{names[0]}' and '{name}' have different schemas."
            return None, Finding(message, "Make all inputs of the stage alike.", input_stage=name)
    return first, None


def _same(left: pa.Schema | None, right: pa.Schema | None) -> bool:
    if left is None or right is None:
        return True
    return bool(left.remove_metadata().equals(right.remove_metadata()))


def _describe(
    spec: StageSpec,
    kit: PhaseKit,
    schema: pa.Schema | None,
    inputs: Mapping[str, pa.Schema | None],
    stored: Mapping[str, pa.Schema | None],
) -> Described:
    match spec.role:
        case StageRole.SOURCE if spec.type in kit.sources:
            return kit.sources[spec.type].describe(spec.properties, spec.hidden)
        case StageRole.TRANSFORM if spec.type in kit.transforms:
            return kit.transforms[spec.type].describe(spec.properties, schema, spec.hidden)
        case StageRole.SINK if spec.type in kit.sinks:
            return Described({}, kit.sinks[spec.type].describe(spec.properties, schema, spec.hidden))
        case StageRole.RELATION if spec.type in RELATIONS:
            return RELATIONS[spec.type].describe(spec.properties, Inputs(dict(inputs), kit.predicates), spec.hidden)
        case StageRole.ERRORS:
            return describe_errors(spec.properties, schema)
        case StageRole.STORE:
            return Described({MAIN: schema})
        case StageRole.LOAD:
            return Described({MAIN: stored.get(spec.type)})
        case StageRole.ALERTS:
            return Described({})
        case StageRole.REFUSED:
            return Described({MAIN: None})
        case _:
            return Described({}, (Finding(f"There is nothing called '{spec.type}' that is a {spec.role.value}."),))
