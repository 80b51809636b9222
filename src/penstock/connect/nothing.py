"""An input that has nothing and an output that keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed


class EmptySource:
    """The transport "empty_input": at its end at once."""

    name = "empty_input"
    needs_format = False

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> EmptySource:
        """Return the source."""
        return self

    def resume(self, place: Any) -> None:
        """Be at its end."""

    def run(self, feed: Feed) -> None:
        """Give nothing."""


class NullSink:
    """The transport "null_output": changes are made and dropped, never encoded."""

    name = "null_output"
    needs_format = False

    def open(self, config: Mapping[str, Any]) -> NullSink:
        """Return the sink."""
        return self

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[NullSink, int]:
        """Return the sink."""
        return self, 0

    def place(self) -> None:
        """Be nowhere."""

    def write(self, payload: bytes) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Have nothing to do."""

    def close(self) -> None:
        """Have nothing to do."""
