"""The address of a blob, checked before it becomes part of a file's name."""

import re

from penstock.kernel.errors import Invalid

__all__ = ["check_digest"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_digest(sha256: str) -> str:
    """Return the digest if it is one.

    Raises: Invalid.
    """
    if not _DIGEST.fullmatch(sha256):
        raise Invalid(f"{sha256!r} is no address of a blob; it must be 64 hexadecimal digits in lower case")
    return sha256
