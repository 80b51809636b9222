"""Tasks of a dag, and steps of a list of steps, to steps of a body."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.lower.argo_text import artifact, dag_names, names_in, structure, text
from penstock.api.kfp.lower.argo_when import condition
from penstock.api.kfp.lower.argo_work import Template, placement, work
from penstock.api.kfp.lower.members import Members
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Expr, Fact, Input, InputArtifact, Literal, apply
from penstock.kernel.functions import as_text
from penstock.kernel.graph import PASSED, After, Body, FanOut, Join, Nested, Outcome, Parameter, Step
from penstock.kernel.policies import Cache, Cause, Retry, Timeout

__all__ = ["Workflow", "body_of", "step_around"]

CACHE_LABEL: Final = "pipelines.kubeflow.org/enable_caching"
STALENESS: Final = "pipelines.kubeflow.org/max_cache_staleness"

_PERIOD: Final = re.compile(
    r"^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
)
_PERIOD_UNITS: Final = (31_536_000, 2_592_000, 604_800, 86_400, 3600, 60, 1)
_CAUSES: Final[dict[str, tuple[Cause, ...]]] = {
    "OnFailure": (Cause.FAILED,),
    "OnError": (Cause.ERRORED,),
    "OnTransientError": (Cause.ERRORED,),
    "Always": (Cause.FAILED, Cause.ERRORED),
}
_REFERENCE: Final = re.compile(r"^(?:tasks|steps)\.([^.]+)\.")
_DEPENDS: Final = re.compile(r"\s*(&&|\|\||[\w-]+(?:\.\w+)?)")
_FAILED: Final = Outcome.FAILED
_OUTCOMES: Final[dict[str, tuple[Outcome, ...]]] = {
    "": PASSED,
    "Succeeded": (Outcome.SUCCEEDED,),
    "Skipped": (Outcome.SKIPPED,),
    "Omitted": (Outcome.OMITTED,),
    "Failed": (_FAILED,),
    "Errored": (_FAILED,),
}


@dataclass(frozen=True, slots=True)
class Workflow:
    """What all templates share."""

    templates: dict[str, Template]
    volumes: dict[str, Members]
    defaults: dict[str, Any] = field(default_factory=dict)


def body_of(workflow: Workflow, template: Template, *, is_entry: bool = False) -> Body:
    """Return the level that a dag, or a list of steps, makes.

    Raises: Invalid, UnsupportedFeature.
    """
    steps = _dag(workflow, template) if template.kind == "dag" else _groups(workflow, template)
    names = [step.name for step in steps]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"two tasks are called {twice!r}", at=template.members.at)
    fail_fast = template.members.object("dag").any("failFast") if template.kind == "dag" else True
    outputs, artifacts = _outputs(template)
    return Body(
        tuple(steps),
        parameters=_parameters(template, is_entry),
        outputs=outputs,
        artifacts=artifacts,
        parallelism=template.members.integer("parallelism") or None,
        fail_fast=fail_fast is not False,
    )


def step_around(workflow: Workflow, name: str, template: Template) -> Step:
    """Return the step that runs a template as the whole workflow or as its exit handler: its inputs are the run's."""
    inputs: dict[str, Expr] = {}
    for each in template.inputs:
        if "value" in each:
            inputs[each.text("name")] = text(as_text(each.any("value")), dag_names)
        else:
            inputs[each.text("name")] = Fact(f"workflow.parameters.{each.text('name')}")
    artifacts: dict[str, Expr] = {}
    for each in template.members.object("inputs").objects("artifacts"):
        if "raw" not in each:
            artifacts[each.text("name")] = InputArtifact(each.text("name"))
    return _step(workflow, name, template, {}, inputs=inputs, artifacts=artifacts)


def _dag(workflow: Workflow, template: Template) -> list[Step]:
    dag = template.members.object("dag")
    if "target" in dag:
        raise UnsupportedFeature("a dag with targets (target) is not supported", at=dag.place("target"))
    tasks = dag.objects("tasks")
    names = {task.text("name") for task in tasks}
    tolerant = {task.text("name") for task in tasks if task.any("continueOn")}
    return [_task(workflow, task, _after(task, names, tolerant)) for task in tasks]


def _groups(workflow: Workflow, template: Template) -> list[Step]:
    """Steps of one group begin when all of the group before have ended."""
    steps: list[Step] = []
    before: list[After] = []
    for at, group in enumerate(template.members.list("steps")):
        place = f"{template.members.place('steps')}/{at}"
        members = group if isinstance(group, list) else [group]
        tasks = [Members.of(each, f"{place}/{index}") for index, each in enumerate(members)]
        steps += [_task(workflow, task, tuple(before)) for task in tasks]
        before = [After(task.text("name"), _outcomes(bool(task.any("continueOn")))) for task in tasks]
    return steps


