"""The rules that a pipeline's stages and connections keep to, whatever their plugins do. All failures are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from penstock.api.cdap.lower.failures import Failure, failure_of
from penstock.api.cdap.lower.pipeline import Connection, Pipeline, Stage

__all__ = ["check_structure", "is_action", "is_condition", "is_control", "is_sink", "is_source"]

_SOURCES = ("batchsource", "streamingsource")
_SINKS = ("batchsink", "sparksink", "alertpublisher")
_ACTIONS = ("action", "sparkprogram")
_REFUSING = ("batchsource", "streamingsource", "transform", "batchaggregator", "errortransform", "sparkcompute")
_TYPES = frozenset(
    (
        *_SOURCES,
        *_SINKS,
        *_ACTIONS,
        "condition",
        "transform",
        "batchaggregator",
        "batchjoiner",
        "splittertransform",
        "errortransform",
        "sparkcompute",
        "windower",
    )
)


def is_source(stage: Stage) -> bool:
    """Whether it is where records come from."""
    return stage.type in _SOURCES


def is_sink(stage: Stage) -> bool:
    """Whether it is where records go to."""
    return stage.type in _SINKS


def is_action(stage: Stage) -> bool:
    """Whether it does something beside the data."""
    return stage.type in _ACTIONS


def is_condition(stage: Stage) -> bool:
    """Whether it chooses a branch."""
    return stage.type == "condition"


def is_control(stage: Stage) -> bool:
    """Whether no records flow through it."""
    return is_action(stage) or is_condition(stage)


def check_structure(pipeline: Pipeline) -> list[Failure]:
    """Return all failures of stages and connections."""
    if not pipeline.stages:
        return [failure_of(None, "A pipeline must contain at least one stage.", "Add a stage.")]
    failures = _names(pipeline)
    failures += [_error_dataset(stage) for stage in pipeline.stages if stage.has_error_dataset]
    stages = {stage.name: stage for stage in pipeline.stages}
    unknown = _endpoints(pipeline, stages)
    failures += unknown
    if unknown or len(stages) != len(pipeline.stages):
        return failures
    if not pipeline.connections:
        if len(stages) == 1 and is_action(pipeline.stages[0]):
            return failures
        message = "Invalid pipeline: there are no connections between the stages."
        return [*failures, failure_of(None, message, "Connect the stages.")]
    failures += _reach(pipeline, stages)
    failures += _conditions(pipeline, stages)
    failures += _ports(pipeline, stages)
    failures += _circles(pipeline, stages)
    if not failures:
        failures += _actions(pipeline, stages)
        failures += _branches(pipeline, stages)
        failures += _islands(pipeline, stages)
    return failures


def _names(pipeline: Pipeline) -> list[Failure]:
    counted = Counter(stage.name for stage in pipeline.stages)
    return [
        failure_of(
            name, f"Invalid pipeline: multiple stages are named '{name}'.", "Ensure that all stages have unique names."
        )
        for name, count in counted.items()
        if count > 1
    ]


def _error_dataset(stage: Stage) -> Failure:
    message = "Error datasets are not supported any more."
    return failure_of(stage.name, message, "Connect an error collector to the stage instead.")


def _endpoints(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    failures = []
    for connection in pipeline.connections:
        for name in (connection.source, connection.target):
            if name not in stages:
                message = f"The connection from '{connection.source}' to '{connection.target}' is invalid: there is no"
                failures.append(failure_of(None, f"{message} stage '{name}'.", "Remove it, or add the stage."))
        if connection.source == connection.target:
            message = f"Stage '{connection.source}' is connected to itself."
            failures.append(failure_of(connection.source, message, "Remove the connection."))
    return failures


def _reach(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    failures = []
    for stage in pipeline.stages:
        before = [stages[c.source] for c in pipeline.connections if c.target == stage.name]
        after = [stages[c.target] for c in pipeline.connections if c.source == stage.name]
        if is_source(stage) and any(not is_control(other) for other in before):
            names = _listed(other.name for other in before if not is_control(other))
            message = f"{stage.type} '{stage.name}' has incoming connections from {names}; a source can have none."
            failures.append(failure_of(stage.name, message, "Remove them."))
        if is_sink(stage) and any(not is_control(other) for other in after):
            names = _listed(other.name for other in after if not is_control(other))
            message = f"{stage.type} '{stage.name}' has outgoing connections to {names}; a sink can have none."
            failures.append(failure_of(stage.name, message, "Remove them."))
        if not is_source(stage) and not is_control(stage) and not before:
            message = f"Stage '{stage.name}' is unreachable, it has no incoming connections."
            failures.append(failure_of(stage.name, message, "Connect a stage to it."))
        if not is_sink(stage) and not is_action(stage) and not after:
            message = f"Stage '{stage.name}' is a dead end, it has no outgoing connections."
            failures.append(failure_of(stage.name, message, "Connect it to another stage."))
        if stage.type == "errortransform":
            failures += _error_inputs(stage, before)
        if stage.type and stage.type not in _TYPES:
            message = f"Stage '{stage.name}' has the plugin type '{stage.type}', which no stage can have."
            failures.append(failure_of(stage.name, message, f"Use one of {', '.join(sorted(_TYPES))}."))
    return failures


def _error_inputs(stage: Stage, before: Iterable[Stage]) -> list[Failure]:
    failures = []
    for other in before:
        if other.type not in _REFUSING and not is_control(other):
            message = f"Stage '{other.name}' of type '{other.type}' cannot be connected to the error transform"
            failures.append(failure_of(stage.name, f"{message} '{stage.name}'.", "It gives no error records."))
    return failures


def _conditions(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    failures = []
    for stage in pipeline.stages:
        out = [c for c in pipeline.connections if c.source == stage.name]
        if not is_condition(stage):
            continue
        if any(c.condition is None for c in out):
            message = f"Condition '{stage.name}' has a connection that does not say whether it is for true or false."
            failures.append(failure_of(stage.name, message, "Give each of its connections a condition."))
        labels = [c.condition for c in out if c.condition is not None]
        if len(out) > 2 or len(set(labels)) != len(labels):
            message = f"Condition '{stage.name}' has more than one connection for the same outcome."
            failures.append(failure_of(stage.name, message, "Leave at most one for true and one for false."))
    return failures


def _ports(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    return [
        failure_of(
            c.source,
            f"The connection from the splitter '{c.source}' to '{c.target}' has no port.",
            "Name the output port that it starts from.",
        )
        for c in pipeline.connections
        if stages[c.source].type == "splittertransform" and c.port is None
    ]


def _circles(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    waiting = Counter(c.target for c in pipeline.connections)
    ready = [name for name in stages if waiting[name] == 0]
    left = set(stages)
    while ready:
        name = ready.pop()
        left.discard(name)
        for c in pipeline.connections:
            if c.source == name:
                waiting[c.target] -= 1
                if waiting[c.target] == 0:
                    ready.append(c.target)
    if not left:
        return []
    message = f"Invalid pipeline: there is a cycle among the stages {_listed(sorted(left))}."
    return [failure_of(None, message, "Remove a connection.")]


def below(pipeline: Pipeline, start: str) -> set[str]:
    """Return all stages that come after one."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for c in pipeline.connections:
            if c.source == name and c.target not in found:
                found.add(c.target)
                waiting.append(c.target)
    return found


