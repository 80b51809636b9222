"""The source contract on the stream of Nexmark, and that its three streams belong to each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.connect.nexmark.source import NexmarkSource
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.data.values import decode_column
from penstock.ports.format import Layout
from penstock.ports.source import TransportRefused
from tests.contracts.formats import layout
from tests.contracts.transports import CollectingFeed

BIG, TEXT = SqlType(Kind.BIGINT), SqlType(Kind.VARCHAR)
STAMP = SqlType(Kind.TIMESTAMP, precision=3)
TABLES = {
    "person": layout(
        ("id", BIG), ("name", TEXT), ("email", TEXT), ("card", TEXT), ("city", TEXT), ("state", TEXT), ("at", STAMP),
        ("extra", TEXT),
    ),
    "auction": layout(
        ("id", BIG), ("item", TEXT), ("description", TEXT), ("initial", BIG), ("reserve", BIG), ("at", STAMP),
        ("expires", STAMP), ("seller", BIG), ("category", BIG), ("extra", TEXT),
    ),
    "bid": layout(
        ("auction", BIG), ("bidder", BIG), ("price", BIG), ("channel", TEXT), ("url", TEXT), ("at", STAMP),
        ("extra", TEXT),
    ),
}  # fmt: skip


class Rows(CollectingFeed):
    """Keeps rows, each with the place that was told before it."""

    def __init__(self, table: Layout, pool: Pool) -> None:
        super().__init__()
        self.given: list[tuple[Any, ...]] = []
        self.places: list[tuple[Any, int]] = []
        self._table, self._pool = table, pool

    def begins(self, place: Any) -> None:
        self.places.append((place, len(self.given)))

    def changes(self, changes: Changes, size_bytes: int) -> None:
        assert (changes.weights == 1).all()
        columns = zip(changes.columns, self._table.columns, strict=True)
        self.given += zip(*(decode_column(c, described.type, self._pool) for c, described in columns), strict=True)


def rows(kind: NexmarkSource, config: Mapping[str, Any], place: Any = None) -> Rows:
    pool = Pool()
    feed = Rows(TABLES[config["table"]], pool)
    source = kind.open(config, TABLES[config["table"]], pool)
    source.resume(place)
    source.run(feed)
    return feed


def test_the_streams_belong_to_each_other() -> None:
    kind = NexmarkSource()
    kind.open({"table": "bid", "options": {"events": 120_010, "threads": 4}}, TABLES["bid"], Pool())
    people, auctions, bids = (rows(kind, {"table": name}).given for name in ("person", "auction", "bid"))
    ids = {row[0] for row in auctions}

    assert (len(people), len(auctions), len(bids)) == (2401, 7203, 2400 * 46 + 6)
    assert sum(bid[0] in ids for bid in bids) > len(bids) * 0.99
    assert [bid[5] for bid in bids] == sorted(bid[5] for bid in bids)


def test_a_stream_goes_on_after_any_place() -> None:
    config = {"table": "bid", "options": {"events": 120_000}}
    whole = rows(NexmarkSource(), config)

    for place, before in whole.places[:: len(whole.places) // 3]:
        assert rows(NexmarkSource(), config, place).given == whole.given[before:]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"table": "car"}, "bid, auction, person"),
        ({"table": "person"}, "8 columns"),
        ({"table": "bid", "colour": 1}, "colour"),
        ({"table": "bid", "options": {"colour": 1}}, "colour"),
        ({"table": "bid", "options": {"events": -1}}, "events"),
        ({"table": "bid", "options": 7}, "object"),
    ],
)
def test_settings_that_do_not_fit_are_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(TransportRefused, match=said):
        NexmarkSource().open(config, TABLES["bid"], Pool())


def test_options_come_from_one_connector(tmp_path: Path) -> None:
    kind = NexmarkSource()
    kind.open({"table": "bid", "options": {"events": 10}}, TABLES["bid"], Pool())
    with pytest.raises(TransportRefused, match="'bid' already"):
        kind.open({"table": "person", "options": {}}, TABLES["person"], Pool())
