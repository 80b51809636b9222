"""What can be seen of a project: logs, the audit trail, events, what it uses and may use."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from starlette.datastructures import QueryParams

from penstock.api.shared.call import Call
from penstock.api.ubiops.audit import entries
from penstock.api.ubiops.catalogue import Project, all_of, find_deployment, find_pipeline, found, project_of, scope_of
from penstock.api.ubiops.finding import list_requests as requests_of
from penstock.api.ubiops.finding import read_wanted
from penstock.api.ubiops.kinds import (
    BUCKET,
    DEPLOYMENT,
    ENVIRONMENT,
    ORGANIZATION,
    PIPELINE,
    PIPELINE_VERSION,
    PROJECT,
    REVISION,
    VERSION,
)
from penstock.api.ubiops.logquery import parse_query
from penstock.api.ubiops.logs import LogLine, read_logs
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.project_requests import overview_item
from penstock.api.ubiops.request_views import RequestView
from penstock.api.ubiops.rules import checked_choice, checked_number, instant, offset_and_limit
from penstock.api.ubiops.targets import OBJECT_TYPES
from penstock.api.ubiops.wire import LogsCreate, read
from penstock.kernel.errors import Invalid
from penstock.kernel.instants import unix_us
from penstock.kernel.query import Order
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Kind

__all__ = [
    "audit",
    "deployment_audit",
    "events",
    "list_logs",
    "list_requests",
    "organization_resources",
    "organization_usage",
    "pipeline_audit",
    "post_logs",
    "quotas",
    "resources",
    "usage",
]

_ACTIONS: Final = ("create", "update", "delete", "info")
_MAX_LOGS: Final = 5000
_MOST_REQUESTS: Final = 10_000
"""How far the overview of a project's requests goes back."""
_DAY_NS: Final = 86_400 * 10**9
_COUNTED: Final[dict[str, Kind[Any]]] = {
    "deployments": DEPLOYMENT,
    "deployment_versions": VERSION,
    "pipelines": PIPELINE,
    "pipeline_versions": PIPELINE_VERSION,
    "buckets": BUCKET,
    "environments": ENVIRONMENT,
}


async def list_logs(call: Call) -> list[Shown]:
    """List log lines that a query asks for; when `start` is later than `end`, the newest first."""
    project, query = await project_of(call), parse_query(call.query.get("query", ""))
    _, limit = offset_and_limit(call.query, 1000, _MAX_LOGS)
    now_ns = unix_us(call.services.clock.now()) * 1000
    start, end = _nanoseconds(call.query, "start"), _nanoseconds(call.query, "end")
    end = (now_ns if start is None or start <= now_ns else start) + 1_000_000 if end is None else end
    start = end - _DAY_NS if start is None else start
    lines = await read_logs(
        call.services, project, query, min(start, end), max(start, end), limit, backwards=start > end
    )
    return [_line(each) for each in lines]


async def post_logs(call: Call, body: object) -> list[Shown]:
    """List log lines in the older way: conditions by name, and a time in seconds from a date."""
    project, wanted = await project_of(call), read(body, LogsCreate)
    names = ", ".join(
        f"{name}=`{str(value).lower() if isinstance(value, bool) else value}`" for name, value in wanted.filters.items()
    )
    query = parse_query(f"{{{names}}}")
    limit = checked_number(wanted.limit, "limit", 1, _MAX_LOGS)
    reach_s = checked_number(wanted.date_range, "date_range", -86_400, 86_400)
    if wanted.id:
        if not wanted.id.isdecimal():
            raise Invalid(f"id: {wanted.id[:80]!r} is no id of a log line")
        at_ns = int(wanted.id)
    else:
        at = instant(wanted.date, "date") if wanted.date else call.services.clock.now() + timedelta(milliseconds=1)
        at_ns = unix_us(at) * 1000
    first, last = sorted((at_ns, at_ns + reach_s * 10**9))
    lines = await read_logs(call.services, project, query, first, last + 1, limit, backwards=reach_s < 0)
    return [
        {"id": str(each.at_ns), "log": each.text, "date": timestamp(each.at), **_known(each.known)} for each in lines
    ]


async def list_requests(call: Call) -> list[Shown]:
    """List the requests of a project, to all its deployments and pipelines, or to those of one `object_type`."""
    project, documents = await project_of(call), call.services.documents
    kind = call.query.get("object_type", "")
    if kind:
        checked_choice(kind, "object_type", OBJECT_TYPES)
    wanted = read_wanted(call.query, call.query.getlist("status"))
    every = replace(wanted, limit=min(wanted.offset + wanted.limit, _MOST_REQUESTS), offset=0)
    places: list[str] = []
    if kind != "pipeline":
        places += [each.id for each in await all_of(documents, VERSION, project.scope)]
    if kind != "deployment":
        places += [each.id for each in await all_of(documents, PIPELINE_VERSION, project.scope)]
    rows: list[RequestView] = []
    for place in places:
        rows += await requests_of(call.services, project.scope, place, every)
    rows.sort(key=lambda request: (request.created_us, request.id), reverse=not wanted.is_ascending)
    return [overview_item(each) for each in rows[wanted.offset : wanted.offset + wanted.limit]]