def _actions(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    failures = []
    for stage in pipeline.stages:
        if not is_action(stage):
            continue
        before = [other for other in pipeline.stages if stage.name in below(pipeline, other.name)]
        has_data_before = any(not is_control(other) for other in before)
        has_data_after = any(not is_control(stages[name]) for name in below(pipeline, stage.name))
        if has_data_before and has_data_after:
            message = f"Action '{stage.name}' lies between stages that process data."
            correction = "Actions can only be before all sources or after all sinks."
            failures.append(failure_of(stage.name, message, correction))
    return failures


def _branches(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    """A stage on a branch of a condition is fed from nowhere else."""
    failures = []
    for stage in pipeline.stages:
        if not is_condition(stage):
            continue
        on_branch = below(pipeline, stage.name)
        allowed = on_branch | {stage.name}
        for name in sorted(on_branch):
            others = [c.source for c in pipeline.connections if c.target == name and c.source not in allowed]
            outside = [other for other in others if not is_action(stages[other])]
            if outside:
                message = f"Stage '{name}' is on a branch of condition '{stage.name}', and is also fed by"
                failures.append(failure_of(name, f"{message} {_listed(outside)}.", "Branches cannot be joined."))
        both = [below_branch(pipeline, c) for c in pipeline.connections if c.source == stage.name]
        if len(both) == 2 and both[0] & both[1]:
            name = sorted(both[0] & both[1])[0]
            message = f"Stage '{name}' is on both branches of condition '{stage.name}'."
            failures.append(failure_of(name, message, "Branches of a condition cannot be joined."))
    return failures


def below_branch(pipeline: Pipeline, connection: Connection) -> set[str]:
    """Return the stages that a connection leads to."""
    return {connection.target} | below(pipeline, connection.target)


def _islands(pipeline: Pipeline, stages: Mapping[str, Stage]) -> list[Failure]:
    reached = {pipeline.stages[0].name}
    grows = True
    while grows:
        grows = False
        for c in pipeline.connections:
            if (c.source in reached) != (c.target in reached):
                reached |= {c.source, c.target}
                grows = True
    left = [name for name in stages if name not in reached]
    if not left:
        return []
    message = f"Invalid pipeline: the stages {_listed(left)} are not connected to the others."
    return [failure_of(None, message, "Connect them, or make them a pipeline of their own.")]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
