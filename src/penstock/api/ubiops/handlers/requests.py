"""Requests to deployments and to pipelines, to their default version or to a named one: one handler for all four.

Which of them a call is about stands in its path. Without a version in it, a new request goes to the default version,
and one that was made is found whatever version it went to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import closing

import msgspec
from starlette.responses import Response, StreamingResponse

from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.shared.streams import stream as streamed
from penstock.api.ubiops import project_requests as shown
from penstock.api.ubiops.asking import (
    BATCH_TIMEOUT_S,
    MAX_BATCH_TIMEOUT_S,
    asked,
    asked_all,
    check_room,
    direct_timeouts,
)
from penstock.api.ubiops.auth import email_of
from penstock.api.ubiops.finding import find_all, find_one, list_requests, read_wanted
from penstock.api.ubiops.inputs import read_batch, read_data, read_ids, read_timeout
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.request_views import CANCELLED, PENDING, PROCESSING, RequestView, view
from penstock.api.ubiops.served import Served, served
from penstock.kernel.errors import Invalid, NotFound, WrongState
from penstock.kernel.values import Value
from penstock.services.runs.brief import BriefPump
from penstock.services.runs.record import Run
from penstock.services.runs.submission import Submission

__all__ = [
    "batch",
    "cancel_many",
    "collect",
    "create",
    "delete",
    "delete_many",
    "get",
    "input_of",
    "list_all",
    "output_of",
    "stream",
    "update",
]

SUCCESS = {"success": True}


async def create(call: Call, body: bytes) -> Shown:
    """Make a request and answer with what came of it; a request that failed is no error."""
    target = await served(call)
    pump = await call.services.runs.brief.begin(_submission(call, target, body))
    run = await pump.answered
    return shown.created(view(run, tuple(pump.machine.steps())))


async def batch(call: Call, body: bytes) -> list[Shown]:
    """Accept many requests, all or none; they are on disk when this answers."""
    target = await served(call)
    items = read_batch(target.takes, body, call.headers.get("content-type", ""))
    timeout_s = read_timeout(call.query, BATCH_TIMEOUT_S, MAX_BATCH_TIMEOUT_S)
    _check_priority(call)
    check_room(call.services, target, len(items))
    caller = email_of(call.principal)
    submissions = asked_all(call.services, target, items, caller=caller, timeout_s=timeout_s)
    runs = await call.services.runs.brief.submit_all(submissions)
    return [shown.batch_item(_accepted(run)) for run in runs]


async def stream(call: Call, body: bytes) -> StreamingResponse:
    """Make a request and send its partial results as they come, then what came of it."""
    target = await served(call)
    return streamed(_updates(call, _submission(call, target, body)), "text/event-stream")


async def get(call: Call) -> Shown:
    """Show one request."""
    with_data = not flag(call.query, "metadata_only", False)
    return shown.single_detail(await _one(call), with_data=with_data)


async def collect(call: Call, body: object) -> list[Shown]:
    """Show all of these requests; if one is missing, none."""
    found = await find_all(call.services, await served(call), read_ids(body), is_pinned=_is_pinned(call))
    return [shown.detail(request) for request in found]


async def list_all(call: Call) -> list[Shown]:
    """List requests to a version, without their data."""
    target = await served(call)
    wanted = read_wanted(call.query, call.query.getlist("status"))
    found = await list_requests(call.services, target.scope, target.version_id, wanted)
    return [shown.list_item(request) for request in found]


async def update(call: Call, body: object) -> Shown:
    """Cancel a request: nothing else of it can be changed."""
    if not isinstance(body, dict) or body.get("status") != CANCELLED:
        raise Invalid("status: a request can only be set to 'cancelled'")
    request = await _one(call)
    if request.is_over:
        raise WrongState(f"Request {request.id!r} is {request.status}; only one that has not ended can be cancelled")
    await _cancel(call, [request])
    return SUCCESS


async def delete(call: Call) -> None:
    """Remove a request and what it made; one that has not ended is cancelled first."""
    await _delete(call, [await _one(call)])


async def cancel_many(call: Call, body: object) -> Shown:
    """Cancel these requests, or all in a status. Those that have ended are left alone."""
    target, status = await served(call), call.query.get("status")
    ids = read_ids(body) if body not in (None, {}) else []
    if status is None:
        if not ids:
            raise Invalid("Either a list of request ids or the query parameter 'status' is needed")
        found = await find_all(call.services, target, ids, is_pinned=_is_pinned(call))
    else:
        if ids:
            raise Invalid("A list of request ids and the query parameter 'status' cannot be combined")
        if status not in (PENDING, PROCESSING):
            raise Invalid(f"status: {status!r} cannot be cancelled; only pending and processing requests can")
        brief = call.services.runs.brief
        runs = brief.open_runs(target.scope, target.version_id)
        found = [request for run in runs if (request := view(run, ())).status == status]
    await _cancel(call, [request for request in found if not request.is_over])
    return SUCCESS


async def delete_many(call: Call, body: object) -> Shown:
    """Remove these requests; if one is missing, none."""
    target = await served(call)
    await _delete(call, await find_all(call.services, target, read_ids(body, 1), is_pinned=_is_pinned(call)))
    return SUCCESS


async def input_of(call: Call) -> Response:
    """Send the data of a request as a file."""
    request = await _one(call)
    return download(request.id, "input", request.data)


async def output_of(call: Call) -> Response:
    """Send the result of a request as a file."""
    request = await _one(call)
    return download(request.id, "output", request.result)


def download(id: str, side: str, value: Value) -> Response:
    """Return data as a file: text as it is, anything else as JSON. Raises: NotFound if there is none."""
    if value is None:
        raise NotFound(f"The {side} of request {id!r} is not stored")
    is_text = isinstance(value, str)
    # Clients read a file of text as JSON too, so a text is written in quotes.
    content, suffix = msgspec.json.encode(value), "json"
    headers = {"Content-Disposition": f'attachment; filename="{side}-{id}.{suffix}"'}
    media_type = "text/plain" if is_text else "application/json"
    return Response(content, headers=headers, media_type=media_type)


def _submission(call: Call, target: Served, body: bytes) -> Submission:
    data = read_data(target.takes, body, call.headers.get("content-type", ""))
    usual, most = direct_timeouts(target)
    timeout_s = read_timeout(call.query, usual, most)
    _check_priority(call)
    check_room(call.services, target, 1)
    caller = email_of(call.principal)
    return asked(call.services, target, data, caller=caller, timeout_s=timeout_s, is_direct=True)


def _check_priority(call: Call) -> None:
    text = call.query.get("priority")
    if text is not None and text not in ("0", "1"):
        raise Invalid(f"priority: {text!r} is not 0 (high) or 1 (standard)")


def _accepted(run: Run) -> RequestView:
    """Show a run that was accepted as waiting, though it may be under way by now."""
    accepted = view(run, ())
    accepted.status = PENDING
    return accepted


async def _updates(call: Call, submission: Submission) -> AsyncGenerator[bytes, None]:
    assert submission.id is not None, "a request has its id before it begins"
    with closing(call.services.serving.updates(submission.id)) as updates:
        pump: BriefPump = await call.services.runs.brief.begin(submission)
        pump.answered.add_done_callback(lambda _: updates.end())
        async for text in updates:
            # One line for each line of the text: a line break would end the event.
            yield b"".join(b"data:%s\n" % line.encode() for line in text.split("\n")) + b"\n"
        run = await pump.answered
        yield msgspec.json.encode(shown.created(view(run, tuple(pump.machine.steps())))) + b"\n"


async def _one(call: Call) -> RequestView:
    return await find_one(call.services, await served(call), call.path["id"], is_pinned=_is_pinned(call))


def _is_pinned(call: Call) -> bool:
    return "version" in call.path


async def _cancel(call: Call, requests: list[RequestView]) -> None:
    """Stop the runs of requests; a part cannot be stopped without the pipeline request that made it."""
    brief = call.services.runs.brief
    stopped = []
    for run in dict.fromkeys(request.run for request in requests):
        if brief.is_open(run):
            try:
                stopped.append(brief.stop(run, "The request was cancelled"))
            except WrongState:
                continue
    for future in stopped:
        await asyncio.shield(future)


async def _delete(call: Call, requests: list[RequestView]) -> None:
    for request in requests:
        if request.id != request.run:
            raise WrongState(
                f"Request {request.id!r} is part of pipeline request {request.pipeline_request!r}; delete that one"
            )
    await call.services.runs.brief.delete([request.id for request in requests])
