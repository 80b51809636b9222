"""Artifacts of steps, as clients unpack them: a gzipped tar with one file or one directory, in base64."""

import asyncio
import base64
from typing import Final

from penstock.api.kfp.handlers.nodes import node_of
from penstock.api.kfp.project.resources import Shown
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.values import artifact_of

__all__ = ["read_v1"]

MAX_BYTES: Final = 256 << 20
"""The longest artifact that is sent in one reply."""


async def read_v1(call: Call) -> Shown:
    """Send an artifact's content."""
    node, name = await node_of(call), call.path["name"]
    value = node.step.output_artifacts.get(name)
    if not isinstance(value, dict):
        raise NotFound(f"node {node.id!r} has no artifact {name!r}")
    artifact = artifact_of(value)
    if artifact.sha256 is None:
        raise NotFound(f"artifact {name!r} has no content here; it is at {artifact.uri!r}")
    if artifact.size_bytes > MAX_BYTES:
        raise Invalid(f"artifact {name!r} has {artifact.size_bytes} bytes; at most {MAX_BYTES} are sent")
    content = b"".join([chunk async for chunk in call.services.blobs.open(artifact.sha256)])
    packed = await asyncio.to_thread(_packed, content, artifact.is_directory)
    return {"data": base64.b64encode(packed).decode()}


def _packed(content: bytes, is_directory: bool) -> bytes:
    import gzip
    import io
    import tarfile

    if is_directory:
        return gzip.compress(content, 6, mtime=0)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("data")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), 6, mtime=0)
