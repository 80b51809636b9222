"""Reasons to start a run by itself: at times, and how often at once. Pure; the service lets them fire."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from penstock.kernel.cron import Cron, parse_cron, zone
from penstock.kernel.errors import Invalid
from penstock.kernel.instants import from_unix_us, unix_us

__all__ = ["MAX_MISSED", "Firing", "Schedule", "check_schedule", "due", "next_after", "preview"]

MAX_MISSED = 10_000
"""Most missed times that are looked at together."""


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a trigger fires.

    Attributes:
        cron: an expression (`kernel.cron`), or None. seconds_first: its five fields begin with seconds.
        every_s: an interval in seconds instead, the first at `start_us`, or one interval after the trigger
            was made.
        zone: time zone of the cron fields.
        start_us, end_us: nothing fires before or after; a time equal to either does. Microseconds since 1970.
        catches_up: times that were missed (server down, trigger disabled, too many runs) all fire, oldest first; if
            False only the newest of them does.
        max_concurrency: most unfinished runs of this trigger; while there are as many, the next time waits.
    """

    cron: str | None = None
    seconds_first: bool = False
    every_s: float | None = None
    zone: str = "UTC"
    start_us: int | None = None
    end_us: int | None = None
    catches_up: bool = True
    max_concurrency: int = 1


class Firing(msgspec.Struct, frozen=True):
    """One time a trigger fires. at_us: for when it was meant. index: from 1, of all firings of the trigger."""

    trigger: str
    at_us: int
    index: int


def check_schedule(schedule: Schedule) -> None:
    """Check a schedule. Raises: Invalid."""
    if (schedule.cron is None) == (schedule.every_s is None):
        raise Invalid("a schedule has a cron expression or an interval, and not both")
    if schedule.every_s is not None and not 1 <= schedule.every_s <= 10 * 366 * 86400:
        raise Invalid(f"the interval is {schedule.every_s:g} s; it must lie between 1 second and ten years")
    if schedule.max_concurrency < 1:
        raise Invalid(f"the limit of concurrent runs is {schedule.max_concurrency}; it must be 1 or more")
    if schedule.start_us is not None and schedule.end_us is not None and schedule.end_us < schedule.start_us:
        raise Invalid("the schedule ends before it starts")
    zone(schedule.zone)
    if schedule.cron is not None:
        parse_cron(schedule.cron, seconds_first=schedule.seconds_first)


def next_after(schedule: Schedule, made_us: int, last_us: int | None) -> int | None:
    """Return the first time after `last_us` (the last one that fired or was passed over); None if there is none.

    made_us: when the trigger was made; nothing fires before that unless the schedule starts earlier.
    """
    at_us = _next(schedule, made_us, last_us)
    return None if at_us is None or (schedule.end_us is not None and at_us > schedule.end_us) else at_us


def due(schedule: Schedule, made_us: int, last_us: int | None, now_us: int) -> list[int]:
    """Return the times that have come and not fired, oldest first: all of them, or the newest if none is caught up."""
    found: list[int] = []
    while len(found) < MAX_MISSED:
        at_us = next_after(schedule, made_us, found[-1] if found else last_us)
        if at_us is None or at_us > now_us:
            break
        found.append(at_us)
    if schedule.catches_up or not found:
        return found
    if len(found) == MAX_MISSED:
        return due(schedule, made_us, found[-1], now_us) or found[-1:]
    return found[-1:]


def preview(schedule: Schedule, made_us: int, last_us: int | None, count: int = 10) -> list[int]:
    """Return the next times, whatever time it is. Raises: Invalid if the schedule is wrong."""
    check_schedule(schedule)
    found: list[int] = []
    while len(found) < count:
        at_us = next_after(schedule, made_us, found[-1] if found else last_us)
        if at_us is None:
            break
        found.append(at_us)
    return found


def _next(schedule: Schedule, made_us: int, last_us: int | None) -> int | None:
    if schedule.every_s is not None:
        return _next_interval(schedule, schedule.every_s, made_us, last_us)
    cron = _cron(schedule)
    if cron.every_s is not None:
        return _next_interval(schedule, cron.every_s, made_us, last_us)
    from_us = made_us if schedule.start_us is None else schedule.start_us - 1
    if last_us is not None:
        from_us = max(from_us, last_us)
    found = cron.after(from_unix_us(from_us), _zone(schedule))
    return None if found is None else unix_us(found)


def _next_interval(schedule: Schedule, every_s: float, made_us: int, last_us: int | None) -> int:
    every_us = round(every_s * 1e6)
    first_us = schedule.start_us if schedule.start_us is not None else made_us + every_us
    if last_us is None or last_us < first_us:
        return first_us
    return first_us + ((last_us - first_us) // every_us + 1) * every_us


def _cron(schedule: Schedule) -> Cron:
    assert schedule.cron is not None, "a checked schedule has a cron expression or an interval"
    return parse_cron(schedule.cron, seconds_first=schedule.seconds_first)


def _zone(schedule: Schedule) -> ZoneInfo:
    return zone(schedule.zone)
