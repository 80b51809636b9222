"""Settings of a server. Each can be given as an environment variable `PENSTOCK_<NAME>`; the command line wins."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from penstock.kernel.errors import Invalid

__all__ = ["Settings", "read_settings"]

PREFIX = "PENSTOCK_"
CLIENT_VARIABLES = ("PENSTOCK_SERVER", "PENSTOCK_KEY")
"""Where the command line finds a server, and the key it shows: no settings of a server, but no mistake either."""
OWNER_KEY_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set.

    Attributes:
        host: address to listen on.
        port: TCP port; 0 lets the system choose one.
        data: directory for everything the server keeps; unused by the store `memory`.
        store: where metadata and blobs are kept, a name in `boot.registry.STORES`.
        owner_key: text that callers show as `Authorization: Bearer <key>` to be the owner; switches authentication
            on.
        oidc_issuer: identity provider (OpenID Connect) whose users may come in, as its tokens name it (`iss`); switches
            authentication on.
        oidc_audience: what a user's token must be meant for (`aud`).
        oidc_client_id: as what a browser asks the provider for a token.
        oidc_scopes: what it asks for beside `openid`, with blanks between.
        oidc_groups: a user must be in one of these (`groups` of the token), with commas between; anybody's if empty.
        oidc_tenancy: what names the tenant of a token without `tenant` or `tenants`: `individual` its subject, so that
            everybody has a tenant of his own; `issuer` the provider's host, so that all share one; `claim` nothing.
        oidc_owners: users who own the server, with commas between: a subject, `issuer subject`, or an e-mail address
            that the provider has verified.
        oidc_owner_trusts: machines that own it: a JSON array of objects with `issuer`, `subject` and maybe `audience`,
            where `*` stands for any characters.
        oidc_default_role: of a user who comes into a tenant for the first time: `read` or `write`.
        oidc_first_role: of the user whose coming makes the tenant: `read`, `write` or `admin`.
        oidc_enroll: whether coming with a token makes somebody a member; otherwise admins and owners alone do.
        insecure: allow listening beyond this machine without authentication.
        log_json: one JSON object per log line instead of text for people.
        log_level: debug, info, warning or error.
        warm: load the SQL engine's process as soon as the server is ready (a process beside the server's own), so that
            the first program does not wait for it; otherwise with the first request that needs it.
        executor: what commands of steps run in: `process` (programs of this machine) or `container`.
        container_program: docker or podman, or a path to one of them; whichever answers if not given.
        container_image: for steps that name no image; they are refused if it is not given.
        isolation: `auto` keeps steps within their directories as well as the machine can (bubblewrap, else Landlock);
            `none` lets them write wherever the server may.
        edition: `full`, or `free`: then what some products keep for paying customers is refused as their free editions
            refuse it, for clients that are to be tried against that face.
        stop_timeout_s: how long replies that still run may go on after the signal to stop.
        max_running_runs: most runs that are under way at once; further ones wait in the order of their coming.
        max_waiting_runs: most runs that wait; a further one is refused.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    data: Path = Path("penstock-data")
    store: str = "sqlite"
    owner_key: str | None = None
    oidc_issuer: str | None = None
    oidc_audience: str = "penstock"
    oidc_client_id: str = ""
    oidc_scopes: str = ""
    oidc_groups: str = ""
    oidc_tenancy: str = "individual"
    oidc_owners: str = ""
    oidc_owner_trusts: str = ""
    oidc_default_role: str = "read"
    oidc_first_role: str = "admin"
    oidc_enroll: bool = True
    insecure: bool = False
    log_json: bool = False
    log_level: str = "info"
    warm: bool = True
    executor: str = "process"
    container_program: str = ""
    container_image: str = ""
    isolation: str = "auto"
    edition: str = "full"
    stop_timeout_s: int = 2
    max_running_runs: int = 200
    max_waiting_runs: int = 1_000_000

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise Invalid(f"the port is {self.port}; it must lie between 0 and 65535")
        if self.max_running_runs < 1:
            raise Invalid(f"max_running_runs is {self.max_running_runs}; it must be 1 or more")
        if self.edition not in ("full", "free"):
            raise Invalid(f"the edition is {self.edition!r}; it must be full or free")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise Invalid(f"the log level is {self.log_level!r}; it must be debug, info, warning or error")
        if self.executor not in ("process", "container"):
            raise Invalid(f"the executor is {self.executor!r}; it must be process or container")
        if self.isolation not in ("auto", "none"):
            raise Invalid(f"the isolation is {self.isolation!r}; it must be auto or none")
        if self.owner_key is not None and len(self.owner_key) < OWNER_KEY_LENGTH:
            raise Invalid(
                f"the owner key has {len(self.owner_key)} characters; it must have {OWNER_KEY_LENGTH} or more"
            )
        if self.oidc_tenancy not in ("individual", "issuer", "claim"):
            raise Invalid(f"the tenancy is {self.oidc_tenancy!r}; it must be individual, issuer or claim")
        if not (self.is_local or self.owner_key or self.oidc_issuer or self.insecure):
            raise Invalid(
                f"{self.host!r} can be reached from other machines and the server would obey whoever does; "
                f"set {PREFIX}OWNER_KEY or {PREFIX}OIDC_ISSUER "
                "to switch authentication on, listen on 127.0.0.1, or insist with --insecure"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_settings(environment: Mapping[str, str] | None = None, **given: object) -> Settings:
    """Put settings together: those given, then the environment, then the defaults. None counts as not given.

    Raises: Invalid for a value that does not fit, or a variable that names no setting.
    """
    environment = os.environ if environment is None else environment
    known = {PREFIX + field.name.upper(): field.name for field in fields(Settings)}
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in CLIENT_VARIABLES:
            continue
        if variable not in known:
            raise Invalid(f"the variable {variable} names no setting; known are {', '.join(sorted(known))}")
        values[known[variable]] = _parse(variable, known[variable], text)
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(**values)


def _parse(variable: str, name: str, text: str) -> object:
    match name:
        case "port" | "stop_timeout_s" | "max_running_runs" | "max_waiting_runs":
            if not (text.isascii() and text.isdecimal()):
                raise Invalid(f"{variable} is {text!r}; it must be a whole number")
            return int(text)
        case "insecure" | "log_json" | "warm" | "oidc_enroll":
            if text.lower() not in ("0", "1", "true", "false"):
                raise Invalid(f"{variable} is {text!r}; it must be 'true' or 'false'")
            return text.lower() in ("1", "true")
        case "data":
            return Path(text)
        case _:
            return text