async def events(call: Call) -> list[Shown]:
    """List what happened to the versions of a project: builds that ended, newest first."""
    project, documents = await project_of(call), call.services.documents
    offset, limit = offset_and_limit(call.query, 50, 1000)
    names = {str(each.id): str(each.name) for each in await all_of(documents, DEPLOYMENT, project.scope)}
    versions = {str(each.id): each.body for each in await all_of(documents, VERSION, project.scope)}
    order = Order("created_at", descending=True)
    rows = []
    for each in await all_of(documents, REVISION, project.scope, order=order):
        version = versions.get(each.body.version_id)
        if version is None or each.body.status not in ("success", "failed"):
            continue
        text = each.body.error_message or "The deployment version is available"
        rows.append(
            {
                "id": each.id,
                "date": timestamp(each.updated_at),
                "object_type": "deployment_version",
                "object_id": each.body.version_id,
                "object_name": version.title,
                "parent_object_name": names.get(version.deployment_id),
                "parent_object_id": version.deployment_id,
                "type": "info" if each.body.status == "success" else "error",
                "log_timestamp": unix_us(each.updated_at) * 1000,
                "text": text,
            }
        )
    chosen = {key: call.query[key] for key in ("object_type", "object_id", "type") if call.query.get(key)}
    return [row for row in rows if all(row[key] == value for key, value in chosen.items())][offset : offset + limit]


async def audit(call: Call) -> list[Shown]:
    """List what was done in a project, newest first."""
    return await _audit(call, await project_of(call))


async def deployment_audit(call: Call) -> list[Shown]:
    """List what was done to a deployment and its versions, newest first."""
    project = await project_of(call)
    deployment = await find_deployment(call.services, project, call.path["deployment"])
    return await _audit(call, project, "deployment", str(deployment.name))


async def pipeline_audit(call: Call) -> list[Shown]:
    """List what was done to a pipeline and its versions, newest first."""
    project = await project_of(call)
    pipeline = await find_pipeline(call.services, project, call.path["pipeline"])
    return await _audit(call, project, "pipeline", str(pipeline.name))


async def resources(call: Call) -> Shown:
    """Count what a project has."""
    return await _counts(call, (await project_of(call)).scope)


async def quotas(call: Call) -> list[Shown]:
    """List what limits a project has: none."""
    await project_of(call)
    return []


async def usage(call: Call) -> Shown:
    """Show what a project has used: nothing is charged for here."""
    await project_of(call)
    _range(call.query)
    return {
        "interval": call.query.get("interval", "day"),
        "data_project": [],
        "data_deployments": [],
        "data_deleted_deployments": [],
    }


async def organization_resources(call: Call) -> Shown:
    """Count what the projects of an organisation have."""
    rows = await _projects_of(call)
    total: dict[str, int] = {"projects": len(rows), "users": 1, **dict.fromkeys(_COUNTED, 0)}
    for scope in rows:
        for name, count in (await _counts(call, scope)).items():
            total[name] += count
    return dict(total)


async def organization_usage(call: Call) -> Shown:
    """Show what an organisation has used: nothing is charged for here."""
    await _projects_of(call)
    _range(call.query)
    return {
        "interval": call.query.get("interval", "day"),
        "data_organization": [],
        "data_projects": [],
        "data_deleted_projects": [],
    }


async def _projects_of(call: Call) -> list[Scope]:
    documents = call.services.documents
    organization = await found(documents, ORGANIZATION, DEFAULT_SCOPE, call.path["organization"])
    rows = await all_of(documents, PROJECT, DEFAULT_SCOPE)
    return [scope_of(each.id) for each in rows if each.body.organization == organization.name]


async def _counts(call: Call, scope: Scope) -> dict[str, int]:
    return {name: await call.services.documents.count(kind, scope) for name, kind in _COUNTED.items()}


async def _audit(call: Call, project: Project, object_type: str = "", object_name: str = "") -> list[Shown]:
    action = call.query.get("action", "")
    if action:
        checked_choice(action, "action", _ACTIONS)
    offset, limit = offset_and_limit(call.query, 10, 100)
    return await entries(
        call.services,
        project,
        object_type=object_type,
        object_name=object_name,
        action=action,
        offset=offset,
        limit=limit,
    )


def _range(query: QueryParams) -> None:
    for key in ("start_date", "end_date"):
        if key in query:
            instant(query[key], key)
    checked_choice(query.get("interval", "day"), "interval", ("day", "month"))


def _nanoseconds(query: QueryParams, key: str) -> int | None:
    text = query.get(key, "")
    if not text:
        return None
    if text.isascii() and text.isdecimal():
        return int(text)
    return unix_us(instant(text, key)) * 1000


def _line(line: LogLine) -> Shown:
    return {
        "timestamp": line.at_ns,
        "timestamp_str": f"{line.at.strftime('%Y-%m-%dT%H:%M:%S.%f')}{line.at_ns % 1000:03d}Z",
        "log": line.text,
        "metadata": _known(line.known),
    }


def _known(known: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {name: value for name, value in known.items() if value}
    shown["system"] = known.get("system") == "true"
    return shown
