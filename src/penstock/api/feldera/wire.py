"""Objects exactly as they travel. Attributes that a reply leaves out are UNSET."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "Event",
    "Pipeline",
    "ProgramError",
    "ProgramInfo",
    "RustCompilation",
    "SqlCompilation",
    "SqlMessage",
    "Triple",
]

Json = Any


class Triple(msgspec.Struct, frozen=True):
    """An error, wherever one is shown."""

    message: str
    error_code: str
    details: Json


class SqlMessage(msgspec.Struct, frozen=True):
    """One message of the SQL compiler."""

    start_line_number: int
    start_column: int
    end_line_number: int
    end_column: int
    warning: bool
    error_type: str
    message: str
    snippet: str | None


class SqlCompilation(msgspec.Struct, frozen=True):
    """What the SQL compiler said."""

    exit_code: int
    messages: list[SqlMessage]


class RustCompilation(msgspec.Struct, frozen=True):
    """What the second compiler said; there is none here, so never anything."""

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""


class ProgramError(msgspec.Struct, frozen=True):
    """What came of compiling, good or bad."""

    sql_compilation: SqlCompilation | None = None
    rust_compilation: RustCompilation | None = None
    system_error: str | None = None


class ProgramInfo(msgspec.Struct, frozen=True):
    """What is known of a compiled program."""

    schema: Json
    udf_stubs: str
    input_connectors: Json
    output_connectors: Json
    main_rust: str | UnsetType = UNSET
    dataflow: Json | UnsetType = UNSET


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline. Which attributes are set depends on the selector, see `project.pipeline`."""

    id: str
    name: str
    description: str
    tags: tuple[str, ...]
    created_at: str
    version: int
    program_version: int
    refresh_version: int
    platform_version: str
    runtime_config: Json | UnsetType = UNSET
    program_code: str | UnsetType = UNSET
    udf_rust: str | UnsetType = UNSET
    udf_toml: str | UnsetType = UNSET
    program_config: Json
    program_status: str
    program_status_since: str
    program_error: ProgramError | UnsetType = UNSET
    program_info: ProgramInfo | UnsetType | None = UNSET
    deployment_error: Triple | None
    storage_status: str
    storage_status_details: Json
    deployment_id: str | None
    deployment_initial: str | None
    deployment_status: str
    deployment_status_since: str
    deployment_desired_status: str
    deployment_desired_status_since: str
    deployment_resources_status: str
    deployment_resources_status_since: str
    deployment_resources_status_details: Json | UnsetType = UNSET
    deployment_resources_desired_status: str
    deployment_resources_desired_status_since: str
    deployment_runtime_status: str | None
    deployment_runtime_status_since: str | None
    deployment_runtime_status_details: Json
    deployment_runtime_desired_status: str | None
    deployment_runtime_desired_status_since: str | None
    bootstrap_policy: str | UnsetType | None = UNSET
    silent_bootstrap: bool | UnsetType | None = UNSET
    concurrent_bootstrap: bool | UnsetType | None = UNSET
    connectors: Json | UnsetType = UNSET


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a pipeline's history."""

    event_id: str
    recorded_at: str
    deployment_resources_status: str
    deployment_resources_desired_status: str
    deployment_runtime_status: str | None
    deployment_runtime_desired_status: str | None
    deployment_has_error: bool
    program_status: str
    storage_status: str
    deployment_error: Triple | UnsetType | None = UNSET
    deployment_resources_status_details: Json | UnsetType = UNSET
    deployment_runtime_status_details: Json | UnsetType = UNSET
    storage_status_details: Json | UnsetType = UNSET
