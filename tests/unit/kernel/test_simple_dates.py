"""Instants printed by patterns of letters, and zones by their names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from penstock.kernel.datepatterns import PatternRefused
from penstock.kernel.simple_dates import simple_dates, zone_of

AT = datetime(2009, 2, 13, 23, 31, 30, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2009-02-13T23:31:30.123Z"),
        ("EEE, d MMM yy", "Fri, 13 Feb 09"),
        ("EEEE MMMM", "Friday February"),
        ("h:mm a Z", "11:31 PM +0000"),
        ("D w W u F", "44 7 2 5 2"),
        ("k K ''", "23 11 '"),
    ],
)
def test_an_instant_is_printed_by_a_pattern(pattern: str, expected: str) -> None:
    assert simple_dates(pattern).format(AT) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("yyyyMMdd", "20200102", "2020-01-02T00:00:00+00:00"),
        ("MM/dd/yy", "01/02/99", "1999-01-02T00:00:00+00:00"),
        ("yyyy-MM-dd hh:mm a", "2012-01-01 01:05 PM", "2012-01-01T13:05:00+00:00"),
        ("dd MMM yyyy", "3 march 2021", "2021-03-03T00:00:00+00:00"),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2020-02-30T25:01:02-08:00", "2020-03-02T09:01:02+00:00"),
    ],
)
def test_a_text_is_read_leniently(pattern: str, text: str, expected: str) -> None:
    assert datetime.fromtimestamp(simple_dates(pattern).parse_ms(text) / 1000, UTC).isoformat() == expected


@pytest.mark.parametrize(("pattern", "said"), [("yyyy-bb", "'b'"), ("'open", "quote")])
def test_a_pattern_that_is_none_says_what_is_wrong(pattern: str, said: str) -> None:
    with pytest.raises(PatternRefused, match=said):
        simple_dates(pattern)


def test_a_text_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="Unparseable date"):
        simple_dates("yyyy-MM-dd").parse_ms("today")


def test_a_zone_is_known_by_offset_and_name_and_else_is_utc() -> None:
    hours = simple_dates("HH:mm")
    assert hours.format_ms(0, zone_of("GMT+5:30")) == "05:30"
    assert hours.format_ms(0, zone_of("-8")) == hours.format_ms(0, zone_of("PST")) == "16:00"
    assert hours.format_ms(0, zone_of("Nowhere/Never")) == "00:00"
