"""Argo Workflows lowered to graphs."""

from typing import Any

import pytest

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.lower import argo
from penstock.api.kfp.lower.argo_text import dag_names, text
from penstock.api.kfp.lower.argo_when import condition
from penstock.flow.checks import check_graph
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Absent, Apply, Expr, Input, Literal, Output, Value, evaluate
from penstock.kernel.graph import PASSED, Command, Compute, Graph, Join, Nested, Outcome, WhenEmpty
from penstock.kernel.policies import Cause


class Known:
    """Values of inputs by name, of outputs by step and name."""

    def __init__(self, **inputs: Value) -> None:
        self.inputs = inputs

    def look_up(self, leaf: Expr) -> Value | Absent:
        match leaf:
            case Input(name):
                return self.inputs[name]
            case Output(step, name):
                return self.inputs[f"{step}_{name}"]
        raise AssertionError(leaf)


def lowered(*templates: dict[str, Any], **spec: Any) -> Graph:
    graph = argo.graph({"spec": {"entrypoint": "main", "templates": list(templates), **spec}})
    check_graph(graph)
    return graph


def dag(*tasks: dict[str, Any], name: str = "main", **more: Any) -> dict[str, Any]:
    return {"name": name, "dag": {"tasks": list(tasks)}, **more}


def task(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "template": "work", **more}


WORK = {"name": "work", "container": {"image": "alpine", "command": ["true"]}}


@pytest.mark.parametrize(
    ("template", "x", "holds"),
    [
        ('"{{inputs.parameters.x}}" == "heads"', "heads", True),
        ('"{{inputs.parameters.x}}" == "heads"', 'h" || "1" == "1', False),
        ("{{inputs.parameters.x}} > 5", "10", True),
        ("{{inputs.parameters.x}} > 5", "9.5", True),
        ("{{inputs.parameters.x}} <= 5", "10", False),
        ('"{{inputs.parameters.x}}" < "9"', "10", True),
        ("{{ inputs.parameters.x }} == heads", "heads", True),
        ("{{inputs.parameters.x}} != heads && true", "tails", True),
        ("!({{inputs.parameters.x}} == 1) || false", "1", False),
        ("{{inputs.parameters.x}} in (1, 2, 3)", "2", True),
        ("{{inputs.parameters.x}}", "true", True),
    ],
)
def test_a_condition_decides(template: str, x: str, holds: bool) -> None:
    assert evaluate(condition(template, dag_names, "/when"), Known(x=x)) is holds


@pytest.mark.parametrize("template", ['"a" ==', "(1 == 1", "1 == 1 )", "== 2", "1 === 1"])
def test_a_condition_that_cannot_be_read_is_refused_with_its_place(template: str) -> None:
    with pytest.raises(Invalid) as caught:
        condition(template, dag_names, "/when")
    assert caught.value.at == "/when"


def test_placeholders_nobody_knows_stay_as_they_are() -> None:
    assert text("f'{{x}}' {{ unknown.thing }}", dag_names) == Literal("f'{{x}}' {{ unknown.thing }}")


def test_values_with_quotes_and_newlines_are_not_read_again() -> None:
    value = 'a "b"\n{{inputs.parameters.x}}'
    assert evaluate(text("<{{inputs.parameters.x}}>", dag_names), Known(x=value)) == f"<{value}>"


def test_dependencies_are_met_by_success_and_by_skipping() -> None:
    graph = lowered(dag(task("a"), task("b", dependencies=["a"])), WORK)
    (after,) = graph.bodies["main"].steps[1].after
    assert (after.step, after.outcomes) == ("a", PASSED)
    assert graph.bodies["main"].fail_fast


def test_a_task_comes_after_those_it_takes_values_from() -> None:
    argument = {"parameters": [{"name": "p", "value": "{{tasks.a.outputs.parameters.o}}"}]}
    producer = WORK | {"outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/tmp/o"}}]}}
    graph = lowered(dag(task("a"), task("b", arguments=argument)), producer)
    assert [after.step for after in graph.bodies["main"].steps[1].after] == ["a"]


def test_dependency_expressions() -> None:
    graph = lowered(dag(task("a"), task("b"), task("c", depends="a.Failed || b")), WORK)
    step = graph.bodies["main"].steps[2]
    assert step.join is Join.ANY
    assert step.after[0].outcomes == (Outcome.FAILED,)


def test_loops() -> None:
    graph = lowered(
        dag(
            task("fixed", withItems=[1, {"a": "{{inputs.parameters.x}}"}]),
            task("given", withParam="{{inputs.parameters.x}}"),
            inputs={"parameters": [{"name": "x"}]},
        ),
        WORK,
    )
    fixed, given = graph.bodies["main"].steps
    assert fixed.fan_out is not None and given.fan_out is not None
    assert evaluate(fixed.fan_out.items, Known(x="y")) == [1, {"a": "y"}]
    assert evaluate(given.fan_out.items, Known(x="[1]")) == "[1]"
    assert given.fan_out.when_empty is WhenEmpty.SKIPPED


def test_recursion_is_a_body_that_runs_itself() -> None:
    again = task("again") | {"template": "main", "when": "1 == 2"}
    graph = lowered(dag(again))
    assert graph.bodies["main"].steps[0].work == Nested("main")


