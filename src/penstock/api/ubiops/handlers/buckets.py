"""Buckets, and the files in them; their content goes through signed addresses."""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from penstock.api.shared.call import Call
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import Project, all_of, equals, project_of
from penstock.api.ubiops.downloads import send_blob
from penstock.api.ubiops.errors import UnsupportedFeature
from penstock.api.ubiops.files import (
    DEFAULT_BUCKET,
    bucket_named,
    checked_file,
    file_named,
    keep_file,
    remove_bucket,
    remove_expired,
)
from penstock.api.ubiops.kinds import BUCKET, FILE, BucketBody, FileBody
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.rules import (
    checked_labels,
    checked_name,
    checked_number,
    checked_text,
    matches_labels,
    offset_and_limit,
    wanted_labels,
)
from penstock.api.ubiops.transfers import open_ticket, signed
from penstock.api.ubiops.wire import BucketCreate, BucketUpdate, CompleteUpload, changes, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound, WrongState
from penstock.kernel.query import AllOf, Compare, Comparison, Order, Predicate
from penstock.services.documents import Document

__all__ = [
    "complete_parts",
    "create",
    "delete",
    "delete_file",
    "download",
    "get",
    "get_file",
    "list_all",
    "list_files",
    "receive",
    "send",
    "start_parts",
    "update",
    "upload",
]

PROVIDER: Final = "ubiops"
MAX_TTL_S: Final = 10 * 365 * 86_400
_MOST: Final = 1000


async def list_all(call: Call) -> list[Shown]:
    """List the buckets of a project; `labels` choose among them."""
    project, wanted = await project_of(call), wanted_labels(call.query)
    await bucket_named(call.services, project.scope, DEFAULT_BUCKET)
    rows = await all_of(call.services.documents, BUCKET, project.scope, order=Order("name"))
    return [_bucket(each, project) for each in rows if matches_labels(each.body.labels, wanted)]


async def create(call: Call, body: object) -> Shown:
    """Make a bucket of this server's own; others' stores are refused."""
    project, wanted = await project_of(call), read(body, BucketCreate)
    if wanted.provider != PROVIDER:
        raise UnsupportedFeature(f"provider: {wanted.provider!r} is not supported; leave it out for a bucket here")
    name = checked_name(wanted.name)
    made = BucketBody(
        description=checked_text(wanted.description),
        labels=checked_labels(wanted.labels),
        configuration=wanted.configuration,
        ttl=None if wanted.ttl is None else checked_number(wanted.ttl, "ttl", 1, MAX_TTL_S),
    )
    await bucket_named(call.services, project.scope, DEFAULT_BUCKET)
    note = entry(call, project.scope, "create", "bucket", name, f"bucket {name} was created")
    try:
        document = await call.services.documents.create(BUCKET, project.scope, name, made, also=(note,))
    except AlreadyExists:
        raise AlreadyExists(f"A bucket with the name {name!r} already exists") from None
    return _bucket(document, project)


async def get(call: Call) -> Shown:
    """Show a bucket, with its size."""
    project, bucket = await _bucket_of(call)
    return await _detail(call, bucket, project)


async def update(call: Call, body: object) -> Shown:
    """Change a bucket's texts and the life of its files."""
    project, bucket = await _bucket_of(call)
    wanted = changes(read(body, BucketUpdate))
    if "labels" in wanted:
        wanted["labels"] = checked_labels(wanted["labels"])
    if wanted.get("ttl") is not None:
        checked_number(wanted["ttl"], "ttl", 1, MAX_TTL_S)
    checked_text(wanted.get("description", ""))
    wanted.pop("credentials", None)
    document = await call.services.documents.replace(bucket, msgspec.structs.replace(bucket.body, **wanted))
    return await _detail(call, document, project)


async def delete(call: Call) -> None:
    """Remove a bucket with its files; the one called `default` stays."""
    project, bucket = await _bucket_of(call)
    if bucket.name == DEFAULT_BUCKET:
        raise WrongState("The default bucket of a project cannot be deleted")
    await remove_bucket(call.services, bucket)
    name = str(bucket.name)
    await call.services.store.commit(entry(call, project.scope, "delete", "bucket", name, f"bucket {name} was deleted"))


# Files.


async def list_files(call: Call) -> Shown:
    """List files by name, those that begin with `prefix`; with a `delimiter`, as folders."""
    _, bucket = await _bucket_of(call)
    await remove_expired(call.services, bucket)
    _, limit = offset_and_limit(call.query, 100, _MOST)
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    after = call.query.get("continuation_token", "")
    files: list[Shown] = []
    folders: dict[str, None] = {}
    while True:
        where: list[Predicate] = [equals("bucket_id", bucket.id)]
        if prefix:
            where.append(Compare("title", Comparison.STARTS_WITH, prefix))
        if after:
            where.append(Compare("title", Comparison.GT, after))
        page = await call.services.documents.page(
            FILE, bucket.scope, where=AllOf(tuple(where)), order=Order("title"), limit=_MOST
        )
        for each in page.documents:
            title = each.body.title
            if title < after:
                continue  # in a folder that is there already
            if len(files) + len(folders) == limit:
                return {"files": files, "prefixes": list(folders), "continuation_token": after or None}
            head, found, _ = title[len(prefix) :].partition(delimiter) if delimiter else (title, "", "")
            if found:
                folder = f"{prefix}{head}{delimiter}"
                folders[folder] = None
                after = f"{folder}\U0010ffff"
            else:
                files.append(_file(each))
                after = title
        if page.next is None:
            return {"files": files, "prefixes": list(folders), "continuation_token": None}


