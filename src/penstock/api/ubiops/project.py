"""What is kept to what is shown: pure, one function per resource.

Replies carry the names of all generations of clients; a client passes over those it does not know. A text that a
client's model wants to have at least one character is null when there is none.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from penstock.api.ubiops.kinds import (
    AttachmentBody,
    DeploymentBody,
    FieldBody,
    ObjectBody,
    OrganizationBody,
    PipelineBody,
    PipelineVersionBody,
    ProjectBody,
    RevisionBody,
    VersionBody,
)
from penstock.kernel.instants import from_unix_us
from penstock.services.documents import Document

__all__ = [
    "Shown",
    "deployment_created",
    "deployment_detail",
    "deployment_item",
    "fields",
    "organization",
    "pipeline_created",
    "pipeline_detail",
    "pipeline_item",
    "pipeline_version",
    "pipeline_version_item",
    "plain_fields",
    "project_detail",
    "project_item",
    "revision",
    "timestamp",
    "version",
]

Shown = dict[str, Any]


def timestamp(at: datetime | int | None) -> str | None:
    """Write an instant, or microseconds since 1970, with milliseconds and offset."""
    if at is None:
        return None
    if isinstance(at, int):
        return f"{_second(at // 1_000_000)}.{at // 1000 % 1000:03}+00:00"
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=256)
def _second(second: int) -> str:
    """Write a second since 1970; what happens together happens in few of them."""
    return from_unix_us(second * 1_000_000).strftime("%Y-%m-%dT%H:%M:%S")


def organization(document: Document[OrganizationBody]) -> Shown:
    """Show an organisation."""
    return {
        "id": document.id,
        "name": document.name,
        "creation_date": timestamp(document.created_at),
        "status": "active",
        "two_factor_authentication_forced": False,
        "subscription": "free",
        "subscription_start_date": None,
        "subscription_end_date": None,
        "overage_usage": False,
    }


def project_item(document: Document[ProjectBody]) -> Shown:
    """Show a project in a list."""
    body = document.body
    return {
        "id": document.id,
        "name": document.name,
        "creation_date": timestamp(document.created_at),
        "advanced_permissions": body.advanced_permissions,
        "credits": body.credits,
        "organization_name": body.organization,
        "labels": body.labels,
    }


def project_detail(document: Document[ProjectBody]) -> Shown:
    """Show a project."""
    body = document.body
    return project_item(document) | {
        "suspended": body.is_suspended,
        "suspended_reason": "suspended by a user" if body.is_suspended else None,
        "cors_origins": list(body.cors_origins),
    }


def plain_fields(declared: tuple[FieldBody, ...]) -> list[Shown]:
    """Show fields without what forms want to know."""
    return [{"name": field.name, "data_type": field.data_type} for field in declared]


def fields(declared: tuple[FieldBody, ...]) -> list[Shown]:
    """Show fields."""
    return [{"name": field.name, "data_type": field.data_type, "widget": field.widget} for field in declared]


def _ends(body: DeploymentBody | PipelineBody) -> Shown:
    return {"input_fields": fields(body.input_fields), "output_fields": fields(body.output_fields)}


def deployment_item(document: Document[DeploymentBody], project: str) -> Shown:
    """Show a deployment in a list."""
    body = document.body
    return {
        "id": document.id,
        "name": document.name,
        "project": project,
        "description": body.description,
        "supports_request_format": body.supports_request_format,
        "input_type": body.input_type,
        "output_type": body.output_type,
        "input_fields": plain_fields(body.input_fields),
        "output_fields": plain_fields(body.output_fields),
        "labels": body.labels,
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
    }


def deployment_created(document: Document[DeploymentBody], project: str) -> Shown:
    """Show a deployment that was just made."""
    return deployment_item(document, project) | _ends(document.body)


def deployment_detail(document: Document[DeploymentBody], project: str, default: str | None) -> Shown:
    """Show a deployment. default: name of its default version."""
    return deployment_created(document, project) | {"default_version": default}


def version(document: Document[VersionBody], deployment: Document[DeploymentBody]) -> Shown:
    """Show a version of a deployment; a list shows it whole as well."""
    body = document.body
    return {
        "id": document.id,
        "deployment": deployment.name,
        "version": body.title,
        "default": deployment.body.default_version == document.id,
        "description": body.description,
        "environment_name": body.environment_name,
        "environment_tag": body.environment_tag or None,
        "environment": body.environment_name,
        "environment_display_name": body.environment_name,
        "language": body.environment_name,
        "status": body.status,
        "active_revision": body.active_revision,
        "latest_revision": body.latest_revision,
        "active_build": body.active_revision,
        "latest_build": body.latest_revision,
        "instance_type": body.instance_type,
        "instance_type_group_id": body.instance_type_group_id,
        "instance_type_group_name": body.instance_type_group_name or None,
        "minimum_instances": body.minimum_instances,
        "maximum_instances": body.maximum_instances,
        "maximum_idle_time": body.maximum_idle_time,
        "instance_processes": body.instance_processes,
        "scaling_strategy": body.scaling_strategy,
        "maximum_queue_size": body.maximum_queue_size,
        "restart_request_interruption": body.restart_request_interruption,
        "request_retention_time": body.request_retention_time,
        "request_retention_mode": body.request_retention_mode,
        "labels": body.labels,
        "static_ip": body.static_ip,
        "ports": list(body.ports),
        "health_check": body.health_check,
        "command": body.command,
        "args": body.args,
        "has_request_method": body.has_request_method,
        "has_requests_method": body.has_requests_method,
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
        "last_file_upload": timestamp(body.last_file_upload_us),
    }


def revision(document: Document[RevisionBody], version: str) -> Shown:
    """Show a revision. version: the version's name."""
    body = document.body
    return {
        "id": document.id,
        "version": version,
        "creation_date": timestamp(document.created_at),
        "created_by": body.created_by,
        "status": body.status,
        "error_message": body.error_message,
        "has_request_method": body.has_request_method,
        "has_requests_method": body.has_requests_method,
        "empty": body.package is None,
        "expired": False,
    }


