"""Environment variables on all levels, and secrets of environments: one shape, several owners."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops import pools
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import (
    Project,
    default_version,
    find_deployment,
    find_pipeline,
    find_pipeline_version,
    find_version,
    found,
    project_of,
)
from penstock.api.ubiops.environments import tag_of
from penstock.api.ubiops.kinds import DEPLOYMENT, ENVIRONMENT, VARIABLE, VERSION, VariableBody
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.removal import remove_variable
from penstock.api.ubiops.variables import of_owner, secret_name
from penstock.api.ubiops.wire import EnvironmentVariable, EnvironmentVariableCopy, SecretCopy, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["copy", "copy_secrets", "create", "delete", "get", "list_all", "list_of_object", "update"]

MAX_VALUE: Final = 65_536
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose variables: the levels from the project down to the owner itself, each as type, name and id.

    deployment_id: of whom a change is to reach the workers; None for all of the project.
    """

    project: Project
    levels: tuple[tuple[str, str, str], ...]
    deployment_id: str | None = None

    @property
    def id(self) -> str:
        return self.levels[-1][2]


async def list_all(call: Call) -> list[Shown]:
    """List the variables of an owner: its own, and those that it inherits."""
    return await _listed(call.services, await _owner(call))


async def list_of_object(call: Call) -> list[Shown]:
    """List the variables that an object of a pipeline version sees."""
    services, project = call.services, await project_of(call)
    pipeline = await find_pipeline(services, project, call.path["pipeline"])
    version = await find_pipeline_version(services, project, pipeline, call.path["version"])
    each = next((one for one in version.body.objects if one.name == call.path["object"]), None)
    if each is None:
        raise NotFound(f"Object was not found: version {version.body.title!r} has no object {call.path['object']!r}")
    if each.reference_type != "deployment":
        return []
    deployment = await services.documents.get(DEPLOYMENT, each.reference)
    if each.version_id:
        used = await services.documents.get(VERSION, each.version_id)
    else:
        used = await default_version(services, deployment)
    levels = (
        ("project", project.name, project.id),
        ("deployment", str(deployment.name), deployment.id),
        ("version", used.body.title, used.id),
    )
    return [
        {
            **shown,
            "inheritance_type": shown["inheritance_type"] or "version",
            "inheritance_name": shown["inheritance_name"] or used.body.title,
        }
        for shown in await _listed(services, _Owner(project, levels))
    ]


async def create(call: Call, body: object) -> Shown:
    """Make a variable; the value of a secret one is never shown again."""
    owner, wanted = await _owner(call), _checked(body)
    if "environment" in call.path:
        wanted = msgspec.structs.replace(wanted, secret=True)
    document = await _create(call, owner, wanted)
    await _reach(call.services, owner)
    return _shown(document)


async def get(call: Call) -> Shown:
    """Show a variable of the owner itself."""
    return _shown(await _variable(call, await _owner(call)))


async def update(call: Call, body: object) -> Shown:
    """Change a variable. A secret one becomes an open one only with a new value."""
    owner = await _owner(call)
    present = await _variable(call, owner)
    given = body if isinstance(body, dict) else {}
    wanted = _checked({"name": present.body.title, "secret": present.body.is_secret, **given})
    has_value = given.get("value") is not None
    if present.body.is_secret and not wanted.secret and not has_value:
        raise Invalid("value: a secret variable can be made an open one only with a new value")
    value = wanted.value if has_value else present.body.value
    made = VariableBody(
        title=wanted.name,
        owner_id=owner.id,
        value="" if wanted.secret else value,
        is_secret=wanted.secret,
    )
    services = call.services
    if wanted.secret and (has_value or not present.body.is_secret):
        await services.secrets.put(owner.project.scope, secret_name(present), value)
    try:
        document = await services.documents.replace(present, made, name=f"{owner.id}/{wanted.name}")
    except AlreadyExists:
        raise _taken(wanted.name) from None
    if present.body.is_secret and not wanted.secret:
        await services.secrets.delete(owner.project.scope, secret_name(present))
    await _reach(services, owner)
    return _shown(document)


async def delete(call: Call) -> None:
    """Remove a variable of the owner itself."""
    owner = await _owner(call)
    await remove_variable(call.services, owner.project, await _variable(call, owner))
    await _reach(call.services, owner)


async def copy(call: Call, body: object) -> list[Shown]:
    """Copy the own variables of a deployment or version, secret ones with their texts; those there are replaced."""
    owner, wanted = await _owner(call), read(body, EnvironmentVariableCopy)
    services, project = call.services, owner.project
    source = await find_deployment(services, project, wanted.source_deployment)
    source_id = source.id
    if wanted.source_version:
        source_id = (await find_version(services, project, source, wanted.source_version)).id
    return await _copied(call, owner, source_id)


