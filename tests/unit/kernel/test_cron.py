"""Cron expressions: which instants they name."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from penstock.kernel.cron import parse_cron, parse_duration_s
from penstock.kernel.errors import Invalid


def times(text: str, start: str, count: int = 3, zone: str = "UTC", **more: bool) -> list[str]:
    cron = parse_cron(text, **more)
    instant, found = datetime.fromisoformat(start).replace(tzinfo=UTC), []
    for _ in range(count):
        after = cron.after(instant, ZoneInfo(zone))
        if after is None:
            break
        instant = after
        found.append(after.strftime("%Y-%m-%dT%H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/15 * * * *", ["2026-01-31T23:45:00", "2026-02-01T00:00:00", "2026-02-01T00:15:00"]),
        ("30 2 * * *", ["2026-02-01T02:30:00", "2026-02-02T02:30:00", "2026-02-03T02:30:00"]),
        ("*/20 * * * * *", ["2026-01-31T23:30:20", "2026-01-31T23:30:40", "2026-01-31T23:31:00"]),
        ("0 0 0 1 * ?", ["2026-02-01T00:00:00", "2026-03-01T00:00:00", "2026-04-01T00:00:00"]),
        ("0 0 12 29 2 ? 2028-2040/4", ["2028-02-29T12:00:00", "2032-02-29T12:00:00", "2036-02-29T12:00:00"]),
        ("0 0 13 * FRI", ["2026-02-06T00:00:00", "2026-02-13T00:00:00", "2026-02-20T00:00:00"]),
        ("0 0 L * *", ["2026-02-28T00:00:00", "2026-03-31T00:00:00", "2026-04-30T00:00:00"]),
        ("0 0 0 ? * 5L", ["2026-02-27T00:00:00", "2026-03-27T00:00:00", "2026-04-24T00:00:00"]),
        ("0 0 0 ? * MON#2", ["2026-02-09T00:00:00", "2026-03-09T00:00:00", "2026-04-13T00:00:00"]),
        ("0 0 0 15W * ?", ["2026-02-16T00:00:00", "2026-03-16T00:00:00", "2026-04-15T00:00:00"]),
        ("0 9-17/4 * jan,Dec mon", ["2026-12-07T09:00:00", "2026-12-07T13:00:00", "2026-12-07T17:00:00"]),
        ("@weekly", ["2026-02-01T00:00:00", "2026-02-08T00:00:00", "2026-02-15T00:00:00"]),
        ("0 0 * * 7", ["2026-02-01T00:00:00", "2026-02-08T00:00:00", "2026-02-15T00:00:00"]),
        ("@every 1h30m", ["2026-02-01T01:00:00", "2026-02-01T02:30:00", "2026-02-01T04:00:00"]),
        ("TZ=Asia/Tokyo 0 0 * * *", ["2026-02-01T15:00:00", "2026-02-02T15:00:00", "2026-02-03T15:00:00"]),
        ("0 0 30 2 *", []),
        ("0 0 0 1 1 ? 2020", []),
    ],
)
def test_an_expression_names_its_instants(text: str, expected: list[str]) -> None:
    assert times(text, "2026-01-31T23:30:00") == expected


def test_five_fields_may_begin_with_seconds() -> None:
    assert times("10 * * * *", "2026-01-01T00:00:00", 1, seconds_first=True) == ["2026-01-01T00:00:10"]


def test_both_days_restricted_means_either() -> None:
    expected = ["2026-02-02T00:00:00", "2026-02-09T00:00:00", "2026-02-13T00:00:00"]

    assert times("0 0 13 * MON", "2026-01-31T00:00:00") == expected


def test_a_local_time_that_the_clock_skips_does_not_occur() -> None:
    # Paris, 29 March 2026: 02:00 becomes 03:00.
    expected = ["2026-03-28T01:30:00", "2026-03-30T00:30:00"]

    assert times("30 2 * * *", "2026-03-28T00:00:00", 2, "Europe/Paris") == expected


def test_a_local_time_that_the_clock_repeats_occurs_once() -> None:
    # Paris, 25 October 2026: 03:00 becomes 02:00.
    expected = ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]

    assert times("30 2 * * *", "2026-10-24T12:00:00", 2, "Europe/Paris") == expected


def test_each_second_is_found_fast_enough_to_catch_up_ten_thousand() -> None:
    assert len(times("* * * * * *", "2026-01-01T00:00:00", 10_000)) == 10_000


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
             "5-1 * * * *", "a * * * *", "* * * * * * * *", "TZ=Mars/Base * * * * *", "@every x", "1,,2 * * * *",
             "٣ * * * *"],
)  # fmt: skip
def test_a_wrong_expression_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_cron(text)


def test_durations_add_up() -> None:
    assert parse_duration_s("1h30m15s") == 5415.0
