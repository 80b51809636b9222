"""Logs of steps as plain text, also while they grow."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.responses import Response

from penstock.api.kfp.handlers.nodes import node_of
from penstock.api.kfp.project.nodes import Node
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.shared.streams import stream
from penstock.kernel.errors import NotFound

__all__ = ["read"]

MEDIA_TYPE = "text/plain; charset=utf-8"


async def read(call: Call) -> Response:
    """Send the log of a node; with `follow` its lines as they come, until the step has ended."""
    node = await node_of(call)
    run_id = call.path["id"]
    if node.attempt is None:
        return Response(await _taken_over(call, node), media_type="text/plain")
    if not flag(call.query, "follow", False):
        return Response(await call.services.logs.text(run_id, node.attempt.id), media_type="text/plain")
    return stream(_following(call, run_id, node.step.path, node.attempt.id), MEDIA_TYPE)


async def _taken_over(call: Call, node: Node) -> str:
    """Return the log of the step whose outputs were taken over, if that is still there."""
    hit = node.step.cache_hit
    if hit is None:
        return ""
    text = f"taken over from the cache: step {hit.path} of run {hit.run}\n"
    try:
        steps = await call.services.runs.steps(hit.run)
    except NotFound:
        return text
    for step in steps:
        if step.path == hit.path and step.attempts:
            return text + await call.services.logs.text(hit.run, step.attempts[-1].id)
    return text


async def _following(call: Call, run_id: str, path: str, attempt: str) -> AsyncGenerator[bytes, None]:
    ended = asyncio.Event()
    watching = asyncio.create_task(_watch(call, run_id, path, attempt, ended))
    try:
        async for page in call.services.logs.follow(run_id, attempt, ended):
            yield "".join(f"{line.text}\n" for line in page).encode()
    finally:
        watching.cancel()


async def _watch(call: Call, run_id: str, path: str, attempt: str, ended: asyncio.Event) -> None:
    """Set the event when the attempt, or the run, has ended."""
    try:
        async for state in call.services.runs.watch(run_id):
            if state.is_final or await _has_ended(call, run_id, path, attempt):
                break
    finally:
        ended.set()


async def _has_ended(call: Call, run_id: str, path: str, attempt: str) -> bool:
    for step in await call.services.runs.steps(run_id):
        if step.path == path:
            return any(each.id == attempt and each.state.is_final for each in step.attempts)
    return True
