"""Files that go out."""

from collections.abc import AsyncGenerator
from urllib.parse import quote

from starlette.responses import Response

from penstock.api.shared.streams import stream
from penstock.services.services import Services

__all__ = ["attachment", "send_blob"]


def attachment(name: str) -> dict[str, str]:
    """Return the header that names a download."""
    plain = name.encode("ascii", "replace").decode().replace('"', "'").replace("?", "_")
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name)}"
    return {"Content-Disposition": f'attachment; filename="{plain}"{extended}'}


async def send_blob(
    services: Services, sha256: str, name: str, *, media_type: str = "application/octet-stream"
) -> Response:
    """Send a blob as a file. Raises: NotFound."""
    size_bytes = (await services.blobs.stat(sha256)).size_bytes

    async def chunks() -> AsyncGenerator[bytes, None]:
        async for chunk in services.blobs.open(sha256):
            yield chunk

    return stream(chunks(), media_type, headers={**attachment(name), "Content-Length": str(size_bytes)})