async def copy_secrets(call: Call, body: object) -> list[Shown]:
    """Copy the secrets of another environment, or of a tag of it."""
    owner, wanted = await _owner(call), read(body, SecretCopy)
    source = await found(call.services.documents, ENVIRONMENT, owner.project.scope, wanted.source_environment)
    source_id = source.id
    if wanted.source_tag:
        source_id = (await tag_of(call.services, owner.project, source, wanted.source_tag)).id
    return await _copied(call, owner, source_id)


async def _copied(call: Call, owner: _Owner, source_id: str) -> list[Shown]:
    services, project = call.services, owner.project
    if source_id == owner.id:
        raise Invalid("The source and the destination of the copy are the same")
    present = {each.body.title: each for each in await of_owner(services, project, owner.id)}
    for each in await of_owner(services, project, source_id):
        value = each.body.value
        if each.body.is_secret:
            value = await services.secrets.get(project.scope, secret_name(each))
        if each.body.title in present:
            await remove_variable(services, project, present[each.body.title])
        await _create(call, owner, EnvironmentVariable(name=each.body.title, value=value, secret=each.body.is_secret))
    await _reach(services, owner)
    return await _listed(services, owner)


async def _owner(call: Call) -> _Owner:
    services, project, path = call.services, await project_of(call), call.path
    levels = [("project", project.name, project.id)]
    if "deployment" in path:
        deployment = await find_deployment(services, project, path["deployment"])
        levels.append(("deployment", str(deployment.name), deployment.id))
        if "version" in path:
            version = await find_version(services, project, deployment, path["version"])
            levels.append(("version", version.body.title, version.id))
        return _Owner(project, tuple(levels), deployment.id)
    if "environment" in path:
        environment = await found(services.documents, ENVIRONMENT, project.scope, path["environment"])
        levels = [("environment", str(environment.name), environment.id)]
        if "tag" in path:
            tag = await tag_of(services, project, environment, path["tag"])
            levels = [("environment_tag", tag.body.title, tag.id)]
    return _Owner(project, tuple(levels))


async def _listed(services: Services, owner: _Owner) -> list[Shown]:
    seen: dict[str, Shown] = {}
    for kind, name, id in owner.levels:
        inherited: Shown = {"inheritance_type": kind, "inheritance_name": name}
        if id == owner.id:
            inherited = {"inheritance_type": None, "inheritance_name": None}
        for each in await of_owner(services, owner.project, id):
            seen[each.body.title] = _shown(each) | inherited
    return [seen[name] for name in sorted(seen)]


async def _variable(call: Call, owner: _Owner) -> Document[VariableBody]:
    try:
        document = await call.services.documents.get(VARIABLE, call.path["id"])
    except NotFound:
        document = None
    if document is None or document.body.owner_id != owner.id:
        raise NotFound(f"Environment variable was not found: there is none with the id {call.path['id']!r} here")
    return document


async def _create(call: Call, owner: _Owner, wanted: EnvironmentVariable) -> Document[VariableBody]:
    services, project = call.services, owner.project
    made = VariableBody(
        title=wanted.name,
        owner_id=owner.id,
        value="" if wanted.secret else wanted.value,
        is_secret=wanted.secret,
    )
    kind, name, _ = owner.levels[-1]
    event = f"environment variable {wanted.name} of {kind} {name} was set"
    note = entry(call, project.scope, "create", "environment_variable", wanted.name, event, parent=f"{kind}/{name}")
    try:
        document = await services.documents.create(
            VARIABLE, project.scope, f"{owner.id}/{wanted.name}", made, also=(note,)
        )
    except AlreadyExists:
        raise _taken(wanted.name) from None
    if wanted.secret:
        try:
            await services.secrets.put(project.scope, secret_name(document), wanted.value)
        except BaseException:
            await services.documents.delete(document)
            raise
    return document


async def _reach(services: Services, owner: _Owner) -> None:
    await pools.reconfigure(services, owner.project, deployment_id=owner.deployment_id)


def _checked(body: object) -> EnvironmentVariable:
    wanted = read(body, EnvironmentVariable)
    if not _NAME.fullmatch(wanted.name):
        raise Invalid(
            f"name: {wanted.name[:80]!r} is no name of a variable: it must have letters, digits and underscores, "
            "not begin with a digit, and have at most 64 characters"
        )
    if len(wanted.value) > MAX_VALUE or "\x00" in wanted.value:
        raise Invalid(f"value: a value has at most {MAX_VALUE} characters, and no null character")
    return wanted


def _shown(document: Document[VariableBody]) -> Shown:
    body = document.body
    return {
        "id": document.id,
        "name": body.title,
        "value": None if body.is_secret else body.value,
        "secret": body.is_secret,
    }


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"An environment variable with the name {name!r} already exists here")
