"""Revisions: code that is uploaded to a version, and what came of building it."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from starlette.responses import Response

from penstock.api.shared.call import Call
from penstock.api.ubiops import project as shown
from penstock.api.ubiops.auth import email_of
from penstock.api.ubiops.beside import standing
from penstock.api.ubiops.building import PATIENCE_S
from penstock.api.ubiops.catalogue import Project, all_of, equals, find_deployment, find_version, project_of
from penstock.api.ubiops.downloads import send_blob
from penstock.api.ubiops.kinds import REVISION, VERSION, DeploymentBody, RevisionBody, VersionBody
from penstock.api.ubiops.packages import MAX_BYTES, package_of
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.uploads import Form, Upload, receive, store
from penstock.api.ubiops.variables import effective
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.instants import unix_us
from penstock.kernel.query import Order
from penstock.services.documents import Document

__all__ = ["download", "get", "list_all", "rebuild", "upload", "upload_content"]

_MODULE_VARIABLES: Final = ("SYS_DEPLOYMENT_FILE_NAME", "ML_MODEL_FILE_NAME")


async def list_all(call: Call) -> list[Shown]:
    """List the revisions of a version, newest first."""
    _, _, version = await _version(call)
    where, order = equals("version_id", version.id), Order("created_at", descending=True)
    rows = await all_of(call.services.documents, REVISION, version.scope, where, order)
    return [shown.revision(each, version.body.title) for each in rows]


async def get(call: Call) -> Shown:
    """Show a revision."""
    _, _, version = await _version(call)
    return shown.revision(await _revision(call, version), version.body.title)


async def upload(call: Call, chunks: AsyncIterator[bytes]) -> Shown:
    """Take code in as a zip, or from another version, and begin to build it; without any, an empty revision."""
    project, deployment, version = await _version(call)
    form = await receive(call.headers.get("content-type", ""), chunks, MAX_BYTES)
    try:
        if "file" in form.files and form.files["file"].size_bytes:
            made = await _uploaded(call, project, deployment, version, form.files["file"])
        elif "source_deployment" in form.fields:
            made = await _copied(call, project, version, form)
        elif form.fields.get("template_deployment_id"):
            raise NotFound("Template deployment was not found: this server has none")
        elif "file" in form.files or form.fields:
            raise Invalid("The form has no file with content called 'file'")
        else:
            made = RevisionBody(version_id=version.id, status="success", created_by=email_of(call.principal))
    finally:
        form.close()
    revision = await _begin(call, project, version, made)
    return {"success": True, "revision": revision.id, "build": revision.id}


async def upload_content(call: Call, name: str, content: bytes) -> None:
    """Take code in that is here already, and begin to build it."""
    project, deployment, version = await _version(call)
    with io.BytesIO(content) as file:
        made = await _uploaded(call, project, deployment, version, Upload(name, file, len(content)))
    await _begin(call, project, version, made)


async def rebuild(call: Call, body: object) -> Shown:
    """Build a revision's code anew, as a new revision."""
    project, _, version = await _version(call)
    present = await _revision(call, version)
    if present.body.package is None:
        raise Invalid("An empty revision cannot be rebuilt")
    made = msgspec.structs.replace(
        present.body, status="queued", error_message=None, created_by=email_of(call.principal)
    )
    return shown.revision(await _begin(call, project, version, made), version.body.title)


async def download(call: Call) -> Response:
    """Send the zip of a revision as it came."""
    _, _, version = await _version(call)
    revision = await _revision(call, version)
    if revision.body.package is None:
        raise NotFound("The revision is empty: it has no file")
    name = f"{call.path['deployment']}-{version.body.title}.zip"
    return await send_blob(call.services, revision.body.package, name, media_type="application/zip")


async def _version(call: Call) -> tuple[Project, Document[DeploymentBody], Document[VersionBody]]:
    project = await project_of(call)
    deployment = await find_deployment(call.services, project, call.path["deployment"])
    return project, deployment, await find_version(call.services, project, deployment, call.path["version"])


async def _revision(call: Call, version: Document[VersionBody]) -> Document[RevisionBody]:
    try:
        found = await call.services.documents.get(REVISION, call.path["id"])
    except NotFound:
        found = None
    if found is None or found.body.version_id != version.id:
        raise NotFound(f"Revision was not found: version {version.body.title!r} has no revision {call.path['id']!r}")
    return found


async def _uploaded(
    call: Call,
    project: Project,
    deployment: Document[DeploymentBody],
    version: Document[VersionBody],
    upload: Upload,
) -> RevisionBody:
    seen = await effective(call.services, project, deployment, version)
    modules = [seen.variables[name] for name in _MODULE_VARIABLES if seen.variables.get(name)]
    modules = [each if each.endswith(".py") else f"{each}.py" for each in modules] or ["deployment.py"]
    package = await asyncio.to_thread(package_of, upload.content, upload.size_bytes, modules)
    return RevisionBody(
        version_id=version.id,
        package=await store(call.services, upload),
        root=package.root,
        file_name=upload.name,
        module=package.module,
        variables=package.variables,
        created_by=email_of(call.principal),
    )


async def _copied(call: Call, project: Project, version: Document[VersionBody], form: Form) -> RevisionBody:
    source = await find_deployment(call.services, project, form.fields["source_deployment"])
    title = form.fields.get("source_version", "")
    found = await find_version(call.services, project, source, title)
    if found.body.active_revision is None:
        raise Invalid(f"Version {title!r} of deployment {source.name!r} has no code that could be copied")
    code = await call.services.documents.get(REVISION, found.body.active_revision)
    return msgspec.structs.replace(
        code.body, version_id=version.id, status="queued", error_message=None, created_by=email_of(call.principal)
    )


async def _begin(
    call: Call, project: Project, version: Document[VersionBody], made: RevisionBody
) -> Document[RevisionBody]:
    services = call.services
    revision = await services.documents.create(REVISION, project.scope, None, made)
    now_us = unix_us(services.clock.now())
    await services.documents.update(
        VERSION,
        version.id,
        lambda body: msgspec.structs.replace(body, latest_revision=revision.id, last_file_upload_us=now_us),
    )
    if made.package is not None:
        await standing(services).builds.begin(project, revision, patience_s=PATIENCE_S)
    return revision
