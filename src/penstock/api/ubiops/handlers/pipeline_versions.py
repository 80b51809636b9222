"""Versions of pipelines: objects, and the attachments between them."""

from typing import Any

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops import project as shown
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import Project, all_of, equals, find_pipeline, find_pipeline_version, project_of
from penstock.api.ubiops.kinds import (
    MAX_RETENTION_S,
    PIPELINE,
    PIPELINE_VERSION,
    RETENTION_MODES,
    PipelineBody,
    PipelineVersionBody,
)
from penstock.api.ubiops.objects import bound, connected, named, rewritten
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.removal import release_version, remove_pipeline_version
from penstock.api.ubiops.rules import (
    checked_choice,
    checked_labels,
    checked_number,
    checked_text,
    checked_title,
    matches_labels,
    wanted_labels,
)
from penstock.api.ubiops.wire import PipelineVersionCreate, PipelineVersionUpdate, changes, read
from penstock.kernel.errors import AlreadyExists
from penstock.services.documents import Document

__all__ = ["create", "delete", "get", "list_all", "update"]


async def list_all(call: Call) -> list[Shown]:
    """List the versions of a pipeline; `labels` choose among them."""
    project, pipeline = await _pipeline(call)
    wanted = wanted_labels(call.query)
    where = equals("pipeline_id", pipeline.id)
    rows = await all_of(call.services.documents, PIPELINE_VERSION, project.scope, where)
    return [shown.pipeline_version_item(each, pipeline) for each in rows if matches_labels(each.body.labels, wanted)]


async def create(call: Call, body: object) -> Shown:
    """Make a version; the first one of a pipeline is its default."""
    project, pipeline = await _pipeline(call)
    wanted = changes(read(body, PipelineVersionCreate))
    title = checked_title(wanted.pop("version"))
    empty = PipelineVersionBody(title=title, pipeline_id=pipeline.id)
    made = msgspec.structs.replace(empty, **await _checked(call, project, pipeline, wanted, empty))
    note = _note(call, project, pipeline, "create", title)
    documents = call.services.documents
    try:
        document = await documents.create(PIPELINE_VERSION, project.scope, f"{pipeline.id}/{title}", made, also=(note,))
    except AlreadyExists:
        raise _taken(pipeline, title) from None
    pipeline = await documents.update(
        PIPELINE,
        pipeline.id,
        lambda body: body if body.default_version else msgspec.structs.replace(body, default_version=document.id),
    )
    return await _shown(call, pipeline, document)


async def get(call: Call) -> Shown:
    """Show a version with its objects and attachments."""
    project, pipeline = await _pipeline(call)
    document = await find_pipeline_version(call.services, project, pipeline, call.path["version"])
    return await _shown(call, pipeline, document)


async def update(call: Call, body: object) -> Shown:
    """Change a version; lists of objects and attachments replace those that are there."""
    project, pipeline = await _pipeline(call)
    present = await find_pipeline_version(call.services, project, pipeline, call.path["version"])
    wanted = changes(read(body, PipelineVersionUpdate))
    title = checked_title(wanted.pop("version", present.body.title))
    checked = await _checked(call, project, pipeline, wanted, present.body)
    made = msgspec.structs.replace(present.body, title=title, **checked)
    note = _note(call, project, pipeline, "update", title)
    try:
        document = await call.services.documents.replace(present, made, name=f"{pipeline.id}/{title}", also=(note,))
    except AlreadyExists:
        raise _taken(pipeline, title) from None
    return await _shown(call, pipeline, document)


async def delete(call: Call) -> None:
    """Remove a version; refused while a pipeline's object is pinned to it, or others follow it as the default."""
    project, pipeline = await _pipeline(call)
    services = call.services
    present = await find_pipeline_version(services, project, pipeline, call.path["version"])
    await release_version(services, project, (PIPELINE, PIPELINE_VERSION), pipeline, present)
    await remove_pipeline_version(services, project, present)
    await services.store.commit(_note(call, project, pipeline, "delete", present.body.title))


async def _pipeline(call: Call) -> tuple[Project, Document[PipelineBody]]:
    project = await project_of(call)
    return project, await find_pipeline(call.services, project, call.path["pipeline"])


async def _checked(
    call: Call,
    project: Project,
    pipeline: Document[PipelineBody],
    wanted: dict[str, Any],
    present: PipelineVersionBody,
) -> dict[str, Any]:
    """Return what to set. Raises: Invalid and what `objects.bound` raises."""
    made = dict(wanted)
    checked_text(made.get("description", ""))
    if "labels" in made:
        made["labels"] = checked_labels(made["labels"])
    if "request_retention_time" in made:
        checked_number(made["request_retention_time"], "request_retention_time", 3600, MAX_RETENTION_S)
    checked_choice(made.get("request_retention_mode", "full"), "request_retention_mode", RETENTION_MODES)
    if "metadata" in made:
        made["metadata"] = made["metadata"] or {}
    if "objects" in made:
        made["objects"] = await bound(call.services, project, pipeline, made["objects"] or (), present.objects)
    if "objects" in made or "attachments" in made:
        given = made["attachments"] or () if "attachments" in made else rewritten(present.attachments)
        objects = made.get("objects", present.objects)
        made["attachments"] = await connected(call.services, pipeline, objects, given, present.attachments)
    return made


async def _shown(call: Call, pipeline: Document[PipelineBody], document: Document[PipelineVersionBody]) -> Shown:
    return shown.pipeline_version(document, pipeline, await named(call.services, document.body))


def _note(call: Call, project: Project, pipeline: Document[PipelineBody], action: str, title: str) -> Any:
    event = f"version {title} of pipeline {pipeline.name} was {action}d"
    return entry(call, project.scope, action, "pipeline_version", title, event, parent=f"pipeline/{pipeline.name}")


def _taken(pipeline: Document[PipelineBody], title: str) -> AlreadyExists:
    return AlreadyExists(f"A version with the name {title!r} of pipeline {pipeline.name!r} already exists")
