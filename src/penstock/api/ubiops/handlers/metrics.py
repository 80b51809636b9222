"""Metrics: those that clients make and report points of, and the server's own, which it makes of requests."""

import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec

from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.ubiops.catalogue import Project, all_of, equals, found, project_of
from penstock.api.ubiops.finding import Wanted, list_requests
from penstock.api.ubiops.kinds import METRIC, PIPELINE_VERSION, SERIES, VERSION, SeriesBody, StoredBody
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.project_requests import size_of
from penstock.api.ubiops.request_views import CANCELLED, COMPLETED, FAILED, RequestView
from penstock.api.ubiops.rules import checked_choice, checked_number, checked_text, instant, offset_and_limit
from penstock.api.ubiops.series import (
    BUILT_IN,
    add_points,
    bucketed,
    drop_points,
    read_points,
    series_key,
)
from penstock.api.ubiops.wire import MetricCreate, MetricUpdate, SeriesData, changes, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound, WrongState
from penstock.kernel.instants import unix_us
from penstock.kernel.query import Order
from penstock.services.documents import Document

__all__ = ["aggregate", "create", "data", "delete", "delete_series", "get", "list_all", "report", "search", "update"]

PREFIX: Final = "custom."
_TYPES: Final = ("delta", "gauge")
_MAX_BUCKETS: Final = 10_000
_MAX_POINTS: Final = 100_000
_PAGE: Final = 5000
_DAY_S: Final = 86_400


async def list_all(call: Call) -> list[Shown]:
    """List the metrics of a project; `custom` chooses among them."""
    project = await project_of(call)
    custom = flag(call.query, "custom", False) if "custom" in call.query else None
    rows: list[Shown] = []
    if custom is not True:
        rows += [_built_in(call, name) for name in BUILT_IN]
    if custom is not False:
        kept = await all_of(call.services.documents, METRIC, project.scope, order=Order("name"))
        rows += [_metric(each) for each in kept]
    return rows


async def create(call: Call, body: object) -> Shown:
    """Make a metric of the client's own."""
    project, wanted = await project_of(call), read(body, MetricCreate)
    name = _own_name(wanted.name)
    values = {
        "description": checked_text(wanted.description),
        "metric_type": checked_choice(wanted.metric_type, "metric_type", _TYPES),
        "unit": wanted.unit,
        "labels": list(wanted.labels),
    }
    try:
        return _metric(await call.services.documents.create(METRIC, project.scope, name, StoredBody(values=values)))
    except AlreadyExists:
        raise AlreadyExists(f"A metric with the name {name!r} already exists") from None


async def get(call: Call) -> Shown:
    """Show a metric."""
    project, name = await project_of(call), call.path["metric"]
    if name in BUILT_IN:
        return _built_in(call, name)
    return _metric(await found(call.services.documents, METRIC, project.scope, name))


async def update(call: Call, body: object) -> Shown:
    """Change a metric of the client's own."""
    project = await project_of(call)
    present, wanted = await _own(call, project), changes(read(body, MetricUpdate))
    name = _own_name(wanted.pop("name", present.name))
    values = present.body.values | {
        key: list(value) if isinstance(value, tuple) else value for key, value in wanted.items()
    }
    made = msgspec.structs.replace(present.body, values=values)
    documents = call.services.documents
    document = await documents.replace(present, made, name=name)
    if name != present.name:
        for series in await all_of(documents, SERIES, project.scope, equals("metric", str(present.name))):
            await documents.replace(series, msgspec.structs.replace(series.body, metric=name))
    return _metric(document)


async def delete(call: Call) -> None:
    """Remove a metric of the client's own with its points."""
    project = await project_of(call)
    present = await _own(call, project)
    documents = call.services.documents
    for series in await all_of(documents, SERIES, project.scope, equals("metric", str(present.name))):
        await documents.delete(series, also=(drop_points(project.scope, series.body.key),))
    await documents.delete(present)


async def report(call: Call, body: object) -> Shown:
    """Take points of one series in."""
    project = await project_of(call)
    await _report(call, project, read(body, SeriesData))
    return {"success": True}


