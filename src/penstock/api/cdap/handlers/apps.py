"""Apps: deploy, show, list, update, remove; their versions."""

from __future__ import annotations

from typing import Any

from starlette.responses import PlainTextResponse

from penstock.api.cdap.deployment import deploy, wanted_of
from penstock.api.cdap.entities import app_in, app_of, place_of, version_in
from penstock.api.cdap.errors import status_of
from penstock.api.cdap.kinds import APP, VERSION, AppBody
from penstock.api.cdap.names import SNAPSHOT, check_id
from penstock.api.cdap.project import apps as shown
from penstock.api.cdap.removal import remove_app, remove_version
from penstock.api.shared.call import Call
from penstock.api.shared.paging import cursor_of, token_of
from penstock.api.shared.parameters import flag, integer
from penstock.kernel.errors import Invalid, PenstockError
from penstock.kernel.query import MAX_LIMIT, AllOf, Compare, Comparison, OneOf, Order, Predicate
from penstock.services.documents import Document

__all__ = [
    "create",
    "create_version",
    "detail_of_many",
    "get",
    "get_version",
    "plugins",
    "remove",
    "remove_all",
    "remove_version_of",
    "show_all",
    "show_versions",
    "update",
]

PAGE = 25


async def create(call: Call, body: object) -> PlainTextResponse:
    """Deploy a pipeline: a new app, or the next version of one that is there."""
    place = await place_of(call)
    name = check_id("app", call.path["app"])
    await deploy(call.services, place, name, wanted_of(body))
    return PlainTextResponse("Deploy Complete")


async def create_version(call: Call, body: object) -> PlainTextResponse:
    """Deploy a pipeline; the version of the path counts for nothing, as in new releases."""
    return await create(call, body)


async def update(call: Call, body: object) -> PlainTextResponse:
    """Deploy the next version of an app from those parts that are sent."""
    place, app = await app_of(call)
    wanted = wanted_of(body, is_partial=True)
    present = await version_in(call.services, place, app, None)
    name = (wanted.artifact or {}).get("name", app.body.artifact)
    if name != app.body.artifact:
        raise Invalid(f"Only artifact version updates are supported: '{app.body.artifact}' cannot become '{name}'")
    await deploy(call.services, place, app.name or "", wanted, present.body)
    return PlainTextResponse("Update complete.")


async def get(call: Call) -> Any:
    """Show the latest version of an app; a name of the form `artifactName=…` lists, which Airflow asks for so."""
    wanted = call.path["app"]
    if wanted.startswith(("artifactName=", "artifactVersion=")):
        key, _, value = wanted.partition("=")
        return await _listed(call, {key: value})
    place, app = await app_of(call)
    version = await version_in(call.services, place, app, None)
    return shown.detail(app, version, place.namespace)


async def get_version(call: Call) -> dict[str, Any]:
    """Show a version of an app."""
    place, app = await app_of(call)
    version = await version_in(call.services, place, app, call.path["version"])
    return shown.detail(app, version, place.namespace)


async def show_versions(call: Call) -> list[str]:
    """List the versions of an app, the newest first."""
    place, app = await app_of(call)
    of_app = Compare("app", Comparison.EQ, app.name or "")
    order = Order("created_at", descending=True)
    page = await call.services.documents.page(VERSION, place.scope, where=of_app, order=order, limit=MAX_LIMIT)
    return [document.body.version for document in page.documents]


async def show_all(call: Call) -> Any:
    """List apps; with `pageSize` a page of them."""
    return await _listed(call, dict(call.query))


async def remove(call: Call) -> None:
    """Remove an app with its schedules, preferences and runs; not while it runs."""
    place, app = await app_of(call)
    await remove_app(call.services, place.scope, app)


async def remove_version_of(call: Call) -> None:
    """Remove a version of an app; the latest one takes the app with it."""
    place, app = await app_of(call)
    version = call.path["version"]
    if version in (SNAPSHOT, app.body.version):
        await remove_app(call.services, place.scope, app)
    else:
        await remove_version(call.services, place.scope, app.name or "", version)


async def remove_all(call: Call) -> None:
    """Remove all apps of a namespace; not while one runs."""
    place = await place_of(call)
    for app in (await call.services.documents.page(APP, place.scope, limit=MAX_LIMIT)).documents:
        await remove_app(call.services, place.scope, app)


async def detail_of_many(call: Call, body: object) -> list[dict[str, Any]]:
    """Show several apps, each with a status of its own."""
    place = await place_of(call)
    if not isinstance(body, list) or not all(isinstance(each, dict) and "appId" in each for each in body):
        raise Invalid("Unable to parse the request body: an array of objects with 'appId' is needed")
    answers = []
    for each in body:
        name, version = str(each["appId"]), each.get("version")
        try:
            app = await app_in(call.services, place, name)
            found = await version_in(call.services, place, app, version)
            answers.append({"statusCode": 200, "detail": shown.detail(app, found, place.namespace)})
        except PenstockError as error:
            answers.append({"statusCode": status_of(error), "error": error.message, "appId": name})
    return answers


async def plugins(call: Call) -> list[dict[str, Any]]:
    """List the plugins that an app uses."""
    place, app = await app_of(call)
    version = await version_in(call.services, place, app, call.path.get("version"))
    return shown.plugins(version.body)


async def _listed(call: Call, query: dict[str, str]) -> Any:
    place = await place_of(call)
    where = _where(query)
    order = Order("name", descending=query.get("orderBy", "ASC").upper() == "DESC")
    if "pageSize" not in query:
        found: list[Document[AppBody]] = []
        cursor = None
        while True:
            page = await call.services.documents.page(
                APP, place.scope, where=where, order=order, limit=MAX_LIMIT, after=cursor
            )
            found.extend(page.documents)
            if (cursor := page.next) is None:
                break
        return await _records(call, place.scope, found, query)
    size = integer(call.query, "pageSize", PAGE, least=1, most=1000)
    after = cursor_of(query.get("pageToken", ""), order)
    page = await call.services.documents.page(APP, place.scope, where=where, order=order, limit=size, after=after)
    answer: dict[str, Any] = {"applications": await _records(call, place.scope, list(page.documents), query)}
    if token := token_of(page.next, order):
        answer["nextPageToken"] = token
    return answer


async def _records(
    call: Call, scope: Any, apps: list[Document[AppBody]], query: dict[str, str]
) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    if "latestOnly" not in query or flag(query, "latestOnly", True):
        return [shown.record(app, None) for app in apps]
    for app in apps:
        of_app = Compare("app", Comparison.EQ, app.name or "")
        newest = Order("created_at", descending=True)
        page = await call.services.documents.page(VERSION, scope, where=of_app, order=newest, limit=MAX_LIMIT)
        records.extend(shown.record(app, version.body) for version in page.documents)
    return records


def _where(query: dict[str, str]) -> Predicate:
    parts: list[Predicate] = []
    if names := [name for name in query.get("artifactName", "").split(",") if name]:
        parts.append(OneOf("artifact", tuple(names)))
    if version := query.get("artifactVersion"):
        parts.append(Compare("artifact_version", Comparison.EQ, version))
    if wanted := query.get("nameFilter"):
        kind = query.get("nameFilterType", "CONTAINS").upper()
        comparison = Comparison.EQ if kind in ("EQUALS", "EQUALS_IGNORE_CASE") else Comparison.CONTAINS
        parts.append(Compare("name", comparison, wanted))
    return AllOf(tuple(parts))
