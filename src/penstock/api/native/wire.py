"""What the native API sends and takes."""

from typing import Literal

import msgspec

from penstock.api.shared.coverage import DialectCoverage

__all__ = [
    "Coverage",
    "ErrorReply",
    "Info",
    "IssuedKey",
    "Key",
    "KeyRequest",
    "RoleName",
    "SecretReply",
    "SecretRequest",
]

RoleName = Literal["reader", "writer", "admin", "owner"]


class Info(msgspec.Struct, frozen=True):
    """What runs here, and for how long."""

    version: str
    started_at: str
    uptime_s: float
    dialects: list[str]


class Coverage(msgspec.Struct, frozen=True):
    """Which operations of which dialect are implemented."""

    dialects: list[DialectCoverage]


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: str
    role: RoleName


class Key(msgspec.Struct, frozen=True):
    """An issued key, without its secret."""

    id: str
    name: str
    role: RoleName
    created_at: str


class IssuedKey(msgspec.Struct, frozen=True):
    """A new key, with its text, which is shown this once."""

    id: str
    name: str
    role: RoleName
    key: str


class SecretRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A secret to be kept."""

    text: str
    description: str = ""


class SecretReply(msgspec.Struct, frozen=True):
    """A secret, without its text."""

    name: str
    description: str
    created_at: str
    updated_at: str


class ErrorReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong. `code` is the name of the core's error class."""

    code: str
    message: str
    retryable: bool
    at: str | None = None
    hint: str | None = None
