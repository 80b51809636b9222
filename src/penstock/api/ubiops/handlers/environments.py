"""Environments in the newer model (tags) and the older one (revisions with builds): two views of the same documents.

A tag is a revision whose name the client chose. Names of the system's own cannot be made or changed.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response

from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.auth import email_of
from penstock.api.ubiops.beside import standing
from penstock.api.ubiops.building import PATIENCE_S
from penstock.api.ubiops.catalogue import Project, all_of, equals, found, project_of
from penstock.api.ubiops.downloads import send_blob
from penstock.api.ubiops.environments import DEFAULT_TAG, SYSTEM_NAMES, is_system, system_id, tag_of
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    ENVIRONMENT,
    ENVIRONMENT_TAG,
    VERSION,
    EnvironmentBody,
    TagBody,
)
from penstock.api.ubiops.packages import MAX_BYTES, dependencies_of
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.removal import remove_rows, remove_variables
from penstock.api.ubiops.rules import (
    checked_labels,
    checked_text,
    checked_title,
    matches_labels,
    wanted_labels,
)
from penstock.api.ubiops.uploads import Form, receive, store
from penstock.api.ubiops.wire import (
    EnvironmentCreate,
    EnvironmentUpdate,
    TagCreate,
    TagUpdate,
    changes,
    read,
)
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound, WrongState
from penstock.kernel.query import Order
from penstock.services.documents import Document

__all__ = [
    "build",
    "create",
    "create_tag",
    "delete",
    "delete_tag",
    "dependencies",
    "download",
    "get",
    "get_build",
    "get_revision",
    "get_tag",
    "list_all",
    "list_builds",
    "list_revisions",
    "list_tags",
    "rebuild",
    "rebuild_revision",
    "update",
    "update_build",
    "update_tag",
    "upload_revision",
    "usage",
]


async def list_all(call: Call) -> list[Shown]:
    """List environments: those that somebody made, and the system's own."""
    project, wanted = await project_of(call), wanted_labels(call.query)
    kind = call.query.get("environment_type", "")
    only_system = flag(call.query, "system", False) if "system" in call.query else None
    if kind:
        only_system = {"base": True, "custom": False}.get(kind, only_system)
    rows: list[Shown] = []
    if only_system is not True:
        for each in await all_of(call.services.documents, ENVIRONMENT, project.scope, order=Order("name")):
            if matches_labels(each.body.labels, wanted):
                rows.append(await _shown(call, project, each))
    if only_system is not False and not wanted:
        rows += [_system(call, name) for name in SYSTEM_NAMES]
    return rows


async def create(call: Call, body: object) -> Shown:
    """Make an environment."""
    project, wanted = await project_of(call), read(body, EnvironmentCreate)
    name = checked_title(wanted.name, "name")
    if is_system(name):
        raise AlreadyExists(f"An environment with the name {name!r} already exists: it is one of the system's own")
    made = EnvironmentBody(
        display_name=checked_text(wanted.display_name, "display_name", 1024),
        description=checked_text(wanted.description),
        labels=checked_labels(wanted.labels),
        base_environment=wanted.base_environment,
        supports_request_format=wanted.supports_request_format,
    )
    note = entry(call, project.scope, "create", "environment", name, f"environment {name} was created")
    try:
        document = await call.services.documents.create(ENVIRONMENT, project.scope, name, made, also=(note,))
    except AlreadyExists:
        raise AlreadyExists(f"An environment with the name {name!r} already exists") from None
    return await _shown(call, project, document)


async def get(call: Call) -> Shown:
    """Show an environment; any name that the product gives to a Python is there."""
    project, name = await project_of(call), call.path["environment"]
    if is_system(name):
        return _system(call, name)
    return await _shown(call, project, await _environment(call, project))


async def update(call: Call, body: object) -> Shown:
    """Change an environment's texts."""
    project = await project_of(call)
    present, wanted = await _environment(call, project), changes(read(body, EnvironmentUpdate))
    name = checked_title(wanted.pop("name", present.name), "name")
    if "labels" in wanted:
        wanted["labels"] = checked_labels(wanted["labels"])
    checked_text(wanted.get("description", ""))
    made = msgspec.structs.replace(present.body, **wanted)
    return await _shown(call, project, await call.services.documents.replace(present, made, name=name))


async def delete(call: Call) -> None:
    """Remove an environment with its tags; refused while a version uses it."""
    project = await project_of(call)
    present = await _environment(call, project)
    if users := await _users(call, project, str(present.name), None):
        names = ", ".join(f"{each['deployment']} ({each['version']})" for each in users)
        raise WrongState(f"Environment {present.name!r} cannot be deleted: it is used by {names}")
    services = call.services
    await services.documents.delete(present)
    for tag in await _tags(call, project, present):
        await remove_variables(services, project, tag.id)
    await remove_variables(services, project, present.id)
    await remove_rows(services, ENVIRONMENT_TAG, project.scope, equals("environment_id", present.id))


