"""What can be asked: a version of a deployment or of a pipeline, with all that a request to it needs to know.

Worked out from documents once and kept until one of them changes, since a request must not cost a dozen reads.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from penstock.api.shared.call import Call
from penstock.api.ubiops.catalogue import (
    Project,
    available,
    default_pipeline_version,
    default_version,
    find_deployment,
    find_pipeline,
    find_pipeline_version,
    find_version,
    project_of,
)
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    PIPELINE,
    PIPELINE_VERSION,
    PROJECT,
    VERSION,
    PipelineVersionBody,
    VersionBody,
)
from penstock.api.ubiops.lower import Referred, lower_deployment, lower_pipeline
from penstock.api.ubiops.pools import signature
from penstock.kernel.errors import Denied, Invalid, WrongState
from penstock.kernel.network import Network
from penstock.kernel.policies import Keep
from penstock.kernel.scope import Scope
from penstock.kernel.signature import Signature
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["DEPLOYMENT_KIND", "PIPELINE_KIND", "Served", "served", "served_version"]

DEPLOYMENT_KIND: Final = "deployment"
PIPELINE_KIND: Final = "pipeline"
MAX_DEPTH: Final = 20
_KEPT: Final = 2000
_KINDS: Final = tuple(kind.name for kind in (PROJECT, DEPLOYMENT, VERSION, PIPELINE, PIPELINE_VERSION))
_KEEPS: Final = {"full": Keep.ALL, "metadata": Keep.OUTLINE, "none": Keep.NOTHING}


@dataclass(frozen=True, slots=True)
class Served:
    """A version that takes requests.

    Attributes:
        kind: `deployment` or `pipeline`. owner_id: of that; name: its name.
        version_id, version: id and name of the version.
        network: what a request runs. takes: what it must look like.
        queues: for each pool that it uses, how many requests may wait in it, and what that is called in messages.
        retention_s, keep: what is left of a request, and for how long.
    """

    kind: str
    project: str
    scope: Scope
    owner_id: str
    name: str
    version_id: str
    version: str
    network: Network
    takes: Signature
    queues: tuple[tuple[str, int, str], ...]
    retention_s: float
    keep: Keep


_cache: OrderedDict[tuple[int, str, str, str, str | None], tuple[int, Served]] = OrderedDict()


async def served(call: Call) -> Served:
    """Return what a call asks, by the names in its path.

    Raises: NotFound; WrongState if a version is not available; Denied.
    """
    path, services = call.path, call.services
    kind = PIPELINE_KIND if PIPELINE_KIND in path else DEPLOYMENT_KIND
    key = id(services), path["project"], kind, path[kind], path.get("version")
    mark = services.store.mark(_KINDS)
    kept = _cache.get(key)
    if kept is not None and kept[0] == mark:
        found = kept[1]
        if not call.scope.contains(found.scope):
            raise Denied(f"You do not have permission to use project {path['project']!r}: the token is for another one")
        return found
    found = await _look_up(call, kind)
    _cache[key] = mark, found
    if len(_cache) > _KEPT:
        _cache.popitem(last=False)
    return found


async def served_version(
    services: Services, project: Project, kind: str, owner_id: str, version_id: str | None
) -> Served:
    """Return what ids name; without a version the default one. Raises: as `served`."""
    documents = services.documents
    if kind == PIPELINE_KIND:
        pipeline = await documents.get(PIPELINE, owner_id)
        if version_id is None:
            chosen = await default_pipeline_version(services, pipeline)
        else:
            chosen = await documents.get(PIPELINE_VERSION, version_id)
        return await _pipeline(services, project.name, project.scope, owner_id, chosen)
    deployment = await documents.get(DEPLOYMENT, owner_id)
    if version_id is None:
        version = await default_version(services, deployment)
    else:
        version = await documents.get(VERSION, version_id)
    return await _deployment(services, project.name, project.scope, owner_id, version)


async def _look_up(call: Call, kind: str) -> Served:
    services, project, title = call.services, await project_of(call), call.path.get("version")
    if kind == PIPELINE_KIND:
        pipeline = await find_pipeline(services, project, call.path[kind])
        if title is None:
            chosen = await default_pipeline_version(services, pipeline)
        else:
            chosen = await find_pipeline_version(services, project, pipeline, title)
        return await _pipeline(services, project.name, project.scope, pipeline.id, chosen)
    deployment = await find_deployment(services, project, call.path[kind])
    if title is None:
        version = await default_version(services, deployment)
    else:
        version = await find_version(services, project, deployment, title)
    return await _deployment(services, project.name, project.scope, deployment.id, version)


async def _deployment(
    services: Services, project: str, scope: Scope, deployment_id: str, version: Document[VersionBody]
) -> Served:
    deployment = await services.documents.get(DEPLOYMENT, deployment_id)
    if not deployment.body.supports_request_format:
        raise Invalid(f"Deployment {deployment.name!r} does not support requests")
    body, name = available(version).body, str(deployment.name)
    return Served(
        DEPLOYMENT_KIND, project, scope, deployment_id, name, version.id, body.title,
        network=lower_deployment(version.id),
        takes=signature(deployment.body.input_type, deployment.body.input_fields),
        queues=((version.id, body.maximum_queue_size, f"version {body.title!r} of deployment {name!r}"),),
        retention_s=float(body.request_retention_time),
        keep=_KEEPS[body.request_retention_mode],
    )  # fmt: skip


async def _pipeline(
    services: Services, project: str, scope: Scope, pipeline_id: str, version: Document[PipelineVersionBody]
) -> Served:
    pipeline = await services.documents.get(PIPELINE, pipeline_id)
    queues: dict[str, tuple[int, str]] = {}
    referred = await _refer(services, version.body, queues, (pipeline_id,))
    body, own = version.body, pipeline.body
    return Served(
        PIPELINE_KIND, project, scope, pipeline_id, str(pipeline.name), version.id, body.title,
        network=lower_pipeline(body, version.id, own.input_type, own.output_type, referred),
        takes=signature(own.input_type, own.input_fields),
        queues=tuple((pool, limit, name) for pool, (limit, name) in queues.items()),
        retention_s=float(body.request_retention_time),
        keep=_KEEPS[body.request_retention_mode],
    )  # fmt: skip


async def _refer(
    services: Services, body: PipelineVersionBody, queues: dict[str, tuple[int, str]], within: tuple[str, ...]
) -> Mapping[str, Referred]:
    """Look up what objects refer to, now: without a version, the one that is the default."""
    documents, found = services.documents, {}
    for each in body.objects:
        if each.reference_type == DEPLOYMENT_KIND:
            deployment = await documents.get(DEPLOYMENT, each.reference)
            chosen_id = each.version_id or (await default_version(services, deployment)).id
            version = available(await documents.get(VERSION, chosen_id))
            title, ends = version.body.title, deployment.body
            queues[version.id] = version.body.maximum_queue_size, f"version {title!r} of deployment {deployment.name!r}"
            found[each.name] = Referred(
                str(deployment.name), title, version.id, deployment.id, ends.input_type, ends.output_type
            )
        elif each.reference_type == PIPELINE_KIND:
            pipeline = await documents.get(PIPELINE, each.reference)
            if pipeline.id in within or len(within) > MAX_DEPTH:
                raise WrongState(f"Pipeline {pipeline.name!r} contains itself, through the default versions of others")
            inner_id = each.version_id or (await default_pipeline_version(services, pipeline)).id
            inner = await documents.get(PIPELINE_VERSION, inner_id)
            ends_of = pipeline.body
            found[each.name] = Referred(
                str(pipeline.name), inner.body.title, inner.id, pipeline.id, ends_of.input_type, ends_of.output_type,
                inner.body, await _refer(services, inner.body, queues, (*within, pipeline.id)),
            )  # fmt: skip
    return found
