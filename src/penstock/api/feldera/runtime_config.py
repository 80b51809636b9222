"""The runtime configuration of a pipeline: check it, read both spellings of a setting, fill in defaults. Pure.

Answers are always complete and in the older spelling, which every client reads. Keys nobody knows are left out.

Source: Feldera's open API document 0.337; newer spellings from its client 0.369.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.api.feldera.errors import refuse, wrong_setting
from penstock.api.feldera.quantities import duration_ns, size_bytes
from penstock.api.feldera.storage_config import backend

__all__ = ["expand"]

Check = Callable[[str, Any], Any]
"""Takes a setting's path and value, returns the value as it is stored, or refuses."""

_RESERVED_ENV: Final = ("FELDERA_", "KUBERNETES_", "TOKIO_", "RUST_LOG")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d|Z")
_PER_US: Final = 1_000
_PER_S: Final = 1_000_000_000
_PER_MB: Final = 1_000_000


def expand(sent: Any) -> dict[str, Any]:
    """Check a runtime configuration as sent and return it complete.

    Raises: InvalidRuntimeConfig, naming the setting; EnterpriseFeature for what this edition does not have.
    """
    given = _object("runtime_config", {} if sent is None else sent)
    given = _respelled(given, "", _SPELLINGS)
    config = {name: check(name, given[name]) if name in given else default() for name, check, default in _SETTINGS}
    if config["hosts"] > 1:
        refuse("EnterpriseFeature", "runtime_config.hosts above 1 is not part of this edition", {"feature": "hosts"})
    return config


