"""States of runs, steps and attempts, the events that move them, and the records that are shown of them. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from penstock.kernel.policies import Cause
from penstock.kernel.values import Artifact, Value

__all__ = [
    "AttemptFinished",
    "AttemptRecord",
    "AttemptStarted",
    "AttemptState",
    "CacheAnswered",
    "CacheHit",
    "Event",
    "Failure",
    "Result",
    "ResumeRequested",
    "RetryRequested",
    "RunAccepted",
    "RunRejected",
    "RunStarted",
    "RunState",
    "StepKind",
    "StepRecord",
    "StepState",
    "StopRequested",
    "SuspendRequested",
    "TimerFired",
    "WaitAnswered",
    "decode_event",
    "encode_event",
]


class RunState(StrEnum):
    """Where a run is.

    QUEUED → STARTING → RUNNING ⇄ SUSPENDED
       │         │      ↑  │ ↑        │
       ↓         │      │  │ └RESUMING┘
    REJECTED     │      │  ├→ SUCCEEDED
                 └──────┼──┼→ FAILED, ERRORED
                        │  └→ STOPPING → CANCELLED
      FAILED, ERRORED, CANCELLED ─(retry)→ RESUMING
    """

    QUEUED = "queued"
    """Stored; waits to be admitted. Left for STARTING by the service, or for CANCELLED or REJECTED."""
    STARTING = "starting"
    """Admitted; no attempt has begun. Left for RUNNING by the first attempt, or for a final state if none is needed."""
    RUNNING = "running"
    """Left when all steps have ended, or by a stop, suspend or deadline."""
    SUSPENDED = "suspended"
    """Begins no attempt; those in flight end. Left for RESUMING, or for STOPPING."""
    RESUMING = "resuming"
    """Resumed or retried; the next attempt has not begun. Left as STARTING is."""
    STOPPING = "stopping"
    """Told to stop, or late: attempts are being killed and the exit level runs. Left for CANCELLED or FAILED."""
    SUCCEEDED = "succeeded"
    """Final."""
    FAILED = "failed"
    """A step failed, or the run's deadline passed. Final, but can be retried."""
    ERRORED = "errored"
    """The platform failed: a step erred and none failed. Final, but can be retried."""
    CANCELLED = "cancelled"
    """Stopped by somebody. Final, but can be retried."""
    REJECTED = "rejected"
    """Never admitted. Final."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in _FINAL_RUNS

    @property
    def is_retryable(self) -> bool:
        """Whether `RetryRequested` is allowed."""
        return self in (RunState.FAILED, RunState.ERRORED, RunState.CANCELLED)


_FINAL_RUNS = frozenset((RunState.SUCCEEDED, RunState.FAILED, RunState.ERRORED, RunState.CANCELLED, RunState.REJECTED))


class StepState(StrEnum):
    """Where an instance of a step is: a leaf, a group (all iterations of a fan-out) or a level (a nested body).

    WAITING ─┬→ READY → LOOKING_UP ⇄ RUNNING ⇄ BACKING_OFF
             │    └────────┴────────────┴→ SUCCEEDED, FAILED, ERRORED, CANCELLED
             ├→ SKIPPED                     (LOOKING_UP → SUCCEEDED is a cache hit)
             └→ OMITTED
    """

    WAITING = "waiting"
    """For the steps it comes after."""
    READY = "ready"
    """Could begin; held back by a limit or a suspension."""
    LOOKING_UP = "looking up"
    """The cache is asked."""
    RUNNING = "running"
    """An attempt is in flight, or a part of a group or level has not ended."""
    BACKING_OFF = "backing off"
    """Between two attempts."""
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    OMITTED = "omitted"
    FAILED = "failed"
    ERRORED = "errored"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self in _FINAL_STEPS

    @property
    def is_failure(self) -> bool:
        """Whether it ended badly."""
        return self in (StepState.FAILED, StepState.ERRORED, StepState.CANCELLED)


_FINAL_STEPS = frozenset(
    (
        StepState.SUCCEEDED,
        StepState.SKIPPED,
        StepState.OMITTED,
        StepState.FAILED,
        StepState.ERRORED,
        StepState.CANCELLED,
    )
)


class StepKind(StrEnum):
    """What an instance is in the tree of instances."""

    LEAF = "leaf"
    """Does work of its own."""
    GROUP = "group"
    """A step that fans out; its children are the iterations."""
    LEVEL = "level"
    """A nested body; its children are that body's steps."""


class AttemptState(StrEnum):
    """LAUNCHED → RUNNING → SUCCEEDED, FAILED, ERRORED, LOST, TIMED_OUT, CANCELLED (also straight from LAUNCHED)."""

    LAUNCHED = "launched"
    """Handed to an executor."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    LOST = "lost"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self not in (AttemptState.LAUNCHED, AttemptState.RUNNING)


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an attempt did not succeed. exit_code: of the process; negative for a signal."""

    cause: Cause
    message: str
    exit_code: int | None = None


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt that succeeded left behind."""

    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Artifact] = msgspec.field(default_factory=dict)
    exit_code: int | None = None


class CacheHit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose outputs were taken over: run and path of the step that made them, and when (microseconds since 1970)."""

    key: str
    run: str
    path: str
    made_at_us: int
    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Value] = msgspec.field(default_factory=dict)


