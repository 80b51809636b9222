"""Requests exactly as they travel, and how they are read.

Both spellings of a name are taken (`resource_references`, `resourceReferences`), null counts as absent, a name that
nobody knows is refused. Attributes that only replies carry are accepted and not looked at.
"""

import types
import typing
from functools import cache
from typing import Any, TypeVar

import msgspec

from penstock.kernel.errors import Invalid

__all__ = [
    "ApiParameter",
    "CronSchedule",
    "Experiment",
    "Job",
    "MetricsReport",
    "PeriodicSchedule",
    "Pipeline",
    "PipelineSpec",
    "PipelineVersion",
    "Reference",
    "ReferenceKey",
    "Run",
    "RunMetric",
    "RuntimeConfig",
    "Trigger",
    "Url",
    "V2Experiment",
    "V2Pipeline",
    "V2PipelineAndVersion",
    "V2PipelineVersion",
    "V2RecurringRun",
    "V2Run",
    "V2RuntimeConfig",
    "VersionReference",
    "read",
]

Shape = TypeVar("Shape", bound=msgspec.Struct)
Enum = str | int
"""A name, or the number of one."""


class ReferenceKey(msgspec.Struct, frozen=True):
    """What a reference points at."""

    type: Enum = ""
    id: str = ""


class Reference(msgspec.Struct, frozen=True):
    """A link between two resources."""

    key: ReferenceKey = ReferenceKey()
    name: str = ""
    relationship: Enum = ""


class Url(msgspec.Struct, frozen=True):
    """Where a package is fetched from."""

    pipeline_url: str = ""


class ApiParameter(msgspec.Struct, frozen=True):
    """A parameter and its value as text."""

    name: str = ""
    value: Any = None


class Experiment(msgspec.Struct, frozen=True):
    """v1beta1."""

    id: str = ""
    name: str = ""
    description: str = ""
    created_at: str = ""
    resource_references: tuple[Reference, ...] = ()
    storage_state: Enum = ""


class RuntimeConfig(msgspec.Struct, frozen=True):
    """Typed parameters of a run."""

    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    pipeline_root: str = ""


class PipelineSpec(msgspec.Struct, frozen=True):
    """What a run or job executes: a stored pipeline, or a manifest sent along."""

    pipeline_id: str = ""
    pipeline_name: str = ""
    workflow_manifest: str = ""
    pipeline_manifest: str = ""
    parameters: tuple[ApiParameter, ...] = ()
    runtime_config: RuntimeConfig = RuntimeConfig()


class RunMetric(msgspec.Struct, frozen=True):
    """A number reported for a step of a run."""

    name: str = ""
    node_id: str = ""
    number_value: float = 0.0
    format: Enum = ""


class MetricsReport(msgspec.Struct, frozen=True):
    """Several metrics at once."""

    run_id: str = ""
    metrics: tuple[RunMetric, ...] = ()


class Run(msgspec.Struct, frozen=True):
    """v1beta1."""

    id: str = ""
    name: str = ""
    storage_state: Enum = ""
    description: str = ""
    pipeline_spec: PipelineSpec = PipelineSpec()
    resource_references: tuple[Reference, ...] = ()
    service_account: str = ""
    created_at: str = ""
    scheduled_at: str = ""
    finished_at: str = ""
    status: str = ""
    error: str = ""
    metrics: tuple[RunMetric, ...] = ()


class CronSchedule(msgspec.Struct, frozen=True):
    """Fires by a cron expression."""

    start_time: str = ""
    end_time: str = ""
    cron: str = ""


class PeriodicSchedule(msgspec.Struct, frozen=True):
    """Fires at equal distances."""

    start_time: str = ""
    end_time: str = ""
    interval_second: int = 0


class Trigger(msgspec.Struct, frozen=True):
    """One of the two."""

    cron_schedule: CronSchedule | None = None
    periodic_schedule: PeriodicSchedule | None = None


class Job(msgspec.Struct, frozen=True):
    """v1beta1."""

    id: str = ""
    name: str = ""
    description: str = ""
    pipeline_spec: PipelineSpec = PipelineSpec()
    resource_references: tuple[Reference, ...] = ()
    service_account: str = ""
    max_concurrency: int = 0
    trigger: Trigger = Trigger()
    mode: Enum = ""
    created_at: str = ""
    updated_at: str = ""
    status: str = ""
    error: str = ""
    enabled: bool = False
    no_catchup: bool = False


class Pipeline(msgspec.Struct, frozen=True):
    """v1beta1."""

    id: str = ""
    created_at: str = ""
    name: str = ""
    description: str = ""
    parameters: tuple[ApiParameter, ...] = ()
    url: Url = Url()
    error: str = ""
    default_version: Any = None
    resource_references: tuple[Reference, ...] = ()


