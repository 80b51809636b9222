"""Requests to what is shown of them: pure, one function per form of the wire."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.request_views import COMPLETED, RequestView
from penstock.kernel.values import Value

__all__ = [
    "batch_item",
    "created",
    "detail",
    "list_item",
    "operator_detail",
    "overview_item",
    "single_detail",
    "size_of",
]

_DEPLOYMENT_TIMEOUT: Final = 300
"""What an old field of pipeline requests always says."""


def created(request: RequestView) -> Shown:
    """Show the answer to a direct request."""
    shown = _named(request) | _outcome(request)
    if request.labels["kind"] == "pipeline":
        return shown | {"project": request.project} | _parts(request) | _timeouts(request)
    return shown | {"timeout": request.timeout_s}


def batch_item(request: RequestView) -> Shown:
    """Show a request that was accepted with a batch."""
    return _named(request) | {
        "project": request.project,
        "status": request.status,
        "time_created": timestamp(request.created_us),
    }


def list_item(request: RequestView) -> Shown:
    """Show a request in a list: no data."""
    return _named(request) | {
        "status": request.status,
        "success": request.status == COMPLETED,
        **_times_and_sizes(request),
    }


def detail(request: RequestView, *, with_data: bool = True) -> Shown:
    """Show a request as collected."""
    shown = list_item(request) | _outcome(request) | {"request_data": request.data}
    if request.labels["kind"] == "pipeline":
        shown |= _parts(request) | _timeouts(request)
    else:
        shown |= {"timeout": request.timeout_s, "additional_data": None}
    if not with_data:
        shown |= {"request_data": None, "result": None}
    return shown


def single_detail(request: RequestView, *, with_data: bool = True) -> Shown:
    """Show one request, with who made it."""
    origin: dict[str, Any] = {"created_by": request.created_by}
    if request.pipeline_request is not None:
        origin["pipeline_request_id"] = request.pipeline_request
    return detail(request, with_data=with_data) | {"origin": origin}


def operator_detail(request: RequestView, pipeline: str, version: str, *, with_data: bool = True) -> Shown:
    """Show what an operator did; its object has two names on the wire."""
    labels = request.labels
    shown = {
        "id": request.id,
        "pipeline_request_id": request.pipeline_request,
        "pipeline": pipeline,
        "version": version,
        "object": labels["object"],
        "pipeline_object": labels["object"],
        "operator": labels["reference"],
        "status": request.status,
        "success": request.status == COMPLETED,
        **_times_and_sizes(request),
        "request_data": request.data,
        "result": request.result,
        "error_message": request.error_message,
    }
    return shown if with_data else shown | {"request_data": None, "result": None}


def overview_item(request: RequestView) -> Shown:
    """Show a request in the overview of a project."""
    return list_item(request) | {"object_type": request.labels["kind"]}


def size_of(value: Value) -> int | None:
    """Return the length of a value as compact JSON, of a text as text, in bytes."""
    if value is None:
        return None
    return len(value.encode()) if isinstance(value, str) else len(msgspec.json.encode(value))


def _named(request: RequestView) -> Shown:
    labels = request.labels
    return {"id": request.id, labels["kind"]: labels["reference"], "version": labels["version"]}


def _outcome(request: RequestView) -> Shown:
    return {
        "status": request.status,
        "success": request.status == COMPLETED,
        "result": request.result,
        "error_message": request.error_message,
    }


def _timeouts(request: RequestView) -> Shown:
    return {"pipeline_timeout": request.timeout_s, "deployment_timeout": _DEPLOYMENT_TIMEOUT}


def _parts(request: RequestView) -> Shown:
    shown: dict[str, list[Shown]] = {"deployment_requests": [], "operator_requests": [], "pipeline_requests": []}
    for part in request.parts:
        shown[f"{part.labels['kind']}_requests"].append(_part(part))
    return shown


def _part(part: RequestView) -> Shown:
    labels, kind = part.labels, part.labels["kind"]
    shown: Shown = {
        "id": part.id,
        "pipeline_object": labels["object"],
        kind: labels["reference"],
        "sequence_id": part.sequence_id,
        "status": part.status,
        "success": part.status == COMPLETED,
        "error_message": part.error_message,
        **_times_and_sizes(part),
    }
    if kind != "operator":
        shown["version"] = labels["version"]
    return shown


def _times_and_sizes(request: RequestView) -> Shown:
    return {
        "time_created": timestamp(request.created_us),
        "time_started": timestamp(request.started_us),
        "time_completed": timestamp(request.finished_us),
        "input_size": size_of(request.data),
        "output_size": size_of(request.result),
    }
