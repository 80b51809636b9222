"""Deployments: named code with declared input and output."""

import msgspec

from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.ubiops import pools
from penstock.api.ubiops import project as shown
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import Project, all_of, find_deployment, find_version, project_of
from penstock.api.ubiops.kinds import DEPLOYMENT, VERSION, DeploymentBody
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.removal import remove_deployment
from penstock.api.ubiops.rules import (
    checked_fields,
    checked_labels,
    checked_name,
    checked_text,
    matches_labels,
    wanted_labels,
)
from penstock.api.ubiops.wire import DeploymentCreate, DeploymentUpdate, changes, read
from penstock.kernel.errors import AlreadyExists, WrongState
from penstock.kernel.query import Order
from penstock.services.documents import Document

__all__ = ["create", "delete", "get", "list_all", "update"]


async def list_all(call: Call) -> list[Shown]:
    """List the deployments of a project; `labels` and `supports_request_format` choose among them."""
    project, wanted = await project_of(call), wanted_labels(call.query)
    rows = await all_of(call.services.documents, DEPLOYMENT, project.scope, order=Order("name"))
    if "supports_request_format" in call.query:
        answers = flag(call.query, "supports_request_format", True)
        rows = [each for each in rows if each.body.supports_request_format == answers]
    return [shown.deployment_item(each, project.name) for each in rows if matches_labels(each.body.labels, wanted)]


async def create(call: Call, body: object) -> Shown:
    """Make a deployment."""
    project, wanted = await project_of(call), read(body, DeploymentCreate)
    name = checked_name(wanted.name)
    made = DeploymentBody(
        description=checked_text(wanted.description),
        input_type=wanted.input_type,
        output_type=wanted.output_type,
        input_fields=checked_fields(wanted.input_fields, wanted.input_type, "input_fields"),
        output_fields=checked_fields(wanted.output_fields, wanted.output_type, "output_fields"),
        labels=checked_labels(wanted.labels),
        supports_request_format=wanted.supports_request_format,
    )
    note = entry(call, project.scope, "create", "deployment", name, f"deployment {name} was created")
    try:
        document = await call.services.documents.create(DEPLOYMENT, project.scope, name, made, also=(note,))
    except AlreadyExists:
        raise _taken(name) from None
    return shown.deployment_created(document, project.name)


async def get(call: Call) -> Shown:
    """Show a deployment."""
    project = await project_of(call)
    return await _detail(call, project, await find_deployment(call.services, project, call.path["deployment"]))


async def update(call: Call, body: object) -> Shown:
    """Change a deployment: its name, texts, fields, or which version is the default."""
    project, wanted = await project_of(call), changes(read(body, DeploymentUpdate))
    present = await find_deployment(call.services, project, call.path["deployment"])
    name = checked_name(wanted.pop("name", present.name))
    for side in ("input", "output"):
        if (key := f"{side}_fields") in wanted:
            wanted[key] = checked_fields(wanted[key], getattr(present.body, f"{side}_type"), key)
    if "labels" in wanted:
        wanted["labels"] = checked_labels(wanted["labels"])
    checked_text(wanted.get("description", ""))
    if "default_version" in wanted:
        version = await find_version(call.services, project, present, wanted["default_version"])
        if version.body.active_revision is None:
            raise WrongState("Default cannot be set to an unavailable version")
        wanted["default_version"] = version.id
    note = entry(call, project.scope, "update", "deployment", name, f"deployment {name} was updated")
    made = msgspec.structs.replace(present.body, **wanted)
    try:
        document = await call.services.documents.replace(present, made, name=name, also=(note,))
    except AlreadyExists:
        raise _taken(name) from None
    if name != present.name or wanted.keys() & {"input_fields", "output_fields"}:
        await pools.reconfigure(call.services, project, deployment_id=document.id)
    return await _detail(call, project, document)


async def delete(call: Call) -> None:
    """Remove a deployment with its versions; refused while a pipeline uses it."""
    project = await project_of(call)
    present = await find_deployment(call.services, project, call.path["deployment"])
    await remove_deployment(call.services, project, present)
    name = str(present.name)
    await call.services.store.commit(
        entry(call, project.scope, "delete", "deployment", name, f"deployment {name} was deleted")
    )


async def _detail(call: Call, project: Project, document: Document[DeploymentBody]) -> Shown:
    default = document.body.default_version
    title = (await call.services.documents.get(VERSION, default)).body.title if default else None
    return shown.deployment_detail(document, project.name, title)


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"A deployment with the name {name!r} already exists")
