"""Ids of runs: UUIDs of version 1, whose time is when the start was accepted.

The ids of a run's inner programs (`phase-1`, …) are made of the run's own: the last byte of the clock sequence is the
phase's number, and 0 in the run's. So either is found from the other, and nothing more has to be kept.

Source: RFC 9562 §5.1; CDAP reads start times out of run ids.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

from penstock.kernel.instants import unix_us

__all__ = ["new_run_id", "outer_run", "phase_run_id", "starting_us", "uuid1_of"]

_GREGORIAN_100NS = 0x01B21DD213814000
"""Between 1582-10-15, where the time of such a UUID begins, and 1970, in steps of 100 ns."""


def uuid1_of(text: str) -> uuid.UUID | None:
    """Read an id of a run; None if it is none."""
    try:
        found = uuid.UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() and found.version == 1 else None


def new_run_id(at: datetime) -> str:
    """Make an id for a run that is accepted now."""
    ticks = unix_us(at) * 10 + secrets.randbelow(10) + _GREGORIAN_100NS
    # A random node has the multicast bit set, so that it is no machine's address.
    node = secrets.randbits(48) | 1 << 40
    high = (ticks >> 48) & 0x0FFF
    return str(
        uuid.UUID(
            fields=(
                ticks & 0xFFFFFFFF,
                (ticks >> 32) & 0xFFFF,
                high | 0x1000,
                secrets.randbits(6) | 0x80,
                0,
                node,
            )
        )
    )


def starting_us(run_id: str) -> int:
    """Return when a run was accepted, in microseconds since 1970."""
    return (uuid.UUID(run_id).time - _GREGORIAN_100NS) // 10


def phase_run_id(run_id: str, phase: int) -> str:
    """Return the id of the run of an inner program; phases count from 1."""
    return str(_with_phase(uuid.UUID(run_id), phase))


def outer_run(run_id: str) -> tuple[str, int]:
    """Return the run an id belongs to, and the number of the phase; 0 for the run itself."""
    found = uuid.UUID(run_id)
    return str(_with_phase(found, 0)), found.clock_seq_low


def _with_phase(run: uuid.UUID, phase: int) -> uuid.UUID:
    low, mid, high, seq_high, _, node = run.fields
    return uuid.UUID(fields=(low, mid, high, seq_high, phase & 0xFF, node))