async def get_file(call: Call) -> Shown:
    """Show a file."""
    _, bucket = await _bucket_of(call)
    return _file(await file_named(call.services, bucket, call.path["file"]))


async def delete_file(call: Call) -> None:
    """Remove a file."""
    _, bucket = await _bucket_of(call)
    await call.services.documents.delete(await file_named(call.services, bucket, call.path["file"]))


async def upload(call: Call) -> Shown:
    """Return an address to which the content of a file, or of one part of it, is put."""
    _, bucket = await _bucket_of(call)
    name, place = checked_file(call.path["file"]), str(bucket.id)
    if "upload_id" in call.query:
        number = call.query.get("part_number", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            raise Invalid(f"part_number: {number!r} is no number from 1 to 10000")
        place, name = _upload_place(call.query["upload_id"]), f"{int(number):05d}"
    return {"url": _url(call, await signed(call.services, "PUT", bucket.scope, place, name)), "provider": PROVIDER}


async def download(call: Call) -> Shown:
    """Return an address from which the content of a file is got."""
    _, bucket = await _bucket_of(call)
    found = await file_named(call.services, bucket, call.path["file"])
    ticket = await signed(call.services, "GET", bucket.scope, bucket.id, found.body.title)
    return {"url": _url(call, ticket), "provider": PROVIDER}


async def start_parts(call: Call) -> Shown:
    """Begin an upload in parts."""
    await _bucket_of(call)
    checked_file(call.path["file"])
    return {"upload_id": call.services.clock.new_id(), "provider": PROVIDER}


async def complete_parts(call: Call, body: object) -> Shown:
    """Put the parts of an upload together, in the order of their numbers."""
    _, bucket = await _bucket_of(call)
    wanted, services = read(body, CompleteUpload), call.services
    place = _upload_place(wanted.upload_id)
    where = equals("bucket_id", place)
    parts = {each.body.title: each for each in await all_of(services.documents, FILE, bucket.scope, where)}
    chosen: list[Document[FileBody]] = []
    for each in sorted(wanted.parts, key=lambda part: int(part.PartNumber)):
        part = parts.get(f"{int(each.PartNumber):05d}")
        if part is None or each.ETag.strip('"') != part.body.sha256:
            raise Invalid(f"parts: part {each.PartNumber} was not uploaded, or is another one")
        chosen.append(part)
    if not chosen:
        raise Invalid("parts: an upload has one part or more")

    async def content() -> AsyncIterator[bytes]:
        for part in chosen:
            async for chunk in services.blobs.open(part.body.sha256):
                yield chunk

    await keep_file(services, bucket.scope, bucket.id, checked_file(call.path["file"]), content())
    for part in parts.values():
        await services.documents.delete(part)
    return {"upload_id": wanted.upload_id, "provider": PROVIDER}


async def receive(call: Call, chunks: AsyncIterator[bytes]) -> Response:
    """Take the content of a file in."""
    ticket = await open_ticket(call.services, "PUT", call.path["ticket"])
    kept = await keep_file(call.services, ticket.place, ticket.bucket_id, ticket.file, chunks)
    return Response(status_code=200, headers={"ETag": f'"{kept.body.sha256}"'})


async def send(call: Call) -> Response:
    """Send the content of a file."""
    ticket = await open_ticket(call.services, "GET", call.path["ticket"])
    try:
        found = await call.services.documents.find(FILE, ticket.place, f"{ticket.bucket_id}/{ticket.file}")
    except NotFound:
        raise NotFound(f"File was not found: {ticket.file!r} is not there any more") from None
    return await send_blob(call.services, found.body.sha256, ticket.file.rsplit("/", 1)[-1])


async def _bucket_of(call: Call) -> tuple[Project, Document[BucketBody]]:
    project = await project_of(call)
    return project, await bucket_named(call.services, project.scope, call.path["bucket"])


def _upload_place(upload_id: str) -> str:
    return f"upload:{upload_id}"


def _url(call: Call, ticket: str) -> str:
    """Return an address on this server, as the client knows it."""
    url = call.connection.url
    version = url.path.lstrip("/").partition("/")[0]
    return f"{url.scheme}://{url.netloc}/{version}/transfers/{quote(ticket)}"


def _bucket(document: Document[BucketBody], project: Project) -> Shown:
    body = document.body
    return {
        "id": document.id,
        "name": document.name,
        "provider": body.provider,
        "project": project.name,
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
        "configuration": body.configuration,
        "ttl": body.ttl,
        "description": body.description,
        "labels": body.labels,
    }


async def _detail(call: Call, document: Document[BucketBody], project: Project) -> Shown:
    where = equals("bucket_id", document.id)
    files = await all_of(call.services.documents, FILE, document.scope, where)
    measured = {
        "size": sum(each.body.size_bytes for each in files),
        "size_measurement_date": timestamp(call.services.clock.now()),
    }
    return _bucket(document, project) | measured


def _file(document: Document[FileBody]) -> Shown:
    return {
        "file": document.body.title,
        "size": document.body.size_bytes,
        "time_created": timestamp(document.created_at),
    }
