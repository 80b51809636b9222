"""The node that a path names: which step of the run it is, and which attempt."""

from penstock.api.kfp.handlers.runs import found
from penstock.api.kfp.project.nodes import Node, nodes_of
from penstock.api.kfp.project.runs import retried_templates
from penstock.api.kfp.run_face import face_of
from penstock.api.kfp.shelf import package_by_digest
from penstock.api.shared.call import Call
from penstock.kernel.errors import NotFound

__all__ = ["node_of"]


async def node_of(call: Call) -> Node:
    """Return the node of the path.

    Raises: NotFound.
    """
    run = await found(call)
    face = face_of(run)
    package = await package_by_digest(call.services, face.package)
    wanted = call.path["node_id"]
    for node in nodes_of(face.workflow, await call.services.runs.steps(run.id), retried_templates(package)):
        if node.id == wanted:
            return node
    raise NotFound(f"run {run.id!r} has no node {wanted!r}, or its turn has not come")
