"""Tasks of a dag of a pipeline specification to steps of a body."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.lower.argo_text import chosen
from penstock.api.kfp.lower.ir_condition import condition
from penstock.api.kfp.lower.ir_text import run_facts, text
from penstock.api.kfp.lower.ir_types import constant, default_of, typed
from penstock.api.kfp.lower.ir_work import Leaf, leaf
from penstock.api.kfp.lower.members import Members
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import (
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
)
from penstock.kernel.graph import ANY_OUTCOME, SUCCEEDED, After, Body, FanOut, Nested, Parameter, Step, WhenEmpty
from penstock.kernel.policies import Cache, Cause, Retry, Timeout

__all__ = ["Component", "Specification", "body_of", "component_of"]

_SELECTOR: Final = re.compile(r"^parseJson\(string_value\)(?P<path>(?:\[(?:\"[^\"]*\"|'[^']*'|\d+)\])*)$")
_INDEX: Final = re.compile(r"\[(?:\"([^\"]*)\"|'([^']*)'|(\d+))\]")
_PARAMETER: Final = re.compile(r"^inputs\.parameters\[(?:'([^']*)'|\"([^\"]*)\")\]$")
_ENDS: Final = {"succeeded": "SUCCEEDED", "skipped": "SKIPPED", "omitted": "SKIPPED", "cancelled": "CANCELED"}


@dataclass(frozen=True, slots=True)
class Specification:
    """What all levels share. platform: extras of executors by their names."""

    components: dict[str, Members]
    executors: dict[str, Members]
    platform: dict[str, Members]
    pipeline: str


@dataclass(frozen=True, slots=True)
class Component:
    """A component that is a dag, or the root."""

    name: str
    members: Members

    @property
    def tasks(self) -> dict[str, Members]:
        """Its tasks by name."""
        return dict(self.members.object("dag").members("tasks"))


def component_of(name: str, members: Members) -> Component:
    """Take a component that must be a dag.

    Raises: Invalid.
    """
    if "dag" not in members:
        raise Invalid(f"component {name!r} has no dag", at=members.at)
    return Component(name, members)


def body_of(specification: Specification, component: Component) -> Body:
    """Return the level that a component makes.

    Raises: Invalid, UnsupportedFeature.
    """
    level = _Level(specification, component)
    outputs = component.members.object("dag").object("outputs")
    values = {name: level.selected(selectors) for name, selectors in outputs.members("parameters")}
    artifacts = {name: level.selected_artifact(selectors) for name, selectors in outputs.members("artifacts")}
    return Body(
        tuple(level.step(name, task) for name, task in level.tasks.items()),
        parameters=_parameters(component),
        outputs=values,
        artifacts=artifacts,
    )


def _parameters(component: Component) -> dict[str, Parameter]:
    result: dict[str, Parameter] = {}
    for name, definition in component.members.object("inputDefinitions").members("parameters"):
        default = default_of(definition)
        result[name] = Parameter(default, is_optional=default is None and bool(definition.any("isOptional")))
    return result


class _Level:
    """One dag while it is lowered."""

    def __init__(self, specification: Specification, component: Component) -> None:
        self._specification = specification
        self._component = component
        self.tasks = component.tasks

    def step(self, name: str, task: Members) -> Step:
        if not name or set("/[]#") & set(name):
            raise Invalid(f"a task cannot be called {name!r}", at=task.at)
        component_name, component = self._component_of(task)
        inputs = self._inputs(name, task, component)
        artifacts = {key: self._artifact(source) for key, source in task.object("inputs").members("artifacts")}
        fan_out = self._fan_out(task, inputs, artifacts)
        made = self._leaf(name, component)
        policy = task.object("triggerPolicy")
        guard = None
        if "condition" in policy:
            guard = condition(policy.text("condition"), lambda key: self._parameter(inputs, key))
        return Step(
            name,
            made.work if made else Nested(component_name),
            after=self._after(task, policy),
            guard=guard,
            fan_out=fan_out,
            inputs=inputs,
            artifacts=artifacts,
            yields=made.yields if made else {},
            yields_artifacts=made.yields_artifacts if made else {},
            retry=_retry(task),
            timeout=self._timeout(component),
            cache=self._cache(task) if made else None,
            placement=made.placement if made else None,
            labels={
                "template": name,
                "kind": "container" if made else "dag",
                "display": task.object("taskInfo").text("name", name),
            },
        )

    def selected(self, selectors: Members) -> Expr:
        """Return an output of the level."""
        if "valueFromParameter" in selectors:
            return self._output(selectors.object("valueFromParameter"), "producerSubtask")
        choices = selectors.object("valueFromOneof").objects("parameterSelectors")
        if not choices:
            raise Invalid("the output selects nothing", at=selectors.at)
        return apply("coalesce", *(self._output(each, "producerSubtask") for each in choices))

    def selected_artifact(self, selectors: Members) -> Expr:
        """Return an output artifact of the level; of several producers the first that made one."""
        choices = selectors.objects("artifactSelectors")
        if not choices:
            raise Invalid("the output selects nothing", at=selectors.at)
        return apply("coalesce", *(self._output_artifact(each, "producerSubtask") for each in choices))

    def _component_of(self, task: Members) -> tuple[str, Members]:
        reference = task.object("componentRef")
        name = reference.text("name")
        component = self._specification.components.get(name)
        if component is None:
            raise Invalid(f"there is no component {name!r}", at=reference.place("name"))
        if ("dag" in component) == ("executorLabel" in component):
            raise Invalid(f"component {name!r} must have a dag or an executor", at=component.at)
        return name, component

    def _executor(self, component: Members) -> tuple[str, Members]:
        label = component.text("executorLabel")
        executor = self._specification.executors.get(label)
        if executor is None:
            raise Invalid(f"there is no executor {label!r}", at=component.place("executorLabel"))
        return label, executor

    def _leaf(self, name: str, component: Members) -> Leaf | None:
        if "dag" in component:
            return None
        label, executor = self._executor(component)
        platform = self._specification.platform.get(label) or Members.of(None, "/platforms")
        return leaf(name, component, executor, platform)

    def _inputs(self, name: str, task: Members, component: Members) -> dict[str, Expr]:
        """Return the values of the task's inputs, of the types that the component declares."""
        written = dict(task.object("inputs").members("parameters"))
        definitions = dict(component.object("inputDefinitions").members("parameters"))
        sources: dict[str, Expr] = {}
        reading: set[str] = set()

        def source(key: str) -> Expr:
            if key in sources:
                return sources[key]
            if key in reading or key not in written:
                return apply("fail", f"task {name!r} has no input {key!r}")
            reading.add(key)
            sources[key] = self._source(name, written[key], source)
            reading.discard(key)
            return sources[key]

        iterator = task.object("parameterIterator")
        item = iterator.text("itemInput", "")
        result: dict[str, Expr] = {}
        for key in (*written, *((item,) if item and item not in written else ())):
            expr: Expr = Item() if key == item else source(key)
            definition = definitions.get(key)
            declared = definition.text("parameterType", "") if definition else ""
            default = default_of(definition) if definition else None
            if default is not None and key != item:
                expr = apply("coalesce", expr, default)
            is_over = key != item and iterator.object("items").any("inputParameter") == key
            result[key] = expr if is_over else typed(expr, declared)
        for key, definition in definitions.items():
            if key not in result and (default := default_of(definition)) is not None:
                result[key] = default
            elif key not in result and not definition.any("isOptional") and "dag" not in component:
                if definition.text("parameterType", "") in ("TASK_FINAL_STATUS", "TASK_CONFIG"):
                    continue
                result[key] = apply("fail", f"task {name!r} gives no value for the input {key!r}")
        return result

    def _source(self, name: str, given: Members, others: Callable[[str], Expr]) -> Expr:
        if "componentInputParameter" in given:
            key = given.text("componentInputParameter")
            declared = self._component.members.object("inputDefinitions").object("parameters")
            expr: Expr = Input(key) if key in declared else apply("fail", f"there is no input {key!r} at this level")
        elif "taskOutputParameter" in given:
            expr = self._output(given.object("taskOutputParameter"), "producerTask")
        elif "runtimeValue" in given:
            expr = self._constant(name, given.object("runtimeValue"), others)
        elif "taskFinalStatus" in given:
            expr = _final_status(given.object("taskFinalStatus").text("producerTask"))
        else:
            raise Invalid("the input has no source that is known", at=given.at)
        if "parameterExpressionSelector" in given:
            return _at_path(expr, given)
        return expr

    def _constant(self, name: str, value: Members, others: Callable[[str], Expr]) -> Expr:
        if "runtimeParameter" in value:
            return Input(value.text("runtimeParameter"))

        def holder(inner: str) -> Expr | None:
            if found := _PARAMETER.match(inner):
                return others(found[1] if found[1] is not None else found[2])
            if inner == "pipeline_task_name":
                return Literal(name)
            if inner == "pipeline_task_uuid":
                return apply("concat", Fact("run.id"), f"-{name}")
            return run_facts(inner)

        def lowered(given: Any) -> Expr:
            match given:
                case str() if "{{$" in given:
                    return text(given, holder)
                case list() if _has_placeholder(given):
                    return ListOf(tuple(lowered(member) for member in given))
                case dict() if _has_placeholder(given):
                    return ObjectOf({key: lowered(member) for key, member in given.items()})
                case _:
                    return Literal(constant(given, ""))

        return lowered(value.any("constant"))

    def _parameter(self, inputs: dict[str, Expr], key: str) -> Expr:
        return inputs.get(key) or apply("fail", f"the condition refers to the input {key!r}, which is not given")

    def _artifact(self, source: Members) -> Expr:
        if "componentInputArtifact" in source:
            return InputArtifact(source.text("componentInputArtifact"))
        return self._output_artifact(source.object("taskOutputArtifact"), "producerTask")

    def _output(self, source: Members, member: str) -> Expr:
        task, key = self._producer(source, member), source.text("outputParameterKey")
        expr: Expr = Output(task, key)
        return apply("flatten", expr) if self._loops(self.tasks[task], "parameters", key) > 1 else expr

    def _output_artifact(self, source: Members, member: str) -> Expr:
        task, key = self._producer(source, member), source.text("outputArtifactKey")
        expr: Expr = OutputArtifact(task, key)
        return apply("flatten", expr) if self._loops(self.tasks[task], "artifacts", key) > 1 else expr

    def _producer(self, source: Members, member: str) -> str:
        name = source.text(member)
        if name not in self.tasks:
            raise Invalid(f"there is no task {name!r} at this level", at=source.place(member))
        return name

    def _loops(self, task: Members, kind: str, key: str) -> int:
        """Count the loops, one inside the other, through which an output is collected."""
        count = 0
        level = task
        for _ in range(len(self._specification.components) + 1):
            count += "parameterIterator" in level or "artifactIterator" in level
            dag = self._component_of(level)[1].object("dag")
            selectors = dag.object("outputs").object(kind).object(key)
            inner = selectors.object("valueFromParameter") if kind == "parameters" else None
            if kind == "artifacts" and len(selectors.objects("artifactSelectors")) == 1:
                inner = selectors.objects("artifactSelectors")[0]
            if not inner or not inner.content:
                return count
            level = dag.object("tasks").object(inner.text("producerSubtask"))
            key = inner.text("outputParameterKey" if kind == "parameters" else "outputArtifactKey")
        return count

    def _fan_out(self, task: Members, inputs: dict[str, Expr], artifacts: dict[str, Expr]) -> FanOut | None:
        limit = task.object("iteratorPolicy").integer("parallelismLimit") or None
        if "parameterIterator" in task:
            items = task.object("parameterIterator").object("items")
            if "raw" in items:
                return FanOut(Literal(items.text("raw")), limit, WhenEmpty.SUCCEEDED)
            name = items.text("inputParameter")
            return FanOut(self._parameter(inputs, name), limit, WhenEmpty.SUCCEEDED)
        if "artifactIterator" in task:
            iterator = task.object("artifactIterator")
            name = iterator.object("items").text("inputArtifact")
            if name not in artifacts:
                raise Invalid(f"the loop is over the artifact {name!r}, which is not given", at=iterator.at)
            items_expr = artifacts[name]
            artifacts[iterator.text("itemInput")] = Item()
            return FanOut(items_expr, limit, WhenEmpty.SUCCEEDED)
        return None

    def _after(self, task: Members, policy: Members) -> tuple[After, ...]:
        strategy = policy.text("strategy", "ALL_UPSTREAM_TASKS_SUCCEEDED")
        is_any = strategy == "ALL_UPSTREAM_TASKS_COMPLETED"
        if not is_any and strategy not in ("ALL_UPSTREAM_TASKS_SUCCEEDED", "TRIGGER_STRATEGY_UNSPECIFIED"):
            raise UnsupportedFeature(f"the trigger strategy {strategy!r} is not supported", at=policy.place("strategy"))
        names: dict[str, None] = dict.fromkeys(task.texts("dependentTasks"))
        for _, source in task.object("inputs").members("parameters"):
            for kind in ("taskOutputParameter", "taskFinalStatus"):
                if kind in source:
                    names[source.object(kind).text("producerTask")] = None
        for _, source in task.object("inputs").members("artifacts"):
            if "taskOutputArtifact" in source:
                names[source.object("taskOutputArtifact").text("producerTask")] = None
        for name in names:
            if name not in self.tasks:
                raise Invalid(f"there is no task {name!r} at this level", at=task.place("dependentTasks"))
        return tuple(After(name, ANY_OUTCOME if is_any else SUCCEEDED) for name in names)

    def _timeout(self, component: Members) -> Timeout | None:
        if "dag" in component:
            return None
        label, _ = self._executor(component)
        platform = self._specification.platform.get(label)
        deadline_s = platform.seconds("activeDeadlineSeconds") if platform else None
        return None if deadline_s is None else Timeout(deadline_s)

    def _cache(self, task: Members) -> Cache | None:
        options = task.object("cachingOptions")
        if not options.any("enableCache"):
            return None
        return Cache(namespace=f"pipeline {self._specification.pipeline}", salt=options.text("cacheKey", ""))


