"""The part of the runtime configuration that says where checkpoints are copied: checks, what of it is never shown.

Source: documentation of checkpoint sync, `storage.backend.config.sync`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.api.feldera.errors import wrong_setting

__all__ = ["backend", "concealed", "revealed", "sync_settings"]

HIDDEN: Final = "(hidden)"
_SECRETS: Final = ("access_key", "secret_key")
_TEXTS: Final = ("bucket", "region", "provider", "endpoint", "access_key", "secret_key", "read_bucket")
_COUNTS: Final = ("pull_interval", "push_interval", "retention_min_count", "retention_min_age")
_FLAGS: Final = ("fail_if_no_checkpoint", "standby")
_TUNING: Final = (
    "transfers", "checkers", "ignore_checksum", "multi_thread_streams", "multi_thread_cutoff", "upload_concurrency",
    "optimize_download_resources",
)  # fmt: skip
"""Of another program that does the transfers elsewhere; here they are taken and change nothing."""

_Sync = dict[str, Any]


def backend(path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check where state is kept. Raises: InvalidRuntimeConfig."""
    name = given.get("name")
    if name not in ("default", "file"):
        wrong_setting(f"{path}.name", name, "'default' or 'file'")
    config = given.get("config")
    if name == "file" and isinstance(config, dict) and config.get("sync") is not None:
        return {**given, "config": {**config, "sync": _checked(f"{path}.config.sync", config["sync"])}}
    return dict(given)


def sync_settings(runtime_config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the engine is told of copies of checkpoints; None where there are none."""
    sync = _sync_of(runtime_config)
    if sync is None:
        return None
    return {
        "store": {name: sync.get(name) for name in ("bucket", "endpoint", "region", "access_key", "secret_key")},
        "read_bucket": sync.get("read_bucket"),
        "start_from": sync.get("start_from_checkpoint"),
        "must_start_from": sync["fail_if_no_checkpoint"],
        "push_interval_s": sync.get("push_interval"),
        "stands_by": sync["standby"],
        "pull_interval_s": max(sync["pull_interval"], 1),
        "retention": {"count": sync["retention_min_count"], "days": sync["retention_min_age"]},
    }


def concealed(runtime_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration for all to see: without keys; references to keys are shown."""
    return _with_keys(runtime_config, lambda name, value: value if value.startswith("${") else HIDDEN)


def revealed(sent: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration that was shown and sent back with the keys that it was shown without."""
    old = _sync_of(before) or {}
    return _with_keys(sent, lambda name, value: old.get(name, value) if value == HIDDEN else value)


def _sync_of(runtime_config: Mapping[str, Any]) -> _Sync | None:
    config = ((runtime_config.get("storage") or {}).get("backend") or {}).get("config")
    sync = config.get("sync") if isinstance(config, dict) else None
    return sync if isinstance(sync, dict) else None


def _with_keys(runtime_config: Mapping[str, Any], change: Callable[[str, str], Any]) -> dict[str, Any]:
    sync = _sync_of(runtime_config)
    if sync is None:
        return dict(runtime_config)
    changed = {**sync, **{name: change(name, sync[name]) for name in _SECRETS if isinstance(sync.get(name), str)}}
    storage = runtime_config["storage"]
    config = {**storage["backend"]["config"], "sync": changed}
    return {**runtime_config, "storage": {**storage, "backend": {**storage["backend"], "config": config}}}


def _checked(path: str, given: Any) -> _Sync:
    if not isinstance(given, dict):
        wrong_setting(path, given, "an object")
    known = (*_TEXTS, *_COUNTS, *_FLAGS, *_TUNING, "start_from_checkpoint", "flags")
    for name, value in given.items():
        if name not in known:
            wrong_setting(f"{path}.{name}", value, f"one of {', '.join(known)}")
        if value is None or name in _TUNING:
            continue
        if name in (*_TEXTS, "start_from_checkpoint") and not (isinstance(value, str) and value):
            wrong_setting(f"{path}.{name}", HIDDEN if name in _SECRETS else value, "a text that is not empty")
        if name in _FLAGS and not isinstance(value, bool):
            wrong_setting(f"{path}.{name}", value, "true or false")
        if name in _COUNTS and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            wrong_setting(f"{path}.{name}", value, "an integer of at least 0")
    if not given.get("bucket"):
        wrong_setting(f"{path}.bucket", given.get("bucket"), "the name of a bucket, or name/folder")
    if given.get("push_interval") == 0:
        wrong_setting(f"{path}.push_interval", 0, "at least 1 second, or left out")
    if given.get("flags"):
        wrong_setting(f"{path}.flags", given["flags"], "left out: they are of a program that is not used here")
    if given.get("standby") and not given.get("start_from_checkpoint"):
        wrong_setting(
            f"{path}.standby", True, "left out without start_from_checkpoint, which says what to stand by with"
        )
    defaults = {"fail_if_no_checkpoint": False, "standby": False, "pull_interval": 10}
    retention = {"retention_min_count": 10, "retention_min_age": 30}
    return {**defaults, **retention, **{name: value for name, value in given.items() if value is not None}}
