"""Exports and imports: a project's things as a file, and back.

An import is read at once and waits for confirmation, unless that is skipped; then its things are made through the very
handlers that answer clients, in the order in which they need each other.
"""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace as replaced
from typing import Any, Final

import msgspec
from starlette.responses import Response

from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.ubiops.auth import email_of
from penstock.api.ubiops.catalogue import Project, all_of, project_of
from penstock.api.ubiops.downloads import send_blob
from penstock.api.ubiops.errors import UnsupportedFeature
from penstock.api.ubiops.exporting import exported
from penstock.api.ubiops.handlers import deployments, pipeline_versions, pipelines, revisions, variables, versions
from penstock.api.ubiops.importing import Contents, contents_of
from penstock.api.ubiops.kinds import EXPORT, IMPORT, StoredBody
from penstock.api.ubiops.packages import MAX_BYTES
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.rules import checked_text
from penstock.api.ubiops.uploads import receive
from penstock.api.ubiops.wire import ExportCreate, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound, PenstockError, WrongState
from penstock.kernel.query import Order
from penstock.services.documents import Document, Kind

__all__ = [
    "confirm",
    "create_export",
    "create_import",
    "delete_export",
    "delete_import",
    "download_export",
    "download_import",
    "get_export",
    "get_import",
    "list_exports",
    "list_imports",
]

_PARTS: Final = ("deployments", "pipelines", "environment_variables", "environments", "services")
Handler = Callable[..., Awaitable[Any]]


async def list_exports(call: Call) -> list[Shown]:
    """List the exports of a project; `status` chooses among them."""
    return [_item(each, "exported_by") for each in await _listed(call, EXPORT)]


async def create_export(call: Call, body: object) -> Shown:
    """Make an export of what is chosen; with `all`, of everything."""
    project, wanted = await project_of(call), read(body or {}, ExportCreate)
    everything = flag(call.query, "all", False)
    content = await exported(
        call.services,
        project,
        deployments=None if everything else wanted.deployments or {},
        pipelines=None if everything else wanted.pipelines or {},
        variables=None if everything else wanted.environment_variables or {},
        with_packages=flag(call.query, "packages", True),
    )
    values = {part: getattr(wanted, part) or {} for part in _PARTS}
    return _item(await _keep(call, project, EXPORT, content, values, "completed", wanted.description), "exported_by")


async def get_export(call: Call) -> Shown:
    """Show an export."""
    return _detail(await _one(call, EXPORT), "exported_by")


async def delete_export(call: Call) -> None:
    """Remove an export."""
    await call.services.documents.delete(await _one(call, EXPORT))


async def download_export(call: Call) -> Response:
    """Send the file of an export."""
    return await _download(call, EXPORT, "export")


async def list_imports(call: Call) -> list[Shown]:
    """List the imports of a project; `status` chooses among them."""
    return [_item(each, "imported_by") for each in await _listed(call, IMPORT)]


async def create_import(call: Call, chunks: AsyncIterator[bytes]) -> Shown:
    """Take a file, or an export, in; with `skip_confirmation` its things are made at once."""
    project = await project_of(call)
    form = await receive(call.headers.get("content-type", ""), chunks, MAX_BYTES)
    try:
        if upload := form.files.get("file"):
            content = await asyncio.to_thread(upload.content.read)
        elif export_id := form.fields.get("export_id"):
            export = await _by_id(call, EXPORT, project, export_id)
            content = await _content(call, export)
        elif form.fields.get("import_link"):
            raise UnsupportedFeature("import_link is not supported; download the file and send it as 'file'")
        else:
            raise Invalid("The form has no file called 'file', and names no export_id")
    finally:
        form.close()
    found = await asyncio.to_thread(contents_of, io.BytesIO(content))
    document = await _keep(call, project, IMPORT, content, found.outline(), "confirmation", "")
    if form.fields.get("skip_confirmation", "").lower() in ("true", "1"):
        document = await _make(call, project, document, found, found.outline())
    return _item(document, "imported_by")


async def get_import(call: Call) -> Shown:
    """Show an import: what is in its file."""
    return _detail(await _one(call, IMPORT), "imported_by")


async def confirm(call: Call, body: object) -> Shown:
    """Make what was chosen of an import's things."""
    project, document = await project_of(call), await _one(call, IMPORT)
    if document.body.values["status"] != "confirmation":
        raise WrongState(f"The import does not wait for confirmation: it is {document.body.values['status']}")
    wanted = read(body or {}, ExportCreate)
    found = contents_of(io.BytesIO(await _content(call, document)))
    chosen = {part: getattr(wanted, part) or {} for part in _PARTS}
    return _detail(await _make(call, project, document, found, chosen), "imported_by")


async def delete_import(call: Call) -> None:
    """Remove an import; what was made of it stays."""
    await call.services.documents.delete(await _one(call, IMPORT))


async def download_import(call: Call) -> Response:
    """Send the file of an import."""
    return await _download(call, IMPORT, "import")


async def _make(
    call: Call, project: Project, document: Document[StoredBody], found: Contents, chosen: dict[str, Any]
) -> Document[StoredBody]:
    """Make an import's things, and note what became of it."""
    status, message = "completed", None
    try:
        await _make_all(call, found, chosen, await _content(call, document))
    except PenstockError as error:
        status, message = "failed", error.message[:1024]
    values = document.body.values | {"status": status, "error_message": message}
    return await call.services.documents.replace(document, msgspec.structs.replace(document.body, values=values))


