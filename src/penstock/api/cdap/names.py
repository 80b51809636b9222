"""Names: what may be one, how entities are written in messages, what the types of programs are called.

Source: CDAP's rules for ids; enums of requests have no case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from penstock.kernel.errors import Invalid
from penstock.kernel.scope import Scope

__all__ = [
    "BATCH",
    "BATCH_ARTIFACT",
    "PHASE",
    "RESERVED",
    "SECRET_PREFIX",
    "SNAPSHOT",
    "STREAMING",
    "STREAMING_ARTIFACT",
    "TYPES",
    "VERSION",
    "ProgramType",
    "app_entity",
    "check_id",
    "check_namespace",
    "program_entity",
    "run_entity",
    "scope_of",
    "type_of_category",
    "type_of_name",
]

VERSION: Final = "6.10.1"
"""The release whose interface this is; clients read features out of it."""
SNAPSHOT: Final = "-SNAPSHOT"
BATCH: Final = "DataPipelineWorkflow"
"""The program of a batch pipeline."""
STREAMING: Final = "DataStreamsSparkStreaming"
"""The program of a streaming pipeline."""
PHASE: Final = "phase-"
"""What the inner programs of a batch pipeline begin with; a number follows."""
BATCH_ARTIFACT: Final = "cdap-data-pipeline"
STREAMING_ARTIFACT: Final = "cdap-data-streams"
SECRET_PREFIX: Final = "cdap/"
"""Before the names of secure keys among the secrets of a scope."""
RESERVED: Final = ("system", "cdap")

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NAMESPACE: Final = re.compile(r"[a-zA-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class ProgramType:
    """A type of programs. category: in paths. pretty: in answers. name: in upper case, as schedules write it."""

    category: str
    pretty: str
    name: str
    entity: str
    is_exclusive: bool = False


TYPES: Final = (
    ProgramType("workflows", "Workflow", "WORKFLOW", "workflow"),
    ProgramType("spark", "Spark", "SPARK", "spark"),
    ProgramType("mapreduce", "Mapreduce", "MAPREDUCE", "mapreduce"),
    ProgramType("services", "Service", "SERVICE", "service", is_exclusive=True),
    ProgramType("workers", "Worker", "WORKER", "worker", is_exclusive=True),
)
"""All types of programs. is_exclusive: only one run at a time."""


def type_of_category(category: str) -> ProgramType:
    """Return the type that a path names. Raises: Invalid."""
    for each in TYPES:
        if each.category == category.lower():
            return each
    raise Invalid(f"Invalid program type provided: '{category}'")


def type_of_name(name: str) -> ProgramType | None:
    """Return the type that a body names in any case; None if there is none."""
    wanted = name.upper()
    return next((each for each in TYPES if each.name == wanted), None)


def check_id(kind: str, name: str) -> str:
    """Return the name of an app, program, schedule or profile if it may be one. Raises: Invalid."""
    if not _ID.fullmatch(name):
        raise Invalid(f"Invalid {kind} name '{name}'")
    return name


def check_namespace(name: str) -> str:
    """Return the name of a namespace if it may be one. Raises: Invalid."""
    if not _NAMESPACE.fullmatch(name):
        raise Invalid(f"Invalid namespace id '{name}': it may only contain letters, digits and underscores")
    return name


def scope_of(instance: Scope, namespace: str) -> Scope:
    """Return the scope of a namespace's things."""
    return instance.child(namespace)


def app_entity(namespace: str, app: str, version: str = SNAPSHOT) -> str:
    """Write an app as messages do."""
    return f"application:{namespace}.{app}.{version}"


def program_entity(namespace: str, app: str, type: ProgramType, program: str, version: str = SNAPSHOT) -> str:
    """Write a program as messages do."""
    return f"program:{namespace}.{app}.{version}.{type.entity}.{program}"


def run_entity(namespace: str, app: str, type: ProgramType, program: str, run: str) -> str:
    """Write a run as messages do."""
    return f"program_run:{namespace}.{app}.{SNAPSHOT}.{type.entity}.{program}.{run}"
