"""What this dialect keeps: one shape for each resource that clients make.

A project's documents live in a scope of its own, `default/<project id>`, so that a name is free in every project and a
rename touches one document. References between documents are ids. Instants are microseconds since 1970.
"""

from typing import Any, Final

import msgspec

from penstock.services.documents import Kind

__all__ = [
    "ALL",
    "ASSIGNMENT",
    "AUDIT",
    "BUCKET",
    "DATA_TYPES",
    "DEPLOYMENT",
    "ENVIRONMENT",
    "ENVIRONMENT_TAG",
    "EXPORT",
    "FILE",
    "IMPORT",
    "INSTANCE_TYPE_GROUP",
    "LIMIT",
    "MAX_RETENTION_S",
    "METRIC",
    "ORGANIZATION",
    "PIPELINE",
    "PIPELINE_VERSION",
    "PLAIN",
    "PROJECT",
    "RETENTION_MODES",
    "RETENTION_S",
    "REVISION",
    "ROLE",
    "SCHEDULE",
    "SERIES",
    "SERVICE",
    "SERVICE_USER",
    "STRUCTURED",
    "VARIABLE",
    "VERSION",
    "WEBHOOK",
    "AssignmentBody",
    "AttachmentBody",
    "AuditBody",
    "BucketBody",
    "DeploymentBody",
    "EnvironmentBody",
    "FieldBody",
    "FileBody",
    "HeaderBody",
    "MappingBody",
    "ObjectBody",
    "OrganizationBody",
    "PipelineBody",
    "PipelineVersionBody",
    "ProjectBody",
    "RevisionBody",
    "RoleBody",
    "ScheduleBody",
    "SeriesBody",
    "ServiceUserBody",
    "SourceBody",
    "StoredBody",
    "TagBody",
    "VariableBody",
    "VersionBody",
    "WebhookBody",
]

STRUCTURED: Final = "structured"
PLAIN: Final = "plain"

DATA_TYPES: Final = (
    "int",
    "double",
    "string",
    "bool",
    "dict",
    "file",
    "array_int",
    "array_double",
    "array_string",
    "array_file",
)
"""What a field can hold."""

RETENTION_MODES: Final = ("full", "metadata", "none")
RETENTION_S: Final = 604_800
MAX_RETENTION_S: Final = 2_419_200

Labels = dict[str, str]


