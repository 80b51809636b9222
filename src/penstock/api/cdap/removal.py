"""Removing apps with all that belongs to them."""

from __future__ import annotations

import asyncio

from penstock.api.cdap.entities import version_key
from penstock.api.cdap.history import ACTIVE, face_of, runs_of_app, runs_where
from penstock.api.cdap.kinds import PREFERENCES, SCHEDULE, VERSION, AppBody
from penstock.api.cdap.names import app_entity
from penstock.api.cdap.schedules import remove_schedule
from penstock.kernel.errors import Conflict
from penstock.kernel.query import AllOf, Compare, Comparison, Predicate
from penstock.kernel.scope import Scope
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["check_idle", "remove_app", "remove_version"]

_TOGETHER = 64
"""How many runs are removed at a time."""


async def check_idle(services: Services, scope: Scope, entity: str, app: Document[AppBody] | None = None) -> None:
    """Check that nothing of an app, or of a whole namespace, runs. Raises: Conflict."""
    where: Predicate = ACTIVE if app is None else AllOf((runs_of_app(app), ACTIVE))
    running = await runs_where(services, scope, where, limit=20)
    if running:
        programs = sorted({face_of(run).program for run in running})
        raise Conflict(
            f"'{entity}' could not be deleted. Reason: The following programs are still running: {', '.join(programs)}"
        )


async def remove_app(services: Services, scope: Scope, app: Document[AppBody]) -> None:
    """Remove an app, its versions, schedules, preferences and runs. Raises: Conflict while something of it runs."""
    name = app.name or ""
    await check_idle(services, scope, app_entity(scope.path[-1], name, app.body.version), app)
    await services.documents.delete(app)
    of_app = Compare("app", Comparison.EQ, name)
    for version in (await services.documents.page(VERSION, scope, where=of_app, limit=10_000)).documents:
        await services.documents.delete(version)
    for schedule in (await services.documents.page(SCHEDULE, scope, where=of_app, limit=10_000)).documents:
        await remove_schedule(services, schedule)
    await _remove_preferences(services, scope, name)
    while runs := await runs_where(services, scope, runs_of_app(app), limit=_TOGETHER):
        await asyncio.gather(*(services.runs.delete(run.id) for run in runs))


async def remove_version(services: Services, scope: Scope, app: str, version: str) -> None:
    """Remove a version that is not the latest one. Raises: NotFound."""
    document = await services.documents.find(VERSION, scope, version_key(app, version))
    await services.documents.delete(document)


async def _remove_preferences(services: Services, scope: Scope, app: str) -> None:
    of_app = Compare("name", Comparison.STARTS_WITH, f"app/{app}")
    for document in (await services.documents.page(PREFERENCES, scope, where=of_app, limit=10_000)).documents:
        if document.name == f"app/{app}" or (document.name or "").startswith(f"app/{app}/"):
            await services.documents.delete(document)
