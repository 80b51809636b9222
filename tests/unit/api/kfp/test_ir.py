"""Pipeline specifications lowered to graphs."""

from typing import Any

import pytest

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.lower import ir
from penstock.api.kfp.lower.bootstrap import prepared
from penstock.api.kfp.lower.ir_condition import condition
from penstock.api.kfp.lower.ir_text import argument, container_holder
from penstock.flow.checks import check_graph
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import (
    ABSENT,
    Absent,
    Expr,
    ExprFailed,
    Input,
    InputArtifact,
    ListOf,
    Literal,
    Output,
    Place,
    Raw,
    Value,
    evaluate,
)
from penstock.kernel.graph import ANY_OUTCOME, SUCCEEDED, Command, Compute, Graph, WhenEmpty


class Known:
    """Values of inputs by name; artifacts, outputs and what was left by marked names."""

    def __init__(self, **values: Value) -> None:
        self.values = values

    def look_up(self, leaf: Expr) -> Value | Absent:
        match leaf:
            case Input(name) | Raw(name):
                return self.values.get(name, ABSENT)
            case InputArtifact(name):
                return self.values.get(f"artifact_{name}", ABSENT)
            case Output(step, name):
                return self.values.get(f"{step}_{name}", ABSENT)
            case Place(side, name):
                return f"/{side}/{name}"
        return ABSENT


def specification(tasks: dict[str, Any], components: dict[str, Any] | None = None, **root: Any) -> dict[str, Any]:
    return {
        "pipelineInfo": {"name": "p"},
        "schemaVersion": "2.1.0",
        "root": {"dag": {"tasks": tasks}} | root,
        "components": {"comp-work": {"executorLabel": "exec-work"}} | (components or {}),
        "deploymentSpec": {"executors": {"exec-work": {"container": {"image": "alpine", "command": ["true"]}}}},
    }


def lowered(document: dict[str, Any], platforms: dict[str, Any] | None = None) -> Graph:
    graph = ir.graph(document, platforms or {})
    check_graph(graph)
    return graph


def task(**more: Any) -> dict[str, Any]:
    return {"componentRef": {"name": "comp-work"}} | more


@pytest.mark.parametrize(
    ("text", "x", "holds"),
    [
        ("inputs.parameter_values['x'] == 'heads'", "heads", True),
        ("!(inputs.parameter_values['x'] == 'heads')", "heads", False),
        ("int(inputs.parameter_values['x']) > 5 && true", 10.0, True),
        ("int(inputs.parameter_values['x']) == '3'", 3, False),
        ("inputs.parameter_values['x'] == true", True, True),
        ("inputs.parameter_values['x'] == true", "true", False),
        ("inputs.parameter_values['x'] >= 2.5 || false", 2.5, True),
        ("inputs.parameter_values['x'] == -1", -1, True),
        ("(inputs.parameter_values['x'] == 1 ? 2 : 3) == 2", 1, True),
    ],
)
def test_a_condition_decides(text: str, x: Value, holds: bool) -> None:
    assert evaluate(condition(text, Input), Known(x=x)) is holds


@pytest.mark.parametrize("text", ["inputs.parameter_values['x'] == 'it's'", "1 ==", "what(1)", "(1 == 1"])
def test_a_condition_that_cannot_be_read_fails_the_task(text: str) -> None:
    with pytest.raises(ExprFailed, match="cannot be read"):
        evaluate(condition(text, Input), Known(x="a"))


@pytest.mark.parametrize(
    ("written", "argv"),
    [
        ("{{$.inputs.parameters['i']}}", ["3"]),
        ("<{{$.inputs.parameters['f']}}>", ["<2>"]),
        ("{{$.inputs.parameters['b']}}", ["true"]),
        ("{{$.inputs.parameters['l']}}", ['[1,"x"]']),
        ("{{$.inputs.parameters['none']}}", []),
        ("{{$.outputs.parameters['o'].output_file}}", ["/outputs/o"]),
        ("{{$.inputs.artifacts['a'].path}}", ["/inputs/a"]),
        ("{{$.inputs.artifacts['a'].metadata['k']}}", ["v"]),
        ('{"Concat": ["a", "{{$.inputs.parameters[\'i\']}}", "b"]}', ["a3b"]),
        ('{"IfPresent": {"InputName": "i", "Then": ["--i", "{{$.inputs.parameters[\'i\']}}"]}}', ["--i", "3"]),
        ('{"IfPresent": {"InputName": "none", "Then": "x", "Else": ["--no"]}}', ["--no"]),
        ('{"IfPresent": {"InputName": "none", "Then": "x"}}', []),
        ("{{ not ours }}", ["{{ not ours }}"]),
        ("{{$.pipeline_task_name}}", ["t"]),
    ],
)
def test_arguments(written: str, argv: list[str]) -> None:
    known = Known(i=3, f=2.0, b=True, l=[1, "x"], artifact_a={"name": "a", "metadata": {"k": "v"}})
    holder = container_holder("t", Literal("{}"))
    assert evaluate(ListOf((argument(written, holder),)), known) == argv


SCRIPT = (
    '\nif ! [ -x "$(command -v pip)" ]; then\n    python3 -m ensurepip || apt-get install python3-pip\nfi\n\n'
    "PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location 'kfp==2.17.0'"
    " '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<\"3.9\"' && "
    'python3 -m pip install --quiet --index-url https://a.example/simple \'six==1.16.0\' && "$0" "$@"\n'
)


