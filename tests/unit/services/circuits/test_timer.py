"""The clock of NOW()."""

import pytest

from penstock.services.circuits.timer import Timer

SECOND = 1_000_000


class Time:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def test_real_time_is_rounded_down_and_due_at_the_next_tick() -> None:
    time = Time(100.7)
    timer = Timer({"clock_resolution_usecs": SECOND}, time)
    first_due = timer.due_s()
    now = timer.now()
    due = timer.due_s()
    time.seconds = 101.2

    assert (first_due, now) == (0.0, 100 * SECOND)
    assert due == pytest.approx(0.3)
    assert timer.due_s() == 0.0


def test_without_a_resolution_time_stands_still_after_the_start() -> None:
    time = Time(100.7)
    timer = Timer({"clock_resolution_usecs": None}, time)
    one = timer.now()
    time.seconds = 200

    assert timer.now() == one
    assert timer.due_s() is None


def test_a_driven_clock_starts_at_its_anchor_and_moves_when_told() -> None:
    timer = Timer({"clock_resolution_usecs": SECOND, "clock_driven": True, "clock_start": "1970-01-01T00:00:10.5Z"})
    start = timer.now()
    idle = timer.due_s()
    moved = [timer.advance(0), timer.advance(None), timer.advance(2500)]

    assert (start, idle) == (10 * SECOND, None)
    assert moved == [10_000, 11_000, 13_000]
    assert timer.due_s() == 0.0
    assert timer.now() == 13 * SECOND


def test_an_offset_shifts_what_the_program_sees_alone() -> None:
    settings = {"clock_driven": True, "clock_start": "1970-01-01T00:00:00Z", "clock_timezone_offset": "+05:30"}
    timer = Timer(settings)

    assert timer.now() == (5 * 60 + 30) * 60 * SECOND
    assert timer.advance(0) == 0


@pytest.mark.parametrize("settings", [{"clock_timezone_offset": "east"}, {"clock_start": "yesterday"}])
def test_settings_that_cannot_be_read_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"east|yesterday"):
        Timer(settings)


def test_a_real_clock_cannot_be_moved_and_a_driven_one_not_back() -> None:
    with pytest.raises(ValueError, match="real time"):
        Timer({}).advance(1)
    with pytest.raises(ValueError, match="go back"):
        Timer({"clock_driven": True}).advance(-1)


def test_a_driven_clock_is_not_moved_beyond_the_last_year_there_is() -> None:
    timer = Timer({"clock_driven": True, "clock_start": "2020-01-01T00:00:00Z"})

    with pytest.raises(ValueError, match="year 9999"):
        timer.advance(253_402_300_799_999)
