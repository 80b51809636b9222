"""What a plugin is here: its properties as clients send and list them, and the work of the house that it stands for.

Plain values; the catalogue (`plugins/__init__.py`) gathers them. Lowering reads `does`, the listings read the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Does", "Plugin", "Property", "Role", "flag", "number", "optional", "required", "text"]


class Role(StrEnum):
    """What a stage is to the flow of data."""

    SOURCE = "source"
    TRANSFORM = "transform"
    """Record-wise: a name in `boot/transforms.py`."""
    RELATION = "relation"
    """`group`, `join`, `distinct`, `deduplicate`: over whole inputs."""
    ERRORS = "errors"
    """Takes the refused records of the stages before it."""
    ALERTS = "alerts"
    SINK = "sink"
    ACTION = "action"
    CONDITION = "condition"
    AFTER = "after"
    """An action after the run."""
    HELPER = "helper"
    """Not a stage: formats, drivers, connectors; listed only."""
    REFUSED = "refused"
    """Known, listed and deployed; a run of it fails and says why (`Does.type` is the reason)."""


@dataclass(frozen=True, slots=True)
class Does:
    """The work behind a plugin: role, the adapter's name, and properties that are always given to it."""

    role: Role
    type: str
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Attributes:
        type: string, int, long, float, double, boolean, char, password or keyvalue; values of the numeric ones and of
            booleans are checked when the pipeline is deployed.
        macro: whether macros in it are expanded. escapes: whether backslashes of an expanded value are dropped.
        default: given to the adapter when the client sends none.
        choices: what the value must be one of, ignoring case; empty for anything.
    """

    name: str
    type: str = "string"
    required: bool = False
    macro: bool = True
    default: str | None = None
    description: str = ""
    choices: tuple[str, ...] = ()
    escapes: bool = True


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin.

    type: the wire's plugin type (batchsource, transform, …). artifact: that it comes in. splits: its ports are named.
    open: it takes any further property that is not listed.
    """

    name: str
    type: str
    artifact: str
    does: Does
    properties: tuple[Property, ...] = ()
    description: str = ""
    class_name: str = ""
    category: str = ""
    splits: bool = False
    open: bool = True

    def property(self, name: str) -> Property | None:
        """Return a property by name."""
        return next((known for known in self.properties if known.name == name), None)


def required(name: str, description: str = "", *, type: str = "string", macro: bool = True) -> Property:
    """Return a property that must have a value."""
    return Property(name, type, True, macro, None, description)


def optional(name: str, description: str = "", *, default: str | None = None, macro: bool = True) -> Property:
    """Return a text property that may be left out."""
    return Property(name, "string", False, macro, default, description)


def text(
    name: str, description: str = "", *, must: bool = False, macro: bool = False, type: str = "string"
) -> Property:
    """Return a property whose `${` mean what its own language says: it holds no macros."""
    return Property(name, type, must, macro, None, description, escapes=False)


def number(name: str, description: str = "", *, default: str | None = None, type: str = "int") -> Property:
    """Return a numeric property."""
    return Property(name, type, False, True, default, description)


def flag(name: str, description: str = "", *, default: str | None = None) -> Property:
    """Return a boolean property."""
    return Property(name, "boolean", False, True, default, description)
