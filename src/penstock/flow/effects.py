"""What the machine asks for. Asking twice is harmless: attempts, timers and cache entries are named."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.kernel.graph import Command, Job
from penstock.kernel.policies import Placement
from penstock.kernel.runs import RunState
from penstock.kernel.values import Value

__all__ = ["Cancel", "ClearTimer", "Effect", "Finish", "Launch", "LookUpCache", "SetTimer", "StoreInCache"]


@dataclass(frozen=True, slots=True)
class Launch:
    """Have an executor begin an attempt. Answered by AttemptStarted and AttemptFinished."""

    path: str
    attempt: str
    work: Command | Job
    inputs: dict[str, Value]
    artifacts: dict[str, Value]
    facts: dict[str, Value]
    placement: Placement | None = None
    labels: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Have an attempt stop. No answer is waited for."""

    attempt: str
    reason: str
    grace_s: float


@dataclass(frozen=True, slots=True)
class LookUpCache:
    """Ask for outputs under a key. Answered by CacheAnswered."""

    path: str
    key: str
    parts: dict[str, str]
    max_age_s: float | None


@dataclass(frozen=True, slots=True)
class StoreInCache:
    """Keep a step's outputs under its key."""

    path: str
    key: str
    parts: dict[str, str]
    outputs: dict[str, Value]
    artifacts: dict[str, Value]


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Answer with TimerFired at that time, in microseconds since 1970."""

    timer: str
    at_us: int


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """The answer is not wanted any more."""

    timer: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The run has ended."""

    state: RunState
    message: str | None


Effect = Launch | Cancel | LookUpCache | StoreInCache | SetTimer | ClearTimer | Finish
"""One thing the machine asks for."""
