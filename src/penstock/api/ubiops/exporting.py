"""A project's things in a file: a zip with a YAML text for each thing, and the code of versions beside them.

    import/info.yaml                                        format_spec, and where it comes from
    import/environment_variables.yaml                       of the project
    import/deployments/<name>/deployment.yaml               with its environment variables
    import/deployments/<name>/versions/<version>.yaml       with its environment variables
    import/deployments/<name>/versions/<version>.zip        its code
    import/pipelines/<name>/pipeline.yaml
    import/pipelines/<name>/versions/<version>.yaml         with objects and attachments

Values of secret variables are never in it. Source of the outline: the product's page on imports and exports.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from msgspec import to_builtins

from penstock.api.ubiops.catalogue import Project, all_of, equals
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    PIPELINE,
    PIPELINE_VERSION,
    REVISION,
    VERSION,
    DeploymentBody,
    PipelineBody,
    PipelineVersionBody,
    VersionBody,
)
from penstock.api.ubiops.objects import named
from penstock.api.ubiops.variables import of_owner
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["FORMAT", "ROOT", "VERSION_SETTINGS", "exported"]

ROOT: Final = "import"
FORMAT: Final = "v1.0"

VERSION_SETTINGS: Final = (
    "description",
    "labels",
    "environment_name",
    "environment_tag",
    "instance_type",
    "instance_type_group_name",
    "minimum_instances",
    "maximum_instances",
    "maximum_idle_time",
    "instance_processes",
    "scaling_strategy",
    "maximum_queue_size",
    "restart_request_interruption",
    "request_retention_time",
    "request_retention_mode",
)
"""What of a deployment version is in its text."""

Chosen = Mapping[str, Any] | None
"""What to take, by name, with what to take of it; None takes everything."""


async def exported(
    services: Services,
    project: Project,
    *,
    deployments: Chosen,
    pipelines: Chosen,
    variables: Chosen,
    with_packages: bool = True,
) -> bytes:
    """Return the zip of what was chosen. Names that are not there are passed over."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, "info.yaml", {"format_spec": FORMAT, "project": project.name})
        found = await _variables(services, project, project.id, variables)
        if found:
            _write(archive, "environment_variables.yaml", found)
        for deployment in await all_of(services.documents, DEPLOYMENT, project.scope):
            if deployments is None or deployment.name in deployments:
                chosen = None if deployments is None else deployments[str(deployment.name)]
                await _deployment(archive, services, project, deployment, chosen, with_packages)
        for pipeline in await all_of(services.documents, PIPELINE, project.scope):
            if pipelines is None or pipeline.name in pipelines:
                await _pipeline(archive, services, project, pipeline, _versions_of(pipelines, str(pipeline.name)))
    return content.getvalue()


async def _deployment(
    archive: zipfile.ZipFile,
    services: Services,
    project: Project,
    deployment: Document[DeploymentBody],
    chosen: Any,
    with_packages: bool,
) -> None:
    body, folder = deployment.body, f"deployments/{deployment.name}"
    wanted = chosen if isinstance(chosen, Mapping) else {}
    text = _ends(body) | {
        "name": deployment.name,
        "supports_request_format": body.supports_request_format,
        "environment_variables": await _variables(
            services, project, deployment.id, wanted.get("environment_variables")
        ),
    }
    versions: Chosen = wanted.get("versions")
    for version in await all_of(services.documents, VERSION, project.scope, equals("deployment_id", deployment.id)):
        title = version.body.title
        if versions is not None and title not in versions:
            continue
        if body.default_version == version.id:
            text["default_version"] = title
        await _version(archive, services, project, version, f"{folder}/versions/{title}", with_packages)
    _write(archive, f"{folder}/deployment.yaml", text)


async def _version(
    archive: zipfile.ZipFile,
    services: Services,
    project: Project,
    version: Document[VersionBody],
    path: str,
    with_packages: bool,
) -> None:
    body = version.body
    text = {"version": body.title} | {key: getattr(body, key) for key in VERSION_SETTINGS}
    text["environment_variables"] = await _variables(services, project, version.id, None)
    _write(archive, f"{path}.yaml", text)
    if not with_packages or body.active_revision is None:
        return
    revision = await services.documents.get(REVISION, body.active_revision)
    if revision.body.package is not None:
        with archive.open(f"{ROOT}/{path}.zip", "w") as target:
            async for chunk in services.blobs.open(revision.body.package):
                target.write(chunk)


async def _pipeline(
    archive: zipfile.ZipFile, services: Services, project: Project, pipeline: Document[PipelineBody], chosen: Chosen
) -> None:
    folder = f"pipelines/{pipeline.name}"
    text = _ends(pipeline.body) | {"name": pipeline.name}
    where = equals("pipeline_id", pipeline.id)
    for version in await all_of(services.documents, PIPELINE_VERSION, project.scope, where):
        if chosen is not None and version.body.title not in chosen:
            continue
        if pipeline.body.default_version == version.id:
            text["default_version"] = version.body.title
        _write(archive, f"{folder}/versions/{version.body.title}.yaml", await _pipeline_version(services, version.body))
    _write(archive, f"{folder}/pipeline.yaml", text)


async def _pipeline_version(services: Services, body: PipelineVersionBody) -> dict[str, Any]:
    names = await named(services, body)
    objects = []
    for each in body.objects:
        refers = names[each.id]
        objects.append(
            {
                "name": each.name,
                "reference_type": each.reference_type,
                "reference_name": refers["reference_name"],
                "reference_version": refers["version"],
                "configuration": each.configuration,
                "metadata": each.metadata,
            }
        )
    attachments = [{key: value for key, value in each.items() if key != "id"} for each in to_builtins(body.attachments)]
    return {
        "version": body.title,
        "description": body.description,
        "labels": body.labels,
        "request_retention_time": body.request_retention_time,
        "request_retention_mode": body.request_retention_mode,
        "metadata": body.metadata,
        "objects": objects,
        "attachments": attachments,
    }


async def _variables(services: Services, project: Project, owner_id: str, chosen: Chosen) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for each in await of_owner(services, project, owner_id):
        if chosen is not None and each.body.title not in chosen:
            continue
        wanted = (chosen or {}).get(each.body.title)
        hidden = each.body.is_secret or (isinstance(wanted, Mapping) and wanted.get("include_value") is False)
        made[each.body.title] = {"value": None if hidden else each.body.value, "secret": each.body.is_secret}
    return made


def _versions_of(chosen: Chosen, name: str) -> Chosen:
    wanted = (chosen or {}).get(name)
    return wanted.get("versions") if isinstance(wanted, Mapping) else None


def _ends(body: DeploymentBody | PipelineBody) -> dict[str, Any]:
    return {
        "description": body.description,
        "labels": body.labels,
        "input_type": body.input_type,
        "output_type": body.output_type,
        "input_fields": to_builtins(body.input_fields),
        "output_fields": to_builtins(body.output_fields),
    }


def _write(archive: zipfile.ZipFile, path: str, content: Mapping[str, Any]) -> None:
    import yaml

    archive.writestr(f"{ROOT}/{path}", yaml.safe_dump(to_builtins(dict(content)), sort_keys=False, allow_unicode=True))
