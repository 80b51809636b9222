"""The rules of stages and connections, and how a pipeline falls into steps."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api.cdap.lower import build_graph, read_pipeline
from penstock.api.cdap.lower.structure import check_structure
from penstock.api.cdap.lower.units import units_of

_TYPES = {"s": "batchsource", "t": "transform", "k": "batchsink", "a": "action", "c": "condition"}
_PLUGINS = {"s": "File", "t": "Projection", "k": "File", "a": "FileMove", "c": "Conditional"}


def pipeline(*edges: str, alone: tuple[str, ...] = ()) -> Any:
    """Make a pipeline of edges `s1>t1`, `c1>k1:true`; the first letter of a name says what it is."""
    names = dict.fromkeys(alone)
    connections = []
    for edge in edges:
        path, _, condition = edge.partition(":")
        source, target = path.split(">")
        names |= dict.fromkeys((source, target))
        connection: dict[str, Any] = {"from": source, "to": target}
        if condition:
            connection["condition"] = condition
        connections.append(connection)
    stages = [{"name": n, "plugin": {"name": _PLUGINS[n[0]], "type": _TYPES[n[0]], "properties": {}}} for n in names]
    return read_pipeline({"stages": stages, "connections": connections})


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        (["s1>t1"], "dead end"),
        (["t1>k1"], "unreachable"),
        (["s1>k1", "k1>s1"], "a source can have none"),
        (["s1>t1", "t1>t2", "t2>t1", "t2>k1"], "cycle"),
        (["s1>k1", "s2>k2"], "not connected to the others"),
        (["s1>a1", "a1>t1", "s1>t1", "t1>k1"], "lies between"),
        (["s1>c1", "c1>k1"], "does not say whether it is for true or false"),
        (["s1>c1", "c1>k1:true", "c1>k2:true"], "more than one connection for the same outcome"),
        (["s1>c1", "c1>t1:true", "c1>t2:false", "t1>k1", "t2>k1"], "on both branches"),
        (["s1>c1", "s2>k1", "c1>k1:true", "s2>c1"], "is also fed by"),
    ],
)
def test_what_breaks_a_rule_is_said(edges: list[str], said: str) -> None:
    failures = check_structure(pipeline(*edges))

    assert any(said in failure.message for failure in failures), failures


@pytest.mark.parametrize(
    "edges",
    [
        ["s1>k1"],
        ["a1>s1", "s1>t1", "t1>k1", "k1>a2"],
        ["s1>c1", "c1>k1:true", "c1>t1:false", "t1>k2"],
        ["s1>t1", "s2>t1", "t1>k1", "t1>k2"],
    ],
)
def test_what_keeps_to_the_rules_is_accepted(edges: list[str]) -> None:
    assert check_structure(pipeline(*edges)) == []


def test_a_single_action_needs_no_connections() -> None:
    assert check_structure(pipeline(alone=("a1",))) == []


def test_data_that_crosses_a_condition_is_stored_by_one_phase_and_loaded_by_another() -> None:
    units = units_of(pipeline("s1>t1", "t1>c1", "c1>k1:true", "c1>k2:false"))

    assert [unit.name for unit in units] == ["phase-1", "c1", "phase-2", "phase-3"]
    assert {crossing.store for crossing in units[0].stores} == {"t1"}
    assert units[2].after == {"c1": True, "phase-1": None}
    assert units[3].after == {"c1": False, "phase-1": None}


def test_actions_before_the_data_come_before_all_of_it() -> None:
    units = {unit.name: unit for unit in units_of(pipeline("a1>s1", "s1>k1", "s2>k1"))}

    assert list(units) == ["a1", "phase-1"]
    assert units["phase-1"].after == {"a1": None}


def test_a_graph_has_a_guarded_step_for_each_branch() -> None:
    graph = build_graph(pipeline("s1>c1", "c1>k1:true", "c1>k2:false"))
    steps = {step.name: step for step in graph.bodies["main"].steps}

    assert list(steps) == ["phase-1", "c1", "phase-2", "phase-3"]
    assert steps["phase-2"].guard is not None
    assert steps["phase-2"].labels["stages"] == ["k1"]


def test_the_oldest_form_of_a_config_is_read() -> None:
    made = read_pipeline(
        {
            "source": {"name": "in", "plugin": {"name": "File", "properties": {"path": "x", "sampleSize": 5}}},
            "transforms": [],
            "sinks": [{"name": "out", "plugin": {"name": "File", "properties": {"writeHeader": True}}}],
            "connections": [{"from": "in", "to": "out"}],
        }
    )

    assert [(stage.name, stage.type) for stage in made.stages] == [("in", "batchsource"), ("out", "batchsink")]
    assert made.stages[0].properties["sampleSize"] == "5"
    assert made.stages[1].properties["writeHeader"] == "true"


def test_a_pipeline_without_stages_is_refused() -> None:
    failures = check_structure(read_pipeline({"stages": [], "connections": []}))

    assert "at least one stage" in failures[0].message
