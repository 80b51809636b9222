"""Data formats: bytes to changes of a table, changes of a relation to bytes.

A format is made for one relation and one circuit's pool. A decoder takes a body in pieces cut anywhere and never fails
for what is in it: bad records are reported beside the good ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from penstock.data.fate import Fate

if TYPE_CHECKING:
    # The server's process keeps what was encoded and must not load the engine for it.
    from penstock.data.batch import Batch
    from penstock.data.changes import Changes
    from penstock.data.pool import Pool
    from penstock.data.types import SqlType

__all__ = [
    "BodiesDecoder",
    "ColumnLayout",
    "Decoder",
    "Encoded",
    "Encoder",
    "Format",
    "FormatRefused",
    "Layout",
    "MessageEncoder",
    "ParseError",
    "Parsed",
    "TransportAwareFormat",
]


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """A column as formats see it.

    name: canonical. case_sensitive: whether names in data must match exactly. default: word and null flag of what
    stands in for a missing value, or None when there is no DEFAULT. fate: what the circuit does with the column's
    values (`Pool.making`). from_facts: for a DEFAULT that reads what a connector tells
    of its messages, the defaults for so many messages; `default` is then the one without such facts.
    """

    name: str
    case_sensitive: bool
    type: SqlType
    default: tuple[int, bool] | None = None
    fate: Fate = Fate.COMPARED
    from_facts: Callable[[Sequence[Mapping[str, Any]]], list[tuple[int, bool]]] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A relation as formats see it.

    primary_key: positions of the key columns of a table that has one. index: positions of the columns by which changes
    are to be written as one operation for each key; () for rows that come and go.
    """

    name: str
    columns: tuple[ColumnLayout, ...]
    primary_key: tuple[int, ...] = ()
    index: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ParseError:
    """Why a record was not taken. event_number: its place in the body, from 1; field: the column at fault, if any."""

    description: str
    event_number: int
    field: str | None = None
    invalid_text: str | None = None
    invalid_bytes: list[int] | None = None
    suggestion: str | None = None
    tag: str | None = None


@dataclass(slots=True)
class Parsed:
    """What came of a piece of a body. batches: changes in order, each to be taken in one step."""

    batches: list[Changes] = field(default_factory=list)
    errors: list[ParseError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A piece of encoded changes: at most as many records as the encoder's buffer holds.

    For transports of messages (`ports.sink.MessageSink`): the message's key; whether it has no payload, which says that
    what has the key is gone; its headers. Others write the payloads alone, and take no removals.
    """

    payload: bytes
    record_count: int
    key: bytes | None = None
    is_removal: bool = False
    headers: tuple[tuple[str, bytes], ...] = ()


class Decoder(Protocol):
    """The reading of one body. Not to be used after `finish`."""

    def feed(self, data: bytes) -> Parsed:
        """Take the next piece."""
        ...

    def finish(self) -> Parsed:
        """Take the end of the body: what was held back as incomplete is now complete or wrong."""
        ...


@runtime_checkable
class BodiesDecoder(Decoder, Protocol):
    """A decoder that reads several whole bodies faster than one after the other."""

    def bodies(self, bodies: Sequence[bytes]) -> Parsed:
        """Take whole bodies, none of which was begun; `finish` is not called after it."""
        ...


class Encoder(Protocol):
    """The writing of one relation's changes."""

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        """Encode consolidated changes: deletions, then insertions, each in the order of rows; nothing for none."""
        ...


@runtime_checkable
class TransportAwareFormat(Protocol):
    """A format that has to know settings of the transport beside it."""

    @property
    def transport_settings(self) -> Sequence[str]:
        """Names of those that are added to its options, where the transport has them."""
        ...


@runtime_checkable
class MessageEncoder(Encoder, Protocol):
    """An encoder whose pieces may be messages without a payload."""

    @property
    def needs_messages(self) -> bool:
        """Whether they are, so that only a transport of messages will do."""
        ...


class FormatRefused(Exception):
    """Options that the format does not know or that do not fit the relation. option: its name, if it is one's fault."""

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.option = option


class Format(Protocol):
    """A data format by name."""

    @property
    def name(self) -> str: ...

    def decoder(self, options: Mapping[str, Any], table: Layout, pool: Pool) -> Decoder:
        """Return a decoder for one body. Raises: FormatRefused."""
        ...

    def separator(self, options: Mapping[str, Any]) -> bytes | None:
        """Return what makes one body of several when it stands between them; None if nothing does."""
        ...

    def encoder(self, options: Mapping[str, Any], relation: Layout, pool: Pool) -> Encoder:
        """Return an encoder. Raises: FormatRefused."""
        ...


def option_names(options: Mapping[str, Any], known: Sequence[str], format_name: str) -> None:
    """Refuse options a format does not have. Raises: FormatRefused."""
    for name in options:
        if name not in known:
            raise FormatRefused(f"format {format_name!r} has no option {name!r}; it has {', '.join(known)}", name)
