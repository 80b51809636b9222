"""Files that come in forms: `multipart/form-data`, as it comes, through a file without a name.

A package can be longer than what a server should hold in memory. Source: RFC 7578, RFC 2046 §5.1.
"""

import mmap
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import IO, Final
from urllib.parse import unquote

from penstock.api.shared.errors import TooLarge
from penstock.kernel.errors import Invalid
from penstock.services.services import Services

__all__ = ["Form", "Upload", "receive", "store"]

_CHUNK: Final = 1 << 20
_IN_MEMORY: Final = 1 << 20
_EXTENDED = re.compile(r"filename\*=([^'\s;]*)'[^']*'([^;\s]+)", re.IGNORECASE)


@dataclass(slots=True)
class Upload:
    """A file of a form. content: at its start; to be closed with the form."""

    name: str
    content: IO[bytes]
    size_bytes: int


@dataclass(slots=True)
class Form:
    """A form that has come in whole."""

    fields: dict[str, str]
    files: dict[str, Upload]

    def close(self) -> None:
        """Let its files go."""
        for upload in self.files.values():
            upload.content.close()


async def receive(content_type: str, chunks: AsyncIterator[bytes], limit_bytes: int) -> Form:
    """Read a form; an empty body is an empty form.

    Raises: Invalid, TooLarge.
    """
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > limit_bytes:
                raise TooLarge(f"The body has more than {limit_bytes} bytes; this operation takes no more")
            body.write(chunk)
        if not size:
            return Form({}, {})
        boundary = _boundary(content_type)
        if size <= _IN_MEMORY:
            body.seek(0)
            return _parse(body.read(), boundary)
        with mmap.mmap(body.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _parse(mapped, boundary)


async def store(services: Services, upload: Upload) -> str:
    """Keep a file in the blob store and return its digest; the file is at its start again."""

    async def chunks() -> AsyncIterator[bytes]:
        upload.content.seek(0)
        while chunk := upload.content.read(_CHUNK):
            yield chunk

    blob = await services.blobs.put(chunks())
    upload.content.seek(0)
    return blob.sha256


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise Invalid(f"The content type is {content_type!r}; it must be multipart/form-data with a boundary")
    return b"--" + boundary.encode("latin-1")


def _parse(body: bytes | mmap.mmap, delimiter: bytes) -> Form:
    form = Form({}, {})
    at = body.find(delimiter)
    if at < 0:
        raise Invalid("The multipart body does not have its boundary")
    while True:
        at += len(delimiter)
        if body[at : at + 2] == b"--":
            return form
        head_end = body.find(b"\r\n\r\n", at)
        following = body.find(b"\r\n" + delimiter, max(at, head_end + 2))
        if head_end < 0 or following < 0:
            form.close()
            raise Invalid("The multipart body is cut off")
        _part(form, body, bytes(body[at:head_end]), head_end + 4, following)
        at = following + 2


def _part(form: Form, body: bytes | mmap.mmap, head: bytes, start: int, end: int) -> None:
    name, file_name = _disposition(head.decode("utf-8", "replace"))
    if file_name is None:
        form.fields[name] = bytes(body[start:end]).decode("utf-8", "replace")
        return
    content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the form
    for position in range(start, end, _CHUNK):
        content.write(body[position : min(end, position + _CHUNK)])
    content.seek(0)
    form.files[name] = Upload(file_name, content, end - start)


def _disposition(head: str) -> tuple[str, str | None]:
    for line in head.split("\r\n"):
        label, _, value = line.partition(":")
        if label.strip().lower() != "content-disposition":
            continue
        part = Message()
        part["content-disposition"] = value.strip()
        name = part.get_param("name", header="content-disposition")
        file_name = part.get_param("filename", header="content-disposition")
        if extended := _EXTENDED.search(value):
            file_name = unquote(extended[2], encoding=extended[1] or "utf-8", errors="replace")
        return str(name or ""), file_name if isinstance(file_name, str) else None
    return "", None