def _object(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        wrong_setting(path, value, "an object")
    checked: dict[str, Any] = value
    return checked


def _flag(path: str, value: Any) -> bool:
    return value if isinstance(value, bool) else bool(wrong_setting(path, value, "true or false"))


def _text(path: str, value: Any) -> str:
    return value if isinstance(value, str) else str(wrong_setting(path, value, "a string"))


def _count(least: int = 0, most: int = (1 << 63) - 1) -> Check:
    def check(path: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            wrong_setting(path, value, f"an integer of {least} or more")
        number: int = value
        return number

    return check


def _number(path: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        wrong_setting(path, value, "a number of 0 or more")
    # Clients of the oldest version read integers here and nothing else.
    return int(value) if float(value).is_integer() else float(value)


def _optional(check: Check) -> Check:
    return lambda path, value: None if value is None else check(path, value)


def _cores(path: str, value: Any) -> list[int]:
    if not isinstance(value, list) or not all(isinstance(core, int) and not isinstance(core, bool) for core in value):
        wrong_setting(path, value, "an array of processor numbers")
    cores: list[int] = value
    return cores


def _environment(path: str, value: Any) -> dict[str, str]:
    for name, text in _object(path, value).items():
        if not isinstance(text, str):
            wrong_setting(f"{path}.{name}", text, "a string")
        if not _ENV_NAME.fullmatch(name):
            wrong_setting(f"{path}.{name}", name, "named with letters, digits and underscores")
        if name.startswith(_RESERVED_ENV):
            wrong_setting(f"{path}.{name}", text, "left out: the name is reserved for the runtime")
    return dict(value)


def _offset(path: str, value: Any) -> str:
    if not isinstance(value, str) or not _OFFSET.fullmatch(value):
        wrong_setting(path, value, "an offset such as '+05:30'")
    return str(value)


def _storage(path: str, value: Any) -> dict[str, Any] | None:
    if value is None or value is False:
        return None
    given = {} if value is True else _object(path, value)
    given = _respelled(given, f"{path}.", _STORAGE_SPELLINGS)
    place = backend(f"{path}.backend", _object(f"{path}.backend", given.get("backend", {"name": "default"})))
    compression = given.get("compression", "default")
    if compression not in ("default", "none", "snappy"):
        wrong_setting(f"{path}.compression", compression, "'default', 'none' or 'snappy'")
    count = _optional(_count())
    return {
        "backend": place,
        "min_storage_bytes": count(f"{path}.min_storage_bytes", given.get("min_storage_bytes")),
        "min_step_storage_bytes": count(f"{path}.min_step_storage_bytes", given.get("min_step_storage_bytes")),
        "compression": compression,
        "cache_mib": count(f"{path}.cache_mib", given.get("cache_mib")),
    }


def _fault_tolerance(path: str, value: Any) -> dict[str, Any]:
    if value is None:
        value = {"model": "none"}
    if isinstance(value, str):
        # The form before there were models: both words meant a restart from the last checkpoint.
        value = (
            {"model": "at_least_once"}
            if value in ("latest_checkpoint", "initial_state")
            else wrong_setting(path, value, "an object")
        )
    given = _respelled(_object(path, value), f"{path}.", _FAULT_TOLERANCE_SPELLINGS)
    model = given.get("model", "exactly_once") or "none"
    if model not in ("none", "at_least_once", "exactly_once"):
        wrong_setting(f"{path}.model", model, "'none', 'at_least_once' or 'exactly_once'")
    interval = _optional(_count())(f"{path}.checkpoint_interval_secs", given.get("checkpoint_interval_secs", 60))
    return {
        "model": model,
        "checkpoint_interval_secs": None if interval is None else min(max(interval, 1), 3600),
    }


def _resources(path: str, value: Any) -> dict[str, Any]:
    given = _respelled(_object(path, {} if value is None else value), f"{path}.", _RESOURCE_SPELLINGS)
    checks: dict[str, Check] = {
        "cpu_cores_min": _number,
        "cpu_cores_max": _number,
        "memory_mb_min": _count(),
        "memory_mb_max": _count(),
        "storage_mb_max": _count(),
        "storage_class": _text,
        "service_account_name": _text,
        "namespace": _text,
    }
    return {name: _optional(check)(f"{path}.{name}", given.get(name)) for name, check in checks.items()}


def _any_object(path: str, value: Any) -> dict[str, Any]:
    return _object(path, {} if value is None else value)


def _keep(path: str, value: Any) -> Any:
    return value


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


_SETTINGS: Final[tuple[tuple[str, Check, Callable[[], Any]], ...]] = (
    ("workers", _count(1, 1 << 16), _constant(8)),
    ("hosts", _count(1, 1 << 16), _constant(1)),
    ("storage", _storage, lambda: _storage("storage", True)),
    ("fault_tolerance", _fault_tolerance, lambda: _fault_tolerance("fault_tolerance", None)),
    ("cpu_profiler", _flag, _constant(True)),
    ("tracing", _flag, _constant(False)),
    ("tracing_endpoint_jaeger", _text, _constant("127.0.0.1:6831")),
    ("min_batch_size_records", _count(), _constant(0)),
    ("max_buffering_delay_usecs", _count(), _constant(0)),
    ("resources", _resources, lambda: _resources("resources", None)),
    ("clock_resolution_usecs", _optional(_count(1)), _constant(1_000_000)),
    ("clock_timezone_offset", _optional(_offset), _constant(None)),
    ("pin_cpus", _cores, list),
    ("provisioning_timeout_secs", _optional(_count()), _constant(None)),
    ("max_parallel_connector_init", _optional(_count()), _constant(None)),
    ("init_containers", _keep, _constant(None)),
    ("pipeline_template_configmap", _keep, _constant(None)),
    ("checkpoint_during_suspend", _flag, _constant(True)),
    ("http_workers", _optional(_count()), _constant(None)),
    ("io_workers", _optional(_count()), _constant(None)),
    ("env", _environment, dict),
    ("dev_tweaks", _any_object, dict),
    ("logging", _optional(_text), _constant(None)),
    ("max_rss_mb", _optional(_count()), _constant(None)),
    ("datafusion_memory_mb", _optional(_count()), _constant(None)),
)


# ---- the newer spelling of a setting, the older one, and how the one's text becomes the other's number


def _duration(unit_ns: int) -> Check:
    def convert(path: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return -(-duration_ns(value) // unit_ns)
        except ValueError as error:
            return wrong_setting(path, value, f"a duration ({error})")

    return convert


def _size(unit_bytes: int) -> Check:
    def convert(path: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return -(-size_bytes(value, needs_unit=unit_bytes != 1) // unit_bytes)
        except ValueError as error:
            return wrong_setting(path, value, f"a size ({error})")

    return convert


Spellings = Mapping[str, tuple[str, Check]]

_SPELLINGS: Final[Spellings] = {
    "max_rss": ("max_rss_mb", _size(_PER_MB)),
    "datafusion_memory": ("datafusion_memory_mb", _size(_PER_MB)),
    "max_buffering_delay": ("max_buffering_delay_usecs", _duration(_PER_US)),
    "clock_resolution": ("clock_resolution_usecs", _duration(_PER_US)),
    "provisioning_timeout": ("provisioning_timeout_secs", _duration(_PER_S)),
}
_STORAGE_SPELLINGS: Final[Spellings] = {"min_spill_size": ("min_storage_bytes", _size(1))}
_FAULT_TOLERANCE_SPELLINGS: Final[Spellings] = {"checkpoint_interval": ("checkpoint_interval_secs", _duration(_PER_S))}
_RESOURCE_SPELLINGS: Final[Spellings] = {
    "memory_min": ("memory_mb_min", _size(_PER_MB)),
    "memory_max": ("memory_mb_max", _size(_PER_MB)),
    "storage_max": ("storage_mb_max", _size(_PER_MB)),
}


def _respelled(given: dict[str, Any], prefix: str, spellings: Spellings) -> dict[str, Any]:
    """Return the settings under their older names; a setting given under both is refused."""
    older = dict(given)
    for new, (old, convert) in spellings.items():
        if new not in older:
            continue
        value = older.pop(new)
        if old in older:
            wrong_setting(
                f"{prefix}{new}", value, f"left out, or {prefix}{old} be: they are two spellings of one setting"
            )
        older[old] = convert(f"{prefix}{new}", value)
    return older
