"""Objects of pipeline versions: from names to what they refer to, and back."""

import uuid
from collections.abc import Mapping, Sequence

from penstock.api.ubiops.catalogue import (
    Project,
    find_deployment,
    find_pipeline,
    find_pipeline_version,
    find_version,
)
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    PIPELINE,
    PIPELINE_VERSION,
    VERSION,
    AttachmentBody,
    DeploymentBody,
    MappingBody,
    ObjectBody,
    PipelineBody,
    PipelineVersionBody,
    SourceBody,
)
from penstock.api.ubiops.project import Shown, plain_fields
from penstock.api.ubiops.rules import checked_choice, checked_title
from penstock.api.ubiops.topology import (
    END,
    ON_ERROR,
    START,
    Ends,
    check_attachments,
    operator_configuration,
    operator_ends,
)
from penstock.api.ubiops.wire import Attachment, Object
from penstock.kernel.errors import Invalid, WrongState
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["bound", "connected", "named", "rewritten"]

_TYPES = ("deployment", "pipeline", "operator")
MAX_OBJECTS = 500


async def bound(
    services: Services,
    project: Project,
    pipeline: Document[PipelineBody],
    wanted: Sequence[Object],
    present: Sequence[ObjectBody] = (),
) -> tuple[ObjectBody, ...]:
    """Return objects with what they refer to. present: those that are there, whose ids are kept.

    Raises: Invalid; NotFound for an unknown reference; WrongState if a version is still being built.
    """
    ids = {each.name: each.id for each in present}
    made: dict[str, ObjectBody] = {}
    if len(wanted) > MAX_OBJECTS:
        raise Invalid(f"objects: a pipeline version has at most {MAX_OBJECTS} objects; {len(wanted)} were sent")
    for index, each in enumerate(wanted):
        where = f"objects[{index}]"
        name = checked_title(each.name, f"{where}.name")
        if name in (START, END) or name in made:
            raise Invalid(f"{where}.name: {name!r} is {'reserved' if name in (START, END) else 'there twice'}")
        checked_choice(each.reference_type, f"{where}.reference_type", _TYPES)
        reference, version_id, configuration = await _reference(services, project, pipeline, each, where)
        made[name] = ObjectBody(
            id=ids.get(name) or str(uuid.uuid4()),
            name=name,
            reference_type=each.reference_type,
            reference=reference,
            version_id=version_id,
            configuration=configuration,
            metadata=each.metadata or {},
        )
    return tuple(made.values())


async def connected(
    services: Services,
    pipeline: Document[PipelineBody],
    objects: Sequence[ObjectBody],
    wanted: Sequence[Attachment],
    present: Sequence[AttachmentBody] = (),
) -> tuple[AttachmentBody, ...]:
    """Return checked attachments. Raises: Invalid."""
    ends = {each.name: await _ends(services, each) for each in objects}
    own = pipeline.body
    ends[START] = Ends(own.input_type, (), own.input_type, own.input_fields)
    ends[END] = Ends(own.output_type, own.output_fields, own.output_type, ())
    variables = [each.name for each in objects if each.reference == "pipeline-variable"]
    check_attachments(wanted, ends, variables)
    made = []
    spare = list(present)
    for each in wanted:
        sources = tuple(
            SourceBody(
                source.source_name,
                tuple(MappingBody(m.source_field_name, m.destination_field_name) for m in source.mapping or ()),
            )
            for source in each.sources
        )
        same = next(
            (old for old in spare if (old.destination_name, old.sources) == (each.destination_name, sources)), None
        )
        if same:
            spare.remove(same)
        made.append(
            AttachmentBody(
                id=same.id if same else str(uuid.uuid4()), destination_name=each.destination_name, sources=sources
            )
        )
    return tuple(made)


def rewritten(attachments: Sequence[AttachmentBody]) -> tuple[Attachment, ...]:
    """Return kept attachments as a client would send them, so that they can be checked against other objects."""
    from msgspec import convert, to_builtins

    return convert(to_builtins(attachments), tuple[Attachment, ...])