# Tags.


async def list_tags(call: Call) -> list[Shown]:
    """List the tags of an environment."""
    project, name = await project_of(call), call.path["environment"]
    if is_system(name):
        return [_system_tag(call, name)]
    environment = await _environment(call, project)
    return [_tag(each, environment) for each in await _tags(call, project, environment)]


async def create_tag(call: Call, body: object) -> Shown:
    """Make a tag; what is in it is sent to `build`."""
    project = await project_of(call)
    environment, wanted = await _environment(call, project), read(body, TagCreate)
    title = checked_text(checked_title(wanted.name, "name"), "name", 128)
    made = TagBody(title=title, environment_id=environment.id, created_by=email_of(call.principal))
    return _tag(await _create_tag(call, project, environment, made), environment)


async def get_tag(call: Call) -> Shown:
    """Show a tag."""
    project, name = await project_of(call), call.path["environment"]
    if is_system(name):
        if call.path["tag"] != DEFAULT_TAG:
            raise NotFound(f"Environment tag was not found: {name!r} has the tag {DEFAULT_TAG!r} only")
        return _system_tag(call, name)
    environment = await _environment(call, project)
    return _tag(await tag_of(call.services, project, environment, call.path["tag"]), environment)


async def update_tag(call: Call, body: object) -> Shown:
    """Cancel the build of a tag."""
    environment, tag = await _one_tag(call)
    return _tag(await _cancelled(call, tag, changes(read(body, TagUpdate))), environment)


async def delete_tag(call: Call) -> None:
    """Remove a tag; refused while a version uses it."""
    project = await project_of(call)
    environment, tag = await _one_tag(call)
    if await _users(call, project, str(environment.name), tag.body.title):
        raise WrongState(f"Tag {tag.body.title!r} of environment {environment.name!r} cannot be deleted: it is used")
    await call.services.documents.delete(tag)
    await remove_variables(call.services, project, tag.id)


async def build(call: Call, chunks: AsyncIterator[bytes]) -> Shown:
    """Take the dependency files of a tag in, or those of another tag, and build it."""
    project = await project_of(call)
    _, tag = await _one_tag(call)
    form = await receive(call.headers.get("content-type", ""), chunks, MAX_BYTES)
    try:
        made = await _filled(call, project, tag.body, form)
    finally:
        form.close()
    named = {key: call.query[key] for key in ("base_environment_name", "base_environment_tag") if key in call.query}
    await _begin(call, project, tag, msgspec.structs.replace(made, **named))
    return {"success": True}


async def rebuild(call: Call, body: object) -> Shown:
    """Build a tag anew."""
    project = await project_of(call)
    _, tag = await _one_tag(call)
    await _rebuilt(call, project, tag)
    return {"success": True}


async def download(call: Call) -> Response:
    """Send the zip of a tag, or of a revision, as it came."""
    environment, tag = await _one_tag(call)
    if tag.body.package is None:
        raise NotFound("The environment has no file")
    name = f"{environment.name}-{tag.body.title}.zip"
    return await send_blob(call.services, tag.body.package, name, media_type="application/zip")


async def dependencies(call: Call) -> list[Shown]:
    """Show the dependency files of a tag, or of a build."""
    _, tag = await _one_tag(call)
    return [{"name": name, "content": content} for name, content in sorted(tag.body.files.items())]


async def usage(call: Call) -> list[Shown]:
    """List the versions that use an environment, or a tag of it."""
    project, name = await project_of(call), call.path["environment"]
    return await _users(call, project, name, call.path.get("tag"))


# Revisions and builds.


async def list_revisions(call: Call) -> list[Shown]:
    """List the revisions of an environment, newest first."""
    project = await project_of(call)
    environment = await _environment(call, project)
    return [_revision(each, environment) for each in reversed(await _tags(call, project, environment))]


async def get_revision(call: Call) -> Shown:
    """Show a revision of an environment."""
    environment, tag = await _one_tag(call)
    return _revision(tag, environment)


