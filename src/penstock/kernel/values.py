"""Values that steps pass to each other: JSON values, and references to artifacts in JSON form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

__all__ = ["ABSENT", "Absent", "Artifact", "Value", "artifact_of", "canonical"]

if TYPE_CHECKING:
    Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
    """A JSON value."""
else:
    Value = Any  # decoders resolve annotations, and would not know what to do with a recursive one


class Absent:
    """The type of ABSENT, which stands for an optional value that nobody gave."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something a step left behind, or something elsewhere that is only pointed at.

    Attributes:
        name: what its producer calls it.
        sha256: digest of its content in the blob store; None when only `uri` is known.
        size_bytes: length of that content.
        is_directory: the content is an uncompressed tar of a directory, not the bytes of a file.
        uri: where else it is, or how a client should name it.
        type: its kind in the producer's words.
        metadata: what the producer says of it.
    """

    name: str
    sha256: str | None = None
    size_bytes: int = 0
    is_directory: bool = False
    uri: str | None = None
    type: str | None = None
    metadata: dict[str, Value] = msgspec.field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """Return the JSON form in which expressions and events carry it."""
        encoded: dict[str, Value] = msgspec.to_builtins(self)
        return encoded


def artifact_of(value: Value) -> Artifact:
    """Read the JSON form back. Raises: ValueError if it is none."""
    try:
        return msgspec.convert(value, Artifact)
    except msgspec.ValidationError as error:
        raise ValueError(f"{value!r} is no artifact: {error}") from None


def canonical(value: Value) -> bytes:
    """Encode a value so that equal values give equal bytes: members sorted by name, no white space."""
    return msgspec.json.encode(value, order="sorted")