async def named(services: Services, version: PipelineVersionBody) -> Mapping[str, Shown]:
    """Return what each object refers to, by the object's id: names, and ends."""
    shown = {}
    for each in version.objects:
        ends, documents = await _ends(services, each), services.documents
        name, title = each.reference, None
        if each.reference_type == "deployment":
            name = str((await documents.get(DEPLOYMENT, each.reference)).name)
            title = (await documents.get(VERSION, each.version_id)).body.title if each.version_id else None
        elif each.reference_type == "pipeline":
            name = str((await documents.get(PIPELINE, each.reference)).name)
            title = (await documents.get(PIPELINE_VERSION, each.version_id)).body.title if each.version_id else None
        shown[each.id] = {
            "reference_name": name,
            "version": title,
            "input_type": ends.input_type,
            "input_fields": plain_fields(ends.input_fields),
            "output_type": ends.output_type,
            "output_fields": plain_fields(ends.output_fields),
        }
    return shown


async def _reference(
    services: Services, project: Project, pipeline: Document[PipelineBody], wanted: Object, where: str
) -> tuple[str, str | None, dict[str, object]]:
    title = wanted.version or wanted.reference_version
    given = wanted.configuration or {}
    if wanted.reference_type == "operator":
        configuration = operator_configuration(wanted.reference_name, given, f"{where}.configuration")
        return wanted.reference_name, None, configuration
    on_error = checked_choice(str(given.get("on_error") or "stop"), f"{where}.configuration.on_error", ON_ERROR)
    configuration = {**given, "on_error": on_error}
    if wanted.reference_type == "deployment":
        deployment = await find_deployment(services, project, wanted.reference_name)
        version = await find_version(services, project, deployment, title) if title else None
        await _check_built(services, deployment, version.id if version else deployment.body.default_version)
        return deployment.id, version.id if version else None, configuration
    inner = await find_pipeline(services, project, wanted.reference_name)
    pinned = await find_pipeline_version(services, project, inner, title) if title else None
    await _check_containment(services, pipeline, inner, pinned.id if pinned else inner.body.default_version, where)
    return inner.id, pinned.id if pinned else None, configuration


async def _check_built(services: Services, deployment: Document[DeploymentBody], version_id: str | None) -> None:
    if version_id is None:
        return
    version = await services.documents.get(VERSION, version_id)
    if version.body.status == "building":
        raise WrongState(
            f"Version is not available: The version is currently in the building stage "
            f"({deployment.name!r}, version {version.body.title!r})"
        )


async def _check_containment(
    services: Services,
    pipeline: Document[PipelineBody],
    inner: Document[PipelineBody],
    version_id: str | None,
    where: str,
) -> None:
    """Refuse a pipeline that contains itself, directly or through others."""
    waiting, seen = [(inner.id, version_id)], set()
    while waiting:
        id, chosen = waiting.pop()
        if id == pipeline.id:
            raise Invalid(f"{where}: pipeline {pipeline.name!r} would contain itself, through {inner.name!r}")
        if chosen is None or chosen in seen:
            continue
        seen.add(chosen)
        for each in (await services.documents.get(PIPELINE_VERSION, chosen)).body.objects:
            if each.reference_type == "pipeline":
                within = await services.documents.get(PIPELINE, each.reference)
                waiting.append((within.id, each.version_id or within.body.default_version))


async def _ends(services: Services, each: ObjectBody) -> Ends:
    if each.reference_type == "operator":
        return operator_ends(each.reference, each.configuration)
    body: DeploymentBody | PipelineBody
    if each.reference_type == "deployment":
        body = (await services.documents.get(DEPLOYMENT, each.reference)).body
    else:
        body = (await services.documents.get(PIPELINE, each.reference)).body
    return Ends(body.input_type, body.input_fields, body.output_type, body.output_fields)