def _task(workflow: Workflow, task: Members, after: tuple[After, ...]) -> Step:
    task.refuse(
        hooks="a lifecycle hook",
        onExit="an exit handler of a task",
        templateRef="a template of another workflow",
        inline="an inline template",
        withSequence="a loop over a sequence",
    )
    name = task.text("name")
    template = workflow.templates.get(task.text("template"))
    if template is None:
        raise Invalid(f"there is no template {task.text('template')!r}", at=task.place("template"))
    arguments = task.object("arguments")
    inputs = {each.text("name"): _value(each) for each in arguments.objects("parameters")}
    for each in template.inputs:
        if each.text("name") not in inputs and "value" in each:
            inputs[each.text("name")] = text(as_text(each.any("value")), dag_names)
    raw: dict[str, Expr] = {}
    artifacts: dict[str, Expr] = {}
    for each in arguments.objects("artifacts"):
        if "raw" in each:
            raw[each.text("name")] = text(each.object("raw").text("data", ""), dag_names)
        else:
            artifacts[each.text("name")] = _artifact(each)
    step = _step(workflow, name, template, raw, inputs=inputs, artifacts=artifacts)
    return msgspec.structs.replace(
        step,
        join=Join.ANY if "||" in task.text("depends", "") else Join.ALL,
        after=after,
        guard=condition(task.text("when"), dag_names, task.place("when")) if task.any("when") else None,
        fan_out=_fan_out(task),
        tolerates_failure=bool(task.any("continueOn")),
    )


def _step(
    workflow: Workflow,
    name: str,
    template: Template,
    raw: dict[str, Expr],
    *,
    inputs: dict[str, Expr],
    artifacts: dict[str, Expr] | None = None,
) -> Step:
    if not name or set("/[]#") & set(name):
        raise Invalid(f"a task cannot be called {name!r}", at=template.members.at)
    is_group = template.kind in ("dag", "steps")
    if is_group and raw:
        raise UnsupportedFeature("an artifact given as text to a group of tasks (raw) is not supported")
    passed: dict[str, Expr] = {f"raw artifact {key}": value for key, value in raw.items()}
    from_inputs: dict[str, Expr] = {key: Input(f"raw artifact {key}") for key in raw}
    return Step(
        name,
        Nested(template.name) if is_group else work(template, from_inputs, _volumes(workflow, template)),
        inputs=inputs | passed,
        artifacts=artifacts or {},
        retry=_retry(template),
        timeout=_timeout(template),
        cache=_cache(template),
        placement=placement(template),
        labels={"template": template.name, "kind": template.kind},
    )


def _volumes(workflow: Workflow, template: Template) -> dict[str, Members]:
    return workflow.volumes | {each.text("name"): each for each in template.members.objects("volumes")}


def _parameters(template: Template, is_entry: bool) -> dict[str, Parameter]:
    result: dict[str, Parameter] = {}
    for each in template.inputs:
        default = text(as_text(each.any("value")), dag_names) if "value" in each else None
        # A run may begin without a value; the step that needs it then errs, as it does upstream.
        result[each.text("name")] = Parameter(default, is_optional=is_entry and default is None)
    return result


def _outputs(template: Template) -> tuple[dict[str, Expr], dict[str, Expr]]:
    outputs = template.members.object("outputs")
    values: dict[str, Expr] = {}
    for each in outputs.objects("parameters"):
        source = each.object("valueFrom")
        if "parameter" not in source:
            raise UnsupportedFeature("a dag's output can only be taken from a task (parameter)", at=source.at)
        values[each.text("name")] = text(source.text("parameter"), dag_names)
    return values, {each.text("name"): _artifact(each) for each in outputs.objects("artifacts")}


def _value(argument: Members) -> Expr:
    if "value" not in argument:
        argument.refuse(valueFrom="an argument from elsewhere")
        if argument.any("value") is None and "value" in argument.content:
            return Literal("")
        raise Invalid(f"argument {argument.text('name')!r} has no value", at=argument.at)
    value = argument.any("value")
    if isinstance(value, str):
        _check_known(value, argument.place("value"))
    return text(as_text(value), dag_names)


def _check_known(template: str, at: str) -> None:
    for name in names_in(template):
        if re.match(r"^(tasks|steps)\..*\.outputs\.result$", name):
            raise UnsupportedFeature(f"the output of a step's standard output ({name}) is not supported", at=at)


