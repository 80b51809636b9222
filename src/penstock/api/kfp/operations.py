"""Every operation of the wire, one line each, implemented or not.

Source: the open API documents of Kubeflow Pipelines, v1beta1 (2.0.0-beta.0) and v2beta1, and what the clients kfp
1.8.22 and 2.x send beside them.
"""

from typing import Final

from penstock.api.kfp.handlers import artifacts, experiments, health, jobs, logs, pipelines, runs, uploads
from penstock.api.shared.operation import Bytes, Json, Operation
from penstock.kernel.principal import Role

__all__ = ["ALL"]

R, W = Role.READER, Role.WRITER
JSON = Json(max_bytes=64 << 20)
FILE = Bytes(max_bytes=(32 << 20) + (64 << 10))
"""A package, and the form around it."""

V1 = "/apis/v1beta1"
V2 = "/apis/v2beta1"

ALL: Final = (
    # v1beta1: the server
    Operation("GET", f"{V1}/healthz", health.health, None),
    Operation("GET", f"{V1}/auth", health.authorise, R),
    # experiments
    Operation("GET", f"{V1}/experiments", experiments.list_v1, R),
    Operation("POST", f"{V1}/experiments", experiments.create_v1, W, JSON),
    Operation("GET", f"{V1}/experiments/{{id}}", experiments.get_v1, R),
    Operation("DELETE", f"{V1}/experiments/{{id}}", experiments.delete, W),
    Operation("POST", f"{V1}/experiments/{{id}}:archive", experiments.archive, W),
    Operation("POST", f"{V1}/experiments/{{id}}:unarchive", experiments.unarchive, W),
    # runs
    Operation("GET", f"{V1}/runs", runs.list_v1, R),
    Operation("POST", f"{V1}/runs", runs.create_v1, W, JSON),
    Operation("GET", f"{V1}/runs/{{id}}", runs.get_v1, R),
    Operation("DELETE", f"{V1}/runs/{{id}}", runs.delete, W),
    Operation("POST", f"{V1}/runs/{{id}}:archive", runs.archive, W),
    Operation("POST", f"{V1}/runs/{{id}}:unarchive", runs.unarchive, W),
    Operation("POST", f"{V1}/runs/{{id}}/terminate", runs.terminate_v1, W),
    Operation("POST", f"{V1}/runs/{{id}}/retry", runs.retry, W),
    Operation("POST", f"{V1}/runs/{{id}}:reportMetrics", runs.report_metrics, W, JSON),
    Operation("GET", f"{V1}/runs/{{id}}/nodes/{{node_id}}/artifacts/{{name}}:read", artifacts.read_v1, R),
    Operation("GET", "/apis/v1alpha1/runs/{id}/nodes/{node_id}/log", logs.read, R),
    # jobs
    Operation("GET", f"{V1}/jobs", jobs.list_v1, R),
    Operation("POST", f"{V1}/jobs", jobs.create_v1, W, JSON),
    Operation("GET", f"{V1}/jobs/{{id}}", jobs.get_v1, R),
    Operation("DELETE", f"{V1}/jobs/{{id}}", jobs.delete, W),
    Operation("POST", f"{V1}/jobs/{{id}}/enable", jobs.enable, W),
    Operation("POST", f"{V1}/jobs/{{id}}/disable", jobs.disable, W),
    # pipelines and versions
    Operation("GET", f"{V1}/pipelines", pipelines.list_v1, R),
    Operation("POST", f"{V1}/pipelines", pipelines.create_v1, W, JSON),
    Operation("POST", f"{V1}/pipelines/upload", uploads.upload_v1, W, FILE),
    Operation("POST", f"{V1}/pipelines/upload_version", uploads.upload_version_v1, W, FILE),
    Operation("GET", f"{V1}/pipelines/{{id}}", pipelines.get_v1, R),
    Operation("DELETE", f"{V1}/pipelines/{{id}}", pipelines.delete, W),
    Operation("GET", f"{V1}/pipelines/{{id}}/templates", pipelines.template_v1, R),
    Operation("POST", f"{V1}/pipelines/{{pipeline_id}}/default_version/{{version_id}}", pipelines.choose_default_v1, W),
    Operation("GET", f"{V1}/namespaces/{{namespace}}/pipelines/{{name}}", pipelines.get_by_name_v1, R),
    Operation("GET", f"{V1}/pipeline_versions", pipelines.list_versions_v1, R),
    Operation("POST", f"{V1}/pipeline_versions", pipelines.create_version_v1, W, JSON),
    Operation("GET", f"{V1}/pipeline_versions/{{version_id}}", pipelines.get_version_v1, R),
    Operation("DELETE", f"{V1}/pipeline_versions/{{version_id}}", pipelines.delete_version, W),
    Operation("GET", f"{V1}/pipeline_versions/{{version_id}}/templates", pipelines.version_template_v1, R),
    # v2beta1: the server
    Operation("GET", f"{V2}/healthz", health.health, None),
    Operation("GET", f"{V2}/auth", health.authorise, R),
    # experiments
    Operation("GET", f"{V2}/experiments", experiments.list_v2, R),
    Operation("POST", f"{V2}/experiments", experiments.create_v2, W, JSON),
    Operation("GET", f"{V2}/experiments/{{id}}", experiments.get_v2, R),
    Operation("DELETE", f"{V2}/experiments/{{id}}", experiments.delete, W),
    Operation("POST", f"{V2}/experiments/{{id}}:archive", experiments.archive, W),
    Operation("POST", f"{V2}/experiments/{{id}}:unarchive", experiments.unarchive, W),
    # runs
    Operation("GET", f"{V2}/runs", runs.list_v2, R),
    Operation("POST", f"{V2}/runs", runs.create_v2, W, JSON),
    Operation("GET", f"{V2}/runs/{{id}}", runs.get_v2, R),
    Operation("DELETE", f"{V2}/runs/{{id}}", runs.delete, W),
    Operation("POST", f"{V2}/runs/{{id}}:archive", runs.archive, W),
    Operation("POST", f"{V2}/runs/{{id}}:unarchive", runs.unarchive, W),
    Operation("POST", f"{V2}/runs/{{id}}:terminate", runs.terminate_v2, W),
    Operation("POST", f"{V2}/runs/{{id}}:retry", runs.retry, W),
    Operation("GET", f"{V2}/runs/{{id}}/nodes/{{node_id}}/artifacts/{{name}}:read", artifacts.read_v1, R),
    # recurring runs
    Operation("GET", f"{V2}/recurringruns", jobs.list_v2, R),
    Operation("POST", f"{V2}/recurringruns", jobs.create_v2, W, JSON),
    Operation("GET", f"{V2}/recurringruns/{{id}}", jobs.get_v2, R),
    Operation("DELETE", f"{V2}/recurringruns/{{id}}", jobs.delete, W),
    Operation("POST", f"{V2}/recurringruns/{{id}}:enable", jobs.enable, W),
    Operation("POST", f"{V2}/recurringruns/{{id}}:disable", jobs.disable, W),
    # pipelines and versions
    Operation("GET", f"{V2}/pipelines", pipelines.list_v2, R),
    Operation("POST", f"{V2}/pipelines", pipelines.create_v2, W, JSON),
    Operation("POST", f"{V2}/pipelines/create", pipelines.create_with_version_v2, W, JSON),
    Operation("POST", f"{V2}/pipelines/upload", uploads.upload_v2, W, FILE),
    Operation("POST", f"{V2}/pipelines/upload_version", uploads.upload_version_v2, W, FILE),
    Operation("GET", f"{V2}/pipelines/names/{{name}}", pipelines.get_by_name_v2, R),
    Operation("GET", f"{V2}/pipelines/{{id}}", pipelines.get_v2, R),
    Operation("PATCH", f"{V2}/pipelines/{{id}}", pipelines.edit_v2, W, JSON),
    Operation("DELETE", f"{V2}/pipelines/{{id}}", pipelines.delete, W),
    Operation("GET", f"{V2}/pipelines/{{id}}/versions", pipelines.list_versions_v2, R),
    Operation("POST", f"{V2}/pipelines/{{id}}/versions", pipelines.create_version_v2, W, JSON),
    Operation("GET", f"{V2}/pipelines/{{id}}/versions/{{version_id}}", pipelines.get_version_v2, R),
    Operation("PATCH", f"{V2}/pipelines/{{id}}/versions/{{version_id}}", pipelines.edit_version_v2, W, JSON),
    Operation("DELETE", f"{V2}/pipelines/{{id}}/versions/{{version_id}}", pipelines.delete_version, W),
)
"""All operations."""
