"""Versions of deployments: settings, and the code that is uploaded to them."""

from typing import Any, Final

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops import pools
from penstock.api.ubiops import project as shown
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import Project, all_of, equals, find_deployment, find_version, project_of
from penstock.api.ubiops.environments import DEFAULT_NAME, is_system, tag_of
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    ENVIRONMENT,
    MAX_RETENTION_S,
    RETENTION_MODES,
    VERSION,
    DeploymentBody,
    VersionBody,
)
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.removal import release_version, remove_version
from penstock.api.ubiops.rules import (
    checked_choice,
    checked_labels,
    checked_number,
    checked_text,
    checked_title,
    matches_labels,
    wanted_labels,
)
from penstock.api.ubiops.wire import VersionCreate, VersionUpdate, changes, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["create", "delete", "get", "list_all", "update"]

_LIMITS: Final = {
    "minimum_instances": (0, 1000),
    "maximum_instances": (0, 1000),
    "maximum_idle_time": (10, 86_400),
    "instance_processes": (1, 256),
    "maximum_queue_size": (1, 1_000_000),
    "request_retention_time": (3600, MAX_RETENTION_S),
}
_SCALING: Final = ("default", "moderate")


async def list_all(call: Call) -> list[Shown]:
    """List the versions of a deployment; `labels` choose among them."""
    _, deployment = await _deployment(call)
    wanted = wanted_labels(call.query)
    where = equals("deployment_id", deployment.id)
    rows = await all_of(call.services.documents, VERSION, deployment.scope, where)
    return [shown.version(each, deployment) for each in rows if matches_labels(each.body.labels, wanted)]


async def create(call: Call, body: object) -> Shown:
    """Make a version; the first one of a deployment is its default."""
    project, deployment = await _deployment(call)
    wanted = changes(read(body, VersionCreate))
    title = checked_title(wanted.pop("version"))
    wanted.setdefault("environment_name", wanted.pop("environment", wanted.pop("language", DEFAULT_NAME)))
    made = VersionBody(title=title, deployment_id=deployment.id, **await _checked(call.services, project, wanted, None))
    note = _note(call, project, deployment, "create", title)
    name = f"{deployment.id}/{title}"
    try:
        document = await call.services.documents.create(VERSION, project.scope, name, made, also=(note,))
    except AlreadyExists:
        raise _taken(deployment, title) from None
    deployment = await call.services.documents.update(
        DEPLOYMENT,
        deployment.id,
        lambda body: body if body.default_version else msgspec.structs.replace(body, default_version=document.id),
    )
    return shown.version(document, deployment)


async def get(call: Call) -> Shown:
    """Show a version."""
    project, deployment = await _deployment(call)
    return shown.version(await find_version(call.services, project, deployment, call.path["version"]), deployment)


async def update(call: Call, body: object) -> Shown:
    """Change a version's settings; they reach its workers at once."""
    project, deployment = await _deployment(call)
    present = await find_version(call.services, project, deployment, call.path["version"])
    wanted = changes(read(body, VersionUpdate))
    title = checked_title(wanted.pop("version", present.body.title))
    if "environment" in wanted:
        wanted.setdefault("environment_name", wanted["environment"])
    made = msgspec.structs.replace(
        present.body, title=title, **await _checked(call.services, project, wanted, present.body)
    )
    note = _note(call, project, deployment, "update", title)
    try:
        document = await call.services.documents.replace(present, made, name=f"{deployment.id}/{title}", also=(note,))
    except AlreadyExists:
        raise _taken(deployment, title) from None
    await pools.reconfigure_version(call.services, project, document)
    return shown.version(document, deployment)


async def delete(call: Call) -> None:
    """Remove a version; refused while a pipeline's object is pinned to it, or others follow it as the default."""
    project, deployment = await _deployment(call)
    services = call.services
    present = await find_version(services, project, deployment, call.path["version"])
    await release_version(services, project, (DEPLOYMENT, VERSION), deployment, present)
    await remove_version(services, project, present)
    await services.store.commit(_note(call, project, deployment, "delete", present.body.title))


async def _deployment(call: Call) -> tuple[Project, Document[DeploymentBody]]:
    project = await project_of(call)
    return project, await find_deployment(call.services, project, call.path["deployment"])


async def _checked(
    services: Services, project: Project, wanted: dict[str, Any], present: VersionBody | None
) -> dict[str, Any]:
    """Return what to set. Raises: Invalid; NotFound for an unknown environment."""
    made = {key: value for key, value in wanted.items() if key in VersionBody.__struct_fields__}
    for key, (least, most) in _LIMITS.items():
        if key in made:
            checked_number(made[key], key, least, most)
    least = made.get("minimum_instances", present.minimum_instances if present else 0)
    most = made.get("maximum_instances", present.maximum_instances if present else max(5, least))
    if least > most:
        raise Invalid(f"minimum_instances: {least} is more than maximum_instances, which is {most}")
    made["maximum_instances"] = most
    checked_choice(made.get("request_retention_mode", "full"), "request_retention_mode", RETENTION_MODES)
    checked_choice(made.get("scaling_strategy", "default"), "scaling_strategy", _SCALING)
    checked_text(made.get("description", ""))
    if "labels" in made:
        made["labels"] = checked_labels(made["labels"])
    if "memory_allocation" in wanted and "instance_type" not in made:
        made["instance_type"] = f"{wanted['memory_allocation']}mb"
    if "environment_name" in made:
        made.setdefault("environment_tag", None)
        await _check_environment(services, project, made["environment_name"], made["environment_tag"])
    elif made.get("environment_tag") and present:
        await _check_environment(services, project, present.environment_name, made["environment_tag"])
    return made


async def _check_environment(services: Services, project: Project, name: str, tag: str | None) -> None:
    try:
        environment = await services.documents.find(ENVIRONMENT, project.scope, name)
    except NotFound:
        if not is_system(name):
            raise NotFound(
                f"Environment was not found: there is no environment {name!r}; python3-11 and the like are there"
            ) from None
        return
    if tag:
        await tag_of(services, project, environment, tag)


def _note(call: Call, project: Project, deployment: Document[DeploymentBody], action: str, title: str) -> Any:
    event = f"version {title} of deployment {deployment.name} was {action}d"
    return entry(
        call, project.scope, action, "deployment_version", title, event, parent=f"deployment/{deployment.name}"
    )


def _taken(deployment: Document[DeploymentBody], title: str) -> AlreadyExists:
    return AlreadyExists(f"A version with the name {title!r} of deployment {deployment.name!r} already exists")
