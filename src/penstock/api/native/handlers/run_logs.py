"""Logs of a run: of one step, or of all of them, also while they grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.responses import Response

from penstock.api.native.handlers.runs import found
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag, integer
from penstock.api.shared.step_logs import following, taken_over
from penstock.api.shared.streams import stream
from penstock.kernel.errors import NotFound
from penstock.kernel.runs import AttemptRecord, StepRecord
from penstock.services.services import Services

__all__ = ["read"]

MEDIA_TYPE = "text/plain; charset=utf-8"
QUEUED_PAGES = 64
"""So many pages of lines of a followed run wait for a slow reader; then the logs are read no further."""


async def read(call: Call) -> Response:
    """Send the log of the step of path `step`, of its last attempt or that of the number `attempt`; without `step`
    those of all steps, each line behind its step's path. With `follow` as the lines come, until all has ended."""
    run = await found(call)
    follow, path = flag(call.query, "follow", False), call.query.get("step")
    services = call.services
    if path is None:
        lines = _of_run(services, run.id) if follow else _so_far(services, run.id)
        return stream(lines, MEDIA_TYPE)
    step = await _step(services, run.id, path)
    attempt = _attempt(step, integer(call.query, "attempt", None, least=1))
    if attempt is None:
        return Response(await taken_over(services, step), media_type="text/plain")
    if follow:
        return stream(_of_attempt(services, run.id, path, attempt.id), MEDIA_TYPE)
    return Response(await services.logs.text(run.id, attempt.id), media_type="text/plain")


async def _step(services: Services, run_id: str, path: str) -> StepRecord:
    for step in await services.runs.steps(run_id):
        if step.path == path:
            return step
    raise NotFound(f"run {run_id!r} has no step {path!r}, or its turn has not come")


def _attempt(step: StepRecord, number: int | None) -> AttemptRecord | None:
    if number is None:
        return step.attempts[-1] if step.attempts else None
    for attempt in step.attempts:
        if attempt.number == number:
            return attempt
    raise NotFound(f"step {step.path!r} has no attempt {number}; it has {len(step.attempts)}")


async def _of_attempt(services: Services, run_id: str, path: str, attempt: str) -> AsyncGenerator[bytes, None]:
    async for page in following(services, run_id, path, attempt):
        yield "".join(f"{line.text}\n" for line in page).encode()


async def _so_far(services: Services, run_id: str) -> AsyncGenerator[bytes, None]:
    """Yield what all attempts wrote, one after the other in the order of their launch."""
    for path, attempt in _launched(await services.runs.steps(run_id)):
        position = 0
        while page := await services.logs.read(run_id, attempt.id, after=position):
            position = page[-1].end
            yield "".join(f"{path} | {line.text}\n" for line in page).encode()


async def _of_run(services: Services, run_id: str) -> AsyncGenerator[bytes, None]:
    """Yield the lines of all attempts as they come, until the run has ended and all is read."""
    pages: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_PAGES)
    gathering = asyncio.create_task(_gather(services, run_id, pages))
    try:
        while (page := await pages.get()) is not None:
            yield page
        await gathering
    finally:
        gathering.cancel()


async def _gather(services: Services, run_id: str, pages: asyncio.Queue[bytes | None]) -> None:
    """Follow all attempts; put None when no more comes. Cancelled, it puts nothing: then nobody reads any more."""
    try:
        await _follow_all(services, run_id, pages)
    except Exception:
        await pages.put(None)
        raise
    await pages.put(None)


async def _follow_all(services: Services, run_id: str, pages: asyncio.Queue[bytes | None]) -> None:
    """Follow every attempt as soon as it is launched."""
    seen: set[str] = set()
    async with asyncio.TaskGroup() as followers:
        async for _ in services.runs.watch(run_id):
            for path, attempt in _launched(await services.runs.steps(run_id)):
                if attempt.id not in seen:
                    seen.add(attempt.id)
                    followers.create_task(_pass_on(services, run_id, path, attempt.id, pages))


async def _pass_on(
    services: Services, run_id: str, path: str, attempt: str, pages: asyncio.Queue[bytes | None]
) -> None:
    async for page in following(services, run_id, path, attempt):
        await pages.put("".join(f"{path} | {line.text}\n" for line in page).encode())


def _launched(steps: tuple[StepRecord, ...]) -> list[tuple[str, AttemptRecord]]:
    found = [(step.path, attempt) for step in steps for attempt in step.attempts]
    return sorted(found, key=lambda each: each[1].launched_at_us)
