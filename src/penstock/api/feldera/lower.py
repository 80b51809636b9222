"""From requests to what the core is asked for: pipelines to circuit records, start parameters to an aim. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from penstock.api.feldera.errors import refuse
from penstock.api.feldera.kinds import PLATFORM_VERSION, PipelineFace, face_of
from penstock.api.feldera.runtime_config import expand
from penstock.api.feldera.storage_config import revealed, sync_settings
from penstock.api.shared.parameters import flag
from penstock.kernel.circuits import Aim
from penstock.kernel.errors import Invalid
from penstock.services.circuits.record import CircuitRecord
from penstock.services.circuits.service import Circuit

__all__ = [
    "Change",
    "StartOptions",
    "Wanted",
    "edited",
    "encoded",
    "kept",
    "patched",
    "program_config",
    "settings",
    "start_options",
    "wanted",
    "with_present_runtime",
]

Change = Callable[[Circuit], tuple[str, CircuitRecord]]
"""An edit: from a circuit to its new name and record."""

_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_]*)?[A-Za-z0-9]")
_TAG: Final = re.compile(r"[A-Za-z0-9 ._/|\\:=-]{1,50}")
_MAX_NAME: Final = 63
_MAX_TAGS: Final = 50
_MAX_DESCRIPTION: Final = 300
_PROFILES: Final = ("dev", "unoptimized", "optimized", "optimized_symbols")
_RUNTIME_VERSION: Final = re.compile(r"v\d+\.\d+\.\d+|[0-9a-f]{40}")
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pipeline as a client wants it, checked and complete."""

    name: str
    program_code: str
    face: PipelineFace


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The parameters of a start."""

    initial: Aim
    bootstrap_policy: str
    silent_bootstrap: bool
    concurrent_bootstrap: bool
    dismiss_error: bool
    stands_by: bool = False


# ---- pipelines


def wanted(body: object, before: tuple[str, PipelineFace] | None = None) -> Wanted:
    """Read the body of a POST or PUT; `before` is the name and face that a PUT replaces.

    Raises: Invalid for a wrong shape, and the codes for what is in it.
    """
    fields = _object(body)
    name = _text(fields, "name", None)
    face = PipelineFace(
        description=_text(fields, "description", ""),
        tags=_tags(fields.get("tags")),
        udf_rust=_text(fields, "udf_rust", ""),
        udf_toml=_text(fields, "udf_toml", ""),
        runtime_config=revealed(expand(fields.get("runtime_config")), before[1].runtime_config if before else {}),
        program_config=program_config(fields.get("program_config")),
    )
    return _checked(Wanted(name, _text(fields, "program_code", None), face), before)


def patched(body: object, name: str, record: CircuitRecord) -> Wanted:
    """Read the body of a PATCH over the present pipeline; an absent or null field keeps its value."""
    given = {key: value for key, value in _object(body).items() if value is not None}
    old = face_of(record)
    face = msgspec.structs.replace(
        old,
        description=_text(given, "description", old.description),
        tags=_tags(given["tags"]) if "tags" in given else old.tags,
        udf_rust=_text(given, "udf_rust", old.udf_rust),
        udf_toml=_text(given, "udf_toml", old.udf_toml),
        runtime_config=(
            revealed(expand(given["runtime_config"]), old.runtime_config)
            if "runtime_config" in given
            else old.runtime_config
        ),
        program_config=program_config(given["program_config"]) if "program_config" in given else old.program_config,
    )
    target = Wanted(_text(given, "name", name), _text(given, "program_code", record.program), face)
    return _checked(target, (name, old))


def edited(name: str, record: CircuitRecord, target: Wanted) -> tuple[CircuitRecord, bool]:
    """Return the record as the client wants it, and whether more than tags and description changed."""
    old, new = face_of(record), target.face
    program_changed = (
        target.program_code != record.program
        or (old.udf_rust, old.udf_toml) != (new.udf_rust, new.udf_toml)
        or old.program_config != new.program_config
    )
    core_changed = program_changed or name != target.name or old.runtime_config != new.runtime_config
    face = msgspec.structs.replace(
        new,
        platform_version=PLATFORM_VERSION if program_changed else old.platform_version,
        version=old.version + core_changed,
        program_version=old.program_version + program_changed,
    )
    changes: dict[str, Any] = {"face": encoded(face)}
    if core_changed:
        changes |= {"program": target.program_code, "settings": settings(face.runtime_config)}
    if program_changed:
        changes["program_revision"] = record.program_revision + 1
    return msgspec.structs.replace(record, **changes), core_changed


def with_present_runtime(record: CircuitRecord) -> CircuitRecord:
    """Return the record compiled anew by the present platform version; unchanged if it was compiled by it."""
    old = face_of(record)
    if old.platform_version == PLATFORM_VERSION:
        return record
    face = msgspec.structs.replace(
        old, platform_version=PLATFORM_VERSION, version=old.version + 1, program_version=old.program_version + 1
    )
    return msgspec.structs.replace(record, face=encoded(face), program_revision=record.program_revision + 1)


def encoded(face: PipelineFace) -> msgspec.Raw:
    """Return the face as it is stored."""
    return msgspec.Raw(msgspec.json.encode(face))


def settings(runtime_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the engine is told of a complete runtime configuration."""
    tweaks = runtime_config["dev_tweaks"]
    storage = runtime_config["storage"]
    return {
        "workers": runtime_config["workers"],
        "min_batch_size_records": runtime_config["min_batch_size_records"],
        "max_buffering_delay_usecs": runtime_config["max_buffering_delay_usecs"],
        "clock_resolution_usecs": runtime_config["clock_resolution_usecs"],
        "clock_timezone_offset": runtime_config["clock_timezone_offset"],
        "clock_driven": tweaks.get("now_http_driven", False),
        "clock_start": tweaks.get("now_offset"),
        "max_memory_mb": runtime_config["max_rss_mb"] or runtime_config["resources"]["memory_mb_max"],
        "min_spill_bytes": None if storage is None else storage["min_storage_bytes"],
        "query_memory_mb": runtime_config["datafusion_memory_mb"],
        "env": runtime_config["env"],
        "fault_tolerance": runtime_config["fault_tolerance"],
        "keeps_state": storage is not None,
        "sync": sync_settings(runtime_config),
    }


