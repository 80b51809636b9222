"""What holds a schedule's run back."""

from datetime import datetime
from typing import Any

from penstock.api.cdap.constraints import Facts, decide
from penstock.kernel.instants import unix_us

NOON = unix_us(datetime.fromisoformat("2026-05-01T12:00:00+00:00"))
HOUR_US = 3600 * 1_000_000


def facts(now_us: int = NOON, *, fired_us: int = NOON, active: int = 0, last_end_us: int | None = None) -> Facts:
    return Facts(now_us, fired_us, active, last_end_us)


def constraint(type: str, waits: bool = True, **said: Any) -> list[dict[str, Any]]:
    return [{"type": type, "waitUntilMet": waits, **said}]


def test_without_constraints_a_run_starts_at_once() -> None:
    assert decide([], facts()).may_start


def test_concurrency_holds_a_run_back_until_others_end_or_drops_it() -> None:
    waiting = decide(constraint("CONCURRENCY", maxConcurrency=2), facts(active=2))
    dropped = decide(constraint("CONCURRENCY", waits=False, maxConcurrency=2), facts(active=2))

    assert (waiting.may_start, waiting.is_dropped, waiting.again_us) == (False, False, None)
    assert dropped.is_dropped
    assert decide(constraint("CONCURRENCY", maxConcurrency=2), facts(active=1)).may_start


def test_a_delay_counts_from_the_firing_and_is_always_waited_for() -> None:
    delay = constraint("DELAY", waits=False, millisAfterTrigger=3_600_000)

    assert decide(delay, facts()).again_us == NOON + HOUR_US
    assert not decide(delay, facts()).is_dropped
    assert decide(delay, facts(NOON + HOUR_US)).may_start


def test_the_last_run_counts_from_its_end() -> None:
    apart = constraint("LAST_RUN", millisSinceLastRun=3_600_000)

    assert decide(apart, facts()).may_start
    assert decide(apart, facts(last_end_us=NOON - HOUR_US // 2)).again_us == NOON + HOUR_US // 2
    assert decide(apart, facts(last_end_us=NOON - HOUR_US)).may_start


def test_a_range_of_time_is_read_in_its_own_zone_and_may_cross_midnight() -> None:
    day = constraint("TIME_RANGE", startTime="13:00", endTime="15:00", timeZone="UTC")
    berlin = constraint("TIME_RANGE", startTime="13:00", endTime="15:00", timeZone="Europe/Berlin")
    night = constraint("TIME_RANGE", startTime="22:00", endTime="02:00", timeZone="UTC")

    assert decide(day, facts()).again_us == NOON + HOUR_US
    assert decide(berlin, facts()).may_start
    assert decide(night, facts()).again_us == NOON + 10 * HOUR_US
    assert decide(night, facts(NOON + 13 * HOUR_US)).may_start


def test_all_constraints_must_hold_and_the_nearest_time_is_looked_at_first() -> None:
    both = constraint("DELAY", millisAfterTrigger=1000) + constraint(
        "TIME_RANGE", startTime="13:00", endTime="15:00", timeZone="UTC"
    )

    assert decide(both, facts()).again_us == NOON + 1_000_000
    assert decide(both, facts(NOON + 1_000_000)).again_us == NOON + HOUR_US
