"""Pipelines and their versions as they are kept: packages in the blob store, one default version per pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.kinds import PIPELINE, VERSION, PipelineBody, VersionBody, folded
from penstock.api.kfp.shelf import package_by_digest
from penstock.api.shared.call import Call
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.kernel.query import Compare, Comparison, Order
from penstock.services.documents import Document

if TYPE_CHECKING:
    from penstock.api.kfp.packages import Package

__all__ = [
    "Named",
    "add_version",
    "checked",
    "choose_default",
    "create_empty",
    "create_pipeline",
    "default_version",
    "delete_pipeline",
    "delete_version",
    "package",
    "package_text",
]

MAX_NAME_BYTES: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a client says of a pipeline or version beside its package."""

    name: str
    display_name: str = ""
    description: str = ""
    code_source_url: str = ""
    package_url: str = ""
    namespace: str = ""
    tags: dict[str, str]


async def checked(name: str, content: bytes) -> Package:
    """Read an uploaded file and check that it makes a graph; features that are not there are no reason to refuse it.

    Raises: Invalid.
    """
    return await asyncio.to_thread(_checked, name, content)


async def create_pipeline(call: Call, named: Named, package: Package) -> Document[PipelineBody]:
    """Store a pipeline with its first version, which is called like it.

    Raises: Invalid, AlreadyExists.
    """
    _check_name("pipeline", named.name)
    documents = call.services.documents
    try:
        await documents.find(PIPELINE, call.scope, named.name)
    except NotFound:
        pass
    else:
        raise _taken("pipeline", named.name)
    sha256 = await _store(call, package)
    body = PipelineBody(
        folded=folded(named.name),
        display_name=named.display_name or named.name,
        description=named.description,
        namespace=named.namespace,
        tags=named.tags,
    )
    try:
        pipeline = await documents.create(PIPELINE, call.scope, named.name, body)
    except AlreadyExists:
        raise _taken("pipeline", named.name) from None
    version = await _create_version(call, pipeline, named, package, sha256)
    return await documents.replace(pipeline, msgspec.structs.replace(body, default_version=version.id))


async def create_empty(call: Call, named: Named) -> Document[PipelineBody]:
    """Store a pipeline without versions.

    Raises: Invalid, AlreadyExists.
    """
    _check_name("pipeline", named.name)
    body = PipelineBody(
        folded=folded(named.name),
        display_name=named.display_name or named.name,
        description=named.description,
        namespace=named.namespace,
        tags=named.tags,
    )
    try:
        return await call.services.documents.create(PIPELINE, call.scope, named.name, body)
    except AlreadyExists:
        raise _taken("pipeline", named.name) from None


async def add_version(call: Call, pipeline_id: str, named: Named, package: Package) -> Document[VersionBody]:
    """Store a version; it becomes the pipeline's default.

    Raises: Invalid, NotFound, AlreadyExists.
    """
    _check_name("pipeline version", named.name)
    pipeline = await call.services.documents.get(PIPELINE, pipeline_id)
    version = await _create_version(call, pipeline, named, package, await _store(call, package))
    await choose_default(call, pipeline_id, version.id)
    return version


async def choose_default(call: Call, pipeline_id: str, version_id: str) -> None:
    """Make a version of the pipeline its default.

    Raises: NotFound.
    """
    documents = call.services.documents
    await documents.get(PIPELINE, pipeline_id)
    version = await documents.get(VERSION, version_id)
    if version.body.pipeline_id != pipeline_id:
        raise NotFound(f"pipeline {pipeline_id!r} has no version {version_id!r}")
    await documents.update(
        PIPELINE, pipeline_id, lambda body: msgspec.structs.replace(body, default_version=version_id)
    )


async def default_version(call: Call, pipeline: Document[PipelineBody]) -> Document[VersionBody] | None:
    """Return the default version; None if the pipeline has no version."""
    if pipeline.body.default_version is None:
        return None
    try:
        return await call.services.documents.get(VERSION, pipeline.body.default_version)
    except NotFound:
        return None


async def delete_pipeline(call: Call, id: str) -> None:
    """Remove a pipeline with its versions.

    Raises: NotFound.
    """
    documents = call.services.documents
    pipeline = await documents.get(PIPELINE, id)
    while page := (await documents.page(VERSION, call.scope, where=_of(id), limit=200)).documents:
        for version in page:
            await documents.delete(version)
    await documents.delete(await documents.get(PIPELINE, pipeline.id))


async def delete_version(call: Call, id: str) -> None:
    """Remove a version; if it was the default, the newest of the others takes its place.

    Raises: NotFound.
    """
    documents = call.services.documents
    version = await documents.get(VERSION, id)
    await documents.delete(version)
    newest = await documents.page(
        VERSION, call.scope, where=_of(version.body.pipeline_id), order=Order("created_at", True), limit=1
    )
    heir = newest.documents[0].id if newest.documents else None

    def without(body: PipelineBody) -> PipelineBody:
        return msgspec.structs.replace(body, default_version=heir) if body.default_version == id else body

    try:
        await documents.update(PIPELINE, version.body.pipeline_id, without)
    except NotFound:
        return


async def package_text(call: Call, version: Document[VersionBody]) -> bytes:
    """Return the text of a version's package.

    Raises: NotFound if it was removed from the blob store.
    """
    return b"".join([chunk async for chunk in call.services.blobs.open(version.body.package)])


async def package(call: Call, version: Document[VersionBody]) -> Package:
    """Return a version's package."""
    return await package_by_digest(call.services, version.body.package)


def _checked(name: str, content: bytes) -> Package:
    # Reading and lowering packages is loaded when it is needed, not when the server starts.
    from penstock.api.kfp import lower
    from penstock.api.kfp.packages import package_of_file

    package = package_of_file(name, content)
    try:
        lower.graph(package)
    except UnsupportedFeature:
        # Said when somebody wants to run it.
        return package
    return package


async def _create_version(
    call: Call, pipeline: Document[PipelineBody], named: Named, package: Package, sha256: str
) -> Document[VersionBody]:
    body = VersionBody(
        title=named.name,
        folded=folded(named.name),
        pipeline_id=pipeline.id,
        package=sha256,
        is_ir=package.is_ir,
        display_name=named.display_name,
        parameters=package.parameters,
        description=named.description,
        code_source_url=named.code_source_url,
        package_url=named.package_url,
        tags=named.tags,
    )
    try:
        return await call.services.documents.create(VERSION, call.scope, f"{pipeline.id}/{named.name}", body)
    except AlreadyExists:
        raise _taken("pipeline version", named.name) from None


async def _store(call: Call, package: Package) -> str:
    async def chunks() -> AsyncIterator[bytes]:
        yield package.text

    return (await call.services.blobs.put(chunks())).sha256


def _of(pipeline_id: str) -> Compare:
    return Compare("pipeline_id", Comparison.EQ, pipeline_id)


def _check_name(noun: str, name: str) -> None:
    if not name:
        raise Invalid(f"the {noun} has no name", at="/name")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise Invalid(
            f"the {noun}'s name has {len(name.encode())} bytes; at most {MAX_NAME_BYTES} are taken", at="/name"
        )


def _taken(noun: str, name: str) -> AlreadyExists:
    return AlreadyExists(f"a {noun} named {name!r} already exists. Please specify a new name")