async def aggregate(call: Call, body: object) -> Shown:
    """Take points of several series in."""
    project = await project_of(call)
    if not isinstance(body, list):
        raise Invalid("The request body must be a list of series")
    series = [read(each, SeriesData) for each in body]
    if sum(len(each.data) for each in series) > _MAX_POINTS:
        raise Invalid(f"At most {_MAX_POINTS} points are taken at once")
    for each in series:
        await _report(call, project, each)
    return {"success": True}


async def data(call: Call) -> Shown:
    """Show a metric's points, added up by period."""
    project, name = await project_of(call), call.query.get("metric", "")
    shown = await _known(call, project, name)
    now = call.services.clock.now()
    end = instant(call.query["end_date"], "end_date") if "end_date" in call.query else now
    start = (
        instant(call.query["start_date"], "start_date")
        if "start_date" in call.query
        else end - timedelta(seconds=_DAY_S)
    )
    period_s = _period(call, (end - start).total_seconds())
    labels = _labels(call)
    start_us, end_us = unix_us(start), unix_us(end)
    points = await _own_points(call, project, name, labels, start_us, end_us) if name in BUILT_IN else []
    for series in await all_of(call.services.documents, SERIES, project.scope, equals("metric", name)):
        if labels.items() <= series.body.labels.items():
            points += await read_points(call.services, project.scope, series.body.key, start_us, end_us)
    made = bucketed(points, start_us, end_us, period_s * 1_000_000, adds_up=shown["metric_type"] == "delta")
    return {
        "metric": name,
        "metric_type": shown["metric_type"],
        "unit": shown["unit"],
        "start_date": timestamp(start),
        "end_date": timestamp(end),
        "aggregation_period": period_s,
        "labels": labels,
        "data_points": [
            {"start_date": timestamp(each.start_us), "end_date": timestamp(each.end_us), "value": each.value}
            for each in made
        ],
    }


async def _own_points(
    call: Call, project: Project, metric: str, labels: dict[str, str], start_us: int, end_us: int
) -> list[tuple[int, float]]:
    """Return the points of one of the server's own metrics: one for each request that has ended."""
    kind, _, what = metric.partition(".")
    label = f"{kind.removesuffix('s')}_version_id"
    points: list[tuple[int, float]] = []
    for version_id in await _versions(call, project, kind):
        if labels.get(label, version_id) != version_id:
            continue
        if what == "instances":
            status = call.services.serving.status(version_id)
            now_us = unix_us(call.services.clock.now())
            if status is not None and start_us <= now_us < end_us:
                points.append((now_us, float(len(status.instances))))
            continue
        async for request in _requests(call, project, version_id, start_us, end_us):
            value = _measured(request, what)
            if value is not None:
                points.append((request.created_us, value))
    return points


async def _versions(call: Call, project: Project, kind: str) -> list[str]:
    documents = call.services.documents
    if kind == "deployments":
        return [each.id for each in await all_of(documents, VERSION, project.scope)]
    return [each.id for each in await all_of(documents, PIPELINE_VERSION, project.scope)]


async def _requests(
    call: Call, project: Project, version_id: str, start_us: int, end_us: int
) -> AsyncIterator[RequestView]:
    """Yield the requests to a version that were made in a time and have ended."""
    wanted = Wanted((COMPLETED, FAILED, CANCELLED), limit=_PAGE, from_us=start_us, to_us=end_us - 1)
    while wanted.offset < _MAX_POINTS:
        page = await list_requests(call.services, project.scope, version_id, wanted)
        for request in page:
            yield request
        if len(page) < _PAGE:
            return
        wanted = replace(wanted, offset=wanted.offset + _PAGE)


def _measured(request: RequestView, what: str) -> float | None:
    match what:
        case "requests":
            return 1.0
        case "failed_requests":
            return 1.0 if request.status == FAILED else 0.0
        case "input_volume":
            return float(size_of(request.data) or 0)
        case "output_volume":
            return float(size_of(request.result) or 0)
    if request.started_us is None or request.finished_us is None:
        return None
    return (request.finished_us - request.started_us) / 1e6


async def search(call: Call) -> list[Shown]:
    """List the series of a project: metrics with the labels that were reported."""
    project = await project_of(call)
    offset, limit = offset_and_limit(call.query, 50, 1000)
    wanted, labels = call.query.get("metric", ""), _labels(call)
    exact = flag(call.query, "exact_match", False)
    rows = await all_of(call.services.documents, SERIES, project.scope)
    shown = [
        {"id": _number(each), "metric": each.body.metric, "labels": each.body.labels, "resolution": 60}
        for each in rows
        if (each.body.metric == wanted if exact else wanted in each.body.metric)
        and labels.items() <= each.body.labels.items()
    ]
    return shown[offset : offset + limit]


