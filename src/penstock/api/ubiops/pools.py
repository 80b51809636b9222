"""From a deployment version and its code to the pool of workers that answers for it.

A pool is known by its version's id. What a version, its deployment or their variables change takes effect when the pool
is configured anew: requests under way end on the workers that they have.
"""

import re
from typing import Final

from penstock.api.ubiops.catalogue import Project, all_of, equals
from penstock.api.ubiops.environments import Chosen, environment_of
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    PLAIN,
    REVISION,
    VERSION,
    DeploymentBody,
    FieldBody,
    RevisionBody,
    VersionBody,
)
from penstock.api.ubiops.project import plain_fields
from penstock.api.ubiops.variables import effective
from penstock.kernel.signature import ANYTHING, Field, FieldType, Signature
from penstock.kernel.values import Value
from penstock.ports.workers import PoolSpec
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["configure", "reconfigure", "reconfigure_version", "signature", "spec_of"]

_MEMORY: Final = re.compile(r"(\d+)\s*(mb|mib|gb|gib)", re.IGNORECASE)


def signature(side: str, fields: tuple[FieldBody, ...]) -> Signature:
    """Return what an input or output takes."""
    if side == PLAIN:
        return ANYTHING
    return Signature(tuple(Field(field.name, FieldType(field.data_type)) for field in fields))


async def spec_of(
    services: Services,
    project: Project,
    deployment: Document[DeploymentBody],
    version: Document[VersionBody],
    revision: Document[RevisionBody],
    environment: Chosen,
) -> PoolSpec:
    """Return the pool of a version with that code, which must not be empty."""
    body, code = version.body, revision.body
    assert code.package is not None, "an empty revision has no workers"
    seen = await effective(
        services,
        project,
        deployment,
        version,
        environment_ids=environment.owner_ids,
        package={**environment.variables, **code.variables},
    )
    context: dict[str, Value] = {
        "project": project.name,
        "project_id": project.id,
        "deployment": deployment.name,
        "deployment_id": deployment.id,
        "version": body.title,
        "version_id": version.id,
        "language": "python",
        "input_type": deployment.body.input_type,
        "output_type": deployment.body.output_type,
        "input_fields": list(plain_fields(deployment.body.input_fields)),
        "output_fields": list(plain_fields(deployment.body.output_fields)),
    }
    return PoolSpec(
        id=version.id,
        scope=project.scope,
        package=code.package,
        root=code.root,
        module=code.module,
        requirements=environment.requirements,
        variables={"SYS_DEFAULT_BUCKET": "default", **seen.variables},
        secrets=dict(seen.secrets),
        context=context,
        takes=signature(deployment.body.input_type, deployment.body.input_fields),
        gives=signature(deployment.body.output_type, deployment.body.output_fields),
        min_instances=body.minimum_instances,
        max_instances=max(1, body.maximum_instances),
        processes=body.instance_processes,
        idle_s=float(body.maximum_idle_time),
        queue_limit=body.maximum_queue_size,
        memory_bytes=_memory_bytes(body),
    )


async def configure(services: Services, spec: PoolSpec) -> None:
    """Put a pool in force."""
    await services.serving.configure(spec)


async def reconfigure(services: Services, project: Project, *, deployment_id: str | None = None) -> None:
    """Have a change of variables or fields reach the pools of a deployment, or of the whole project."""
    where = equals("deployment_id", deployment_id) if deployment_id else None
    for version in await all_of(services.documents, VERSION, project.scope, where):
        await reconfigure_version(services, project, version)


async def reconfigure_version(services: Services, project: Project, version: Document[VersionBody]) -> None:
    """Have a change reach the pool of one version, if it has one."""
    present = await services.serving.find(version.id)
    if present is None or version.body.active_revision is None:
        return
    deployment = await services.documents.get(DEPLOYMENT, version.body.deployment_id)
    revision = await services.documents.get(REVISION, version.body.active_revision)
    if revision.body.package is None:
        return
    environment = await environment_of(services, project, version.body)
    # Always: a secret may have another text under the same name. Pools that see no difference go on as they are.
    await configure(services, await spec_of(services, project, deployment, version, revision, environment))


def _memory_bytes(body: VersionBody) -> int | None:
    for text in (body.instance_type_group_name, body.instance_type):
        if found := _MEMORY.search(text or ""):
            return int(found[1]) << (30 if found[2].lower().startswith("g") else 20)
    return None
