"""What must hold before a schedule that has fired starts its run; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from penstock.kernel.cron import zone
from penstock.kernel.errors import Invalid
from penstock.kernel.instants import from_unix_us, unix_us

__all__ = ["Facts", "Verdict", "decide"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What constraints look at. active: runs of the program that have not ended. last_end_us: of the last one that
    completed."""

    now_us: int
    fired_us: int
    active: int
    last_end_us: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """may_start: all constraints hold. is_dropped: one does not, and is not waited for. again_us: when to look again;
    None if no time by itself changes anything."""

    may_start: bool
    is_dropped: bool = False
    again_us: int | None = None


def decide(constraints: list[dict[str, Any]], facts: Facts) -> Verdict:
    """Decide about a schedule that has fired."""
    again: list[int] = []
    is_held = False
    for constraint in constraints:
        holds, at_us = _holds(constraint, facts)
        if holds:
            continue
        if constraint["type"] != "DELAY" and not constraint.get("waitUntilMet"):
            return Verdict(False, is_dropped=True)
        is_held = True
        if at_us is not None:
            again.append(at_us)
    return Verdict(not is_held, again_us=min(again, default=None))


def _holds(constraint: dict[str, Any], facts: Facts) -> tuple[bool, int | None]:
    """Tell whether a constraint holds now, and when it will if that is known."""
    match constraint["type"]:
        case "CONCURRENCY":
            return facts.active < constraint["maxConcurrency"], None
        case "DELAY":
            at_us = facts.fired_us + constraint["millisAfterTrigger"] * 1000
            return facts.now_us >= at_us, at_us
        case "LAST_RUN":
            if facts.last_end_us is None:
                return True, None
            at_us = facts.last_end_us + constraint["millisSinceLastRun"] * 1000
            return facts.now_us >= at_us, at_us
        case _:
            return _is_within(constraint, from_unix_us(facts.now_us))


def _is_within(constraint: dict[str, Any], now: datetime) -> tuple[bool, int | None]:
    local = now.astimezone(zone(str(constraint.get("timeZone") or "UTC")))
    begin, end = _clock(constraint["startTime"]), _clock(constraint["endTime"])
    wall = local.time()
    is_within = begin <= wall < end if begin <= end else wall >= begin or wall < end
    if is_within:
        return True, None
    next_begin = datetime.combine(local.date(), begin, local.tzinfo)
    if next_begin <= local:
        next_begin += timedelta(days=1)
    return False, unix_us(next_begin)


def _clock(text: object) -> time:
    try:
        return time.fromisoformat(str(text))
    except ValueError:
        raise Invalid(f"Invalid time '{text}' of a TIME_RANGE constraint; it must be HH:mm") from None
