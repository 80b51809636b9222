"""What makes two steps the same for the cache: parts that can be shown and compared, and the key made of them."""

from __future__ import annotations

import hashlib

import msgspec

from penstock.kernel.graph import Step
from penstock.kernel.policies import Cache
from penstock.kernel.values import Value, canonical

__all__ = ["cache_key", "cache_parts"]

_SHOWN_LENGTH = 400


def cache_parts(step: Step, cache: Cache, inputs: dict[str, Value], artifacts: dict[str, Value]) -> dict[str, str]:
    """Return the parts by name: short ones as they are, long ones by digest.

    An artifact counts by its content where that is known, else by where it is. Its own name does not count.
    """
    work = msgspec.to_builtins(step.work)
    parts = {f"work {name}": _shown(value) for name, value in work.items()}
    parts["yields"] = _shown(msgspec.to_builtins([step.yields, step.yields_artifacts]))
    parts["namespace"], parts["salt"] = cache.namespace, cache.salt
    for name, value in inputs.items():
        if name not in cache.ignores:
            parts[f"input {name}"] = _shown(value)
    for name, value in artifacts.items():
        if name not in cache.ignores:
            parts[f"artifact {name}"] = _shown(_content(value))
    return parts


def cache_key(parts: dict[str, str]) -> str:
    """Return the key: 64 hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _content(value: Value) -> Value:
    if isinstance(value, list):
        return [_content(member) for member in value]
    if isinstance(value, dict) and value.get("sha256"):
        return {"sha256": value["sha256"], "metadata": value.get("metadata")}
    return value


def _shown(value: Value) -> str:
    encoded = canonical(value)
    if len(encoded) <= _SHOWN_LENGTH:
        return encoded.decode()
    return f"sha256 {hashlib.sha256(encoded).hexdigest()} of {len(encoded)} bytes"