def program_config(sent: object) -> dict[str, Any]:
    """Check a program configuration as sent and return it complete.

    Raises: InvalidProgramConfig, InvalidRuntimeVersion.
    """
    if sent is None:
        sent = {}
    if not isinstance(sent, dict):
        refuse("InvalidProgramConfig", f"program_config is {sent!r}; it must be an object")
    profile = sent.get("profile")
    if profile is not None and profile not in _PROFILES:
        _bad_program_config("profile", profile, f"null or one of {', '.join(_PROFILES)}")
    for name in ("cache", "use_platform_compiler"):
        if not isinstance(sent.get(name, False), bool):
            _bad_program_config(name, sent[name], "true or false")
    version = sent.get("runtime_version")
    if version is not None and not (isinstance(version, str) and _RUNTIME_VERSION.fullmatch(version)):
        message = f"runtime version {version!r} is neither a release such as 'v{PLATFORM_VERSION}' nor a commit"
        refuse("InvalidRuntimeVersion", message, {"runtime_version": version})
    if version not in (None, f"v{PLATFORM_VERSION}"):
        message = f"runtime version {version!r} is not available; this server has 'v{PLATFORM_VERSION}' only"
        refuse("InvalidRuntimeVersion", message, {"runtime_version": version})
    return {
        "profile": profile,
        "cache": sent.get("cache", True),
        "runtime_version": version,
        "use_platform_compiler": sent.get("use_platform_compiler", False),
    }


def _bad_program_config(name: str, value: object, allowed: str) -> None:
    message = f"error deserializing program configuration: {name} is {value!r}; it must be {allowed}"
    refuse("InvalidProgramConfig", message, {"error": f"{name} must be {allowed}", "value": value})