# Events. Every one carries `at_us`, the microseconds since 1970 at which it was taken in; the machine has no clock.


class RunAccepted(msgspec.Struct, frozen=True, omit_defaults=True, tag="run accepted"):
    """The run was stored. inputs: the run's parameters. facts: what `Fact` expressions may see beside the run's own."""

    at_us: int
    inputs: dict[str, Value] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Value] = msgspec.field(default_factory=dict)
    facts: dict[str, Value] = msgspec.field(default_factory=dict)


class RunStarted(msgspec.Struct, frozen=True, tag="run started"):
    """The run was admitted."""

    at_us: int


class RunRejected(msgspec.Struct, frozen=True, tag="run rejected"):
    """The run will not be admitted."""

    at_us: int
    message: str


class CacheAnswered(msgspec.Struct, frozen=True, omit_defaults=True, tag="cache answered"):
    """The cache has an entry for a step, or has none. reason: why not, in words."""

    at_us: int
    path: str
    hit: CacheHit | None = None
    reason: str | None = None


class AttemptStarted(msgspec.Struct, frozen=True, omit_defaults=True, tag="attempt started"):
    """The work of an attempt began. handle: what its executor knows it by (a process id, a worker)."""

    at_us: int
    attempt: str
    handle: str | None = None


class AttemptFinished(msgspec.Struct, frozen=True, omit_defaults=True, tag="attempt finished"):
    """An attempt ended: with a result, or with a failure."""

    at_us: int
    attempt: str
    result: Result | None = None
    failure: Failure | None = None


class TimerFired(msgspec.Struct, frozen=True, tag="timer fired"):
    """A timer the machine set has run out."""

    at_us: int
    timer: str


class WaitAnswered(msgspec.Struct, frozen=True, omit_defaults=True, tag="wait answered"):
    """Somebody ended a `Wait`. message: why it is refused; None lets it succeed."""

    at_us: int
    path: str
    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    message: str | None = None


class StopRequested(msgspec.Struct, frozen=True, omit_defaults=True, tag="stop requested"):
    """Cancel the run. grace_s: how long work may take to stop. is_forced: the exit level does not run either."""

    at_us: int
    reason: str = "stopped"
    grace_s: float = 5.0
    is_forced: bool = False


class SuspendRequested(msgspec.Struct, frozen=True, tag="suspend requested"):
    """Begin no further attempt."""

    at_us: int


class ResumeRequested(msgspec.Struct, frozen=True, tag="resume requested"):
    """Go on after a suspension."""

    at_us: int


class RetryRequested(msgspec.Struct, frozen=True, omit_defaults=True, tag="retry requested"):
    """Do again what did not succeed, and what comes after it; keep the rest.

    from_path: also do this step again although it succeeded, with all that comes after it.
    """

    at_us: int
    from_path: str | None = None


Event = (
    RunAccepted
    | RunStarted
    | RunRejected
    | CacheAnswered
    | AttemptStarted
    | AttemptFinished
    | TimerFired
    | WaitAnswered
    | StopRequested
    | SuspendRequested
    | ResumeRequested
    | RetryRequested
)
"""What can happen to a run. The stream of a run's events is all there is to know about it."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """Return the stored form."""
    return _encoder.encode(event)


def decode_event(encoded: bytes) -> Event:
    """Read the stored form back. Raises: msgspec.DecodeError if it is none."""
    return _decoder.decode(encoded)


class AttemptRecord(msgspec.Struct, omit_defaults=True):
    """What is shown of an attempt. id: `<path>#<number>`, unique in its run; number counts from 1."""

    id: str
    number: int
    state: AttemptState
    launched_at_us: int
    started_at_us: int | None = None
    finished_at_us: int | None = None
    handle: str | None = None
    exit_code: int | None = None
    message: str | None = None


class StepRecord(msgspec.Struct, omit_defaults=True):
    """What is shown of an instance of a step.

    Attributes:
        path: its address in the run. Iterations of step `a` are `a[0]`, `a[1]`, …; steps of the body that `a` or `a[0]`
            runs are `a/b`, `a[0]/b`. Steps of the exit level begin with `!/`.
        parent: the path of the group or level it belongs to; None at the top.
        index, item: which iteration it is, if it is one.
        inputs, artifacts: what its work was given. outputs, output_artifacts: what it left (a group: lists).
        message: why it ended as it did, or what its guard came to.
        cache_key, cache_hit, cache_reason: how the cache was asked and what it answered.
    """

    path: str
    name: str
    parent: str | None
    kind: StepKind
    state: StepState
    index: int | None = None
    item: Value = None
    ready_at_us: int | None = None
    started_at_us: int | None = None
    finished_at_us: int | None = None
    message: str | None = None
    inputs: dict[str, Value] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Value] = msgspec.field(default_factory=dict)
    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    output_artifacts: dict[str, Value] = msgspec.field(default_factory=dict)
    attempts: list[AttemptRecord] = msgspec.field(default_factory=list)
    cache_key: str | None = None
    cache_hit: CacheHit | None = None
    cache_reason: str | None = None
    labels: dict[str, Value] = msgspec.field(default_factory=dict)
