"""Taking things away with all that is theirs, and refusing to while something else needs them."""

from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from penstock.api.ubiops.catalogue import Project, all_of, equals
from penstock.api.ubiops.kinds import (
    ALL,
    ORGANIZATION,
    PIPELINE,
    PIPELINE_VERSION,
    PROJECT,
    REVISION,
    SCHEDULE,
    SERIES,
    VARIABLE,
    VERSION,
    WEBHOOK,
    DeploymentBody,
    PipelineBody,
    PipelineVersionBody,
    VariableBody,
    VersionBody,
)
from penstock.api.ubiops.series import drop_points
from penstock.api.ubiops.variables import secret_name
from penstock.api.ubiops.webhooks import header_secret
from penstock.kernel.errors import NotFound, WrongState
from penstock.kernel.query import Predicate
from penstock.kernel.records import Delete, Write
from penstock.kernel.scope import Scope
from penstock.services.documents import Document, Kind
from penstock.services.services import Services

__all__ = [
    "release_version",
    "remove_deployment",
    "remove_pipeline",
    "remove_pipeline_version",
    "remove_project",
    "remove_rows",
    "remove_variable",
    "remove_variables",
    "remove_version",
    "users_of",
]

_BATCH: Final = 500
_Owner = TypeVar("_Owner", DeploymentBody, PipelineBody)
_Version = TypeVar("_Version", VersionBody, PipelineVersionBody)


async def remove_rows(
    services: Services, kind: Kind[Any], scope: Scope, where: Predicate | None = None, *, also: tuple[Write, ...] = ()
) -> None:
    """Remove all documents that a condition names."""
    rows = await all_of(services.documents, kind, scope, where)
    for start in range(0, len(rows), _BATCH):
        await services.store.commit(*(Delete(kind.name, row.id) for row in rows[start : start + _BATCH]))
    if also:
        await services.store.commit(*also)


async def remove_variables(services: Services, project: Project, owner_id: str) -> None:
    """Remove an owner's environment variables, with the texts of the secret ones."""
    for variable in await all_of(services.documents, VARIABLE, project.scope, equals("owner_id", owner_id)):
        await remove_variable(services, project, variable)


async def remove_variable(services: Services, project: Project, variable: Document[VariableBody]) -> None:
    """Remove an environment variable."""
    await services.documents.delete(variable)
    if variable.body.is_secret:
        try:
            await services.secrets.delete(project.scope, secret_name(variable))
        except NotFound:
            return


async def remove_trigger(services: Services, schedule_id: str) -> None:
    """Have a schedule ask no more."""
    with suppress(NotFound):
        await services.triggers.delete(schedule_id)


async def remove_webhooks(services: Services, project: Project, reference: str) -> None:
    """Remove the webhooks about a deployment or pipeline."""
    for webhook in await all_of(services.documents, WEBHOOK, project.scope, equals("reference", reference)):
        await services.documents.delete(webhook)
        with suppress(NotFound):
            await services.secrets.delete(project.scope, header_secret(webhook.id))


async def check_schedules(services: Services, project: Project, reference: str, what: str) -> None:
    """Refuse to remove what a schedule asks. Raises: WrongState."""
    found = await all_of(services.documents, SCHEDULE, project.scope, equals("reference", reference))
    if found:
        names = ", ".join(str(each.name) for each in found)
        raise WrongState(f"{what} cannot be deleted: it is used by the request schedule{'s'[: len(found) > 1]} {names}")


async def users_of(services: Services, project: Project, reference: str, version_id: str | None = None) -> list[str]:
    """Return the pipelines with an object that refers to a deployment or pipeline, or to that version of it."""
    users = []
    for version in await all_of(services.documents, PIPELINE_VERSION, project.scope):
        for each in version.body.objects:
            if each.reference == reference and (version_id is None or each.version_id == version_id):
                pipeline = await services.documents.get(PIPELINE, version.body.pipeline_id)
                users.append(f"{pipeline.name} ({version.body.title})")
                break
    return users


