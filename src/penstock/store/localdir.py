"""Blobs in a directory: `<directory>/ab/abcd…`, named by their digest.

Written to a temporary file, synced, renamed into place, and the directory synced: a blob is there completely or not
at all.
"""

import asyncio
import errno
import hashlib
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Set
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from penstock.kernel.errors import Exhausted, NotFound, Unavailable
from penstock.ports.blobs import Blob
from penstock.store.digest import check_digest

__all__ = ["LocalBlobs"]

CHUNK_BYTES = 1 << 20
_TEMPORARY = "incoming"

P = ParamSpec("P")
Result = TypeVar("Result")


class LocalBlobs:
    """The blob store over one directory, which it creates."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / _TEMPORARY
        self._naming = threading.Lock()
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What a crash left half-written.
        for leftover in self._incoming.iterdir():
            leftover.unlink()

    async def put(self, chunks: AsyncIterator[bytes]) -> Blob:
        """Store a stream; it is on disk when this returns."""
        descriptor, name = await _on_disk(tempfile.mkstemp, None, None, self._incoming)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb", buffering=0):
                digest, size_bytes = hashlib.sha256(), 0
                async for chunk in chunks:
                    await _on_disk(_append, descriptor, chunk)
                    digest.update(chunk)
                    size_bytes += len(chunk)
                await _on_disk(os.fsync, descriptor)
            sha256 = digest.hexdigest()
            await _on_disk(self._publish, temporary, self._path(sha256))
        finally:
            # Also runs when the caller is cancelled, so it must not await.
            temporary.unlink(missing_ok=True)  # noqa: ASYNC240
        return Blob(sha256, size_bytes)

    async def stat(self, sha256: str) -> Blob:
        """Return address and length."""
        path = self._path(sha256)
        try:
            return Blob(sha256, (await asyncio.to_thread(path.stat)).st_size)
        except FileNotFoundError:
            raise NotFound(f"there is no blob {sha256!r}") from None

    async def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read bytes from `start` up to `end`."""
        path = self._path(sha256)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            raise NotFound(f"there is no blob {sha256!r}") from None
        with file:
            position = start
            while end is None or position < end:
                wanted = CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - position)
                chunk = await asyncio.to_thread(os.pread, file.fileno(), wanted, position)
                if not chunk:
                    return
                position += len(chunk)
                yield chunk

    async def delete(self, sha256: str) -> None:
        """Remove a blob."""
        await asyncio.to_thread(self._path(sha256).unlink, missing_ok=True)

    async def sweep(self, keep: Set[str], stored_before: datetime) -> int:
        """Remove all blobs but those of `keep` and those that were put since an instant."""
        return await asyncio.to_thread(self._sweep, keep, stored_before.timestamp())

    def _sweep(self, keep: Set[str], before_s: float) -> int:
        count = 0
        for path in self._directory.glob("[0-9a-f][0-9a-f]/*"):
            if path.name in keep:
                continue
            with self._naming, suppress(FileNotFoundError):  # so that it is not put again in between
                if path.stat().st_mtime < before_s:
                    path.unlink()
                    count += 1
        return count

    def _publish(self, temporary: Path, target: Path) -> None:
        is_new = not target.parent.exists()
        target.parent.mkdir(exist_ok=True, mode=0o700)
        with self._naming:
            temporary.rename(target)
        _sync_directory(target.parent)
        if is_new:
            _sync_directory(target.parent.parent)

    def _path(self, sha256: str) -> Path:
        check_digest(sha256)
        return self._directory / sha256[:2] / sha256


def _append(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _on_disk(operation: Callable[P, Result], *values: P.args, **named: P.kwargs) -> Result:
    """Run a file operation in a thread and say its failures in the core's words.

    Only our own operations: an OSError of the caller's stream is the caller's.
    """
    try:
        return await asyncio.to_thread(operation, *values, **named)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Exhausted("the disk with the data directory is full; nothing was stored: free some space") from error
        raise Unavailable(f"the blob store failed: {error}") from error
