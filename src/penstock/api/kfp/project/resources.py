"""Experiments, pipelines and versions as both versions of the API show them.

Values that are zero are left out, as the wire does it: false, 0, empty texts and lists.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.api.kfp.kinds import ExperimentBody, PackageParameter, PipelineBody, VersionBody
from penstock.api.kfp.references import reference
from penstock.kernel.instants import from_unix_us
from penstock.services.documents import Document

__all__ = [
    "compact",
    "experiment_v1",
    "experiment_v2",
    "page",
    "parameters",
    "pipeline_v1",
    "pipeline_v2",
    "timestamp",
    "version_v1",
    "version_v2",
]

Shown = dict[str, Any]


def timestamp(at: datetime | int | None) -> str:
    """Write an instant, or microseconds since 1970, in whole seconds; empty if there is none."""
    if at is None:
        return ""
    instant = from_unix_us(at) if isinstance(at, int) else at
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(shown: Mapping[str, Any]) -> Shown:
    """Leave out zero values."""
    return {name: value for name, value in shown.items() if value or (value == 0.0 and isinstance(value, float))}


def page(name: str, rows: list[Shown], total: int, token: str) -> Shown:
    """Return a list reply."""
    return compact({name: rows, "total_size": total, "next_page_token": token})


def parameters(declared: tuple[PackageParameter, ...]) -> list[Shown]:
    """Return declared parameters; those without a default have no value."""
    return [{"name": each.name} | ({"value": each.value} if each.value is not None else {}) for each in declared]


def experiment_v1(document: Document[ExperimentBody]) -> Shown:
    """Show an experiment."""
    body = document.body
    return compact(
        {
            "id": document.id,
            "name": document.name,
            "description": body.description,
            "created_at": timestamp(document.created_at),
            "resource_references": [reference("NAMESPACE", body.namespace, "OWNER")] if body.namespace else [],
            "storage_state": f"STORAGESTATE_{body.storage_state}",
        }
    )


def experiment_v2(document: Document[ExperimentBody]) -> Shown:
    """Show an experiment."""
    body = document.body
    return compact(
        {
            "experiment_id": document.id,
            "display_name": document.name,
            "description": body.description,
            "created_at": timestamp(document.created_at),
            "namespace": body.namespace,
            "storage_state": body.storage_state,
            "last_run_created_at": timestamp(0 if body.last_run_at_us is None else body.last_run_at_us),
        }
    )


def version_v1(document: Document[VersionBody]) -> Shown:
    """Show a version."""
    body = document.body
    return compact(
        {
            "id": document.id,
            "name": body.title,
            "created_at": timestamp(document.created_at),
            "parameters": parameters(body.parameters),
            "code_source_url": body.code_source_url,
            "package_url": {"pipeline_url": body.package_url} if body.package_url else {},
            "resource_references": [reference("PIPELINE", body.pipeline_id, "OWNER")],
            "description": body.description,
        }
    )


def pipeline_v1(document: Document[PipelineBody], default: Document[VersionBody] | None) -> Shown:
    """Show a pipeline; its parameters are those of the default version."""
    body = document.body
    return compact(
        {
            "id": document.id,
            "created_at": timestamp(document.created_at),
            "name": document.name,
            "description": body.description,
            "parameters": parameters(default.body.parameters) if default else [],
            "url": {"pipeline_url": default.body.package_url} if default and default.body.package_url else {},
            "default_version": version_v1(default) if default else {},
            "resource_references": [reference("NAMESPACE", body.namespace, "OWNER")] if body.namespace else [],
        }
    )


def pipeline_v2(document: Document[PipelineBody]) -> Shown:
    """Show a pipeline."""
    body = document.body
    return compact(
        {
            "pipeline_id": document.id,
            "display_name": body.display_name,
            "name": document.name,
            "description": body.description,
            "created_at": timestamp(document.created_at),
            "namespace": body.namespace,
            "tags": body.tags,
        }
    )


def version_v2(document: Document[VersionBody], specification: Mapping[str, Any] | None = None) -> Shown:
    """Show a version; the specification as it was uploaded, its names untouched."""
    body = document.body
    return compact(
        {
            "pipeline_id": body.pipeline_id,
            "pipeline_version_id": document.id,
            "display_name": body.display_name or body.title,
            "name": body.title,
            "description": body.description,
            "created_at": timestamp(document.created_at),
            "package_url": {"pipeline_url": body.package_url} if body.package_url else {},
            "code_source_url": body.code_source_url,
            "pipeline_spec": specification,
            "tags": body.tags,
        }
    )