async def upload_revision(call: Call, chunks: AsyncIterator[bytes]) -> Shown:
    """Take dependency files in as a new revision, and build it."""
    project = await project_of(call)
    environment = await _environment(call, project)
    form = await receive(call.headers.get("content-type", ""), chunks, MAX_BYTES)
    title = f"revision-{len(await _tags(call, project, environment)) + 1}-{uuid.uuid4().hex[:8]}"
    empty = TagBody(
        title=title,
        environment_id=environment.id,
        base_environment_name=environment.body.base_environment,
        created_by=email_of(call.principal),
        build_id=str(uuid.uuid4()),
        is_default=True,
    )
    try:
        made = await _filled(call, project, empty, form)
    finally:
        form.close()
    tag = await _create_tag(call, project, environment, made)
    await _begin(call, project, tag, made)
    return {"success": True, "revision": tag.id, "build": made.build_id}


async def rebuild_revision(call: Call, body: object) -> Shown:
    """Build a revision anew."""
    project = await project_of(call)
    _, tag = await _one_tag(call)
    return _build(await _rebuilt(call, project, tag))


async def list_builds(call: Call) -> list[Shown]:
    """List the builds of a revision: it has one, and a rebuild takes its place."""
    _, tag = await _one_tag(call)
    return [_build(tag)] if tag.body.package else []


async def get_build(call: Call) -> Shown:
    """Show a build."""
    return _build((await _one_tag(call))[1])


async def update_build(call: Call, body: object) -> Shown:
    """Cancel a build."""
    _, tag = await _one_tag(call)
    return _build(await _cancelled(call, tag, changes(read(body, TagUpdate))))


# What both have in common.


async def _environment(call: Call, project: Project) -> Document[EnvironmentBody]:
    name = call.path["environment"]
    if is_system(name) and call.operation.verb != "GET":
        raise WrongState(f"Environment {name!r} is one of the system's own and cannot be changed")
    return await found(call.services.documents, ENVIRONMENT, project.scope, name)


async def _tags(call: Call, project: Project, environment: Document[EnvironmentBody]) -> list[Document[TagBody]]:
    where = equals("environment_id", environment.id)
    return await all_of(call.services.documents, ENVIRONMENT_TAG, project.scope, where)


async def _one_tag(call: Call) -> tuple[Document[EnvironmentBody], Document[TagBody]]:
    """Return the tag, revision or build in a call's path."""
    project = await project_of(call)
    environment = await _environment(call, project)
    if "tag" in call.path:
        return environment, await tag_of(call.services, project, environment, call.path["tag"])
    for tag in await _tags(call, project, environment):
        if tag.id == call.path["revision"] and call.path.get("id", tag.body.build_id) == tag.body.build_id:
            return environment, tag
    raise NotFound(f"Environment revision was not found: {environment.name!r} has no such revision or build")


async def _create_tag(
    call: Call, project: Project, environment: Document[EnvironmentBody], made: TagBody
) -> Document[TagBody]:
    name = f"{environment.id}/{made.title}"
    try:
        return await call.services.documents.create(ENVIRONMENT_TAG, project.scope, name, made)
    except AlreadyExists:
        raise AlreadyExists(f"A tag with the name {made.title!r} of environment {environment.name!r} exists") from None


async def _filled(call: Call, project: Project, body: TagBody, form: Form) -> TagBody:
    """Return a tag with what a form brings. Raises: Invalid, NotFound."""
    if upload := form.files.get("file"):
        read_in = await asyncio.to_thread(dependencies_of, upload.content, upload.size_bytes)
        return msgspec.structs.replace(
            body,
            package=await store(call.services, upload),
            file_name=upload.name,
            size_bytes=upload.size_bytes,
            requirements=read_in.requirements,
            variables=read_in.variables,
            files=read_in.files,
        )
    if "source_environment" not in form.fields:
        raise Invalid("The form has no file called 'file', and names no source_environment")
    source = await found(call.services.documents, ENVIRONMENT, project.scope, form.fields["source_environment"])
    tag = (await tag_of(call.services, project, source, form.fields.get("source_tag"))).body
    return msgspec.structs.replace(
        body,
        package=tag.package,
        file_name=tag.file_name,
        size_bytes=tag.size_bytes,
        requirements=tag.requirements,
        variables=tag.variables,
        files=tag.files,
    )


async def _begin(call: Call, project: Project, tag: Document[TagBody], made: TagBody) -> None:
    made = msgspec.structs.replace(
        made, status="queued", error_message=None, build_id=made.build_id or str(uuid.uuid4())
    )
    document = await call.services.documents.replace(tag, made)
    await standing(call.services).builds.begin_tag(project, document, patience_s=PATIENCE_S)


async def _rebuilt(call: Call, project: Project, tag: Document[TagBody]) -> Document[TagBody]:
    if tag.body.package is None:
        raise WrongState(f"Tag {tag.body.title!r} cannot be built again: nothing was uploaded to it")
    await _begin(call, project, tag, tag.body)
    return await call.services.documents.get(ENVIRONMENT_TAG, tag.id)