def _checked(target: Wanted, before: tuple[str, PipelineFace] | None) -> Wanted:
    """Check name, tags and description, where they are new."""
    if before is None or before[0] != target.name:
        _check_name(target.name)
    if before is None or before[1].tags != target.face.tags:
        _check_tags(target.face.tags)
    description = target.face.description
    if len(description) > _MAX_DESCRIPTION and (before is None or before[1].description != description):
        message = f"the description has {len(description)} characters; it may have {_MAX_DESCRIPTION}"
        refuse("TooLongDescription", message, {"length": len(description), "max_length": _MAX_DESCRIPTION})
    return target


def _check_name(name: str) -> None:
    if not name:
        refuse("EmptyName", "the name is empty; it must have at least one character")
    if len(name) > _MAX_NAME:
        message = f"the name has {len(name)} characters; it may have {_MAX_NAME}"
        refuse("TooLongName", message, {"name": name, "length": len(name), "max_length": _MAX_NAME})
    if not _NAME.fullmatch(name):
        message = (
            f"the name {name!r} must have letters, digits, hyphens and underscores only and end with a letter or digit"
        )
        refuse("NameDoesNotMatchPattern", message, {"name": name, "pattern": f"^{_NAME.pattern}$"})


def _check_tags(tags: tuple[str, ...]) -> None:
    if len(tags) > _MAX_TAGS:
        refuse("TooManyTags", f"there are {len(tags)} tags; there may be {_MAX_TAGS}", {"count": len(tags)})
    for tag in tags:
        if not _TAG.fullmatch(tag):
            message = f"the tag {tag!r} must have 1 to 50 letters, digits, blanks or characters of ._/|\\:=-"
            refuse("InvalidTag", message, {"tag": tag})


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object", at="")
    return body


def _text(fields: Mapping[str, Any], name: str, default: str | None) -> str:
    value = fields.get(name, _ABSENT)
    if value is _ABSENT or (value is None and default is not None):
        if default is None:
            raise Invalid(f"the body lacks the field {name!r}", at=f"/{name}")
        return default
    if not isinstance(value, str):
        raise Invalid(f"the field {name!r} must be a string", at=f"/{name}")
    return value


def _tags(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise Invalid("the field 'tags' must be an array of strings", at="/tags")
    return tuple(value)


# ---- starts

_POLICIES: Final = ("await_approval", "allow", "reject")


def start_options(query: Mapping[str, str]) -> StartOptions:
    """Read the parameters of a start.

    Raises: UnsupportedPipelineAction, InvalidBootstrapConfig, Invalid.
    """
    initial = query.get("initial", "running").lower()
    if initial not in ("running", "paused", "standby"):
        message = f"a pipeline cannot be started with initial {initial!r}; use running, paused or standby"
        refuse("UnsupportedPipelineAction", message)
    policy = query.get("bootstrap_policy", "await_approval")
    if policy not in _POLICIES:
        refuse("InvalidParam", f"bootstrap_policy is {policy!r}; it must be one of {', '.join(_POLICIES)}")
    silent, concurrent = flag(query, "silent_bootstrap", False), flag(query, "concurrent_bootstrap", False)
    if silent and concurrent:
        refuse("InvalidBootstrapConfig", "silent_bootstrap and concurrent_bootstrap exclude each other")
    stands_by = initial == "standby"
    aim = Aim.RUNNING if stands_by else Aim(initial)
    return StartOptions(aim, policy, silent, concurrent, flag(query, "dismiss_error", True), stands_by)


def kept(options: StartOptions) -> dict[str, Any]:
    """Return what is shown of a start's parameters while the pipeline is up."""
    return {
        "bootstrap_policy": options.bootstrap_policy,
        "silent_bootstrap": options.silent_bootstrap,
        "concurrent_bootstrap": options.concurrent_bootstrap,
    }
