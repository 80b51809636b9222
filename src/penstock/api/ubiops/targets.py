"""What schedules and webhooks are about: a deployment or pipeline, by name, and perhaps one version of it."""

from typing import Final

from penstock.api.ubiops.catalogue import (
    Project,
    find_deployment,
    find_pipeline,
    find_pipeline_version,
    find_version,
)
from penstock.api.ubiops.kinds import DEPLOYMENT, PIPELINE, PIPELINE_VERSION, VERSION
from penstock.api.ubiops.rules import checked_choice
from penstock.services.services import Services

__all__ = ["OBJECT_TYPES", "named_target", "target_of"]

OBJECT_TYPES: Final = ("deployment", "pipeline")


async def target_of(
    services: Services, project: Project, object_type: str, name: str, title: str | None
) -> tuple[str, str | None]:
    """Return the ids of a deployment or pipeline and of a version. Raises: Invalid, NotFound."""
    checked_choice(object_type, "object_type", OBJECT_TYPES)
    if object_type == "deployment":
        deployment = await find_deployment(services, project, name)
        version = await find_version(services, project, deployment, title) if title else None
        return deployment.id, version.id if version else None
    pipeline = await find_pipeline(services, project, name)
    chosen = await find_pipeline_version(services, project, pipeline, title) if title else None
    return pipeline.id, chosen.id if chosen else None


async def named_target(
    services: Services, object_type: str, reference: str, version_id: str | None
) -> tuple[str, str | None]:
    """Return the names that belong to ids. Raises: NotFound if one of them is gone."""
    documents = services.documents
    if object_type == "deployment":
        name = (await documents.get(DEPLOYMENT, reference)).name
        title = (await documents.get(VERSION, version_id)).body.title if version_id else None
    else:
        name = (await documents.get(PIPELINE, reference)).name
        title = (await documents.get(PIPELINE_VERSION, version_id)).body.title if version_id else None
    return str(name), title
