"""Entries in the histories of errors of inputs and outputs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

__all__ = ["trouble"]


def trouble(index: int, message: str, tag: str | None = None) -> Mapping[str, Any]:
    """Return an entry. index: how many errors of its kind there have been, with this one."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"timestamp": at, "index": index, "tag": tag, "message": message}
