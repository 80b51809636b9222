"""Addresses of blobs: checked before one becomes part of a file's name, and found in what refers to them."""

import re
from collections.abc import Iterable

from penstock.kernel.errors import Invalid

__all__ = ["check_digest", "digests_in"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_BYTES = re.compile(rb"[0-9a-f]{64}")


def check_digest(sha256: str) -> str:
    """Return the digest if it is one.

    Raises: Invalid.
    """
    if not _DIGEST.fullmatch(sha256):
        raise Invalid(f"{sha256!r} is no address of a blob; it must be 64 hexadecimal digits in lower case")
    return sha256


def digests_in(texts: Iterable[bytes]) -> frozenset[str]:
    """Return whatever in these texts may be an address."""
    found: set[bytes] = set()
    for text in texts:
        found.update(_DIGEST_BYTES.findall(text))
    return frozenset(digest.decode() for digest in found)
