"""The placeholders of Argo Workflows, `{{inputs.parameters.x}}`, and what each stands for.

Text in which nothing is known stays as it is, so that programs may contain double braces of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from penstock.kernel.expr import (
    Apply,
    Expr,
    Fact,
    Input,
    InputArtifact,
    Item,
    ListOf,
    Literal,
    ObjectOf,
    Output,
    OutputArtifact,
    StepFact,
    apply,
    concat,
)

__all__ = ["See", "artifact", "chosen", "dag_names", "leaf_names", "names_in", "run_names", "structure", "text"]

See = Callable[[str], Expr | None]
"""From what is between the braces to what it comes to, always a text; None if it is not known."""

PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_ITEM_KEY: Final = re.compile(r"^item(?:\.(?P<dotted>.+)|\[['\"](?P<quoted>.+)['\"]\])$")
_TASK: Final = re.compile(r"^(?:tasks|steps)\.(?P<task>[^.]+)\.(?P<rest>.+)$")

RUN_STATES: Final = {"succeeded": "Succeeded", "errored": "Error"}
STEP_STATES: Final = {
    "succeeded": "Succeeded",
    "skipped": "Skipped",
    "omitted": "Omitted",
    "errored": "Error",
    "running": "Running",
}


def text(template: str, see: See) -> Expr:
    """Return a text with its placeholders."""
    parts: list[Expr | str] = []
    place = 0
    for match in PLACEHOLDER.finditer(template):
        expr = see(match[1])
        if expr is None:
            continue
        parts += (template[place : match.start()], expr)
        place = match.end()
    parts.append(template[place:])
    return concat(*(part for part in parts if part != ""))


def structure(value: Any, see: See) -> Expr:
    """Return a JSON value with the placeholders in its texts; constants stay constants."""
    match value:
        case str():
            return text(value, see) if "{{" in value else Literal(value)
        case list():
            members = tuple(structure(member, see) for member in value)
            if all(isinstance(member, Literal) for member in members):
                return Literal(value)
            return ListOf(members)
        case dict():
            named = {name: structure(member, see) for name, member in value.items()}
            if all(isinstance(member, Literal) for member in named.values()):
                return Literal(value)
            return ObjectOf(named)
        case _:
            return Literal(value)


def names_in(template: str) -> list[str]:
    """Return what is between the braces of a text."""
    return PLACEHOLDER.findall(template)


def run_names(name: str) -> Expr | None:
    """See what is known of the workflow everywhere."""
    match name:
        case "workflow.name":
            return Fact("workflow.name")
        case "workflow.uid":
            return Fact("run.id")
        case "workflow.namespace":
            return Fact("workflow.namespace")
        case "workflow.serviceAccountName":
            return Fact("workflow.serviceAccountName")
        case "workflow.mainEntrypoint":
            return Fact("workflow.mainEntrypoint")
        case "workflow.creationTimestamp":
            return Fact("workflow.creationTimestamp")
        case "workflow.status":
            return chosen(Fact("run.state"), RUN_STATES, "Failed")
        case "workflow.failures":
            return apply("json", Fact("run.failures"))
        case "workflow.parameters" | "workflow.parameters.json":
            return Fact("workflow.parameters")
    if name.startswith(("workflow.parameters.", "workflow.labels.", "workflow.annotations.")):
        return Fact(name)
    if name.startswith("workflow.creationTimestamp."):
        return Fact(name)
    return None


def dag_names(name: str) -> Expr | None:
    """See what a task's arguments, condition and loop may refer to."""
    if name.startswith("inputs.parameters."):
        return Input(name.removeprefix("inputs.parameters."))
    if name == "item":
        return apply("text", Item())
    if found := _ITEM_KEY.match(name):
        return apply("text", apply("get", Item(), found["dotted"] or found["quoted"]))
    if found := _TASK.match(name):
        return _of_task(found["task"], found["rest"])
    return run_names(name)


def leaf_names(paths: dict[str, str], pod_name: Expr) -> See:
    """See what a container may refer to; `paths` are those of its files, by placeholder."""

    def see(name: str) -> Expr | None:
        if name in paths:
            return Literal(paths[name])
        if name.startswith("inputs.parameters."):
            return Input(name.removeprefix("inputs.parameters."))
        if name == "retries":
            return apply("text", Fact("step.retries"))
        if name == "pod.name":
            return pod_name
        return run_names(name)

    return see


def artifact(name: str) -> Expr | None:
    """Return what `{{tasks.t.outputs.artifacts.a}}` or `{{inputs.artifacts.a}}` stands for."""
    if name.startswith("inputs.artifacts."):
        return InputArtifact(name.removeprefix("inputs.artifacts."))
    found = _TASK.match(name)
    if found and found["rest"].startswith("outputs.artifacts."):
        return OutputArtifact(found["task"], found["rest"].removeprefix("outputs.artifacts."))
    return None


def chosen(expr: Expr, words: dict[str, str], otherwise: str) -> Expr:
    """Translate a word by a table."""
    result: Expr = Literal(otherwise)
    for word, shown in words.items():
        result = Apply("if", (apply("==", expr, word), Literal(shown), result))
    return result


def _of_task(task: str, rest: str) -> Expr | None:
    if rest.startswith("outputs.parameters."):
        # The value of a loop is the list of its iterations' values; as a text that is JSON.
        return apply("text", Output(task, rest.removeprefix("outputs.parameters.")))
    match rest:
        case "status":
            return chosen(StepFact(task, "state"), STEP_STATES, "Failed")
        case "exitCode":
            return apply("text", StepFact(task, "exit_code"))
        case "name":
            return Literal(task)
    return None