def _retry(task: Members) -> Retry | None:
    if "retryPolicy" not in task:
        return None
    policy = task.object("retryPolicy")
    factor = policy.any("backoffFactor")
    return Retry(
        policy.integer("maxRetryCount") or 0,
        (Cause.FAILED, Cause.ERRORED),
        delay_s=policy.seconds("backoffDuration") or 0.0,
        factor=float(factor) if isinstance(factor, int | float) and factor else 2.0,
        max_delay_s=policy.seconds("backoffMaxDuration") or 3600.0,
    )


def _final_status(task: str) -> Expr:
    """What an exit task is told of the task it waits for."""
    state = chosen(StepFact(task, "state"), _ENDS, "FAILED")
    error = ObjectOf({"code": Literal(9), "message": StepFact(task, "message")})
    return ObjectOf(
        {
            "state": state,
            "pipelineTaskName": Literal(task),
            "pipelineJobResourceName": Fact("workflow.name"),
            "error": apply("if", apply("==", state, "FAILED"), error, Literal({})),
        }
    )


def _at_path(expr: Expr, given: Members) -> Expr:
    selector = given.text("parameterExpressionSelector")
    found = _SELECTOR.match(selector.strip())
    if found is None:
        raise UnsupportedFeature(
            f"the selector {selector!r} is not supported", at=given.place("parameterExpressionSelector")
        )
    path = [int(index) if index else first or second for first, second, index in _INDEX.findall(found["path"])]
    return apply("get", apply("parse_json", expr), *path)


def _has_placeholder(value: Any) -> bool:
    waiting = [value]
    while waiting:
        taken = waiting.pop()
        if isinstance(taken, str) and "{{$" in taken:
            return True
        if isinstance(taken, dict):
            waiting.extend(taken.values())
        elif isinstance(taken, list):
            waiting.extend(taken)
    return False
