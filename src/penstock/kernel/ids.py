"""Typed identifiers. All are UUID version 7 in their text form, so that they sort by the time of their making.

Time and randomness come in as arguments: see `ports.clock.Clock`.
"""

from typing import NewType
from uuid import UUID

__all__ = ["ArtifactId", "AttemptId", "CircuitId", "DocumentId", "RunId", "StepId", "TriggerId", "uuid7"]

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
