"""An Argo Workflow, as kfp 1.8 compiles it and as people write it, to a graph.

Each dag becomes a body; each task a step. What the workflow's own parameters come to is given with the run as facts
called `workflow.parameters.<name>`, because placeholders may refer to them at any depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.lower.argo_tasks import Workflow, body_of, step_around
from penstock.api.kfp.lower.argo_text import text
from penstock.api.kfp.lower.argo_work import Template, template_of
from penstock.api.kfp.lower.members import Members
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Expr, Literal
from penstock.kernel.functions import as_text
from penstock.kernel.graph import Body, Graph
from penstock.kernel.values import Value

__all__ = ["ENTRY", "EXIT", "given_artifacts", "graph"]

ENTRY: Final = "workflow"
"""The body around an entry point that is no dag."""

EXIT: Final = "on exit"
"""The body around the exit handler; its one step is called `onExit`."""

MAX_DEPTH: Final = 600
"""Levels of recursion, two to an iteration that has a condition. Names of steps grow with the depth, and what is stored
with its square: a recursion without an end must err before it fills the disk."""


def graph(document: dict[str, Any]) -> Graph:
    """Return what the workflow does.

    Raises: Invalid, UnsupportedFeature.
    """
    spec = Members.of(document.get("spec"), "/spec")
    spec.refuse(
        workflowTemplateRef="a template of another workflow",
        synchronization="synchronization",
        suspend="a suspended start",
        hooks="a lifecycle hook",
        shutdown="a shutdown",
    )
    templates: dict[str, Template] = {}
    for members in spec.objects("templates"):
        template = template_of(members)
        if template.name in templates:
            raise Invalid(f"two templates are called {template.name!r}", at=members.at)
        templates[template.name] = template
    volumes = {each.text("name"): each for each in spec.objects("volumes")}
    workflow = Workflow(templates, volumes)
    entry = _named(workflow, spec, "entrypoint")
    bodies: dict[str, Body] = {}
    for name, template in templates.items():
        if template.kind in ("dag", "steps"):
            bodies[name] = body_of(workflow, template, is_entry=name == entry.name)
    if entry.name not in bodies:
        step = step_around(workflow, entry.name, entry)
        bodies[ENTRY] = Body((msgspec.structs.replace(step, labels=step.labels | {"is_root": True}),))
    if "onExit" in spec:
        bodies[EXIT] = Body((step_around(workflow, "onExit", _named(workflow, spec, "onExit")),))
    return Graph(
        bodies,
        entry=entry.name if entry.name in bodies else ENTRY,
        on_exit=EXIT if "onExit" in spec else None,
        parallelism=spec.integer("parallelism") or None,
        timeout_s=spec.seconds("activeDeadlineSeconds"),
        max_depth=MAX_DEPTH,
    )


def given_artifacts(document: dict[str, Any], facts: Mapping[str, Value]) -> dict[str, str]:
    """Return the artifacts that the workflow itself brings as texts.

    Raises: UnsupportedFeature for those that are elsewhere.
    """
    arguments = Members.of(document.get("spec"), "/spec").object("arguments")
    result: dict[str, str] = {}
    for each in arguments.objects("artifacts"):
        if "raw" not in each:
            raise UnsupportedFeature("an artifact of the workflow that is not given as text (raw)", at=each.at)

        def known(name: str) -> Expr | None:
            return Literal(facts[name]) if name in facts else None

        written = text(each.object("raw").text("data", ""), known)
        assert isinstance(written, Literal), "facts are constants here"
        result[each.text("name")] = as_text(written.value)
    return result


def _named(workflow: Workflow, spec: Members, member: str) -> Template:
    name = spec.text(member)
    if name not in workflow.templates:
        raise Invalid(f"there is no template {name!r}", at=spec.place(member))
    return workflow.templates[name]
