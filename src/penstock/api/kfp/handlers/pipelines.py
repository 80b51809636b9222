"""Pipelines and their versions."""

from dataclasses import replace
from typing import Any, Final

import msgspec

from penstock.api.kfp import catalogue
from penstock.api.kfp.catalogue import Named
from penstock.api.kfp.fetch import fetched
from penstock.api.kfp.filters import Column
from penstock.api.kfp.kinds import PIPELINE, VERSION, PipelineBody, VersionBody
from penstock.api.kfp.listing import listed
from penstock.api.kfp.project.resources import Shown, page, pipeline_v1, pipeline_v2, version_v1, version_v2
from penstock.api.kfp.references import key_of, target
from penstock.api.kfp.wire import Pipeline, PipelineVersion, V2Pipeline, V2PipelineAndVersion, V2PipelineVersion, read
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.query import Compare, Comparison
from penstock.services.documents import Document

__all__ = [
    "choose_default_v1",
    "create_v1",
    "create_v2",
    "create_version_v1",
    "create_version_v2",
    "create_with_version_v2",
    "delete",
    "delete_version",
    "edit_v2",
    "edit_version_v2",
    "get_by_name_v1",
    "get_by_name_v2",
    "get_v1",
    "get_v2",
    "get_version_v1",
    "get_version_v2",
    "list_v1",
    "list_v2",
    "list_versions_v1",
    "list_versions_v2",
    "specification",
    "template_v1",
    "version_template_v1",
]

_COLUMNS: Final = {
    "id": Column("id"),
    "name": Column("name", substring="folded"),
    "created_at": Column("created_at", is_time=True),
    "description": Column("description"),
    "namespace": Column("namespace"),
}
_COLUMNS_V2: Final = _COLUMNS | {"pipeline_id": _COLUMNS["id"], "display_name": Column("display_name")}
_VERSION_COLUMNS: Final = {
    "id": Column("id"),
    "name": Column("title", substring="folded"),
    "created_at": Column("created_at", is_time=True),
    "status": Column("status"),
    "description": Column("description"),
}
_VERSION_COLUMNS_V2: Final = _VERSION_COLUMNS | {
    "pipeline_version_id": _VERSION_COLUMNS["id"],
    "display_name": _VERSION_COLUMNS["name"],
}


# ---- pipelines


async def list_v1(call: Call) -> Shown:
    """List pipelines."""
    key_of(call.query, "resource_reference_key", ("NAMESPACE",))
    found = await listed(call, PIPELINE, _COLUMNS)
    return page("pipelines", [await _v1(call, each) for each in found.documents], found.total, found.next_token)


async def list_v2(call: Call) -> Shown:
    """List pipelines."""
    found = await listed(call, PIPELINE, _COLUMNS_V2)
    return page("pipelines", [pipeline_v2(each) for each in found.documents], found.total, found.next_token)


async def create_v1(call: Call, body: object) -> Shown:
    """Make a pipeline from a URL."""
    wanted = read(body, Pipeline)
    if not wanted.url.pipeline_url:
        raise Invalid("the pipeline has no package: give url.pipeline_url, or upload one", at="/url/pipeline_url")
    file_name, content = await fetched(wanted.url.pipeline_url)
    package = await catalogue.checked(file_name, content)
    named = Named(
        name=wanted.name or file_name,
        description=wanted.description,
        package_url=wanted.url.pipeline_url,
        tags={},
    )
    return await _v1(call, await catalogue.create_pipeline(call, named, package))


async def create_v2(call: Call, body: object) -> Shown:
    """Make a pipeline without versions."""
    return pipeline_v2(await catalogue.create_empty(call, _named_v2(read(body, V2Pipeline))))


async def create_with_version_v2(call: Call, body: object) -> Shown:
    """Make a pipeline and its first version, from a URL."""
    wanted = read(body, V2PipelineAndVersion)
    url = wanted.pipeline_version.package_url.pipeline_url
    file_name, content = await fetched(url)
    package = await catalogue.checked(file_name, content)
    named = _named_v2(wanted.pipeline)
    pipeline = await catalogue.create_pipeline(
        call, replace(named, name=named.name or file_name, package_url=url), package
    )
    return pipeline_v2(pipeline)


async def get_v1(call: Call) -> Shown:
    """Show a pipeline."""
    return await _v1(call, await call.services.documents.get(PIPELINE, call.path["id"]))


async def get_v2(call: Call) -> Shown:
    """Show a pipeline."""
    return pipeline_v2(await call.services.documents.get(PIPELINE, call.path["id"]))


async def get_by_name_v1(call: Call) -> Shown:
    """Show the pipeline of that name."""
    return await _v1(call, await call.services.documents.find(PIPELINE, call.scope, call.path["name"]))


async def get_by_name_v2(call: Call) -> Shown:
    """Show the pipeline of that name."""
    return pipeline_v2(await call.services.documents.find(PIPELINE, call.scope, call.path["name"]))


async def edit_v2(call: Call, body: object) -> Shown:
    """Change how a pipeline is shown."""
    wanted = read(body, V2Pipeline)

    def change(present: PipelineBody) -> PipelineBody:
        return msgspec.structs.replace(
            present,
            display_name=wanted.display_name or present.display_name,
            description=wanted.description or present.description,
            tags=wanted.tags or present.tags,
        )

    return pipeline_v2(await call.services.documents.update(PIPELINE, call.path["id"], change))


