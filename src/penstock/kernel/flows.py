"""A data phase as a value: stages, and what flows from which to which. What a dialect lowers its pipelines to. Pure.

All properties are text and may hold macros (`kernel.templates`), which are expanded when the phase begins.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

__all__ = [
    "Carries",
    "Edge",
    "Flow",
    "StageRole",
    "StageSpec",
    "decode_flow",
]


class StageRole(StrEnum):
    """What a stage does with records."""

    SOURCE = "source"
    TRANSFORM = "transform"
    RELATION = "relation"
    """Over whole inputs: `group`, `join`, `distinct`, `deduplicate`."""
    ERRORS = "errors"
    """Makes records of refused records."""
    ALERTS = "alerts"
    """Takes the alerts of the stages before it."""
    SINK = "sink"
    STORE = "store"
    """Keeps what flows in for later phases of the run. type: the name under which they load it."""
    LOAD = "load"
    """Gives what an earlier phase stored."""
    REFUSED = "refused"
    """What nothing here can do; opening it fails with its type as the message."""


class Carries(StrEnum):
    """What an edge carries from its stage."""

    RECORDS = "records"
    ERRORS = "errors"
    ALERTS = "alerts"


class Edge(msgspec.Struct, frozen=True, omit_defaults=True):
    """From a stage, and which of its ports."""

    stage: str
    port: str = ""
    carries: Carries = Carries.RECORDS


class StageSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stage.

    Attributes:
        type: the adapter's name. properties: text by name.
        plain: names of properties that hold no macros. raw: those whose backslashes stay after the expansion.
        hidden: names of properties that have a value which is not known yet (when a flow is only checked).
        schema: JSON form of the output's schema, where nothing better is known. given: JSON form of the schema that
            comes in, by stage, where that stage is not part of the flow.
    """

    name: str
    role: StageRole
    type: str
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    inputs: tuple[Edge, ...] = ()
    plain: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    schema: str | None = None
    given: dict[str, str | None] = msgspec.field(default_factory=dict)


class Flow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A data phase: stages in any order, without circles.

    preview_rows: sources give at most that many records, sinks write nothing, and what flows is kept to be looked at.
    memory_bytes: what joins and groups may take together; None for what the server allows.
    """

    stages: tuple[StageSpec, ...]
    preview_rows: int | None = None
    memory_bytes: int | None = None


def decode_flow(value: Any) -> Flow:
    """Read a flow from plain values. Raises: msgspec.ValidationError."""
    return msgspec.convert(value, Flow)
