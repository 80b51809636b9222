"""What the machine asks for. Asking twice is harmless: attempts, timers and cache entries are named.

Structs and not frozen dataclasses: short runs make many, and these are made at once instead of field by field.
"""

from __future__ import annotations

import msgspec

from penstock.kernel.graph import Command, Job
from penstock.kernel.policies import Placement
from penstock.kernel.runs import RunState
from penstock.kernel.values import Value

__all__ = ["Cancel", "ClearTimer", "Effect", "Finish", "Launch", "LookUpCache", "SetTimer", "StoreInCache"]


class Launch(msgspec.Struct, frozen=True):
    """Have an executor begin an attempt. Answered by AttemptStarted and AttemptFinished."""

    path: str
    attempt: str
    work: Command | Job
    inputs: dict[str, Value]
    artifacts: dict[str, Value]
    facts: dict[str, Value]
    placement: Placement | None = None
    labels: dict[str, Value] = msgspec.field(default_factory=dict)


class Cancel(msgspec.Struct, frozen=True):
    """Have an attempt stop. No answer is waited for."""

    attempt: str
    reason: str
    grace_s: float


class LookUpCache(msgspec.Struct, frozen=True):
    """Ask for outputs under a key. Answered by CacheAnswered."""

    path: str
    key: str
    parts: dict[str, str]
    max_age_s: float | None


class StoreInCache(msgspec.Struct, frozen=True):
    """Keep a step's outputs under its key."""

    path: str
    key: str
    parts: dict[str, str]
    outputs: dict[str, Value]
    artifacts: dict[str, Value]


class SetTimer(msgspec.Struct, frozen=True):
    """Answer with TimerFired at that time, in microseconds since 1970."""

    timer: str
    at_us: int


class ClearTimer(msgspec.Struct, frozen=True):
    """The answer is not wanted any more."""

    timer: str


class Finish(msgspec.Struct, frozen=True):
    """The run has ended."""

    state: RunState
    message: str | None


Effect = Launch | Cancel | LookUpCache | StoreInCache | SetTimer | ClearTimer | Finish
"""One thing the machine asks for."""
