"""What is wrong with a graph, found before it runs. Everything that can be known then is refused then."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Expr, Output, OutputArtifact, StepFact, check, leaves
from penstock.kernel.graph import Body, Command, Compute, Graph, Job, Nested, Step, Wait

__all__ = ["check_graph"]

MAX_STEPS = 20_000
"""Most steps of all bodies together."""


def check_graph(graph: Graph) -> None:
    """Check names, references, order and expressions.

    Raises: Invalid with `at` pointing into the graph.
    """
    for name in (graph.entry, graph.on_exit):
        if name is not None and name not in graph.bodies:
            raise Invalid(f"there is no body {name!r}; there are {', '.join(map(repr, graph.bodies))}")
    count = sum(len(body.steps) for body in graph.bodies.values())
    if count > MAX_STEPS:
        raise Invalid(f"the graph has {count} steps; the limit is {MAX_STEPS}")
    _check_limit(graph.parallelism, "/parallelism")
    for name, body in graph.bodies.items():
        _check_body(graph, body, f"/bodies/{name}")


def _check_body(graph: Graph, body: Body, at: str) -> None:
    names: dict[str, Step] = {}
    for step in body.steps:
        if not step.name or any(character in step.name for character in "/[]#") or step.name.startswith("!"):
            raise Invalid(
                f"{step.name!r} is no name for a step", at=f"{at}/steps", hint="leave out / [ ] # and a first !"
            )
        if step.name in names:
            raise Invalid(f"two steps are called {step.name!r}", at=f"{at}/steps/{step.name}")
        names[step.name] = step
    _check_limit(body.parallelism, f"{at}/parallelism")
    for step in body.steps:
        _check_step(graph, step, names, f"{at}/steps/{step.name}")
    _check_order(body, at)
    for step in body.steps:
        for expr in _level_expressions(step):
            _check_references(expr, step, names, f"{at}/steps/{step.name}")
    for expr in (*body.outputs.values(), *body.artifacts.values()):
        check(expr, f"{at}/outputs")
        _check_references(expr, None, names, f"{at}/outputs")
    for name, parameter in body.parameters.items():
        if parameter.default is not None:
            check(parameter.default, f"{at}/parameters/{name}")


def _check_step(graph: Graph, step: Step, names: dict[str, Step], at: str) -> None:
    for after in step.after:
        if after.step not in names:
            raise Invalid(f"step {step.name!r} comes after {after.step!r}, which is not there", at=f"{at}/after")
    if len({after.step for after in step.after}) != len(step.after):
        raise Invalid(f"step {step.name!r} names a step twice in what it comes after", at=f"{at}/after")
    if isinstance(step.work, Nested):
        if step.work.body not in graph.bodies:
            raise Invalid(f"step {step.name!r} runs the body {step.work.body!r}, which is not there", at=f"{at}/work")
        if step.cache:
            raise Invalid(f"step {step.name!r} runs a body; only the steps in it can be cached", at=f"{at}/cache")
    if step.fan_out:
        _check_limit(step.fan_out.parallelism, f"{at}/fan_out/parallelism")
    if step.retry and step.retry.limit is not None and step.retry.limit < 0:
        raise Invalid(f"step {step.name!r} may be retried {step.retry.limit} times", at=f"{at}/retry")
    for expr in (*_level_expressions(step), *_work_expressions(step)):
        check(expr, at)


def _level_expressions(step: Step) -> Iterator[Expr]:
    """What sees the level the step is in."""
    yield from step.inputs.values()
    yield from step.artifacts.values()
    if step.guard is not None:
        yield step.guard
    if step.fan_out:
        yield step.fan_out.items


def _work_expressions(step: Step) -> Iterator[Expr]:
    """What sees the step's own inputs."""
    yield from step.yields.values()
    yield from step.yields_artifacts.values()
    match step.work:
        case Command():
            yield from step.work.argv
            yield from step.work.env.values()
            if step.work.stdin is not None:
                yield step.work.stdin
            yield from (file.content for file in step.work.files if file.content is not None)
            yield from (file.default for file in step.work.outputs if file.default is not None)
        case Job(_, spec):
            yield spec
        case Compute(outputs, artifacts):
            yield from outputs.values()
            yield from artifacts.values()
        case Wait(duration_s):
            if duration_s is not None:
                yield duration_s
        case Nested():
            return


def _check_references(expr: Expr, user: Step | None, names: dict[str, Step], at: str) -> None:
    """Check that what an expression takes from a step can be there; user is None for what is made at the end."""
    for leaf in leaves(expr):
        if not isinstance(leaf, Output | OutputArtifact | StepFact):
            continue
        if leaf.step not in names:
            raise Invalid(f"there is no step {leaf.step!r} to take {leaf.name!r} from", at=at)
        if user is not None and not _comes_after(user, leaf.step, names):
            raise Invalid(
                f"{leaf.name!r} of step {leaf.step!r} is used before that step can have ended",
                at=at,
                hint="say that the step comes after it",
            )


def _comes_after(user: Step, wanted: str, names: dict[str, Step]) -> bool:
    waiting, seen = [after.step for after in user.after], set[str]()
    while waiting:
        name = waiting.pop()
        if name == wanted:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(after.step for after in names[name].after)
    return False


def _check_order(body: Body, at: str) -> None:
    waiting = {step.name: len(step.after) for step in body.steps}
    successors: dict[str, list[str]] = {step.name: [] for step in body.steps}
    for step in body.steps:
        for after in step.after:
            successors[after.step].append(step.name)
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        del waiting[name]
        for successor in successors[name]:
            waiting[successor] -= 1
            if waiting[successor] == 0:
                ready.append(successor)
    if waiting:
        shown = ", ".join(map(repr, sorted(waiting)[:10]))
        raise Invalid(f"these steps come after each other in a circle, or after such: {shown}", at=f"{at}/steps")


def _check_limit(limit: int | None, at: str) -> None:
    if limit is not None and limit < 1:
        raise Invalid(
            f"a limit on parallelism is {limit}; it must be 1 or more", at=at, hint="leave it out for no limit"
        )
