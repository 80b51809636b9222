"""The `Authorization: Bearer` header, which several dialects read."""

from collections.abc import Mapping

__all__ = ["bearer_key"]


def bearer_key(headers: Mapping[str, str]) -> str | None:
    """Return the key of an `Authorization: Bearer <key>` header, or None if there is none.

    Source: RFC 6750 §2.1; the scheme's name has no case (RFC 9110 §11.1).
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