def test_files_and_paths_of_a_container() -> None:
    template = {
        "name": "work",
        "container": {
            "image": "alpine",
            "command": ["cp", "{{inputs.artifacts.a.path}}", "{{outputs.parameters.o.path}}"],
            "env": [{"name": "E", "value": "{{inputs.parameters.p}}!"}],
        },
        "inputs": {
            "parameters": [{"name": "p"}],
            "artifacts": [{"name": "a", "path": "/tmp/a"}, {"name": "r", "path": "/tmp/r", "raw": {"data": "text"}}],
        },
        "outputs": {
            "parameters": [{"name": "o", "valueFrom": {"path": "/tmp/o", "default": "none"}}],
            "artifacts": [{"name": "b", "path": "/tmp/b"}, {"name": "mlpipeline-metrics", "path": "/m.json"}],
        },
    }
    arguments = {
        "parameters": [{"name": "p", "value": "1"}],
        "artifacts": [{"name": "a", "raw": {"data": "literal"}}],
    }
    (step,) = lowered(dag(task("t", arguments=arguments)), template).bodies["main"].steps
    assert isinstance(step.work, Command)
    assert [evaluate(each, Known()) for each in step.work.argv] == ["cp", "/tmp/a", "/tmp/o"]
    assert evaluate(step.work.env["E"], Known(p="1")) == "1!"
    assert [file.path for file in step.work.files] == ["/tmp/a", "/tmp/r"]
    assert [(file.name, file.is_artifact, file.is_optional) for file in step.work.outputs] == [
        ("o", False, False),
        ("b", True, False),
        ("mlpipeline-metrics", True, True),
    ]


def test_policies() -> None:
    template = WORK | {
        "retryStrategy": {"limit": "2", "retryPolicy": "Always", "backoff": {"duration": "1m30s", "factor": 2}},
        "activeDeadlineSeconds": 5,
        "metadata": {
            "labels": {"pipelines.kubeflow.org/enable_caching": "true"},
            "annotations": {"pipelines.kubeflow.org/max_cache_staleness": "P1DT1H"},
        },
    }
    graph = lowered(dag(task("t")), template, parallelism=3, activeDeadlineSeconds=60)
    (step,) = graph.bodies["main"].steps
    assert step.retry is not None and step.timeout is not None and step.cache is not None
    assert (step.retry.limit, step.retry.on, step.retry.delay_s) == (2, (Cause.FAILED, Cause.ERRORED), 90.0)
    assert step.timeout.attempt_s == 5.0
    assert step.cache.max_age_s == 90_000
    assert (graph.parallelism, graph.timeout_s) == (3, 60.0)


def test_an_exit_handler_gets_the_workflows_parameters() -> None:
    handler = {"name": "bye", "container": {"command": ["echo", "{{workflow.status}}"]}}
    graph = lowered(dag(), handler, onExit="bye")
    assert graph.on_exit is not None
    (step,) = graph.bodies[graph.on_exit].steps
    assert step.name == "onExit"


def test_an_entry_point_may_be_a_container() -> None:
    graph = argo.graph({"spec": {"entrypoint": "work", "templates": [WORK]}})
    assert [step.name for step in graph.bodies[graph.entry].steps] == ["work"]


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        ({"sidecars": [{"name": "s"}]}, "sidecar"),
        ({"initContainers": [{"name": "i"}]}, "init container"),
        ({"container": None, "resource": {"action": "create", "manifest": "kind: Job"}}, "resource"),
        ({"container": None, "http": {"url": "x"}}, "HTTP"),
        ({"container": {"image": "alpine"}}, "entry point"),
        ({"container": {"command": ["x"], "envFrom": [{"secretRef": {"name": "s"}}]}}, "envFrom"),
        ({"inputs": {"artifacts": [{"name": "a", "path": "/a", "s3": {"key": "k"}}]}}, "bucket"),
        ({"retryStrategy": {"expression": "true"}}, "expression"),
        (
            {
                "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
                "container": {"command": ["x"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            },
            "secret",
        ),
    ],
)
def test_what_is_not_supported_is_named_with_its_place(change: dict[str, Any], feature: str) -> None:
    with pytest.raises(UnsupportedFeature, match=feature) as caught:
        lowered(dag(task("t")), WORK | change)
    assert (caught.value.at or "").startswith("/spec/templates/1")


def test_making_a_claim_of_a_volume_needs_no_cluster() -> None:
    claim = {
        "name": "work",
        "resource": {
            "action": "create",
            "manifest": "kind: PersistentVolumeClaim\nmetadata: {name: '{{workflow.name}}-v'}",
        },
        "outputs": {"parameters": [{"name": "work-name", "valueFrom": {"jsonPath": "{.metadata.name}"}}]},
    }
    (step,) = lowered(dag(task("t")), claim).bodies["main"].steps
    assert isinstance(step.work, Compute)
    assert isinstance(step.work.outputs["work-name"], Apply)


@pytest.mark.parametrize(
    "templates",
    [
        [dag(task("t"))],
        [dag(task("t"), task("t")), WORK],
        [dag(task("t", dependencies=["u"])), WORK],
        [dag(task("t/u")), WORK],
        [dag(), dag()],
        [{"name": "main"}],
        [dag(task("a", dependencies=["b"]), task("b", dependencies=["a"])), WORK],
    ],
)
def test_documents_that_make_no_sense_are_refused(templates: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid):
        lowered(*templates)
