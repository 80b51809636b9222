"""What this dialect keeps of experiments, pipelines and versions; each row is shown by both versions of the API."""

from typing import Any

import msgspec

from penstock.services.documents import Kind

__all__ = [
    "ALL",
    "ARCHIVED",
    "AVAILABLE",
    "EXECUTOR_OUTPUT",
    "EXPERIMENT",
    "JOB",
    "PIPELINE",
    "VERSION",
    "ExperimentBody",
    "JobBody",
    "PackageParameter",
    "PipelineBody",
    "VersionBody",
    "folded",
]

EXECUTOR_OUTPUT = "executor_output.json"
"""The file in which a program of kfp 2 says what it made; no output of the step itself."""

AVAILABLE = "AVAILABLE"
ARCHIVED = "ARCHIVED"


class ExperimentBody(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment; its name is the document's. folded: the name without regard to case, for searching."""

    folded: str
    description: str = ""
    storage_state: str = AVAILABLE
    namespace: str = ""
    last_run_at_us: int | None = None


class PackageParameter(msgspec.Struct, frozen=True):
    """A parameter that a package declares, and its default as text, if it has one."""

    name: str
    value: str | None = None


class PipelineBody(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline; its name is the document's."""

    folded: str
    display_name: str
    description: str = ""
    namespace: str = ""
    default_version: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class VersionBody(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a pipeline; the document is named `<pipeline id>/<title>`, so that titles are unique within one.

    package: digest of the package's text in the blob store. is_ir: it is a PipelineSpec, else an Argo Workflow.
    """

    title: str
    folded: str
    pipeline_id: str
    package: str
    is_ir: bool
    display_name: str = ""
    parameters: tuple[PackageParameter, ...] = ()
    description: str = ""
    code_source_url: str = ""
    package_url: str = ""
    status: str = "READY"
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class JobBody(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring run; its trigger has the same id.

    Attributes:
        package: digest of a manifest that was sent along; else the version is run, or the pipeline's default one.
        cron, interval_s: one of them. start_us, end_us: microseconds since 1970.
    """

    title: str
    folded: str
    description: str = ""
    experiment_id: str
    pipeline_id: str = ""
    version_id: str = ""
    package: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    runtime_parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    pipeline_root: str = ""
    service_account: str = ""
    max_concurrency: int = 1
    cron: str = ""
    interval_s: int = 0
    start_us: int | None = None
    end_us: int | None = None
    no_catchup: bool = False
    is_enabled: bool = False


EXPERIMENT = Kind(
    "kfp.experiment",
    ExperimentBody,
    ("folded", "description", "storage_state", "namespace", "last_run_at_us"),
    noun="experiment",
)
PIPELINE = Kind("kfp.pipeline", PipelineBody, ("folded", "display_name", "description", "namespace"), noun="pipeline")
VERSION = Kind(
    "kfp.version",
    VersionBody,
    ("title", "folded", "pipeline_id", "description", "status"),
    noun="pipeline version",
)

JOB = Kind("kfp.job", JobBody, ("title", "folded", "description", "experiment_id", "is_enabled"), noun="job")

ALL: tuple[Kind[Any], ...] = (EXPERIMENT, PIPELINE, VERSION, JOB)
"""The kinds that this dialect owns."""


def folded(name: str) -> str:
    """Return a name as it is searched for."""
    return name.casefold()
