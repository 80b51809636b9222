"""Pipelines: named, with declared ends; what happens between them is in their versions."""

from typing import Final

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops import project as shown
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import (
    Project,
    all_of,
    equals,
    find_pipeline,
    find_pipeline_version,
    project_of,
)
from penstock.api.ubiops.kinds import PIPELINE, PIPELINE_VERSION, PipelineBody
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.removal import remove_pipeline
from penstock.api.ubiops.rules import (
    checked_fields,
    checked_labels,
    checked_name,
    checked_text,
    matches_labels,
    wanted_labels,
)
from penstock.api.ubiops.topology import END, START
from penstock.api.ubiops.wire import PipelineCreate, PipelineUpdate, changes, read
from penstock.kernel.errors import AlreadyExists, WrongState
from penstock.kernel.query import Order
from penstock.services.documents import Document

__all__ = ["create", "delete", "get", "list_all", "update"]

_ENDS: Final = ("input_type", "input_fields", "output_type", "output_fields")


async def list_all(call: Call) -> list[Shown]:
    """List the pipelines of a project; `labels` choose among them."""
    project, wanted = await project_of(call), wanted_labels(call.query)
    rows = await all_of(call.services.documents, PIPELINE, project.scope, order=Order("name"))
    return [shown.pipeline_item(each, project.name) for each in rows if matches_labels(each.body.labels, wanted)]


async def create(call: Call, body: object) -> Shown:
    """Make a pipeline."""
    project, wanted = await project_of(call), read(body, PipelineCreate)
    name = checked_name(wanted.name)
    made = PipelineBody(
        description=checked_text(wanted.description),
        input_type=wanted.input_type,
        output_type=wanted.output_type,
        input_fields=checked_fields(wanted.input_fields, wanted.input_type, "input_fields"),
        output_fields=checked_fields(wanted.output_fields, wanted.output_type, "output_fields"),
        labels=checked_labels(wanted.labels),
    )
    note = entry(call, project.scope, "create", "pipeline", name, f"pipeline {name} was created")
    try:
        document = await call.services.documents.create(PIPELINE, project.scope, name, made, also=(note,))
    except AlreadyExists:
        raise _taken(name) from None
    return shown.pipeline_created(document, project.name)


async def get(call: Call) -> Shown:
    """Show a pipeline."""
    project = await project_of(call)
    return await _detail(call, project, await find_pipeline(call.services, project, call.path["pipeline"]))


async def update(call: Call, body: object) -> Shown:
    """Change a pipeline: its name, texts, ends while nothing is attached to them, or which version is the default."""
    project, wanted = await project_of(call), changes(read(body, PipelineUpdate))
    present = await find_pipeline(call.services, project, call.path["pipeline"])
    name = checked_name(wanted.pop("name", present.name))
    for side in ("input", "output"):
        kind, key = wanted.get(f"{side}_type", getattr(present.body, f"{side}_type")), f"{side}_fields"
        if key in wanted or f"{side}_type" in wanted:
            given = wanted.get(key, getattr(present.body, key))
            wanted[key] = checked_fields(given, kind, key)
    if "labels" in wanted:
        wanted["labels"] = checked_labels(wanted["labels"])
    checked_text(wanted.get("description", ""))
    if "default_version" in wanted:
        version = await find_pipeline_version(call.services, project, present, wanted["default_version"])
        wanted["default_version"] = version.id
    await _check_free(call, project, present, wanted)
    note = entry(call, project.scope, "update", "pipeline", name, f"pipeline {name} was updated")
    made = msgspec.structs.replace(present.body, **wanted)
    try:
        document = await call.services.documents.replace(present, made, name=name, also=(note,))
    except AlreadyExists:
        raise _taken(name) from None
    return await _detail(call, project, document)


async def delete(call: Call) -> None:
    """Remove a pipeline with its versions and requests."""
    project = await project_of(call)
    present = await find_pipeline(call.services, project, call.path["pipeline"])
    await remove_pipeline(call.services, project, present)
    name = str(present.name)
    await call.services.store.commit(
        entry(call, project.scope, "delete", "pipeline", name, f"pipeline {name} was deleted")
    )


async def _check_free(call: Call, project: Project, present: Document[PipelineBody], wanted: dict[str, object]) -> None:
    """Refuse to change an end to which something is attached."""
    changed = {key for key in _ENDS if key in wanted and wanted[key] != getattr(present.body, key)}
    if not changed:
        return
    where = equals("pipeline_id", present.id)
    for version in await all_of(call.services.documents, PIPELINE_VERSION, project.scope, where):
        for attachment in version.body.attachments:
            attached = {"output"} if attachment.destination_name == END else set()
            if any(source.source_name == START for source in attachment.sources):
                attached.add("input")
            for side in attached:
                if changed & {f"{side}_type", f"{side}_fields"}:
                    raise WrongState(
                        f"The {side} of pipeline {present.name!r} cannot be changed: "
                        f"objects of its version {version.body.title!r} are attached to it"
                    )


async def _detail(call: Call, project: Project, document: Document[PipelineBody]) -> Shown:
    default = document.body.default_version
    title = (await call.services.documents.get(PIPELINE_VERSION, default)).body.title if default else None
    return shown.pipeline_detail(document, project.name, title)


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"A pipeline with the name {name!r} already exists")