async def release_version(
    services: Services,
    project: Project,
    kinds: tuple[Kind[_Owner], Kind[_Version]],
    owner: Document[_Owner],
    version: Document[_Version],
) -> None:
    """Free a version of a deployment or pipeline for removal: an owner's last version ceases to be its default.

    Raises: WrongState while an object is pinned to it or follows it as the default, or while others could be default.
    """
    title, is_default = version.body.title, owner.body.default_version == version.id
    users = await users_of(services, project, owner.id, version.id)
    if is_default and not users:
        siblings = equals("pipeline_id" if kinds[0] is PIPELINE else "deployment_id", owner.id)
        if len(await all_of(services.documents, kinds[1], project.scope, siblings)) > 1:
            raise WrongState(
                f"Version {title!r} cannot be deleted: it is the default version; make another one the default first"
            )
        users = await users_of(services, project, owner.id)
    if users:
        raise WrongState(f"Version {title!r} cannot be deleted: it is used by {', '.join(users)}")
    if is_default:
        await services.documents.update(
            kinds[0], owner.id, lambda body: msgspec.structs.replace(body, default_version=None)
        )


async def remove_version(services: Services, project: Project, version: Document[VersionBody]) -> None:
    """Remove a version of a deployment with its workers, its requests, its code and its variables."""
    await services.documents.delete(version)
    await services.runs.brief.delete_all(project.scope, version.id)
    await services.serving.remove(version.id)
    await remove_rows(services, REVISION, project.scope, equals("version_id", version.id))
    await remove_variables(services, project, version.id)


async def remove_deployment(services: Services, project: Project, deployment: Document[DeploymentBody]) -> None:
    """Remove a deployment with its versions. Raises: WrongState while a pipeline needs it."""
    if users := await users_of(services, project, deployment.id):
        raise WrongState(
            f"Deployment {deployment.name!r} cannot be deleted: it is used by the pipeline{'s'[: len(users) > 1]} "
            f"{', '.join(users)}"
        )
    await check_schedules(services, project, deployment.id, f"Deployment {deployment.name!r}")
    await services.documents.delete(deployment)
    await remove_webhooks(services, project, deployment.id)
    for version in await all_of(services.documents, VERSION, project.scope, equals("deployment_id", deployment.id)):
        await remove_version(services, project, version)
    await remove_variables(services, project, deployment.id)


async def remove_pipeline_version(services: Services, project: Project, version: Document[PipelineVersionBody]) -> None:
    """Remove a version of a pipeline with its requests."""
    await services.documents.delete(version)
    await services.runs.brief.delete_all(project.scope, version.id)


async def remove_pipeline(services: Services, project: Project, pipeline: Document[PipelineBody]) -> None:
    """Remove a pipeline with its versions. Raises: WrongState while another pipeline needs it."""
    if users := await users_of(services, project, pipeline.id):
        raise WrongState(f"Pipeline {pipeline.name!r} cannot be deleted: it is used by {', '.join(users)}")
    await check_schedules(services, project, pipeline.id, f"Pipeline {pipeline.name!r}")
    await services.documents.delete(pipeline)
    await remove_webhooks(services, project, pipeline.id)
    where = equals("pipeline_id", pipeline.id)
    for version in await all_of(services.documents, PIPELINE_VERSION, project.scope, where):
        await remove_pipeline_version(services, project, version)


async def remove_project(services: Services, project: Project) -> None:
    """Remove a project with everything in it."""
    await services.documents.delete(project.document)
    for pipeline_version in await all_of(services.documents, PIPELINE_VERSION, project.scope):
        await services.runs.brief.delete_all(project.scope, pipeline_version.id)
    for version in await all_of(services.documents, VERSION, project.scope):
        await services.runs.brief.delete_all(project.scope, version.id)
        await services.serving.remove(version.id)
    for secret in await services.secrets.list(project.scope):
        await services.secrets.delete(project.scope, secret.name)
    for series in await all_of(services.documents, SERIES, project.scope):
        await services.store.commit(drop_points(project.scope, series.body.key))
    for schedule in await all_of(services.documents, SCHEDULE, project.scope):
        await remove_trigger(services, schedule.id)
    for kind in ALL:
        if kind not in (PROJECT, ORGANIZATION):
            await remove_rows(services, kind, project.scope)
