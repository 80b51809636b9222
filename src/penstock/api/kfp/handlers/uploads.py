"""Packages sent as files."""

from penstock.api.kfp import catalogue
from penstock.api.kfp.catalogue import Named
from penstock.api.kfp.handlers.pipelines import specification
from penstock.api.kfp.kinds import PIPELINE, PipelineBody, VersionBody
from penstock.api.kfp.multipart import file_of
from penstock.api.kfp.project.resources import Shown, pipeline_v1, pipeline_v2, version_v1, version_v2
from penstock.api.shared.bodies import decode_json
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid
from penstock.services.documents import Document

__all__ = ["upload_v1", "upload_v2", "upload_version_v1", "upload_version_v2"]

FIELD = "uploadfile"


async def upload_v1(call: Call, body: bytes) -> Shown:
    """Make a pipeline of a file."""
    pipeline = await _upload(call, body)
    return pipeline_v1(pipeline, await catalogue.default_version(call, pipeline))


async def upload_v2(call: Call, body: bytes) -> Shown:
    """Make a pipeline of a file."""
    return pipeline_v2(await _upload(call, body))


async def upload_version_v1(call: Call, body: bytes) -> Shown:
    """Make a version of a file."""
    return version_v1(await _upload_version(call, body))


async def upload_version_v2(call: Call, body: bytes) -> Shown:
    """Make a version of a file."""
    version = await _upload_version(call, body)
    return version_v2(version, await specification(call, version))


async def _upload(call: Call, body: bytes) -> Document[PipelineBody]:
    file_name, content = file_of(call.headers.get("content-type", ""), body, FIELD)
    package = await catalogue.checked(file_name, content)
    return await catalogue.create_pipeline(call, _named(call, file_name), package)


async def _upload_version(call: Call, body: bytes) -> Document[VersionBody]:
    pipeline_id = call.query.get("pipelineid", "")
    if not pipeline_id:
        raise Invalid("the query parameter 'pipelineid' is missing", at="pipelineid")
    await call.services.documents.get(PIPELINE, pipeline_id)
    file_name, content = file_of(call.headers.get("content-type", ""), body, FIELD)
    package = await catalogue.checked(file_name, content)
    return await catalogue.add_version(call, pipeline_id, _named(call, file_name), package)


def _named(call: Call, file_name: str) -> Named:
    tags = decode_json(call.query.get("tags", "{}").encode(), dict[str, str])
    assert isinstance(tags, dict)
    display_name = call.query.get("display_name", "")
    return Named(
        name=call.query.get("name") or display_name or file_name,
        display_name=display_name,
        description=call.query.get("description", ""),
        tags=tags,
    )
