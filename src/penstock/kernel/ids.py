"""Typed identifiers. All are UUID version 7 in their text form, so that they sort by the time of their making.

Time and randomness come in as arguments: see `ports.clock.Clock`.
"""

from typing import Final, NewType
from uuid import UUID

__all__ = [
    "PARTS",
    "ArtifactId",
    "AttemptId",
    "CircuitId",
    "DocumentId",
    "RunId",
    "StepId",
    "TriggerId",
    "part_of",
    "uuid7",
    "whole_id",
    "whole_of",
]

DocumentId = NewType("DocumentId", str)
"""A stored document, in all its revisions."""
CircuitId = NewType("CircuitId", str)
"""A standing circuit."""
RunId = NewType("RunId", str)
"""One execution of a graph."""
StepId = NewType("StepId", str)
"""One step of a run."""
AttemptId = NewType("AttemptId", str)
"""One try of a step."""
ArtifactId = NewType("ArtifactId", str)
"""Something a step left behind."""
TriggerId = NewType("TriggerId", str)
"""A schedule or another reason to start a run."""


def uuid7(unix_ms: int, entropy: bytes) -> UUID:
    """Make a UUID version 7 from an instant and ten random bytes.

    Units: unix_ms is milliseconds since 1970-01-01T00:00:00Z, 48 bits.
    Raises: ValueError if unix_ms does not fit or entropy is not ten bytes long.
    Source: RFC 9562 §5.7.
    """
    if not 0 <= unix_ms < 1 << 48:
        raise ValueError(f"unix_ms is {unix_ms!r}; it must fit in 48 bits")
    if len(entropy) != 10:
        raise ValueError(f"entropy has {len(entropy)} bytes; it must have 10")
    random = int.from_bytes(entropy, "big")
    rand_a = random >> 68 & 0xFFF
    rand_b = random & (1 << 62) - 1
    return UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


PARTS: Final = 0xFFFF
"""Most parts of a whole."""


def whole_id(unix_ms: int, entropy: bytes) -> str:
    """Make an id whose last 16 bits are zero, so that parts of the thing can be named from it. As `uuid7`."""
    return str(UUID(int=uuid7(unix_ms, entropy).int >> 16 << 16))


def part_of(whole: str, number: int) -> str:
    """Return the id of a part, numbered from 1. Raises: ValueError beyond `PARTS`."""
    if not 0 < number <= PARTS:
        raise ValueError(f"a part has a number from 1 to {PARTS}, not {number}")
    return f"{whole[:-4]}{number:04x}"


def whole_of(id: str) -> tuple[str, int]:
    """Return the id of the whole and the number of the part; number 0 is the whole itself.

    Raises: ValueError if it is no id.
    """
    return id[:-4] + "0000", int(str(UUID(id))[-4:], 16)
