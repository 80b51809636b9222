"""Recurring runs as both versions of the API show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.api.kfp.kinds import JobBody
from penstock.api.kfp.project.resources import Shown, compact, timestamp
from penstock.api.kfp.references import reference
from penstock.services.documents import Document

if TYPE_CHECKING:
    from penstock.api.kfp.packages import Package

__all__ = ["job_v1", "job_v2"]


def job_v1(job: Document[JobBody], names: dict[str, str], package: Package | None = None, error: str = "") -> Shown:
    """Show a job; without a package its manifest is left out, as in lists."""
    body = job.body
    specification: Shown = {
        "pipeline_id": body.pipeline_id,
        "parameters": [{"name": name, "value": value} for name, value in body.parameters],
        "runtime_config": compact({"parameters": body.runtime_parameters, "pipeline_root": body.pipeline_root}),
    }
    if package is not None:
        specification["pipeline_manifest" if package.is_ir else "workflow_manifest"] = package.text.decode()
    references = [reference("EXPERIMENT", body.experiment_id, "OWNER", names.get(body.experiment_id, ""))]
    if body.version_id:
        references.append(reference("PIPELINE_VERSION", body.version_id, "CREATOR", names.get(body.version_id, "")))
    return compact(
        {
            "id": job.id,
            "name": body.title,
            "description": body.description,
            "pipeline_spec": compact(specification),
            "resource_references": references,
            "service_account": body.service_account,
            "max_concurrency": str(body.max_concurrency),
            "trigger": _trigger(body),
            "mode": "ENABLED" if body.is_enabled else "DISABLED",
            "created_at": timestamp(job.created_at),
            "updated_at": timestamp(job.updated_at),
            "status": "Enabled" if body.is_enabled else "Disabled",
            "error": error,
            "enabled": body.is_enabled,
            "no_catchup": body.no_catchup,
        }
    )


def job_v2(job: Document[JobBody], specification: Any = None, error: str = "") -> Shown:
    """Show a recurring run; without a specification it is left out, as in lists."""
    body = job.body
    return compact(
        {
            "recurring_run_id": job.id,
            "display_name": body.title,
            "description": body.description,
            "pipeline_spec": specification,
            "pipeline_version_reference": compact(
                {"pipeline_id": body.pipeline_id, "pipeline_version_id": body.version_id}
            ),
            "runtime_config": compact(
                {"parameters": body.runtime_parameters or dict(body.parameters), "pipeline_root": body.pipeline_root}
            ),
            "service_account": body.service_account,
            "max_concurrency": str(body.max_concurrency),
            "trigger": _trigger(body),
            "mode": "ENABLE" if body.is_enabled else "DISABLE",
            "created_at": timestamp(job.created_at),
            "updated_at": timestamp(job.updated_at),
            "status": "ENABLED" if body.is_enabled else "DISABLED",
            "error": {"code": 13, "message": error} if error else {},
            "no_catchup": body.no_catchup,
            "experiment_id": body.experiment_id,
        }
    )


def _trigger(body: JobBody) -> Shown:
    times = compact({"start_time": timestamp(body.start_us), "end_time": timestamp(body.end_us)})
    if body.cron:
        return {"cron_schedule": times | {"cron": body.cron}}
    return {"periodic_schedule": times | {"interval_second": str(body.interval_s)}}