async def delete(call: Call) -> Shown:
    """Remove a pipeline with its versions."""
    await catalogue.delete_pipeline(call, call.path["id"])
    return {}


async def template_v1(call: Call) -> Shown:
    """Show the package of the default version."""
    pipeline = await call.services.documents.get(PIPELINE, call.path["id"])
    version = await catalogue.default_version(call, pipeline)
    if version is None:
        raise NotFound(f"pipeline {call.path['id']!r} has no version, so it has no template")
    return {"template": (await catalogue.package_text(call, version)).decode()}


async def choose_default_v1(call: Call) -> Shown:
    """Make a version the default one."""
    await catalogue.choose_default(call, call.path["pipeline_id"], call.path["version_id"])
    return {}


# ---- versions


async def list_versions_v1(call: Call) -> Shown:
    """List the versions of a pipeline."""
    key = key_of(call.query, "resource_key", ("PIPELINE",))
    if key is None:
        raise Invalid("resource_key.type must be PIPELINE, and resource_key.id its id", at="resource_key.type")
    await call.services.documents.get(PIPELINE, key[1])
    found = await listed(call, VERSION, _VERSION_COLUMNS, Compare("pipeline_id", Comparison.EQ, key[1]))
    return page("versions", [version_v1(each) for each in found.documents], found.total, found.next_token)


async def list_versions_v2(call: Call) -> Shown:
    """List the versions of a pipeline."""
    pipeline = await call.services.documents.get(PIPELINE, call.path["id"])
    found = await listed(call, VERSION, _VERSION_COLUMNS_V2, Compare("pipeline_id", Comparison.EQ, pipeline.id))
    return page("pipeline_versions", [version_v2(each) for each in found.documents], found.total, found.next_token)


async def create_version_v1(call: Call, body: object) -> Shown:
    """Make a version from a URL."""
    wanted = read(body, PipelineVersion)
    pipeline_id = target(wanted.resource_references, "PIPELINE", "OWNER")
    if not pipeline_id:
        raise Invalid("the version has no reference to its pipeline (type PIPELINE, OWNER)", at="/resource_references")
    url = wanted.package_url.pipeline_url
    return version_v1(
        await _version_from(call, pipeline_id, wanted.name, wanted.description, wanted.code_source_url, url)
    )


async def create_version_v2(call: Call, body: object) -> Shown:
    """Make a version from a URL."""
    wanted = read(body, V2PipelineVersion)
    name = wanted.display_name or wanted.name
    url = wanted.package_url.pipeline_url
    version = await _version_from(call, call.path["id"], name, wanted.description, wanted.code_source_url, url)
    return version_v2(version, await specification(call, version))


async def get_version_v1(call: Call) -> Shown:
    """Show a version."""
    return version_v1(await call.services.documents.get(VERSION, call.path["version_id"]))


async def get_version_v2(call: Call) -> Shown:
    """Show a version with its specification."""
    version = await _version_of_pipeline(call)
    return version_v2(version, await specification(call, version))


async def edit_version_v2(call: Call, body: object) -> Shown:
    """Change how a version is shown."""
    wanted = read(body, V2PipelineVersion)
    version = await _version_of_pipeline(call)

    def change(present: VersionBody) -> VersionBody:
        return msgspec.structs.replace(
            present,
            display_name=wanted.display_name or present.display_name,
            description=wanted.description or present.description,
            tags=wanted.tags or present.tags,
        )

    return version_v2(await call.services.documents.update(VERSION, version.id, change))


async def delete_version(call: Call) -> Shown:
    """Remove a version."""
    await catalogue.delete_version(call, call.path["version_id"])
    return {}


async def version_template_v1(call: Call) -> Shown:
    """Show the package of a version."""
    version = await call.services.documents.get(VERSION, call.path["version_id"])
    return {"template": (await catalogue.package_text(call, version)).decode()}


async def specification(call: Call, version: Document[VersionBody]) -> dict[str, Any]:
    """Return the specification of a version as v2beta1 shows it; with a platform part, both under their names."""
    package = await catalogue.package(call, version)
    if package.platforms:
        return {"pipeline_spec": package.document, "platform_spec": {"platforms": package.platforms}}
    return package.document


async def _v1(call: Call, pipeline: Document[PipelineBody]) -> Shown:
    return pipeline_v1(pipeline, await catalogue.default_version(call, pipeline))


async def _version_of_pipeline(call: Call) -> Document[VersionBody]:
    version = await call.services.documents.get(VERSION, call.path["version_id"])
    if version.body.pipeline_id != call.path["id"]:
        raise NotFound(f"pipeline {call.path['id']!r} has no version {version.id!r}")
    return version


async def _version_from(
    call: Call, pipeline_id: str, name: str, description: str, code_source_url: str, url: str
) -> Document[VersionBody]:
    if not url:
        raise Invalid("the version has no package: give package_url.pipeline_url", at="/package_url/pipeline_url")
    await call.services.documents.get(PIPELINE, pipeline_id)
    file_name, content = await fetched(url)
    package = await catalogue.checked(file_name, content)
    named = Named(
        name=name or file_name,
        description=description,
        code_source_url=code_source_url,
        package_url=url,
        tags={},
    )
    return await catalogue.add_version(call, pipeline_id, named, package)


def _named_v2(wanted: V2Pipeline) -> Named:
    return Named(
        name=wanted.name or wanted.display_name,
        display_name=wanted.display_name,
        description=wanted.description,
        tags=wanted.tags,
    )
