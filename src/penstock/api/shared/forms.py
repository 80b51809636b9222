"""Headers of `multipart/form-data`: the boundary, and what a part calls itself. Source: RFC 7578, RFC 2046 §5.1."""

import re
from email.message import Message
from urllib.parse import unquote

from penstock.kernel.errors import Invalid

__all__ = ["boundary_of", "disposition"]

_EXTENDED = re.compile(r"filename\*=([^'\s;]*)'[^']*'([^;\s]+)", re.IGNORECASE)


def boundary_of(content_type: str) -> bytes:
    """Return the boundary between the parts. Raises: Invalid if this is the type of no form."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise Invalid(f"The content type is {content_type!r}; it must be multipart/form-data with a boundary")
    return boundary.encode("latin-1")


def disposition(head: bytes) -> tuple[str, str | None]:
    """Return the field name of a part with this header, "" if it has none, and its file name, None if it is no file."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
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
