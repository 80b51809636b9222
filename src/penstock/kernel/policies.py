"""What changes how something is executed, in no vendor's words. Small values; the engine alone acts on them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = [
    "Cache",
    "Cause",
    "Durability",
    "Keep",
    "Placement",
    "Retention",
    "Retry",
    "Timeout",
    "retry_delay_s",
]


class Cause(StrEnum):
    """Why an attempt did not succeed.

    FAILED: the work itself said no (an exit code, a deadline of its own, a missing output). ERRORED: the platform could
    not carry it out. LOST: nobody knows what became of it.
    """

    FAILED = "failed"
    ERRORED = "errored"
    LOST = "lost"


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Try again after an attempt that did not succeed.

    Attributes:
        limit: most retries after the first attempt; None for no limit.
        on: which causes deserve another try. Losses are also tried again without any `Retry`: see `lost_limit`.
        delay_s: wait before the first retry, in seconds.
        factor: each later wait is this many times longer.
        max_delay_s: longest wait, in seconds.
        max_duration_s: no retry begins later than this after the first attempt began.
    """

    limit: int | None = 0
    on: tuple[Cause, ...] = (Cause.FAILED,)
    delay_s: float = 0.0
    factor: float = 1.0
    max_delay_s: float | None = None
    max_duration_s: float | None = None


class Timeout(msgspec.Struct, frozen=True, omit_defaults=True):
    """Deadlines of a step, in seconds: of each attempt from its start, and of all attempts together with their waits.

    grace_s: how long the work may take to stop after it was asked to.
    """

    attempt_s: float | None = None
    total_s: float | None = None
    grace_s: float = 5.0


class Cache(msgspec.Struct, frozen=True, omit_defaults=True):
    """Take over the outputs of an earlier step with the same key instead of doing the work.

    The key is made of the work, its inputs and its declared outputs.
    Attributes:
        namespace: steps of different namespaces never share.
        salt: further text in the key.
        max_age_s: an older entry is not used; None for no limit; 0 never uses one.
        ignores: names of inputs that stay out of the key.
    """

    namespace: str = ""
    salt: str = ""
    max_age_s: float | None = None
    ignores: tuple[str, ...] = ()


class Placement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the work needs of the machine. Executors refuse what they cannot give, or say that they only hint.

    Attributes:
        cpu_count: processors.
        memory_bytes: limit; the work is killed beyond it.
        disk_bytes: longest file it may write.
        open_files: limit on open file descriptors.
        accelerator_count: devices of `accelerator`.
        network: False forbids it.
    """

    cpu_count: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    open_files: int | None = None
    accelerator: str | None = None
    accelerator_count: int = 0
    network: bool = True


class Retention(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long a finished run, with its events, logs and files, is kept; None for ever. In seconds after its end."""

    age_s: float | None = None


class Durability(StrEnum):
    """When a run reaches the disk.

    EVENT: each event before it takes effect. JOURNAL: all events together, when the run ends. ENDS: the run when it is
    accepted and what came of it when it has ended, without its events; a crash in between has it begin anew. END: what
    came of it, shortly after it has ended; until then it survives the end of the process but not that of the machine,
    and a crash before leaves a failed run behind.
    """

    EVENT = "event"
    JOURNAL = "journal"
    ENDS = "ends"
    END = "end"


class Keep(StrEnum):
    """What is kept of a run that has ended: all, all but the values it was given and gave, or nothing."""

    ALL = "all"
    OUTLINE = "outline"
    NOTHING = "nothing"


def retry_delay_s(retry: Retry, number: int) -> float:
    """Return the wait before the retry of that number, from 1. Overflow ends at `max_delay_s`, or a week."""
    longest = 604_800.0 if retry.max_delay_s is None else retry.max_delay_s
    try:
        delay_s = retry.delay_s * retry.factor ** (number - 1)
    except OverflowError:
        return longest
    return min(delay_s, longest)
