"""Logs of attempts as every dialect sends them: while they grow, and those of a step that was taken over.

Knows runs and logs by their services only, and nothing of how a client names a step.
"""

import asyncio
from collections.abc import AsyncGenerator

from penstock.kernel.errors import NotFound
from penstock.kernel.runs import StepRecord
from penstock.ports.logbook import LogLine
from penstock.services.services import Services

__all__ = ["following", "taken_over"]


async def following(services: Services, run_id: str, path: str, attempt: str) -> AsyncGenerator[list[LogLine], None]:
    """Yield the lines of an attempt as they come, until it, or its run, has ended."""
    ended = asyncio.Event()
    watching = asyncio.create_task(_watch(services, run_id, path, attempt, ended))
    try:
        async for page in services.logs.follow(run_id, attempt, ended):
            yield page
    finally:
        watching.cancel()


async def taken_over(services: Services, step: StepRecord) -> str:
    """Return, for a step that the cache answered, the log of the one that ran, if that is still there."""
    hit = step.cache_hit
    if hit is None:
        return ""
    text = f"taken over from the cache: step {hit.path} of run {hit.run}\n"
    try:
        steps = await services.runs.steps(hit.run)
    except NotFound:
        return text
    for other in steps:
        if other.path == hit.path and other.attempts:
            return text + await services.logs.text(hit.run, other.attempts[-1].id)
    return text


async def _watch(services: Services, run_id: str, path: str, attempt: str, ended: asyncio.Event) -> None:
    """Set the event when the attempt, or the run, has ended."""
    try:
        async for state in services.runs.watch(run_id):
            if state.is_final or await _has_ended(services, run_id, path, attempt):
                break
    finally:
        ended.set()


async def _has_ended(services: Services, run_id: str, path: str, attempt: str) -> bool:
    for step in await services.runs.steps(run_id):
        if step.path == path:
            return any(each.id == attempt and each.state.is_final for each in step.attempts)
    return True
