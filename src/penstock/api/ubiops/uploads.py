"""Files that come in forms: `multipart/form-data`, as it comes, through a file without a name.

A package can be longer than what a server should hold in memory.
"""

import mmap
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Final

from penstock.api.shared.errors import TooLarge
from penstock.api.shared.forms import boundary_of, disposition
from penstock.kernel.errors import Invalid
from penstock.services.services import Services

__all__ = ["Form", "Upload", "receive", "store"]

_CHUNK: Final = 1 << 20
_IN_MEMORY: Final = 1 << 20


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
        delimiter = b"--" + boundary_of(content_type)
        if size <= _IN_MEMORY:
            body.seek(0)
            return _parse(body.read(), delimiter)
        with mmap.mmap(body.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _parse(mapped, delimiter)


async def store(services: Services, upload: Upload) -> str:
    """Keep a file in the blob store and return its digest; the file is at its start again."""

    async def chunks() -> AsyncIterator[bytes]:
        upload.content.seek(0)
        while chunk := upload.content.read(_CHUNK):
            yield chunk

    blob = await services.blobs.put(chunks())
    upload.content.seek(0)
    return blob.sha256


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
    name, file_name = disposition(head)
    if file_name is None:
        form.fields[name] = bytes(body[start:end]).decode("utf-8", "replace")
        return
    content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the form
    for position in range(start, end, _CHUNK):
        content.write(body[position : min(end, position + _CHUNK)])
    content.seek(0)
    form.files[name] = Upload(file_name, content, end - start)
