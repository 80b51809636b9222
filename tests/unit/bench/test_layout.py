"""The order of Nexmark events, by arithmetic."""

import pytest
from bench.nexmark.layout import AUCTION, BID, PERSON, STREAMS, stripe_epochs

ALL = [PERSON, AUCTION, BID]


def test_fifty_events_are_one_person_three_auctions_and_46_bids() -> None:
    counts = [stream.rows_before(50) for stream in ALL]

    assert counts == [1, 3, 46]


@pytest.mark.parametrize("stream", ALL, ids=lambda stream: stream.name)
def test_each_row_is_counted_from_its_own_event_on(stream) -> None:  # type: ignore[no-untyped-def]
    for row in range(200):
        event = stream.event_of(row)

        assert row == stream.rows_before(event)
        assert row + 1 == stream.rows_before(event + 1)


def test_the_streams_share_out_all_events() -> None:
    events = sorted(stream.event_of(row) for stream in ALL for row in range(stream.rows_before(500)))

    assert list(range(500)) == events


def test_a_stripe_has_at_least_one_epoch_and_at_most_a_thousand() -> None:
    assert stripe_epochs(0) == 1
    assert stripe_epochs(100_000) == 100
    assert stripe_epochs(100_000_000) == 1_000
    assert {"person", "auction", "bid"} == set(STREAMS)