async def delete_series(call: Call) -> None:
    """Remove a series with its points."""
    project, documents = await project_of(call), call.services.documents
    for each in await all_of(documents, SERIES, project.scope):
        if str(_number(each)) == call.path["id"]:
            return await documents.delete(each, also=(drop_points(project.scope, each.body.key),))
    raise NotFound(f"Time series was not found: there is none with the id {call.path['id']!r}")


async def _report(call: Call, project: Project, wanted: SeriesData) -> None:
    services = call.services
    if wanted.metric in BUILT_IN:
        raise Invalid(f"metric: {wanted.metric!r} is one of the server's own; points are reported of custom ones")
    try:
        await services.documents.find(METRIC, project.scope, _own_name(wanted.metric))
    except NotFound:
        raise NotFound(f"Metric was not found: make {wanted.metric!r} before points of it are reported") from None
    labels = {key: str(value) for key, value in wanted.labels.items()}
    points = [(unix_us(instant(each.date, "date")), each.value) for each in wanted.data]
    key = series_key(wanted.metric, labels)
    with suppress(AlreadyExists):
        made = SeriesBody(metric=wanted.metric, key=key, labels=labels)
        await services.documents.create(SERIES, project.scope, key, made)
    await add_points(services, project.scope, key, points)


def _own_name(name: str) -> str:
    if not name.startswith(PREFIX) or len(name) <= len(PREFIX) or len(name) > 128:
        raise Invalid(f"name: {name[:80]!r} is no name of a metric: it must begin with {PREFIX!r}")
    return name


async def _own(call: Call, project: Project) -> Document[StoredBody]:
    if call.path["metric"] in BUILT_IN:
        raise WrongState(f"Metric {call.path['metric']!r} is one of the server's own and cannot be changed")
    return await found(call.services.documents, METRIC, project.scope, call.path["metric"])


async def _known(call: Call, project: Project, name: str) -> Shown:
    if not name:
        raise Invalid("metric: this query parameter is required")
    if name in BUILT_IN:
        return _built_in(call, name)
    return _metric(await found(call.services.documents, METRIC, project.scope, name))


def _period(call: Call, length_s: float) -> int:
    text = call.query.get("aggregation_period", "") or "3600"
    if not text.isdecimal():
        raise Invalid(f"aggregation_period: {text[:80]!r} is no number of seconds")
    period_s = checked_number(int(text), "aggregation_period", 1, 365 * _DAY_S)
    if length_s <= 0:
        raise Invalid("start_date: the time begins after its end")
    if length_s / period_s > _MAX_BUCKETS:
        raise Invalid(f"aggregation_period: {period_s} s make more than {_MAX_BUCKETS} points; take a longer one")
    return period_s


def _labels(call: Call) -> dict[str, str]:
    made = {}
    for part in filter(None, call.query.get("labels", "").split(",")):
        key, colon, value = part.partition(":")
        if not colon:
            raise Invalid(f"labels: {part[:80]!r} is no label; write key:value")
        made[key] = value
    return made


def _number(document: Document[SeriesBody]) -> int:
    """Return the number by which clients know a series."""
    return zlib.crc32(document.id.encode())


def _metric(document: Document[StoredBody]) -> Shown:
    values: dict[str, Any] = document.body.values
    return {
        "id": zlib.crc32(document.id.encode()),
        "name": document.name,
        "description": values["description"],
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
        "custom": True,
        "metric_type": values["metric_type"],
        "unit": values["unit"],
        "labels": values["labels"],
    }


def _built_in(call: Call, name: str) -> Shown:
    kind, unit, description = BUILT_IN[name]
    at = timestamp(call.services.started_at)
    label = "deployment_version_id" if name.startswith("deployments") else "pipeline_version_id"
    return {
        "id": zlib.crc32(name.encode()),
        "name": name,
        "description": description,
        "creation_date": at,
        "last_updated": at,
        "custom": False,
        "metric_type": kind,
        "unit": unit,
        "labels": [label],
    }
