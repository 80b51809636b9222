"""Packages by URL: fetched by the server when a pipeline or version is made from one."""

import asyncio
from typing import Final
from urllib.parse import unquote, urlsplit

from penstock.kernel.errors import Invalid

__all__ = ["fetched"]

TIMEOUT_S: Final = 30.0


async def fetched(url: str) -> tuple[str, bytes]:
    """Return the last part of the URL's path, and what is there.

    Raises: Invalid if nothing can be had from there.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Invalid(f"the package's URL is {url!r}; it must begin with http:// or https://", at="/url/pipeline_url")
    content = await asyncio.to_thread(_read, url)
    return unquote(parts.path.rpartition("/")[2]), content


def _read(url: str) -> bytes:
    # Loaded when somebody fetches something, not when the server starts.
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    from penstock.api.kfp.archives import MAX_BYTES

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    try:
        with opener.open(url, timeout=TIMEOUT_S) as reply:
            content: bytes = reply.read(MAX_BYTES + 1)
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        raise Invalid(f"the package at {url!r} cannot be fetched: {error}", at="/url/pipeline_url") from None
    return content
