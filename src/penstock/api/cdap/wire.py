"""Requests as they travel. Unknown keys are ignored, as Gson does; a null counts as absent.

Bodies arrive as decoded JSON (`object`), because one field of another type must not lose the whole message's meaning:
Gson reads numbers and booleans where text is asked for, and text where a number is.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from penstock.kernel.errors import Invalid

__all__ = [
    "AppRequest",
    "ConnectionRequest",
    "DraftRequest",
    "NamespaceRequest",
    "ProfileRequest",
    "ScheduleRequest",
    "SecureKeyRequest",
    "StageValidationRequest",
    "read",
    "text_of",
    "texts_of",
]

Shape = TypeVar("Shape")


class NamespaceRequest(msgspec.Struct, frozen=True):
    """PUT of a namespace or of its properties."""

    description: str | None = None
    config: dict[str, Any] | None = None


class AppRequest(msgspec.Struct, frozen=True):
    """Deployment of an app; `config` is an object, or a text that is one."""

    artifact: dict[str, Any] | None = None
    config: Any = None
    description: str | None = None
    principal: str | None = None
    owner_principal: str | None = msgspec.field(name="ownerPrincipal", default=None)
    parent_version: str | None = msgspec.field(name="parentVersion", default=None)
    change: dict[str, Any] | None = None
    preview: dict[str, Any] | None = None
    update_schedules: Any = msgspec.field(name="app.deploy.update.schedules", default=None)


class ScheduleRequest(msgspec.Struct, frozen=True):
    """PUT or update of a schedule."""

    name: str | None = None
    description: str | None = None
    program: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    trigger: dict[str, Any] | None = None
    constraints: list[dict[str, Any]] | None = None
    timeout_ms: Any = msgspec.field(name="timeoutMillis", default=None)


class SecureKeyRequest(msgspec.Struct, frozen=True):
    """PUT of a secure key."""

    description: str | None = None
    data: str | None = None
    properties: dict[str, Any] | None = None


class ProfileRequest(msgspec.Struct, frozen=True):
    """PUT of a compute profile."""

    label: str | None = None
    description: str | None = None
    provisioner: dict[str, Any] | None = None


class DraftRequest(msgspec.Struct, frozen=True):
    """PUT of a draft."""

    name: str | None = None
    description: str | None = None
    artifact: dict[str, Any] | None = None
    config: Any = None
    revision: Any = None
    previous_hash: str | None = msgspec.field(name="previousHash", default=None)


class ConnectionRequest(msgspec.Struct, frozen=True):
    """PUT of a connection."""

    name: str | None = None
    description: str | None = None
    plugin: dict[str, Any] | None = None


class StageValidationRequest(msgspec.Struct, frozen=True):
    """POST of one stage to be checked."""

    stage: dict[str, Any] | None = None
    input_schemas: list[dict[str, Any]] | None = msgspec.field(name="inputSchemas", default=None)
    resolves_macros: Any = msgspec.field(name="resolveMacrosFromPreferences", default=None)


def read(body: object, shape: type[Shape]) -> Shape:
    """Read a request. Raises: Invalid."""
    try:
        return msgspec.convert(body, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"Unable to parse the request body: {error}") from None


def text_of(value: object, where: str) -> str:
    """Return a scalar as Gson reads it into a text. Raises: Invalid for objects and arrays."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return msgspec.json.encode(value).decode()
    raise Invalid(f"Invalid JSON in body: {where} must be a text, a number or a boolean")


def texts_of(value: object, where: str) -> dict[str, str]:
    """Return a map of texts; null members are left out, null is no members. Raises: Invalid."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"Invalid JSON in body: {where} must be an object")
    return {str(key): text_of(each, f"{where}.{key}") for key, each in value.items() if each is not None}