async def _make_all(call: Call, found: Contents, chosen: dict[str, Any], content: bytes) -> None:
    await _make_variables(call, {}, found.variables, chosen["environment_variables"])
    for name, picked in chosen["deployments"].items():
        text = _there(found.deployments, name, "deployment")
        path = {"deployment": name}
        await _quietly(call, path, deployments.create, {**text, "name": name})
        await _make_variables(call, path, text.get("environment_variables"), _of(picked, "environment_variables"))
        for title, settings in (_of(picked, "versions") or found.versions.get(name, {})).items():
            await _make_version(call, found, name, title, settings, content)
        if text.get("default_version") in found.versions.get(name, {}):
            await _quietly(call, path, deployments.update, {"default_version": text["default_version"]})
    for name in chosen["pipelines"]:
        text = _there(found.pipelines, name, "pipeline")
        await _quietly(call, {"pipeline": name}, pipelines.create, {**text, "name": name})
    for name, picked in chosen["pipelines"].items():
        path = {"pipeline": name}
        for title in _of(picked, "versions") or found.pipeline_versions.get(name, {}):
            version = _there(found.pipeline_versions.get(name, {}), title, "pipeline version")
            await _quietly(call, path, pipeline_versions.create, {**version, "version": title})
        default = found.pipelines[name].get("default_version")
        if default in found.pipeline_versions.get(name, {}):
            await _quietly(call, path, pipelines.update, {"default_version": default})


async def _make_version(call: Call, found: Contents, name: str, title: str, picked: Any, content: bytes) -> None:
    text = _there(found.versions.get(name, {}), title, "deployment version")
    path = {"deployment": name, "version": title}
    is_new = await _quietly(call, path, versions.create, {**text, "version": title})
    await _make_variables(call, path, text.get("environment_variables"), _of(picked, "environment_variables"))
    package = found.packages.get((name, title))
    if package is None or not is_new:
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        code = archive.read(package)
    await revisions.upload_content(_at(call, path), f"{title}.zip", code)


async def _make_variables(call: Call, path: dict[str, str], kept: Any, chosen: Any) -> None:
    """Make variables; those without a value in the file take the one that was given at the confirmation."""
    for name, each in (kept or {}).items():
        if chosen and name not in chosen:
            continue
        value = each.get("value")
        given = (chosen or {}).get(name)
        if value is None and isinstance(given, dict):
            value = given.get("value")
        if value is not None:
            body = {"name": name, "value": value, "secret": bool(each.get("secret"))}
            await _quietly(call, path, variables.create, body)


async def _quietly(call: Call, path: dict[str, str], handler: Handler, body: dict[str, Any]) -> bool:
    """Make a thing; return whether it was not there yet."""
    try:
        await handler(_at(call, path), body)
    except AlreadyExists:
        return False
    return True


def _at(call: Call, path: dict[str, str]) -> Call:
    return replaced(call, path={"project": call.path["project"], **path})


def _there(texts: dict[str, dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    if name not in texts:
        raise Invalid(f"The import file has no {what} {name!r}")
    return texts[name]


def _of(picked: Any, key: str) -> Any:
    return picked.get(key) if isinstance(picked, dict) else None


async def _keep(
    call: Call,
    project: Project,
    kind: Kind[StoredBody],
    content: bytes,
    values: dict[str, Any],
    status: str,
    description: str,
) -> Document[StoredBody]:
    async def once() -> AsyncIterator[bytes]:
        yield content

    blob = await call.services.blobs.put(once())
    body = StoredBody(
        owner=email_of(call.principal),
        values={
            **values,
            "status": status,
            "error_message": None,
            "sha256": blob.sha256,
            "size": blob.size_bytes,
            "description": checked_text(description),
        },
    )
    return await call.services.documents.create(kind, project.scope, None, body)


async def _listed(call: Call, kind: Kind[StoredBody]) -> list[Document[StoredBody]]:
    project, status = await project_of(call), call.query.get("status", "")
    rows = await all_of(call.services.documents, kind, project.scope, order=Order("created_at", descending=True))
    return [each for each in rows if not status or each.body.values["status"] in status.split(",")]


async def _one(call: Call, kind: Kind[StoredBody]) -> Document[StoredBody]:
    return await _by_id(call, kind, await project_of(call), call.path["id"])


async def _by_id(call: Call, kind: Kind[StoredBody], project: Project, id: str) -> Document[StoredBody]:
    try:
        document = await call.services.documents.get(kind, id)
    except NotFound:
        document = None
    if document is None or document.scope != project.scope:
        raise NotFound(f"{kind.noun} was not found: there is none with the id {id!r}")
    return document


async def _content(call: Call, document: Document[StoredBody]) -> bytes:
    return b"".join([chunk async for chunk in call.services.blobs.open(document.body.values["sha256"])])


async def _download(call: Call, kind: Kind[StoredBody], word: str) -> Response:
    document = await _one(call, kind)
    name = f"{call.path['project']}-{word}.zip"
    return await send_blob(call.services, document.body.values["sha256"], name, media_type="application/zip")


def _item(document: Document[StoredBody], by: str) -> Shown:
    values = document.body.values
    return {
        "id": document.id,
        by: document.body.owner,
        "creation_date": timestamp(document.created_at),
        "status": values["status"],
        "error_message": values["error_message"],
        "size": values["size"],
        "description": values["description"],
    }


def _detail(document: Document[StoredBody], by: str) -> Shown:
    return _item(document, by) | {part: document.body.values.get(part) or {} for part in _PARTS}