class OrganizationBody(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation: a name that projects carry."""

    labels: Labels = {}


class ProjectBody(msgspec.Struct, frozen=True, kw_only=True):
    """A project; its name is the document's, its things are in the scope below its id."""

    organization: str
    labels: Labels = {}
    advanced_permissions: bool = False
    credits: float | None = None
    cors_origins: tuple[str, ...] = ()
    is_suspended: bool = False


class FieldBody(msgspec.Struct, frozen=True):
    """A field of a structured input or output. widget: how a form shows it; kept, not looked at."""

    name: str
    data_type: str
    widget: dict[str, Any] | None = None


class DeploymentBody(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment; its name is the document's. default_version: id of a version."""

    description: str = ""
    input_type: str = STRUCTURED
    output_type: str = STRUCTURED
    input_fields: tuple[FieldBody, ...] = ()
    output_fields: tuple[FieldBody, ...] = ()
    labels: Labels = {}
    supports_request_format: bool = True
    default_version: str | None = None


class VersionBody(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a deployment; the document is named `<deployment id>/<title>`.

    Attributes:
        status: `unavailable`, `building`, `available` or `failed`.
        active_revision: id of the revision that serves; latest_revision: of the newest one.
        request_retention_time: in seconds. maximum_idle_time: in seconds.
    """

    title: str
    deployment_id: str
    description: str = ""
    labels: Labels = {}
    status: str = "unavailable"
    environment_name: str
    environment_tag: str | None = None
    instance_type: str = "512mb"
    instance_type_group_id: str | None = None
    instance_type_group_name: str | None = None
    minimum_instances: int = 0
    maximum_instances: int = 5
    maximum_idle_time: int = 300
    instance_processes: int = 1
    scaling_strategy: str = "default"
    maximum_queue_size: int = 100_000
    restart_request_interruption: bool = False
    request_retention_time: int = RETENTION_S
    request_retention_mode: str = "full"
    static_ip: bool = False
    ports: tuple[dict[str, Any], ...] = ()
    health_check: dict[str, Any] | None = None
    command: Any = None
    args: Any = None
    active_revision: str | None = None
    latest_revision: str | None = None
    last_file_upload_us: int | None = None
    has_request_method: bool = False
    has_requests_method: bool = False


class RevisionBody(msgspec.Struct, frozen=True, kw_only=True):
    """An upload of code for a version.

    Attributes:
        package: digest of the zip that was uploaded, as it came; None for an empty revision.
        root: the folder inside the zip that is the package, without a slash at its end; empty for the zip's own root.
        file_name: what the upload called it.
        module: the file of the package that is loaded.
        variables: what the package's `ubiops.yaml` sets.
        status: `queued`, `building`, `success` or `failed`.
    """

    version_id: str
    package: str | None = None
    root: str = ""
    file_name: str = ""
    module: str = "deployment.py"
    variables: dict[str, str] = {}
    status: str = "queued"
    error_message: str | None = None
    created_by: str = ""
    has_request_method: bool = False
    has_requests_method: bool = False


class VariableBody(msgspec.Struct, frozen=True, kw_only=True):
    """An environment variable; the document is named `<owner id>/<title>`, and a secret's text is with the secrets.

    owner_id: of the project, deployment, deployment version or environment tag that has it.
    """

    title: str
    owner_id: str
    value: str = ""
    is_secret: bool = False


class EnvironmentBody(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that somebody made; its name is the document's. The system's own are in `environments`."""

    display_name: str = ""
    description: str = ""
    labels: Labels = {}
    base_environment: str | None = None
    supports_request_format: bool = True


class TagBody(msgspec.Struct, frozen=True, kw_only=True):
    """A tag of an environment, which is also a revision of it in the older model; named `<environment id>/<title>`.

    Attributes:
        package: digest of the uploaded zip with dependency files.
        requirements: the lines of the requirements.txt in it. variables: what the ubiops.yaml in it sets.
        files: the dependency files' texts by name.
        status: `unavailable`, `queued`, `building`, `success` or `failed`.
        build_id: what the older model calls the build of this revision.
    """

    title: str
    environment_id: str
    base_environment_name: str | None = None
    base_environment_tag: str | None = None
    package: str | None = None
    file_name: str = ""
    requirements: tuple[str, ...] = ()
    variables: dict[str, str] = {}
    files: dict[str, str] = {}
    size_bytes: int = 0
    status: str = "unavailable"
    error_message: str | None = None
    created_by: str = ""
    build_id: str = ""
    built_us: int | None = None
    is_default: bool = False


class PipelineBody(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline; its name is the document's. default_version: id of a version."""

    description: str = ""
    input_type: str = STRUCTURED
    output_type: str = STRUCTURED
    input_fields: tuple[FieldBody, ...] = ()
    output_fields: tuple[FieldBody, ...] = ()
    labels: Labels = {}
    default_version: str | None = None


class ObjectBody(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a pipeline version.

    Attributes:
        reference_type: `deployment`, `pipeline` or `operator`.
        reference: id of the deployment or pipeline, or the operator's name.
        version_id: of the pinned version; None follows the default at the time of a request.
    """

    id: str
    name: str
    reference_type: str
    reference: str
    version_id: str | None = None
    configuration: dict[str, Any] = {}
    metadata: dict[str, Any] = {}


class MappingBody(msgspec.Struct, frozen=True):
    """One field that an edge carries."""

    source_field_name: str
    destination_field_name: str


class SourceBody(msgspec.Struct, frozen=True):
    """Where an edge comes from: an object, or `pipeline_start`. Without a mapping it carries only that it fired."""

    source_name: str
    mapping: tuple[MappingBody, ...] = ()


class AttachmentBody(msgspec.Struct, frozen=True, kw_only=True):
    """What fires an object, or `pipeline_end`, when all its sources have fired."""

    id: str
    destination_name: str
    sources: tuple[SourceBody, ...] = ()


class PipelineVersionBody(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a pipeline; the document is named `<pipeline id>/<title>`."""

    title: str
    pipeline_id: str
    description: str = ""
    labels: Labels = {}
    request_retention_time: int = RETENTION_S
    request_retention_mode: str = "full"
    metadata: dict[str, Any] = {}
    objects: tuple[ObjectBody, ...] = ()
    attachments: tuple[AttachmentBody, ...] = ()


class BucketBody(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket; its name is the document's. ttl: seconds after which its files are gone, if any."""

    provider: str = "ubiops"
    description: str = ""
    labels: Labels = {}
    configuration: dict[str, Any] = {}
    ttl: int | None = None


class FileBody(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a bucket; the document is named `<bucket id>/<title>`. sha256: of its content in the blob store.

    A part of an upload in parts is one too, with the upload's id for a bucket and its number for a title.
    """

    title: str
    bucket_id: str
    sha256: str
    size_bytes: int


class ScheduleBody(msgspec.Struct, frozen=True, kw_only=True):
    """A request schedule; its name is the document's, and its trigger has its id.

    Attributes:
        object_type: `deployment` or `pipeline`. reference: id of that.
        version_id: of the version that is asked; None for the default one at the time.
        schedule: five cron fields. timeout: of each request, in seconds.
    """

    object_type: str
    reference: str
    version_id: str | None = None
    schedule: str
    request_data: Any = None
    timeout: int = 14_400
    is_enabled: bool = True
    description: str = ""
    labels: Labels = {}


class HeaderBody(msgspec.Struct, frozen=True):
    """A header that a webhook sends. The value of a protected one is with the secrets."""

    key: str
    value: str = ""
    is_protected: bool = False


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook; its name is the document's. reference: id of the deployment or pipeline; timeout: in seconds."""

    object_type: str
    reference: str
    version_id: str | None = None
    event: str
    url: str
    headers: tuple[HeaderBody, ...] = ()
    description: str = ""
    labels: Labels = {}
    timeout: int = 10
    is_enabled: bool = True
    retry: bool = False
    include_result: bool = False


class ServiceUserBody(msgspec.Struct, frozen=True, kw_only=True):
    """A service user. key: name of its key with the identities; expiry_us: when its token ends, if it does."""

    email: str
    title: str = ""
    description: str = ""
    key: str = ""
    expiry_us: int | None = None
    last_used_us: int | None = None


class RoleBody(msgspec.Struct, frozen=True, kw_only=True):
    """A role that somebody made; its name is the document's."""

    permissions: tuple[str, ...] = ()


class AssignmentBody(msgspec.Struct, frozen=True, kw_only=True):
    """A role that somebody has on something. assignee: an id. resource: the name of a `resource_type`."""

    assignee: str
    assignee_type: str
    role: str
    resource: str
    resource_type: str = "project"


class StoredBody(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is kept as a client gave it and only shown again. owner: name or id of what it belongs to."""

    owner: str = ""
    values: dict[str, Any] = {}


class SeriesBody(msgspec.Struct, frozen=True, kw_only=True):
    """A series of points of a metric, with labels of its own; named by its key."""

    metric: str
    key: str
    labels: Labels = {}


class AuditBody(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done. parent: what the thing is part of, as `<type>/<name>`; empty if of nothing."""

    action: str
    user: str
    object_type: str
    object_name: str
    event: str
    parent: str = ""


ORGANIZATION = Kind("ubiops.organization", OrganizationBody, noun="Organization")
PROJECT = Kind("ubiops.project", ProjectBody, ("organization",), noun="Project")
DEPLOYMENT = Kind("ubiops.deployment", DeploymentBody, ("supports_request_format",), noun="Deployment")
VERSION = Kind("ubiops.version", VersionBody, ("deployment_id", "title", "status"), noun="Deployment version")
REVISION = Kind("ubiops.revision", RevisionBody, ("version_id", "status", "package"), noun="Revision")
ENVIRONMENT = Kind("ubiops.environment", EnvironmentBody, noun="Environment")
ENVIRONMENT_TAG = Kind("ubiops.environment-tag", TagBody, ("environment_id", "title", "status"), noun="Environment tag")
AUDIT = Kind("ubiops.audit", AuditBody, ("object_type", "object_name", "action", "parent"), noun="Audit entry")
BUCKET = Kind("ubiops.bucket", BucketBody, noun="Bucket")
FILE = Kind("ubiops.file", FileBody, ("bucket_id", "title"), noun="File")
SCHEDULE = Kind("ubiops.schedule", ScheduleBody, ("reference", "object_type"), noun="Schedule")
WEBHOOK = Kind("ubiops.webhook", WebhookBody, ("reference", "event"), noun="Webhook")
SERVICE_USER = Kind("ubiops.service-user", ServiceUserBody, noun="Service user")
ROLE = Kind("ubiops.role", RoleBody, noun="Role")
ASSIGNMENT = Kind(
    "ubiops.role-assignment",
    AssignmentBody,
    ("assignee", "assignee_type", "role", "resource", "resource_type"),
    noun="Role assignment",
)
SERVICE = Kind("ubiops.service", StoredBody, ("owner",), noun="Service")
LIMIT = Kind("ubiops.service-limit", StoredBody, ("owner",), noun="Limit")
INSTANCE_TYPE_GROUP = Kind("ubiops.instance-type-group", StoredBody, ("owner",), noun="Instance type group")
METRIC = Kind("ubiops.metric", StoredBody, ("owner",), noun="Metric")
SERIES = Kind("ubiops.series", SeriesBody, ("metric",), noun="Time series")
EXPORT = Kind("ubiops.export", StoredBody, ("owner",), noun="Export")
IMPORT = Kind("ubiops.import", StoredBody, ("owner",), noun="Import")
VARIABLE = Kind("ubiops.variable", VariableBody, ("owner_id",), noun="Environment variable")
PIPELINE = Kind("ubiops.pipeline", PipelineBody, noun="Pipeline")
PIPELINE_VERSION = Kind(
    "ubiops.pipeline-version", PipelineVersionBody, ("pipeline_id", "title"), noun="Pipeline version"
)

ALL: tuple[Kind[Any], ...] = (
    ORGANIZATION,
    PROJECT,
    DEPLOYMENT,
    VERSION,
    REVISION,
    ENVIRONMENT,
    ENVIRONMENT_TAG,
    VARIABLE,
    AUDIT,
    BUCKET,
    FILE,
    SCHEDULE,
    WEBHOOK,
    SERVICE_USER,
    ROLE,
    ASSIGNMENT,
    SERVICE,
    LIMIT,
    INSTANCE_TYPE_GROUP,
    METRIC,
    SERIES,
    EXPORT,
    IMPORT,
    PIPELINE,
    PIPELINE_VERSION,
)