def _artifact(argument: Members) -> Expr:
    if "from" not in argument:
        argument.refuse(
            s3="an artifact from a bucket", http="an artifact from a URL", git="an artifact from a repository"
        )
    source = argument.text("from")
    names = names_in(source)
    found = artifact(names[0]) if len(names) == 1 else None
    if found is None:
        raise Invalid(f"{source!r} names no artifact", at=argument.place("from"))
    return apply("coalesce", found) if argument.any("optional") else found


def _after(task: Members, names: set[str], tolerant: set[str]) -> tuple[After, ...]:
    if task.any("depends"):
        result = _depends(task)
    else:
        result = {name: _outcomes(name in tolerant) for name in task.texts("dependencies")}
    for name in result:
        if name not in names:
            raise Invalid(f"there is no task {name!r} in this dag", at=task.place("dependencies"))
    for name in _referenced(task):
        if name in names and name not in result:
            result[name] = _outcomes(name in tolerant)
    return tuple(After(name, outcomes) for name, outcomes in result.items())


def _outcomes(is_tolerant: bool) -> tuple[Outcome, ...]:
    return (*PASSED, _FAILED) if is_tolerant else PASSED


def _depends(task: Members) -> dict[str, tuple[Outcome, ...]]:
    """Read `A && B.Succeeded`, or `A || B`; a mixture of both is not supported."""
    expression = task.text("depends")
    tokens = _DEPENDS.findall(expression)
    if "".join(tokens) != re.sub(r"\s", "", expression) or ("&&" in tokens and "||" in tokens):
        raise UnsupportedFeature(f"the dependency expression {expression!r} is not supported", at=task.place("depends"))
    result: dict[str, tuple[Outcome, ...]] = {}
    for token in tokens:
        if token in ("&&", "||"):
            continue
        name, _, state = token.partition(".")
        if state not in _OUTCOMES:
            raise UnsupportedFeature(f"the state {state!r} of a dependency is not supported", at=task.place("depends"))
        result[name] = result.get(name, ()) + _OUTCOMES[state]
    return result


def _referenced(value: Any) -> list[str]:
    """Return the tasks that a task's placeholders name."""
    waiting: list[Any] = [value.content if isinstance(value, Members) else value]
    found: dict[str, None] = {}
    while waiting:
        taken = waiting.pop()
        if isinstance(taken, str):
            for name in names_in(taken):
                if match := _REFERENCE.match(name):
                    found[match[1]] = None
        elif isinstance(taken, dict):
            waiting.extend(taken.values())
        elif isinstance(taken, list):
            waiting.extend(taken)
    return list(found)


def _fan_out(task: Members) -> FanOut | None:
    if task.any("withItems") is not None:
        return FanOut(structure(task.list("withItems"), dag_names), fail_fast=False)
    if task.any("withParam") is not None:
        return FanOut(text(as_text(task.any("withParam")), dag_names), fail_fast=False)
    return None


def _retry(template: Template) -> Retry | None:
    if "retryStrategy" not in template.members:
        return None
    strategy = template.members.object("retryStrategy")
    strategy.refuse(expression="a retry by expression", affinity="a retry by affinity")
    policy = strategy.text("retryPolicy", "OnFailure")
    if policy not in _CAUSES:
        raise Invalid(f"{policy!r} is not one of {', '.join(_CAUSES)}", at=strategy.place("retryPolicy"))
    backoff = strategy.object("backoff")
    factor = backoff.any("factor")
    return Retry(
        strategy.integer("limit"),
        _CAUSES[policy],
        delay_s=backoff.seconds("duration") or 0.0,
        factor=float(factor) if factor is not None else 1.0,
        max_duration_s=backoff.seconds("maxDuration"),
    )


def _timeout(template: Template) -> Timeout | None:
    attempt_s = template.members.seconds("activeDeadlineSeconds")
    total_s = template.members.seconds("timeout")
    return None if attempt_s is None and total_s is None else Timeout(attempt_s, total_s)


def _cache(template: Template) -> Cache | None:
    metadata = template.members.object("metadata")
    if template.kind != "container" or metadata.object("labels").any(CACHE_LABEL) not in ("true", True):
        return None
    staleness = metadata.object("annotations").any(STALENESS)
    return Cache(namespace="workflow", max_age_s=None if staleness is None else _period_s(str(staleness)))


def _period_s(text: str) -> float | None:
    """Read a period of ISO 8601; None, for no limit, if it is none."""
    found = _PERIOD.match(text)
    if found is None:
        return None
    return sum(float(value or 0) * unit for value, unit in zip(found.groups(), _PERIOD_UNITS, strict=True))
