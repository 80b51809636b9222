"""Everything that is wrong with a pipeline, or with one stage, before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from penstock.api.cdap.lower.failures import Failure, failure_of
from penstock.api.cdap.lower.pipeline import Pipeline, Stage
from penstock.api.cdap.lower.stages import check_properties, missing_plugin, plugin_of, properties_of, spec_of
from penstock.api.cdap.lower.structure import check_structure, is_sink
from penstock.api.cdap.lower.units import edges_into
from penstock.api.cdap.plugins import Plugin, Role
from penstock.kernel.flows import Edge, Flow, StageSpec
from penstock.kernel.templates import has_macros
from penstock.services.phases.service import ActionCheck, Fault, Phases

__all__ = ["StageChecked", "find_failures", "find_stage_failures"]

_CONTROL = (Role.ACTION, Role.CONDITION, Role.AFTER)


@dataclass(frozen=True, slots=True)
class StageChecked:
    """What a check of one stage found. outputs: JSON schemas by port; rejected: of error records."""

    failures: tuple[Failure, ...]
    outputs: Mapping[str, dict[str, Any] | None] = field(default_factory=dict)
    rejected: dict[str, Any] | None = None


async def find_failures(phases: Phases, pipeline: Pipeline) -> list[Failure]:
    """Return all failures of a pipeline."""
    failures = check_structure(pipeline)
    sound: list[tuple[Stage, Plugin]] = []
    for stage in (*pipeline.stages, *pipeline.after):
        plugin = plugin_of(stage)
        if plugin is None:
            failures.append(missing_plugin(stage))
            continue
        found = check_properties(stage, plugin)
        failures += found
        if not found:
            sound.append((stage, plugin))
    if any(failure.stage is None for failure in failures):
        return failures
    return [*failures, *await _engine_failures(phases, pipeline, sound)]


async def find_stage_failures(
    phases: Phases, stage: Stage, inputs: Sequence[tuple[str, dict[str, Any] | None]]
) -> StageChecked:
    """Check one stage with the schemas of what comes in, by the stage that it comes from."""
    plugin = plugin_of(stage)
    if plugin is None:
        return StageChecked((missing_plugin(stage),))
    failures = check_properties(stage, plugin)
    if failures:
        return StageChecked(tuple(failures))
    if plugin.does.role in _CONTROL:
        checked = await phases.check(Flow(()), [_action(stage, plugin)])
        return StageChecked(tuple(_failure(fault, plugin) for fault in checked.faults))
    given = {name: None if schema is None else msgspec.json.encode(schema).decode() for name, schema in inputs}
    spec = spec_of(stage, plugin, (), hides=True, given=given)
    checked = await phases.check(Flow((spec,)))
    shown = checked.stages.get(stage.name)
    return StageChecked(
        tuple(_failure(fault, plugin) for fault in checked.faults),
        shown.outputs if shown else {},
        shown.rejected if shown and not is_sink(stage) else None,
    )


async def _engine_failures(phases: Phases, pipeline: Pipeline, sound: Sequence[tuple[Stage, Plugin]]) -> list[Failure]:
    """Return what the adapters find. Stages that are wrong already are left out: what they would give is unknown."""
    plugins = {stage.name: plugin for stage, plugin in sound}
    specs: list[StageSpec] = []
    actions: list[ActionCheck] = []
    for stage, plugin in sound:
        if plugin.does.role in _CONTROL:
            actions.append(_action(stage, plugin))
            continue
        edges = edges_into(pipeline, stage)
        given: dict[str, str | None] = {edge.stage: None for edge in edges if edge.stage not in plugins}
        known: tuple[Edge, ...] = tuple(edge for edge in edges if edge.stage in plugins)
        specs.append(spec_of(stage, plugin, known, hides=True, given=given))
    if not specs and not actions:
        return []
    checked = await phases.check(Flow(tuple(specs)), actions)
    return [_failure(fault, plugins.get(fault.stage)) for fault in checked.faults]


def _action(stage: Stage, plugin: Plugin) -> ActionCheck:
    properties = properties_of(stage, plugin)
    hidden = tuple(name for name, text in properties.items() if has_macros(text))
    known = {name: text for name, text in properties.items() if name not in hidden}
    role = "condition" if plugin.does.role is Role.CONDITION else "action"
    return ActionCheck(stage.name, role, plugin.does.type, known, hidden)


def _failure(fault: Fault, plugin: Plugin | None) -> Failure:
    attributes: dict[str, str] = {}
    if fault.element is not None:
        attributes["configElement"] = fault.element
    if fault.input_field is not None:
        attributes["inputField"] = fault.input_field
    if fault.output_field is not None:
        attributes["outputField"] = fault.output_field
    if fault.input_stage is not None:
        attributes["inputStage"] = fault.input_stage
    first = failure_of(fault.stage, fault.message, fault.correction or "", fault.property, **attributes)
    more = []
    for property, element in fault.others:
        cause = {"stage": fault.stage, "stageConfig": property}
        if element is not None:
            cause["configElement"] = element
        more.append(cause)
    return Failure(first.message, first.correction, fault.stage, (*first.causes, *more))
