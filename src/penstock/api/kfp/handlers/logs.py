"""Logs of steps as plain text, also while they grow."""

from collections.abc import AsyncGenerator

from starlette.responses import Response

from penstock.api.kfp.handlers.nodes import node_of
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.shared.step_logs import following, taken_over
from penstock.api.shared.streams import stream

__all__ = ["read"]

MEDIA_TYPE = "text/plain; charset=utf-8"


async def read(call: Call) -> Response:
    """Send the log of a node; with `follow` its lines as they come, until the step has ended."""
    node = await node_of(call)
    run_id = call.path["id"]
    if node.attempt is None:
        return Response(await taken_over(call.services, node.step), media_type="text/plain")
    if not flag(call.query, "follow", False):
        return Response(await call.services.logs.text(run_id, node.attempt.id), media_type="text/plain")
    return stream(_lines(call, run_id, node.step.path, node.attempt.id), MEDIA_TYPE)


async def _lines(call: Call, run_id: str, path: str, attempt: str) -> AsyncGenerator[bytes, None]:
    async for page in following(call.services, run_id, path, attempt):
        yield "".join(f"{line.text}\n" for line in page).encode()
