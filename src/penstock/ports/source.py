"""Input transports: where bytes or rows of a table come from.

A source runs in a thread of its own in the circuit's process. It hands what it has to a `Feed`, which blocks while the
circuit has enough: that is all the flow control there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.ports.format import Layout

__all__ = ["Feed", "NamedSource", "ResumableSource", "Source", "SourceEnded", "SourceKind", "TransportRefused"]


class TransportRefused(Exception):
    """A connector's configuration that cannot be used."""


class SourceEnded(Exception):
    """Raised by a `Feed` when the connector is taken down: the source returns at once."""


class Feed(Protocol):
    """What a source fills. Every method waits while the connector or its circuit is paused, or the queue is full.

    Raises: SourceEnded.
    """

    def data(self, data: bytes) -> None:
        """Give the next piece of a body, to be parsed in the connector's format."""
        ...

    def end_of_body(self) -> None:
        """The body is complete: the next piece begins another one."""
        ...

    def bodies(self, bodies: Sequence[bytes], facts: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Give several whole bodies, none of which is begun: messages.

        facts: what there is to tell of each, for columns whose DEFAULT reads it: names with int, str, bytes, datetime,
        or again names with these.
        """
        ...

    def changes(self, changes: Changes, size_bytes: int, after: Any = None) -> None:
        """Give rows that need no parsing. size_bytes: what they count as in statistics.

        after: the place that follows them, if it is known: they are then taken by one step, all or none.
        """
        ...

    def begins(self, place: Any) -> None:
        """Say that what is given next begins at a place (JSON) which `ResumableSource.resume` takes up from.

        Said at the beginning of a body, or between rows given by `changes`. Until it is said the place is None.
        """
        ...

    def kept(self) -> Any:
        """Return the latest place that the circuit never goes back behind; None while there is none.

        What comes before it may be forgotten at the other end.
        """
        ...

    def wait_s(self, duration_s: float) -> None:
        """Sleep, but no longer than the connector lives."""
        ...

    def error(self, message: str) -> None:
        """Report a transport error that the source survives."""
        ...


class Source(Protocol):
    """One configured input transport."""

    def run(self, feed: Feed) -> None:
        """Fill the feed until the input is at its end. Raising is a fatal error of this connector alone."""
        ...


@runtime_checkable
class ResumableSource(Source, Protocol):
    """A source that gives the same once more from a place on; what was taken of that already is dropped by the feed."""

    def resume(self, place: Any) -> None:
        """Have `run` begin at a place that `Feed.begins` was told; None: at the start. Raises: TransportRefused."""
        ...


@runtime_checkable
class NamedSource(Source, Protocol):
    """A source that leaves something at its other end which it has to find again."""

    def named(self, name: str) -> None:
        """Be told, before `run`, a name that is the same whenever this connector of this circuit runs."""
        ...


class SourceKind(Protocol):
    """An input transport by name. needs_format: whether it gives bytes that a format has to parse."""

    @property
    def name(self) -> str: ...

    @property
    def needs_format(self) -> bool: ...

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> Source:
        """Return a source for a table. Raises: TransportRefused."""
        ...