def pipeline_item(document: Document[PipelineBody], project: str) -> Shown:
    """Show a pipeline in a list."""
    body = document.body
    return {
        "id": document.id,
        "name": document.name,
        "project": project,
        "description": body.description,
        "input_type": body.input_type,
        "input_fields": plain_fields(body.input_fields),
        "output_type": body.output_type,
        "output_fields": plain_fields(body.output_fields),
        "labels": body.labels,
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
    }


def pipeline_created(document: Document[PipelineBody], project: str) -> Shown:
    """Show a pipeline that was just made."""
    return pipeline_item(document, project) | _ends(document.body)


def pipeline_detail(document: Document[PipelineBody], project: str, default: str | None) -> Shown:
    """Show a pipeline. default: name of its default version."""
    return pipeline_created(document, project) | {"default_version": default}


def pipeline_version_item(document: Document[PipelineVersionBody], pipeline: Document[PipelineBody]) -> Shown:
    """Show a version of a pipeline in a list."""
    body = document.body
    return {
        "id": document.id,
        "version": body.title,
        "default": pipeline.body.default_version == document.id,
        "pipeline": pipeline.name,
        "description": body.description,
        "labels": body.labels,
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
        "request_retention_time": body.request_retention_time,
        "request_retention_mode": body.request_retention_mode,
        "metadata": body.metadata,
    }


def pipeline_version(
    document: Document[PipelineVersionBody], pipeline: Document[PipelineBody], named: Mapping[str, Shown]
) -> Shown:
    """Show a version of a pipeline. named: by the id of an object, what it refers to, as `reference_name` and ends."""
    body = document.body
    return pipeline_version_item(document, pipeline) | {
        "objects": [_object(each, named[each.id]) for each in body.objects],
        "attachments": [_attachment(each) for each in body.attachments],
    }


def _object(body: ObjectBody, named: Shown) -> Shown:
    return {
        "id": body.id,
        "name": body.name,
        "reference_type": body.reference_type,
        "configuration": body.configuration,
        "metadata": body.metadata,
        **named,
    }


def _attachment(body: AttachmentBody) -> Shown:
    return {
        "id": body.id,
        "destination_name": body.destination_name,
        "sources": [
            {
                "source_name": source.source_name,
                "mapping": [
                    {
                        "source_field_name": each.source_field_name,
                        "destination_field_name": each.destination_field_name,
                    }
                    for each in source.mapping
                ],
            }
            for source in body.sources
        ],
    }
