"""From an uploaded file to the text of a package: plain, zip or tar.gz, with limits on all that a file can claim.

Nothing is ever written: members are read in memory, so their names can do no harm; names and kinds that only make sense
to an attacker are refused all the same, because such a file is not what its sender believes.
"""

import io
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO, Final

from penstock.kernel.errors import Invalid

__all__ = ["MAX_BYTES", "unpacked"]

MAX_BYTES: Final = 32 << 20
"""The longest package, packed and unpacked."""

MAX_MEMBERS: Final = 1000
PLAIN_SUFFIXES: Final = (".yaml", ".yml", ".json")
PREFERRED: Final = "pipeline.yaml"


def unpacked(name: str, content: bytes) -> bytes:
    """Return the package's text.

    Raises: Invalid if it is too long, or no file that can hold a package.
    """
    if len(content) > MAX_BYTES:
        raise Invalid(f"the package has {len(content)} bytes; at most {MAX_BYTES} are taken", at=name)
    if not content:
        raise Invalid("the package is empty", at=name)
    if name.lower().endswith(PLAIN_SUFFIXES):
        return content
    if content.startswith(b"PK"):
        return _from_zip(name, content)
    if content.startswith(b"\x1f\x8b"):
        return _from_tar(name, content)
    raise Invalid("the file is no package: it must be .yaml, .yml, .json, .zip or .tar.gz", at=name)


def _from_zip(name: str, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_count(name, len(members))
            files = [member for member in members if not member.is_dir()]
            for member in files:
                _check_name(name, member.filename)
                if (member.external_attr >> 28) == 0xA:
                    raise Invalid(f"member {member.filename!r} is a symbolic link; a package has plain files", at=name)
                if member.flag_bits & 1:
                    raise Invalid(f"member {member.filename!r} is encrypted", at=name)
            chosen = _chosen(name, [member.filename for member in files])
            with archive.open(files[chosen]) as member_file:
                return _read(name, files[chosen].filename, member_file)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Invalid(f"the zip archive cannot be read: {error}", at=name) from None


def _from_tar(name: str, content: bytes) -> bytes:
    try:
        stream = zlib.decompressobj(wbits=31)
        data = stream.decompress(content, MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Invalid(f"the archive holds more than {MAX_BYTES} bytes", at=name)
        if not stream.eof:
            raise Invalid("the archive is cut off", at=name)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            files: list[tarfile.TarInfo] = []
            for count, member in enumerate(archive):
                _check_count(name, count)
                if member.isdir():
                    continue
                _check_name(name, member.name)
                if not member.isreg():
                    raise Invalid(
                        f"member {member.name!r} is no plain file; a package has no links or devices", at=name
                    )
                files.append(member)
            chosen = _chosen(name, [member.name for member in files])
            member_file = archive.extractfile(files[chosen])
            assert member_file is not None
            return _read(name, files[chosen].name, member_file)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OSError) as error:
        raise Invalid(f"the tar.gz archive cannot be read: {error}", at=name) from None


def _check_count(name: str, count: int) -> None:
    if count > MAX_MEMBERS:
        raise Invalid(f"the archive has more than {MAX_MEMBERS} members", at=name)


def _check_name(name: str, member: str) -> None:
    if member.startswith(("/", "\\")) or ".." in PurePosixPath(member.replace("\\", "/")).parts:
        raise Invalid(f"member {member!r} points outside of the archive", at=name)


def _chosen(name: str, members: list[str]) -> int:
    """Return which member is the package: `pipeline.yaml`, else the first."""
    plain = [member.removeprefix("./") for member in members]
    if PREFERRED in plain:
        return plain.index(PREFERRED)
    if not members:
        raise Invalid("the archive is empty", at=name)
    if not members[0].lower().endswith((".yaml", ".yml")):
        raise Invalid(f"the archive has no {PREFERRED}, and its first member {members[0]!r} is no YAML file", at=name)
    return 0


def _read(name: str, member: str, file: IO[bytes]) -> bytes:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Invalid(f"member {member!r} has more than {MAX_BYTES} bytes when unpacked", at=name)
    return content
