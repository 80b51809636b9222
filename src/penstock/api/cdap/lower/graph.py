"""From a checked pipeline to the graph that a run executes. Pure.

Parameters of the run: `arguments`, an object of texts; `connections`, properties of connections by name. Each step is a
job of kind `circuit`; the steps after it see what it set.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.api.cdap.lower.pipeline import Pipeline, Stage
from penstock.api.cdap.lower.stages import plugin_of, properties_of, spec_of
from penstock.api.cdap.lower.units import Unit, edges_into, units_of
from penstock.api.cdap.names import SECRET_PREFIX
from penstock.api.cdap.plugins import Plugin, Role
from penstock.kernel.expr import Expr, Fact, Input, ListOf, Literal, ObjectOf, Output, apply
from penstock.kernel.flows import Carries, Edge, Flow, StageRole, StageSpec
from penstock.kernel.graph import SUCCEEDED, After, Body, Graph, Job, Parameter, Step

__all__ = ["AFTER_BODY", "build_graph"]

AFTER_BODY = "after"
_LOGICAL_START = "logical.start.time"
_PARAMETERS = {
    "arguments": Parameter(Literal({})),
    "connections": Parameter(Literal({})),
}


def build_graph(pipeline: Pipeline, preview_rows: int | None = None) -> Graph:
    """Return the graph. Its run knows the facts `namespace` and `app`."""
    units = units_of(pipeline)
    steps = tuple(_step(pipeline, unit, units, preview_rows) for unit in units)
    bodies = {"main": Body(steps, parameters=_PARAMETERS, fail_fast=True)}
    if pipeline.after and preview_rows is None:
        bodies[AFTER_BODY] = Body(_after_steps(pipeline), parameters=_PARAMETERS)
    return Graph(bodies, on_exit=AFTER_BODY if AFTER_BODY in bodies else None, lost_limit=0)


def _step(pipeline: Pipeline, unit: Unit, units: list[Unit], preview_rows: int | None) -> Step:
    before = _before(unit, {other.name: other for other in units})
    setters = [other.name for other in before if other.is_control and _role(other.stages[0]) is not Role.CONDITION]
    phases = [other.name for other in before if not other.is_control]
    members: dict[str, Expr] = {
        "arguments": Input("arguments"),
        "connections": Input("connections"),
        "set": Input("set"),
        "statistics": Input("statistics"),
        "logical_start_ms": apply("find", Input("arguments"), _LOGICAL_START),
        "secret_prefix": Literal(SECRET_PREFIX),
        "namespace": Fact("namespace"),
        "pipeline": Fact("app"),
    }
    outputs: tuple[str, ...]
    if unit.is_control:
        members |= _control(unit.stages[0])
        outputs = ("arguments", "result")
        kind = "condition" if members["do"] == Literal("condition") else "action"
    else:
        flow = Flow(_flow_stages(pipeline, unit), preview_rows=preview_rows)
        members |= {"do": Literal("flow"), "flow": Literal(msgspec.to_builtins(flow))}
        if pipeline.is_streaming and preview_rows is None:
            members["every_s"] = Literal(pipeline.interval_s)
        outputs = ("statistics", "tracers")
        kind = "phase"
    return Step(
        name=_step_name(unit.name),
        work=Job("stream" if "every_s" in members else "circuit", ObjectOf(members), outputs),
        after=tuple(After(_step_name(other), SUCCEEDED) for other in unit.after),
        guard=_guard(unit),
        inputs={
            "arguments": Input("arguments"),
            "connections": Input("connections"),
            "set": ListOf(tuple(Output(_step_name(other), "arguments") for other in setters)),
            "statistics": ListOf(tuple(Output(_step_name(other), "statistics") for other in phases)),
        },
        labels={"kind": kind, "stages": [stage.name for stage in unit.stages]},
    )


def _step_name(name: str) -> str:
    """Return a name that a step can have."""
    return name.translate(str.maketrans("/[]", "___")) or "_"


def _role(stage: Stage) -> Role:
    plugin = plugin_of(stage)
    assert plugin is not None, "plugins were checked"
    return plugin.does.role


def _before(unit: Unit, units: dict[str, Unit]) -> list[Unit]:
    """Return all units that come before one, the earliest first."""
    found: dict[str, Unit] = {}

    def visit(other: Unit) -> None:
        for name in other.after:
            visit(units[name])
            found.setdefault(name, units[name])

    visit(unit)
    return list(found.values())


def _guard(unit: Unit) -> Expr | None:
    wanted = [(name, outcome) for name, outcome in unit.after.items() if outcome is not None]
    if not wanted:
        return None
    terms = [apply("==", Output(_step_name(name), "result"), outcome) for name, outcome in wanted]
    return terms[0] if len(terms) == 1 else apply("and", *terms)


def _control(stage: Stage) -> dict[str, Expr]:
    plugin = plugin_of(stage)
    assert plugin is not None, "plugins were checked"
    return {
        "do": Literal("condition" if plugin.does.role is Role.CONDITION else "action"),
        "stage": Literal(stage.name),
        **_work(stage, plugin),
    }


def _work(stage: Stage, plugin: Plugin) -> dict[str, Expr]:
    plain: list[Any] = [known.name for known in plugin.properties if not known.macro]
    raw: list[Any] = [known.name for known in plugin.properties if not known.escapes]
    properties: dict[str, Any] = dict(properties_of(stage, plugin))
    return {
        "type": Literal(plugin.does.type),
        "properties": Literal(properties),
        "plain": Literal(plain),
        "raw": Literal(raw),
    }


def _flow_stages(pipeline: Pipeline, unit: Unit) -> tuple[StageSpec, ...]:
    inside = {stage.name for stage in unit.stages}
    specs: list[StageSpec] = []
    for stage in unit.stages:
        plugin = plugin_of(stage)
        assert plugin is not None, "plugins were checked"
        edges = tuple(
            edge if edge.stage in inside else Edge(_loaded(edge), "", edge.carries)
            for edge in edges_into(pipeline, stage)
        )
        specs.append(spec_of(stage, plugin, edges))
    stored = {crossing.store: crossing for crossing in unit.stores}
    for store, crossing in stored.items():
        edges = (Edge(crossing.source, crossing.port),)
        specs.append(StageSpec(f"store {store}", StageRole.STORE, store, inputs=edges))
    for store in {crossing.store for crossing in unit.loads}:
        specs.append(StageSpec(f"load {store}", StageRole.LOAD, store))
    return tuple(specs)


def _loaded(edge: Edge) -> str:
    assert edge.carries is not Carries.ALERTS
    return f"load {f'{edge.stage} {edge.port}'.strip()}"


def _after_steps(pipeline: Pipeline) -> tuple[Step, ...]:
    """Return the actions after the run, one after the other; none of them fails it."""
    steps: list[Step] = []
    for stage in pipeline.after:
        plugin = plugin_of(stage)
        assert plugin is not None, "plugins were checked"
        members: dict[str, Expr] = {
            "do": Literal("action"),
            "stage": Literal(stage.name),
            "arguments": Input("arguments"),
            "connections": Input("connections"),
            "logical_start_ms": apply("find", Input("arguments"), _LOGICAL_START),
            "secret_prefix": Literal(SECRET_PREFIX),
            "namespace": Fact("namespace"),
            "pipeline": Fact("app"),
            **_work(stage, plugin),
        }
        steps.append(
            Step(
                name=f"{_step_name(stage.name)} {len(steps) + 1}",
                work=Job("circuit", ObjectOf(members), ("arguments",)),
                guard=_run_condition(properties_of(stage, plugin).get("runCondition", "completion")),
                inputs={"arguments": Input("arguments"), "connections": Input("connections")},
                tolerates_failure=True,
                labels={"kind": "after", "stages": [stage.name]},
            )
        )
    return tuple(steps)


def _run_condition(condition: str) -> Expr | None:
    succeeded = apply("==", Fact("run.state"), "succeeded")
    match condition.strip().lower():
        case "success":
            return succeeded
        case "failure":
            return apply("not", succeeded)
    return None
