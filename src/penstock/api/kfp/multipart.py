"""The one file of a `multipart/form-data` body."""

from penstock.api.shared.forms import boundary_of, disposition
from penstock.kernel.errors import Invalid

__all__ = ["file_of"]


def file_of(content_type: str, body: bytes, field: str) -> tuple[str, bytes]:
    """Return file name and content of the part with that field name.

    Raises: Invalid.
    """
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary_of(content_type))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Invalid("the multipart body is cut off")
    for piece in pieces[1:-1]:
        head, separator, content = piece.partition(b"\r\n\r\n")
        if not separator:
            raise Invalid("a part of the multipart body has no end of its header")
        name, file_name = disposition(head)
        if name == field:
            return file_name or "", content
    raise Invalid(f"the form has no file called {field!r}")