class PipelineVersion(msgspec.Struct, frozen=True):
    """v1beta1."""

    id: str = ""
    name: str = ""
    created_at: str = ""
    parameters: tuple[ApiParameter, ...] = ()
    code_source_url: str = ""
    package_url: Url = Url()
    resource_references: tuple[Reference, ...] = ()
    description: str = ""


class V2Experiment(msgspec.Struct, frozen=True):
    """v2beta1."""

    experiment_id: str = ""
    display_name: str = ""
    description: str = ""
    created_at: str = ""
    namespace: str = ""
    storage_state: Enum = ""
    last_run_created_at: str = ""


class VersionReference(msgspec.Struct, frozen=True):
    """A stored pipeline and one of its versions."""

    pipeline_id: str = ""
    pipeline_version_id: str = ""


class V2RuntimeConfig(msgspec.Struct, frozen=True):
    """Typed parameters of a run."""

    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    pipeline_root: str = ""


class V2Run(msgspec.Struct, frozen=True):
    """v2beta1."""

    experiment_id: str = ""
    run_id: str = ""
    display_name: str = ""
    storage_state: Enum = ""
    description: str = ""
    pipeline_version_id: str = ""
    pipeline_spec: dict[str, Any] | None = None
    pipeline_version_reference: VersionReference = VersionReference()
    runtime_config: V2RuntimeConfig = V2RuntimeConfig()
    service_account: str = ""
    created_at: str = ""
    scheduled_at: str = ""
    finished_at: str = ""
    state: Enum = ""
    error: Any = None
    run_details: Any = None
    recurring_run_id: str = ""
    state_history: Any = None
    plugins_input: Any = None
    plugins_output: Any = None


class V2RecurringRun(msgspec.Struct, frozen=True):
    """v2beta1."""

    recurring_run_id: str = ""
    display_name: str = ""
    description: str = ""
    pipeline_version_id: str = ""
    pipeline_spec: dict[str, Any] | None = None
    pipeline_version_reference: VersionReference = VersionReference()
    runtime_config: V2RuntimeConfig = V2RuntimeConfig()
    service_account: str = ""
    max_concurrency: int = 0
    trigger: Trigger = Trigger()
    mode: Enum = ""
    created_at: str = ""
    updated_at: str = ""
    status: Enum = ""
    error: Any = None
    no_catchup: bool = False
    namespace: str = ""
    experiment_id: str = ""
    plugins_input: Any = None


class V2Pipeline(msgspec.Struct, frozen=True):
    """v2beta1."""

    pipeline_id: str = ""
    display_name: str = ""
    name: str = ""
    description: str = ""
    created_at: str = ""
    namespace: str = ""
    error: Any = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class V2PipelineVersion(msgspec.Struct, frozen=True):
    """v2beta1."""

    pipeline_id: str = ""
    pipeline_version_id: str = ""
    display_name: str = ""
    name: str = ""
    description: str = ""
    created_at: str = ""
    package_url: Url = Url()
    code_source_url: str = ""
    pipeline_spec: Any = None
    error: Any = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class V2PipelineAndVersion(msgspec.Struct, frozen=True):
    """v2beta1: both at once."""

    pipeline: V2Pipeline = V2Pipeline()
    pipeline_version: V2PipelineVersion = V2PipelineVersion()


def read(document: object, shape: type[Shape]) -> Shape:
    """Read a decoded JSON document.

    Raises: Invalid with a JSON pointer.
    """
    if document is None:
        document = {}
    try:
        return msgspec.convert(_respelled(document, shape, ""), shape, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"the body does not have the expected shape: {error}") from None


@cache
def _members(shape: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """Return both spellings of every attribute, with its name and the struct inside it, if any."""
    hints = typing.get_type_hints(shape)
    result: dict[str, tuple[str, Any]] = {}
    for name in shape.__struct_fields__:
        inside = _struct_in(hints[name])
        first, *others = name.split("_")
        result[name] = result[first + "".join(other.capitalize() for other in others)] = (name, inside)
    return result


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is tuple:
        for argument in typing.get_args(hint):
            if found := _struct_in(argument):
                return found
    return None


def _respelled(document: object, shape: type[msgspec.Struct], at: str) -> object:
    if isinstance(document, list):
        return [_respelled(member, shape, f"{at}/{index}") for index, member in enumerate(document)]
    if not isinstance(document, dict):
        return document
    result: dict[str, object] = {}
    known = _members(shape)
    for key, value in document.items():
        if key not in known:
            raise Invalid(f"unknown field {key!r}", at=f"{at}/{key}")
        name, inside = known[key]
        if value is None:
            continue
        result[name] = _respelled(value, inside, f"{at}/{key}") if inside else value
    return result
