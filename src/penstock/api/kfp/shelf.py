"""Packages of runs, read once. They are kept by the digest of their text, so what is kept is never out of date."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from penstock.services.services import Services

if TYPE_CHECKING:
    from penstock.api.kfp.packages import Package

__all__ = ["package_by_digest"]

MAX_KEPT: Final = 64
MAX_KEPT_BYTES: Final = 1 << 20
"""Longer packages are read each time."""

_kept: OrderedDict[str, Package] = OrderedDict()


async def package_by_digest(services: Services, sha256: str) -> Package:
    """Return a package by the digest of its text.

    Raises: NotFound if the blob store does not have it any more.
    """
    found = _kept.get(sha256)
    if found is not None:
        _kept.move_to_end(sha256)
        return found
    text = b"".join([chunk async for chunk in services.blobs.open(sha256)])
    package = await asyncio.to_thread(_read, text)
    if len(text) <= MAX_KEPT_BYTES:
        _kept[sha256] = package
        if len(_kept) > MAX_KEPT:
            _kept.popitem(last=False)
    return package


def _read(text: bytes) -> Package:
    # Reading YAML is loaded when it is needed, not when the server starts.
    from penstock.api.kfp.packages import package_of

    return package_of(text)
