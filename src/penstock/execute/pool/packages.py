"""A user's package: from a zip in the blob store to the directory a worker runs in.

An archive is unpacked once per digest. Each worker has a directory of its own, since code writes beside itself: small
packages are copied into it, of large ones it gets links to the files.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from penstock.kernel.errors import Invalid, NotFound
from penstock.ports.blobs import BlobStore

__all__ = ["Packages", "furnish", "read_requirements", "remove"]

MAX_FILES: Final = 100_000
MAX_BYTES: Final = 8 << 30
"""Of an unpacked package."""
COPY_FILES: Final = 500
COPY_BYTES: Final = 32 << 20
"""Packages larger than this are linked and not copied."""


class Packages:
    """Unpacked packages below one directory."""

    def __init__(self, directory: Path, blobs: BlobStore) -> None:
        self._directory = directory
        self._blobs = blobs
        self._unpacking: dict[str, asyncio.Task[Path]] = {}

    async def provide(self, sha256: str, root: str = "") -> Path:
        """Return the directory of an unpacked archive, or of a folder in it.

        Raises: Invalid if it is no zip, or one that must not be unpacked; NotFound if there is no such blob.
        """
        target = self._directory / sha256
        if not target.exists():
            if sha256 not in self._unpacking:
                task = self._unpacking[sha256] = asyncio.create_task(self._unpack(sha256, target))
                task.add_done_callback(lambda _: self._unpacking.pop(sha256, None))
            await asyncio.shield(self._unpacking[sha256])
        inside = target.joinpath(*PurePosixPath(root).parts) if root else target
        if ".." in PurePosixPath(root).parts or not inside.is_dir():
            raise Invalid(f"the package has no folder {root!r}")
        return inside

    async def close(self) -> None:
        """Give up what is being unpacked."""
        tasks = list(self._unpacking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _unpack(self, sha256: str, target: Path) -> Path:
        await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
        scratch = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="unpacking-", dir=self._directory))
        try:
            archive = scratch / "archive.zip"
            with archive.open("wb") as file:
                async for chunk in self._blobs.open(sha256):
                    await asyncio.to_thread(file.write, chunk)
            files = scratch / "files"
            await asyncio.to_thread(_extract, archive, files)
            await asyncio.to_thread(_publish, files, target)
        except NotFound:
            raise NotFound("the code of this version is gone from the blob store; upload it again") from None
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        return target


def furnish(package: Path, directory: Path) -> None:
    """Make a worker's directory of a package. Blocks."""
    remove(directory)
    count, size = 0, 0
    for path in package.rglob("*"):
        if path.is_file():
            count, size = count + 1, size + path.stat().st_size
            if count > COPY_FILES or size > COPY_BYTES:
                shutil.copytree(package, directory, copy_function=os.symlink)
                return
    shutil.copytree(package, directory)


def remove(directory: Path) -> None:
    """Remove a worker's directory. Blocks."""
    shutil.rmtree(directory, ignore_errors=True)


def read_requirements(package: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what `requirements.txt` asks for, and the options in it, in pip's words.

    Raises: Invalid for a line that would reach outside of the package.
    """
    file = package / "requirements.txt"
    if not file.is_file():
        return (), ()
    requirements: list[str] = []
    options: list[str] = []
    text = file.read_text(encoding="utf-8-sig", errors="replace").replace("\\\n", " ")
    for line in text.splitlines():
        content = line.split(" #")[0].strip()
        if not content or content.startswith("#"):
            continue
        if not content.startswith("-"):
            requirements.append(content)
            continue
        name, _, value = content.replace("=", " ", 1).partition(" ")
        if name in ("-r", "-c", "-e", "--requirement", "--constraint", "--editable"):
            raise Invalid(f"requirements.txt has {content!r}; list the packages themselves")
        options.extend([name, value.strip()] if value.strip() else [name])
    return tuple(requirements), tuple(options)


def _extract(archive: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _check(members)
            target.mkdir()
            left = MAX_BYTES
            for member in members:
                left -= _extract_member(opened, member, target, left)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise Invalid(f"the package cannot be unpacked: {error}") from error


def _check(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_FILES:
        raise Invalid(f"the package has {len(members)} files; at most {MAX_FILES} are unpacked")
    for member in members:
        name = member.filename
        if name.startswith("/") or "\\" in name or "\x00" in name or ".." in PurePosixPath(name).parts:
            raise Invalid(f"the package has a member {name!r} that would lie outside of it")
        mode = member.external_attr >> 16
        if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
            raise Invalid(f"the package has a member {name!r} that is a link or a device; only files can be unpacked")


def _extract_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int) -> int:
    path = target.joinpath(*PurePosixPath(member.filename).parts)
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with opened.open(member) as source, path.open("wb") as file:
        # What the archive says of sizes is not believed.
        while chunk := source.read(1 << 20):
            size += len(chunk)
            if size > left:
                raise Invalid(f"the package is larger than {MAX_BYTES >> 30} GiB when it is unpacked")
            file.write(chunk)
    if member.external_attr >> 16 & 0o100:
        path.chmod(0o755)
    return size


def _publish(files: Path, target: Path) -> None:
    try:
        files.rename(target)
    except OSError:
        if not target.exists():
            raise
