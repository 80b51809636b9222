"""Versions of artifacts: which ones this server stands for.

Exported pipelines name the exact version they were made with, which is dead long since. Any 4.x to 6.x of the two app
artifacts means ours, and so does a range that holds one of them.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_alias", "is_range", "version_order"]

_VERSION: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?([.-].*)?$")
_RANGE: Final = re.compile(r"^[\[(]\s*([^,\s]+)\s*,\s*([^,\s]+)\s*[\])]$")
_FIRST, _LAST = 4, 6


def is_range(version: str) -> bool:
    """Tell whether a version is a range such as `[6.0.0,7.0.0)`."""
    return _RANGE.match(version) is not None


def is_alias(version: str) -> bool:
    """Tell whether a version of an app artifact means the one that is here."""
    bounds = _RANGE.match(version)
    if bounds is None:
        found = _VERSION.match(version)
        return found is not None and _FIRST <= int(found[1]) <= _LAST
    low, high = (_VERSION.match(bound) for bound in bounds.groups())
    return low is not None and high is not None and int(low[1]) <= _LAST and int(high[1]) >= _FIRST


def version_order(version: str) -> tuple[int, int, int, bool, str]:
    """Return a key that sorts versions; a snapshot comes before what it is one of."""
    found = _VERSION.match(version)
    if found is None:
        return (-1, 0, 0, False, version)
    return (int(found[1]), int(found[2]), int(found[3] or 0), not found[4], found[4] or "")
