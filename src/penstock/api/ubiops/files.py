"""Files in buckets: kept in the blob store, found by bucket and name, and given to code that names one.

A value that names a file is `ubiops-file://<bucket>/<name>`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from penstock.api.ubiops.catalogue import all_of, equals
from penstock.api.ubiops.kinds import BUCKET, FILE, BucketBody, FileBody
from penstock.kernel.errors import AlreadyExists, Conflict, Invalid, NotFound
from penstock.kernel.query import AllOf, Compare, Comparison
from penstock.kernel.scope import Scope
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = [
    "DEFAULT_BUCKET",
    "SCHEME",
    "BucketFiles",
    "bucket_named",
    "checked_file",
    "file_named",
    "keep_file",
    "remove_bucket",
    "remove_expired",
]

DEFAULT_BUCKET: Final = "default"
SCHEME: Final = "ubiops-file://"
MAX_NAME: Final = 1024
_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 16


async def bucket_named(services: Services, scope: Scope, name: str) -> Document[BucketBody]:
    """Return a bucket; the one called `default` is always there. Raises: NotFound."""
    try:
        return await services.documents.find(BUCKET, scope, name)
    except NotFound:
        if name != DEFAULT_BUCKET:
            raise NotFound(f"Bucket was not found: there is no bucket {name!r}") from None
    try:
        return await services.documents.create(BUCKET, scope, name, BucketBody(description="Default bucket"))
    except AlreadyExists:
        return await services.documents.find(BUCKET, scope, name)


def checked_file(name: str) -> str:
    """Return the name of a file. Raises: Invalid."""
    if not name or len(name) > MAX_NAME or "\x00" in name or name.startswith("/"):
        raise Invalid(f"{name[:80]!r} is no name of a file: it has 1 to {MAX_NAME} characters and no slash in front")
    return name


async def file_named(services: Services, bucket: Document[BucketBody], name: str) -> Document[FileBody]:
    """Return a file of a bucket. Raises: NotFound, also if its time is over."""
    missing = NotFound(f"File was not found: bucket {bucket.name!r} has no file {name!r}")
    try:
        found = await services.documents.find(FILE, bucket.scope, f"{bucket.id}/{name}")
    except NotFound:
        raise missing from None
    if _is_expired(services, bucket, found):
        await services.documents.delete(found)
        raise missing
    return found


async def keep_file(
    services: Services, scope: Scope, bucket_id: str, name: str, content: AsyncIterator[bytes]
) -> Document[FileBody]:
    """Store a file, in place of the one with that name."""
    blob = await services.blobs.put(content)
    made = FileBody(title=name, bucket_id=bucket_id, sha256=blob.sha256, size_bytes=blob.size_bytes)
    full = f"{bucket_id}/{name}"
    for _ in range(_ATTEMPTS):
        try:
            return await services.documents.create(FILE, scope, full, made)
        except AlreadyExists:
            pass
        try:
            # A new file is a new document: its time of creation is that of its content.
            await services.documents.delete(await services.documents.find(FILE, scope, full))
        except (NotFound, Conflict):
            continue
    raise Conflict(f"file {name!r} was written by others at the same time; try again", retryable=True)


async def remove_expired(services: Services, bucket: Document[BucketBody]) -> None:
    """Remove the files whose time is over."""
    if bucket.body.ttl is None:
        return
    limit = services.clock.now() - timedelta(seconds=bucket.body.ttl)
    limit_us = int(limit.timestamp() * 1e6)
    where = AllOf((equals("bucket_id", bucket.id), Compare("created_at", Comparison.LT, limit_us)))
    for each in await all_of(services.documents, FILE, bucket.scope, where):
        await services.documents.delete(each)


async def remove_bucket(services: Services, bucket: Document[BucketBody]) -> None:
    """Remove a bucket with its files."""
    await services.documents.delete(bucket)
    for each in await all_of(services.documents, FILE, bucket.scope, equals("bucket_id", bucket.id)):
        await services.documents.delete(each)


class BucketFiles:
    """What workers get files from and give them to (`ports.workers.FilePlace`)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def fetch(self, scope: Scope, name: str, directory: Path) -> Path:
        """Copy a named file into a directory and return its path. Raises: NotFound, Invalid."""
        bucket_name, separator, title = name.removeprefix(SCHEME).partition("/")
        if not name.startswith(SCHEME) or not separator or not title:
            raise Invalid(f"{name[:200]!r} names no file; write {SCHEME}<bucket>/<file>")
        bucket = await bucket_named(self._services, scope, bucket_name)
        found = await file_named(self._services, bucket, title)
        path = await asyncio.to_thread(_fresh_path, directory, title)
        with path.open("wb") as target:
            async for chunk in self._services.blobs.open(found.body.sha256):
                await asyncio.to_thread(target.write, chunk)
        return path

    async def keep(self, scope: Scope, path: Path, request: str, *, bucket: str | None, target: str | None) -> str:
        """Store a file that a request made and return the name to give on. Raises: NotFound."""
        found = await bucket_named(self._services, scope, bucket or DEFAULT_BUCKET)
        name = checked_file(target or f"{request}/{path.name}")
        await keep_file(self._services, scope, found.id, name, _chunks(path))
        return f"{SCHEME}{found.name}/{name}"


def _is_expired(services: Services, bucket: Document[BucketBody], found: Document[FileBody]) -> bool:
    ttl = bucket.body.ttl
    return ttl is not None and found.created_at + timedelta(seconds=ttl) < services.clock.now()


def _fresh_path(directory: Path, title: str) -> Path:
    """Return a path that is not there yet, with the file's own last name."""
    directory.mkdir(parents=True, exist_ok=True)
    name = title.rsplit("/", 1)[-1].replace("\\", "_") or "file"
    name = "file" if name in (".", "..") else name[-200:]
    folder, number = directory, 0
    while (folder / name).exists():
        number += 1
        folder = directory / str(number)
        folder.mkdir(exist_ok=True)
    return folder / name


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    try:
        with path.open("rb") as source:
            while chunk := await asyncio.to_thread(source.read, _CHUNK):
                yield chunk
    except OSError as error:
        raise NotFound(f"the file {path.name!r} that the request names cannot be read: {error.strerror}") from None