async def _cancelled(call: Call, tag: Document[TagBody], wanted: dict[str, Any]) -> Document[TagBody]:
    status = wanted.get("status")
    if status is None:
        return tag
    if status != "cancelled":
        raise Invalid(f"status: {status!r} cannot be set; a build can only be 'cancelled'")
    if tag.body.status not in ("queued", "building"):
        raise WrongState(f"The build has ended already: it is {tag.body.status}")
    standing(call.services).builds.cancel(tag.id)
    return await call.services.documents.update(
        ENVIRONMENT_TAG, tag.id, lambda body: msgspec.structs.replace(body, status="cancelled")
    )


async def _users(call: Call, project: Project, name: str, tag: str | None) -> list[Shown]:
    documents = call.services.documents
    names = {str(each.id): each.name for each in await all_of(documents, DEPLOYMENT, project.scope)}
    return [
        {
            "id": each.id,
            "deployment": names.get(each.body.deployment_id),
            "version": each.body.title,
            "environment_name": name,
            "environment_tag": each.body.environment_tag or None,
            "environment": name,
            "environment_display_name": name,
            "status": each.body.status,
        }
        for each in await all_of(documents, VERSION, project.scope)
        if each.body.environment_name == name and tag in (None, each.body.environment_tag)
    ]


async def _shown(call: Call, project: Project, document: Document[EnvironmentBody]) -> Shown:
    tags, body = await _tags(call, project, document), document.body
    latest = tags[-1] if tags else None
    active = next((each for each in reversed(tags) if each.body.status == "success"), None)
    status = (
        "available"
        if active
        else {"queued": "building", "building": "building", "failed": "failed"}.get(
            latest.body.status if latest else "", "unavailable"
        )
    )
    return {
        "id": document.id,
        "name": document.name,
        "project": project.name,
        "system": False,
        "description": body.description,
        "labels": body.labels,
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
        "display_name": body.display_name or document.name,
        "base_environment": body.base_environment,
        "base_environment_display_name": body.base_environment,
        "status": status,
        "active_revision": active.id if active else None,
        "active_build": active.body.build_id if active else None,
        "latest_revision": latest.id if latest else None,
        "latest_build": latest.body.build_id or None if latest else None,
        **_older(body.supports_request_format),
    }


def _system(call: Call, name: str) -> Shown:
    at = timestamp(call.services.started_at)
    return {
        "id": system_id(name),
        "name": name,
        "project": None,
        "system": True,
        "description": "The Python that runs this server",
        "labels": {},
        "creation_date": at,
        "last_updated": at,
        "display_name": name.capitalize().replace("3-", " 3."),
        "base_environment": None,
        "base_environment_display_name": None,
        "status": "available",
        "active_revision": None,
        "active_build": None,
        "latest_revision": None,
        "latest_build": None,
        **_older(True),
    }


def _older(supports_request_format: bool) -> Shown:
    return {
        "gpu_required": False,
        "implicit": False,
        "hidden": False,
        "deprecated": False,
        "supports_request_format": supports_request_format,
    }


def _tag(document: Document[TagBody], environment: Document[EnvironmentBody]) -> Shown:
    body = document.body
    return {
        "id": document.id,
        "name": body.title,
        "environment": environment.name,
        "status": body.status,
        "creation_date": timestamp(document.created_at),
        "supports_request_format": environment.body.supports_request_format,
        "implicit": False,
        "deprecated": False,
        "size": body.size_bytes,
        "error_message": body.error_message,
        "base_environment_name": body.base_environment_name,
        "base_environment_tag": body.base_environment_tag,
        "built": body.built_us is not None,
    }


def _system_tag(call: Call, name: str) -> Shown:
    return {
        "id": system_id(f"{name}/{DEFAULT_TAG}"),
        "name": DEFAULT_TAG,
        "environment": name,
        "status": "success",
        "creation_date": timestamp(call.services.started_at),
        "supports_request_format": True,
        "implicit": False,
        "deprecated": False,
        "size": 0,
        "error_message": None,
        "base_environment_name": None,
        "base_environment_tag": None,
        "built": True,
    }


def _revision(document: Document[TagBody], environment: Document[EnvironmentBody]) -> Shown:
    return {
        "id": document.id,
        "environment": environment.name,
        "creation_date": timestamp(document.created_at),
        "created_by": document.body.created_by,
        "expired": False,
    }


def _build(document: Document[TagBody]) -> Shown:
    body = document.body
    return {
        "id": body.build_id or document.id,
        "revision": document.id,
        "creation_date": timestamp(document.created_at),
        "status": body.status,
        "error_message": body.error_message,
        "trigger": "upload",
        "size": body.size_bytes,
    }
