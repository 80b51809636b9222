"""A pipeline specification, as kfp 2 compiles it, to a graph.

Each component with a dag becomes a body, each task of it a step. Unlike in an Argo Workflow, values keep their types,
and a task runs only if all that it depends on succeeded.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.api.kfp.lower.ir_tasks import Specification, body_of, component_of
from penstock.api.kfp.lower.members import Members
from penstock.kernel.graph import Body, Graph

__all__ = ["ROOT", "graph"]

ROOT: Final = "root"
"""The body that is the pipeline."""

_DOCUMENT: Final = frozenset(
    ("components", "deploymentSpec", "pipelineInfo", "root", "schemaVersion", "sdkVersion", "defaultPipelineRoot")
)


def graph(document: dict[str, Any], platforms: dict[str, Any]) -> Graph:
    """Return what the pipeline does.

    Raises: Invalid, UnsupportedFeature.
    """
    members = Members.of(document, "")
    members.only(_DOCUMENT)
    kubernetes = Members.of(platforms, "/platforms").object("kubernetes")
    specification = Specification(
        components=dict(members.members("components")),
        executors=dict(members.object("deploymentSpec").members("executors")),
        platform=dict(kubernetes.object("deploymentSpec").members("executors")),
        pipeline=members.object("pipelineInfo").text("name"),
    )
    root = component_of("root", members.object("root"))
    bodies: dict[str, Body] = {ROOT: body_of(specification, root)}
    for name, component in specification.components.items():
        if "dag" in component:
            bodies[name] = body_of(specification, component_of(name, component))
    deadline_s = kubernetes.object("pipelineConfig").seconds("pipelineRunDeadlineSeconds")
    return Graph(bodies, entry=ROOT, timeout_s=deadline_s)
