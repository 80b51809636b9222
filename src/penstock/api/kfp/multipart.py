"""The one file of a `multipart/form-data` body. Source: RFC 7578, RFC 2046 §5.1."""

import re
from email.message import Message
from urllib.parse import unquote

from penstock.kernel.errors import Invalid

__all__ = ["file_of"]

_EXTENDED = re.compile(r"filename\*=([^'\s;]*)'[^']*'([^;\s]+)", re.IGNORECASE)


def file_of(content_type: str, body: bytes, field: str) -> tuple[str, bytes]:
    """Return file name and content of the part with that field name.

    Raises: Invalid.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise Invalid(f"the content type is {content_type!r}; it must be multipart/form-data with a boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Invalid("the multipart body is cut off")
    for piece in pieces[1:-1]:
        head, separator, content = piece.partition(b"\r\n\r\n")
        if not separator:
            raise Invalid("a part of the multipart body has no end of its header")
        name, file_name = _disposition(head.decode("utf-8", "replace"))
        if name == field:
            return file_name, content
    raise Invalid(f"the form has no file called {field!r}")


def _disposition(head: str) -> tuple[str, str]:
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
        return str(name or ""), file_name if isinstance(file_name, str) else ""
    return "", ""
