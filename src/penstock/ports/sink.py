"""Output transports: where a relation's encoded changes go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from penstock.data.pool import Pool
from penstock.ports.format import Encoded, Encoder, Layout

__all__ = [
    "MessageSink",
    "RelationSinkKind",
    "ResumableSink",
    "ResumableSinkKind",
    "ShapedSinkKind",
    "Sink",
    "SinkKind",
]


class Sink(Protocol):
    """One configured output transport. Raising is a transport error of this connector alone.

    What was written since the last `flush` that returned is then written again: to a sink that is opened anew at the
    place where that `flush` left this one, if it is resumable, otherwise to this one as it is. Every method is called
    by one thread that does nothing else, so it may wait.
    """

    def write(self, payload: bytes) -> None:
        """Deliver a piece; it is delivered when `flush` returns."""
        ...

    def flush(self) -> None:
        """Return when all that was written has arrived."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


@runtime_checkable
class MessageSink(Sink, Protocol):
    """A sink whose pieces are messages, with keys and headers."""

    def write_message(self, message: Encoded) -> None:
        """Deliver a message; it is delivered when `flush` returns."""
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


@runtime_checkable
class ShapedSinkKind(SinkKind, Protocol):
    """An output transport that needs payloads of a certain shape."""

    @property
    def format_options(self) -> Mapping[str, Any]:
        """Options of the format where the connector gives none."""
        ...


@runtime_checkable
class RelationSinkKind(SinkKind, Protocol):
    """An output transport that has to know the relation, and has payloads of its own form: it needs no format."""

    def bound(self, config: Mapping[str, Any], relation: Layout, pool: Pool) -> tuple[SinkKind, Encoder]:
        """Return the transport for one relation, and what makes payloads for it. Raises: TransportRefused."""
        ...


@runtime_checkable
class ResumableSink(Sink, Protocol):
    """A sink that can say how far it has come, so that nothing is delivered twice after a crash."""

    def place(self) -> Any:
        """Return, after a `flush`, where it is (JSON): what `ResumableSinkKind.reopen` takes up from."""
        ...


@runtime_checkable
class ResumableSinkKind(SinkKind, Protocol):
    """An output transport whose sinks are resumable."""

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[ResumableSink, int]:
        """Return a sink that goes on from a place, and how many pieces were written after it already.

        So many pieces are not written again: pieces come in the same order when steps are taken again. A sink that can
        take back what came after the place does so, and returns 0. Raises: TransportRefused.
        """
        ...