def test_installation_is_taken_off_the_command() -> None:
    found = prepared(["sh", "-c", SCRIPT, "sh", "-ec", "program"])
    assert found.skipped == 3
    assert found.alone == ("kfp==2.17.0", 'typing-extensions>=3.7.4,<5; python_version<"3.9"')
    assert found.requirements == ("six==1.16.0",)
    assert found.options == ("--index-url", "https://a.example/simple")


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "echo pip"],
        ["python3", "-c", "pass", "x"],
        ["sh", "-c", 'pip install --target x y && "$0" "$@"', "a"],
    ],
)
def test_other_commands_are_left_alone(command: list[str]) -> None:
    assert prepared(command).skipped == 0


def test_dependents_need_success_unless_they_say_otherwise() -> None:
    exit_task = task(dependentTasks=["a"], triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"})
    graph = lowered(specification({"a": task(), "b": task(dependentTasks=["a"]), "c": exit_task}))
    _, second, third = graph.bodies["root"].steps
    assert second.after[0].outcomes == SUCCEEDED
    assert third.after[0].outcomes == ANY_OUTCOME
    assert not graph.bodies["root"].fail_fast


def test_inputs_have_the_declared_types_and_defaults() -> None:
    component = {
        "executorLabel": "exec-work",
        "inputDefinitions": {
            "parameters": {
                "n": {"parameterType": "NUMBER_INTEGER"},
                "s": {"parameterType": "STRING"},
                "d": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0},
                "o": {"parameterType": "STRING", "isOptional": True},
            }
        },
    }
    inputs = {
        "n": {"runtimeValue": {"constant": 2.0}},
        "s": {"componentInputParameter": "x"},
        "o": {"componentInputParameter": "y"},
    }
    declared = {"x": {"parameterType": "LIST"}, "y": {"parameterType": "STRING", "isOptional": True}}
    graph = lowered(
        specification(
            {"a": task(inputs={"parameters": inputs})},
            {"comp-work": component},
            inputDefinitions={"parameters": declared},
        )
    )
    (step,) = graph.bodies["root"].steps
    known = Known(x=[1])
    values = {name: evaluate(expr, known) for name, expr in step.inputs.items()}
    assert values == {"n": 2, "s": "[1]", "d": 3, "o": ABSENT}


def test_a_value_of_the_wrong_kind_fails_the_task() -> None:
    component = {
        "executorLabel": "exec-work",
        "inputDefinitions": {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}},
    }
    inputs = {"n": {"runtimeValue": {"constant": "three"}}}
    graph = lowered(specification({"a": task(inputs={"parameters": inputs})}, {"comp-work": component}))
    with pytest.raises(ExprFailed, match="must be a number"):
        evaluate(graph.bodies["root"].steps[0].inputs["n"], Known())


def test_loops_give_their_item_to_the_body() -> None:
    body = {
        "dag": {"tasks": {"inner": task()}},
        "inputDefinitions": {"parameters": {"item": {"parameterType": "STRUCT"}}},
    }
    loop = {
        "componentRef": {"name": "comp-body"},
        "parameterIterator": {"itemInput": "item", "items": {"raw": '[{"a": 1}]'}},
        "iteratorPolicy": {"parallelismLimit": 2},
    }
    (step,) = lowered(specification({"loop": loop}, {"comp-body": body})).bodies["root"].steps
    assert step.fan_out is not None
    assert (step.fan_out.parallelism, step.fan_out.when_empty) == (2, WhenEmpty.SUCCEEDED)
    assert "item" in step.inputs


def test_outputs_come_from_the_programs_document_or_from_files() -> None:
    component = {
        "executorLabel": "exec-work",
        "outputDefinitions": {
            "parameters": {"n": {"parameterType": "NUMBER_INTEGER"}, "s": {"parameterType": "STRING"}},
            "artifacts": {"d": {"artifactType": {"schemaTitle": "system.Dataset"}}},
        },
    }
    (step,) = lowered(specification({"a": task()}, {"comp-work": component})).bodies["root"].steps
    assert isinstance(step.work, Command)
    assert [file.name for file in step.work.outputs] == ["n", "s", "executor_output.json", "d"]
    known = Known(**{"s": "text\n", "executor_output.json": '{"parameterValues": {"n": 4}}'})
    assert evaluate(step.yields["n"], known) == 4
    assert evaluate(step.yields["s"], known) == "text\n"
    with pytest.raises(ExprFailed, match="did not write"):
        evaluate(step.yields["s"], Known())


def test_an_importer_only_names_an_artifact() -> None:
    document = specification({"a": task()}, {"comp-work": {"executorLabel": "exec-work"}})
    document["deploymentSpec"]["executors"]["exec-work"] = {
        "importer": {"artifactUri": {"constant": "gs://b/x"}, "typeSchema": {"schemaTitle": "system.Model"}}
    }
    (step,) = lowered(document).bodies["root"].steps
    assert isinstance(step.work, Compute)
    assert evaluate(step.work.artifacts["artifact"], Known()) == {
        "name": "artifact",
        "type": "system.Model",
        "uri": "gs://b/x",
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"components_1": {}}, Invalid),
        ({"components": {}}, Invalid),
        ({"deploymentSpec": {}}, Invalid),
    ],
)
def test_documents_that_make_no_sense_are_refused(change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        lowered(specification({"a": task()}) | change)


def test_what_is_not_supported_is_named() -> None:
    platform = {"kubernetes": {"deploymentSpec": {"executors": {"exec-work": {"secretAsVolume": [{"a": "b"}]}}}}}
    with pytest.raises(UnsupportedFeature, match="secret"):
        lowered(specification({"a": task()}), platform)
