"""Output transports: where a relation's encoded changes go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Sink", "SinkKind"]


class Sink(Protocol):
    """One configured output transport. Raising is a transport error of this connector alone."""

    def write(self, payload: bytes) -> None:
        """Deliver a piece; it is delivered when `flush` returns."""
        ...

    def flush(self) -> None:
        """Return when all that was written has arrived."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class SinkKind(Protocol):
    """An output transport by name. needs_format: whether payloads must be made for it."""

    @property
    def name(self) -> str: ...

    @property
    def needs_format(self) -> bool: ...

    def open(self, config: Mapping[str, Any]) -> Sink:
        """Return a sink. Raises: TransportRefused."""
        ...
