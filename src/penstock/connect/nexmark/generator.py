"""Nexmark events as Arrow tables, made by numpy in bulk: what the rows of one stripe of epochs hold.

Every stripe draws from its own random source, seeded by (seed, stream, stripe), so the same seed gives the same
rows and stripes can be made in any order. Text consists of letters, digits and spaces inside names only, so that no
CSV reader needs quotes.

Source: proportions, id ranges, hot shares, prices and sizes follow the Nexmark reference generator (nexmark/nexmark
v0.2, `NexmarkConfiguration` and `generator/model`); this is our own program, and its rows are not those of the
reference. The bid's `extra` is 20-30 letters (the reference fills a bid up to 100 bytes on average).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.connect.nexmark import words
from penstock.connect.nexmark.streams import AUCTION, BID, EPOCH_EVENTS, PERSON, Stream

EVENTS_PER_SECOND = 10_000
"""Event time, not speed: one event each 100 us; the reference's default rate."""
START_MS = 1_767_225_590_000
"""First event: 2025-12-31 23:59:50 UTC, so that even a small run crosses midnight (q17 groups by day)."""

FIRST_ID = 1_000
FIRST_CATEGORY = 10
CATEGORY_COUNT = 5
ID_LEAD = 10
"""A bid or an auction may name an auction or a person up to this many ids before it exists."""
IN_FLIGHT_AUCTIONS = 100
ACTIVE_PEOPLE = 1_000
HOT_GROUP = 100
"""The first auction (seller) of each hundred is the hot one; of bidders, the second."""
HOT_AUCTION_SHARE = 1 / 2
HOT_SELLER_SHARE = 3 / 4
HOT_BIDDER_SHARE = 3 / 4
HOT_CHANNEL_SHARE = 1 / 2

Ints = npt.NDArray[np.int64]
TIMESTAMP = pa.timestamp("ms")

SCHEMAS = {
    "person": pa.schema(
        [
            ("id", pa.int64()),
            *((name, pa.string()) for name in ("name", "emailAddress", "creditCard", "city", "state")),
            *(("date_time", TIMESTAMP), ("extra", pa.string())),
        ]
    ),
    "auction": pa.schema(
        [
            *(("id", pa.int64()), ("itemName", pa.string()), ("description", pa.string())),
            *(("initialBid", pa.int64()), ("reserve", pa.int64()), ("date_time", TIMESTAMP), ("expires", TIMESTAMP)),
            *(("seller", pa.int64()), ("category", pa.int64()), ("extra", pa.string())),
        ]
    ),
    "bid": pa.schema(
        [
            *(("auction", pa.int64()), ("bidder", pa.int64()), ("price", pa.int64())),
            *(("channel", pa.string()), ("url", pa.string()), ("date_time", TIMESTAMP), ("extra", pa.string())),
        ]
    ),
}


def generate(stream: Stream, start_row: int, stop_row: int, seed: int, stripe: int) -> pa.Table:
    """Make rows [start_row, stop_row) of a stream, which must be (the head of) one stripe; cost O(rows)."""
    rng = np.random.default_rng([seed, stream.offset, stripe])
    row = np.arange(start_row, stop_row, dtype=np.int64)
    event = row // stream.count * EPOCH_EVENTS + stream.offset + row % stream.count
    columns = _MAKERS[stream.name](rng, row, event, seed)
    return pa.table(columns, schema=SCHEMAS[stream.name])


def _people(rng: np.random.Generator, row: Ints, event: Ints, seed: int) -> list[pa.Array]:
    n = len(row)
    return [
        pa.array(row + FIRST_ID),
        words.person_names(rng, n),
        words.emails(rng, n),
        words.credit_cards(rng, n),
        words.pick(rng, words.CITIES, n),
        words.pick(rng, words.STATES, n),
        _moments(event),
        words.letters(rng, n, 60, 100),
    ]


def _auctions(rng: np.random.Generator, row: Ints, event: Ints, seed: int) -> list[pa.Array]:
    n = len(row)
    person = event // EPOCH_EVENTS
    hot = rng.random(n) < HOT_SELLER_SHARE
    seller = np.where(hot, person // HOT_GROUP * HOT_GROUP, _active_person(rng, person))
    initial = _prices(rng, n)
    horizon_ms = IN_FLIGHT_AUCTIONS * EPOCH_EVENTS // AUCTION.count * 1_000 // EVENTS_PER_SECOND
    lasts = 1 + rng.integers(0, 2 * horizon_ms, n)
    return [
        pa.array(row + FIRST_ID),
        words.letters(rng, n, 5, 20),
        words.letters(rng, n, 30, 100),
        pa.array(initial),
        pa.array(initial + _prices(rng, n)),
        _moments(event),
        pa.array(_milliseconds(event) + lasts).cast(TIMESTAMP),
        pa.array(seller + FIRST_ID),
        pa.array(FIRST_CATEGORY + rng.integers(0, CATEGORY_COUNT, n)),
        words.letters(rng, n, 250, 400),
    ]


def _bids(rng: np.random.Generator, row: Ints, event: Ints, seed: int) -> list[pa.Array]:
    n = len(row)
    last_auction = event // EPOCH_EVENTS * AUCTION.count + AUCTION.count - 1
    oldest = np.maximum(last_auction - IN_FLIGHT_AUCTIONS, 0)
    some = oldest + (rng.random(n) * (last_auction - oldest + 1 + ID_LEAD)).astype(np.int64)
    hot = rng.random(n) < HOT_AUCTION_SHARE
    auction = np.where(hot, last_auction // HOT_GROUP * HOT_GROUP, some)
    person = event // EPOCH_EVENTS
    hot = rng.random(n) < HOT_BIDDER_SHARE
    bidder = np.where(hot, person // HOT_GROUP * HOT_GROUP + 1, _active_person(rng, person))
    hot = rng.random(n) < HOT_CHANNEL_SHARE
    channel = np.where(
        hot,
        rng.integers(0, words.HOT_CHANNEL_COUNT, n),
        rng.integers(words.HOT_CHANNEL_COUNT, words.CHANNEL_COUNT, n),
    )
    names, urls = words.channels(seed)
    return [
        pa.array(auction + FIRST_ID),
        pa.array(bidder + FIRST_ID),
        pa.array(_prices(rng, n)),
        names.take(pa.array(channel)),
        urls.take(pa.array(channel)),
        _moments(event),
        words.letters(rng, n, 20, 30),
    ]


def _active_person(rng: np.random.Generator, last_person: Ints) -> Ints:
    """Pick among the last thousand people, and a few that are still to come."""
    active: Ints = np.minimum(last_person + 1, ACTIVE_PEOPLE)
    chosen: Ints = (rng.random(len(last_person)) * (active + ID_LEAD)).astype(np.int64)
    return last_person + 1 - active + chosen


def _prices(rng: np.random.Generator, n: int) -> Ints:
    """Prices in cents, 100 to 100,000,000, even on a logarithmic scale."""
    prices: Ints = np.round(10.0 ** (rng.random(n) * 6) * 100).astype(np.int64)
    return prices


def _milliseconds(event: Ints) -> Ints:
    return START_MS + event * 1_000 // EVENTS_PER_SECOND


def _moments(event: Ints) -> pa.Array:
    return pa.array(_milliseconds(event)).cast(TIMESTAMP)


_Maker = Callable[[np.random.Generator, Ints, Ints, int], list[pa.Array]]
_MAKERS: dict[str, _Maker] = {PERSON.name: _people, AUCTION.name: _auctions, BID.name: _bids}
