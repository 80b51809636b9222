"""Requests as they travel, and how they are read.

Clients send back what they have read, so a name that is not listed here is passed over. What a client leaves out and
what it sends as null are told apart only where that means something: UNSET is left out.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from penstock.kernel.errors import Invalid

__all__ = [
    "AssignmentCreate",
    "Attachment",
    "BucketCreate",
    "BucketUpdate",
    "CompleteUpload",
    "DeploymentCreate",
    "DeploymentUpdate",
    "EnvironmentCreate",
    "EnvironmentUpdate",
    "EnvironmentVariable",
    "EnvironmentVariableCopy",
    "ExportCreate",
    "Field",
    "InstanceTypeGroup",
    "InstanceTypeItem",
    "InstanceUpdate",
    "LogsCreate",
    "Mapping",
    "MetricCreate",
    "MetricUpdate",
    "Object",
    "OrganizationCreate",
    "PipelineCreate",
    "PipelineUpdate",
    "PipelineVersionCreate",
    "PipelineVersionUpdate",
    "ProjectCreate",
    "ProjectUpdate",
    "RoleCreate",
    "RoleUpdate",
    "ScheduleCreate",
    "ScheduleUpdate",
    "SecretCopy",
    "SeriesData",
    "SeriesPoint",
    "ServiceUserCreate",
    "ServiceUserUpdate",
    "Shape",
    "SignIn",
    "Source",
    "TagCreate",
    "TagUpdate",
    "VersionCreate",
    "VersionUpdate",
    "WebhookCreate",
    "WebhookHeader",
    "WebhookTest",
    "WebhookUpdate",
    "changes",
    "read",
]

Shape = TypeVar("Shape", bound=msgspec.Struct)


def read(body: object, shape: type[Shape]) -> Shape:
    """Read a decoded document as a request.

    Raises: Invalid, naming the key.
    """
    if not isinstance(body, dict):
        raise Invalid(f"The request body is {_kind(body)}; it must be a JSON object")
    optional = {field.encode_name for field in msgspec.structs.fields(shape) if not field.required}
    # A client cannot tell null from absent in a model; where null means something, the shape says so.
    nullable = {name for name in optional if name in getattr(shape, "__nullable__", ())}
    cleaned = {key: value for key, value in body.items() if value is not None or key not in optional - nullable}
    try:
        return msgspec.convert(cleaned, shape)
    except msgspec.ValidationError as error:
        raise Invalid(_message(str(error))) from None


def changes(update: msgspec.Struct) -> dict[str, Any]:
    """Return what an update sets, by name."""
    return {
        field.name: value
        for field in msgspec.structs.fields(update)
        if (value := getattr(update, field.name)) is not UNSET
    }


def _kind(value: object) -> str:
    return "empty" if value is None else f"a {type(value).__name__}"


def _message(text: str) -> str:
    what, _, place = text.partition(" - at `$.")
    if place:
        return f"{place.rstrip('`')}: {what}"
    if what.startswith("Object missing required field"):
        return f"This field is required: {what.rpartition('field')[2].strip().strip('`')}"
    return what


class Field(msgspec.Struct, frozen=True):
    """A field of an input or output."""

    name: str
    data_type: str
    widget: dict[str, Any] | None = None


class ProjectCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST /projects."""

    name: str
    organization_name: str
    advanced_permissions: bool = False
    credits: float | None = None
    cors_origins: tuple[str, ...] = ()
    labels: dict[str, Any] = {}


class ProjectUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a project."""

    name: str | UnsetType = UNSET
    advanced_permissions: bool | UnsetType = UNSET
    credits: float | UnsetType | None = UNSET
    suspend: bool | UnsetType = UNSET
    cors_origins: tuple[str, ...] | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET


class DeploymentCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a deployment."""

    name: str
    description: str = ""
    input_type: str = "structured"
    output_type: str = "structured"
    input_fields: tuple[Field, ...] = ()
    output_fields: tuple[Field, ...] = ()
    labels: dict[str, Any] = {}
    supports_request_format: bool = True


class DeploymentUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a deployment."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    default_version: str | UnsetType = UNSET
    input_fields: tuple[Field, ...] | UnsetType = UNSET
    output_fields: tuple[Field, ...] | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET


class VersionUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a deployment version, and what a POST may say beside the name."""

    version: str | UnsetType = UNSET
    environment: str | UnsetType = UNSET
    environment_name: str | UnsetType = UNSET
    environment_tag: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    instance_type: str | UnsetType = UNSET
    memory_allocation: int | UnsetType = UNSET
    instance_type_group_id: str | UnsetType = UNSET
    instance_type_group_name: str | UnsetType = UNSET
    minimum_instances: int | UnsetType = UNSET
    maximum_instances: int | UnsetType = UNSET
    maximum_idle_time: int | UnsetType = UNSET
    description: str | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET
    request_retention_time: int | UnsetType = UNSET
    request_retention_mode: str | UnsetType = UNSET
    maximum_queue_size: int | UnsetType = UNSET
    restart_request_interruption: bool | UnsetType = UNSET
    scaling_strategy: str | UnsetType = UNSET
    instance_processes: int | UnsetType = UNSET
    static_ip: bool | UnsetType = UNSET
    ports: tuple[dict[str, Any], ...] | UnsetType = UNSET
    health_check: dict[str, Any] | UnsetType = UNSET
    command: object = UNSET
    args: object = UNSET


class VersionCreate(VersionUpdate, frozen=True, kw_only=True):
    """POST of a deployment version."""

    version: str


class EnvironmentVariable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable, as it is made and changed."""

    name: str
    value: str = ""
    secret: bool = False


class EnvironmentVariableCopy(msgspec.Struct, frozen=True, kw_only=True):
    """Where variables are copied from."""

    source_deployment: str
    source_version: str | None = None


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a pipeline version. reference_version: an older name of version that command lines send."""

    name: str
    reference_name: str
    reference_type: str = "deployment"
    version: str | None = None
    reference_version: str | None = None
    configuration: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """A field that an edge carries."""

    source_field_name: str
    destination_field_name: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an edge comes from."""

    source_name: str
    mapping: tuple[Mapping, ...] | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """What fires an object."""

    destination_name: str
    sources: tuple[Source, ...] = ()


class PipelineCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a pipeline."""

    name: str
    input_type: str
    output_type: str = "structured"
    description: str = ""
    input_fields: tuple[Field, ...] = ()
    output_fields: tuple[Field, ...] = ()
    labels: dict[str, Any] = {}


class PipelineUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a pipeline."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    input_type: str | UnsetType = UNSET
    output_type: str | UnsetType = UNSET
    input_fields: tuple[Field, ...] | UnsetType = UNSET
    output_fields: tuple[Field, ...] | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET
    default_version: str | UnsetType = UNSET


class PipelineVersionUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a pipeline version: lists replace those that are there, and null removes all."""

    __nullable__ = ("objects", "attachments", "metadata")

    version: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET
    request_retention_time: int | UnsetType = UNSET
    request_retention_mode: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    objects: tuple[Object, ...] | UnsetType | None = UNSET
    attachments: tuple[Attachment, ...] | UnsetType | None = UNSET


class PipelineVersionCreate(PipelineVersionUpdate, frozen=True, kw_only=True):
    """POST of a pipeline version."""

    version: str


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """POST /authorize. token: of the second factor, which nobody has here."""

    email: str
    password: str
    token: str | None = None


class OrganizationCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST and PATCH of an organisation; the rest of what clients send is about contracts."""

    name: str


class SecretCopy(msgspec.Struct, frozen=True, kw_only=True):
    """Where secrets of an environment are copied from."""

    source_environment: str
    source_tag: str | None = None


class EnvironmentCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of an environment; clients up to 4.14 say more than the later ones."""

    name: str
    display_name: str = ""
    base_environment: str | None = None
    supports_request_format: bool = True
    description: str = ""
    labels: dict[str, Any] = {}


class EnvironmentUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of an environment."""

    name: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET


class TagCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of an environment's tag."""

    name: str
    supports_request_format: bool = True


class TagUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a tag, or of a build in the older model: a build can be cancelled."""

    status: str | UnsetType = UNSET
    supports_request_format: bool | UnsetType = UNSET


class BucketUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a bucket."""

    __nullable__ = ("ttl",)

    credentials: dict[str, Any] | UnsetType = UNSET
    configuration: dict[str, Any] | UnsetType = UNSET
    ttl: int | UnsetType | None = UNSET
    description: str | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET


class BucketCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a bucket."""

    name: str
    provider: str = "ubiops"
    credentials: dict[str, Any] | None = None
    configuration: dict[str, Any] = {}
    ttl: int | None = None
    description: str = ""
    labels: dict[str, Any] = {}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an upload, by its number and the tag that was answered to its content."""

    ETag: str
    PartNumber: str | int


class CompleteUpload(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an upload in parts."""

    upload_id: str
    parts: tuple[Part, ...]


class LogsCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST /logs of clients up to 4.12. date_range: seconds from the date, negative ones before it."""

    filters: dict[str, Any] = {}
    date_range: int = -86_400
    date: str = ""
    id: str = ""
    limit: int = 500


class WebhookHeader(msgspec.Struct, frozen=True, kw_only=True):
    """A header that a webhook sends."""

    key: str
    value: str | None = None
    protected: bool = False


class WebhookTest(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a trial of a webhook."""

    object_type: str
    object_name: str
    url: str
    event: str
    version: str | None = None
    headers: tuple[WebhookHeader, ...] = ()
    timeout: int = 10
    retry: bool = False
    include_result: bool = False


class WebhookCreate(WebhookTest, frozen=True, kw_only=True):
    """POST of a webhook."""

    name: str
    description: str = ""
    labels: dict[str, Any] = {}
    enabled: bool = True


class WebhookUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a webhook."""

    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    headers: tuple[WebhookHeader, ...] | UnsetType = UNSET
    event: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    retry: bool | UnsetType = UNSET
    include_result: bool | UnsetType = UNSET


class ScheduleCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a request schedule."""

    name: str
    object_type: str
    object_name: str
    schedule: str
    version: str | None = None
    request_data: Any = None
    timeout: int = 14_400
    enabled: bool = True
    description: str = ""
    labels: dict[str, Any] = {}


class ScheduleUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a request schedule."""

    name: str | UnsetType = UNSET
    schedule: str | UnsetType = UNSET
    request_data: Any = UNSET
    timeout: int | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    description: str | UnsetType = UNSET
    labels: dict[str, Any] | UnsetType = UNSET


class ServiceUserCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a service user."""

    name: str = ""
    description: str = ""
    expiry_date: str | None = None


class ServiceUserUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a service user."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    expiry_date: str | UnsetType = UNSET


class RoleCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a role."""

    name: str
    permissions: tuple[str, ...] = ()


class RoleUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a role."""

    name: str | UnsetType = UNSET
    permissions: tuple[str, ...] | UnsetType = UNSET


class AssignmentCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of an assignment of a role."""

    assignee: str
    role: str
    assignee_type: str = "user"
    resource: str = ""
    resource_type: str = "project"


class InstanceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of an instance."""

    status: str


class InstanceTypeItem(msgspec.Struct, frozen=True, kw_only=True):
    """A type in a group."""

    id: str
    priority: int = 0
    schedule_timeout: int = 300


class InstanceTypeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """POST and PATCH of a group of instance types."""

    name: str
    instance_types: tuple[InstanceTypeItem, ...] = ()


class MetricCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of a metric."""

    name: str
    metric_type: str
    description: str = ""
    unit: str = ""
    labels: tuple[str, ...] = ()


class MetricUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH of a metric."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    labels: tuple[str, ...] | UnsetType = UNSET


class SeriesPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point of a series."""

    date: str
    value: float


class SeriesData(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a series."""

    metric: str
    labels: dict[str, Any] = {}
    data: tuple[SeriesPoint, ...] = ()


class ExportCreate(msgspec.Struct, frozen=True, kw_only=True):
    """POST of an export, and PATCH of an import: what is chosen, by name."""

    deployments: dict[str, Any] | None = None
    pipelines: dict[str, Any] | None = None
    environment_variables: dict[str, Any] | None = None
    environments: dict[str, Any] | None = None
    services: dict[str, Any] | None = None
    description: str = ""
