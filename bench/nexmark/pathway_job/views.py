"""The Nexmark queries in Pathway's table API, one function each: from tables by name to the view.

`VIEWS` holds those that it can express. Not among them: q6, whose average is over the rows before each row. Decimals
are doubles here (q1, q14), and a text is taken apart with `find` and `slice` (q21, q22), as nothing splits it. The `id`
of a table is Pathway's own, so the streams' columns of that name are called `number`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pathway as pw  # type: ignore[import-not-found]

Tables = dict[str, Any]
VIEWS: dict[str, Callable[[Tables], Any]] = {}

WINDOW = datetime.timedelta(seconds=10)
HOP = datetime.timedelta(seconds=2)
ORIGIN = datetime.datetime(2000, 1, 1)  # noqa: DTZ001 - the files' times have no zone
KNOWN_CHANNELS = {"apple": "0", "google": "1", "facebook": "2", "baidu": "3"}


def view(make: Callable[[Tables], Any]) -> Callable[[Tables], Any]:
    """Enter a function under its name."""
    VIEWS[make.__name__] = make
    return make


@view
def q0(t: Tables) -> Any:
    """Pass through."""
    return t["bid"].select(*(pw.this[name] for name in ("auction", "bidder", "price", "date_time", "extra")))


@view
def q1(t: Tables) -> Any:
    """Convert the price."""
    return t["bid"].select(
        pw.this.auction, pw.this.bidder, price=0.908 * pw.this.price, date_time=pw.this.date_time, extra=pw.this.extra
    )


@view
def q2(t: Tables) -> Any:
    """Select some auctions."""
    return t["bid"].filter(pw.this.auction % 123 == 0).select(pw.this.auction, pw.this.price)


@view
def q3(t: Tables) -> Any:
    """Who sells in category 10 from three states."""
    state = pw.this.state
    person = t["person"].filter((state == "OR") | (state == "ID") | (state == "CA"))
    auction = t["auction"].filter(pw.this.category == 10)
    return auction.join(person, auction.seller == person.number).select(
        person.name, person.city, person.state, auction.number
    )


@view
def q4(t: Tables) -> Any:
    """Average of the highest valid bids, by category."""
    won = (
        _valid(t, "category", price=t["bid"].price)
        .groupby(pw.this.auction, pw.this.category)
        .reduce(pw.this.category, final=pw.reducers.max(pw.this.price))
    )
    return won.groupby(pw.this.category).reduce(
        pw.this.category, avg_final=pw.reducers.sum(pw.this.final) // pw.reducers.count()
    )


@view
def q5(t: Tables) -> Any:
    """The auction with the most bids of each sliding window."""
    bid = t["bid"]
    counts = bid.windowby(
        bid.date_time, window=pw.temporal.sliding(hop=HOP, duration=WINDOW, origin=ORIGIN), instance=bid.auction
    ).reduce(auction=pw.this._pw_instance, start=pw.this._pw_window_start, num=pw.reducers.count())
    peak = counts.groupby(counts.start).reduce(counts.start, most=pw.reducers.max(counts.num))
    return (
        counts.join(peak, counts.start == peak.start).filter(counts.num >= peak.most).select(counts.auction, counts.num)
    )


@view
def q7(t: Tables) -> Any:
    """The highest bids of each window."""
    bid = t["bid"]
    peak = bid.windowby(bid.date_time, window=pw.temporal.tumbling(WINDOW, origin=ORIGIN)).reduce(
        end=pw.this._pw_window_end, most=pw.reducers.max(pw.this.price)
    )
    return (
        bid.join(peak, bid.price == peak.most)
        .filter((bid.date_time >= peak.end - WINDOW) & (bid.date_time <= peak.end))
        .select(bid.auction, bid.bidder, bid.price, bid.date_time, bid.extra)
    )


@view
def q8(t: Tables) -> Any:
    """People who arrived and opened an auction within the same window."""
    person, auction = t["person"], t["auction"]
    window = pw.temporal.tumbling(WINDOW, origin=ORIGIN)
    arrived = person.with_columns(key=pw.make_tuple(person.number, person.name))
    arrived = arrived.windowby(arrived.date_time, window=window, instance=arrived.key).reduce(
        number=pw.this._pw_instance.get(0), name=pw.this._pw_instance.get(1), start=pw.this._pw_window_start
    )
    opened = auction.windowby(auction.date_time, window=window, instance=auction.seller).reduce(
        seller=pw.this._pw_instance, start=pw.this._pw_window_start
    )
    return arrived.join(opened, arrived.number == opened.seller, arrived.start == opened.start).select(
        arrived.number, arrived.name, starttime=arrived.start
    )


@view
def q9(t: Tables) -> Any:
    """The winning bid of each auction."""
    bid = t["bid"]
    valid = _valid(
        t,
        *t["auction"].column_names(),
        bidder=bid.bidder,
        price=bid.price,
        bid_date_time=bid.date_time,
        bid_extra=bid.extra,
    )
    order = pw.make_tuple(pw.this.price, -pw.this.bid_date_time.dt.timestamp(unit="us"))
    won = valid.groupby(pw.this.auction).reduce(best=pw.reducers.argmax(order))
    best = valid.ix(won.best)
    own = {name: best[name] for name in t["auction"].column_names()}
    of_bid = ("auction", "bidder", "price", "bid_date_time", "bid_extra")
    return won.select(**own, **{name: best[name] for name in of_bid})


@view
def q10(t: Tables) -> Any:
    """Each bid with its day and minute as text."""
    moment = pw.this.date_time
    return q0(t).with_columns(bid_day=moment.dt.strftime("%Y-%m-%d"), bid_minute=moment.dt.strftime("%H:%M"))


@view
def q11(t: Tables) -> Any:
    """Sessions of each bidder."""
    bid = t["bid"]
    return bid.windowby(bid.date_time, window=pw.temporal.session(max_gap=WINDOW), instance=bid.bidder).reduce(
        bidder=pw.this._pw_instance,
        bid_count=pw.reducers.count(),
        starttime=pw.this._pw_window_start,
        endtime=pw.this._pw_window_end + WINDOW,
    )


@view
def q12(t: Tables) -> Any:
    """Bids of each bidder in each window."""
    bid = t["bid"]
    window = pw.temporal.tumbling(WINDOW, origin=ORIGIN)
    return bid.windowby(bid.date_time, window=window, instance=bid.bidder).reduce(
        bidder=pw.this._pw_instance,
        bid_count=pw.reducers.count(),
        starttime=pw.this._pw_window_start,
        endtime=pw.this._pw_window_end,
    )


@view
def q13(t: Tables) -> Any:
    """Each bid with a label from the side input."""
    side = t["side_input"]
    bid = t["bid"].with_columns(key=pw.this.auction % 10000)
    return bid.join(side, bid.key == side.number).select(bid.auction, bid.bidder, bid.price, bid.date_time, side.label)


@view
def q14(t: Tables) -> Any:
    """Arithmetic, the time of day in words, and how often a letter occurs."""
    hour = pw.this.date_time.dt.hour()
    kind = pw.if_else(
        (hour >= 8) & (hour <= 18), "dayTime", pw.if_else((hour <= 6) | (hour >= 20), "nightTime", "otherTime")
    )
    return (
        q1(t)
        .filter((pw.this.price > 1000000) & (pw.this.price < 50000000))
        .select(
            pw.this.auction,
            pw.this.bidder,
            pw.this.price,
            bid_time_type=kind,
            date_time=pw.this.date_time,
            extra=pw.this.extra,
            c_counts=pw.this.extra.str.count("c"),
        )
    )


@view
def q15(t: Tables) -> Any:
    """Statistics of a day."""
    bid = t["bid"].with_columns(bid_day=pw.this.date_time.dt.strftime("%Y-%m-%d"))
    return bid.groupby(bid.bid_day).reduce(bid.bid_day, **_ranks(), **_different("bidder"), **_different("auction"))


@view
def q16(t: Tables) -> Any:
    """Statistics of a channel and day."""
    moment = pw.this.date_time.dt
    bid = t["bid"].with_columns(bid_day=moment.strftime("%Y-%m-%d"), bid_minute=moment.strftime("%H:%M"))
    return bid.groupby(bid.channel, bid.bid_day).reduce(
        bid.channel,
        bid.bid_day,
        bid_minute=pw.reducers.max(bid.bid_minute),
        **_ranks(),
        **_different("bidder"),
        **_different("auction"),
    )


@view
def q17(t: Tables) -> Any:
    """Statistics of an auction and day."""
    bid = t["bid"].with_columns(bid_day=pw.this.date_time.dt.strftime("%Y-%m-%d"))
    return bid.groupby(bid.auction, bid.bid_day).reduce(
        bid.auction,
        bid.bid_day,
        **_ranks(),
        min_price=pw.reducers.min(bid.price),
        max_price=pw.reducers.max(bid.price),
        avg_price=pw.reducers.sum(bid.price) // pw.reducers.count(),
        sum_price=pw.reducers.sum(bid.price),
    )


@view
def q18(t: Tables) -> Any:
    """The last bid of each bidder on each auction."""
    bid = t["bid"]
    last = bid.groupby(bid.bidder, bid.auction).reduce(best=pw.reducers.argmax(bid.date_time))
    return last.select(*(bid.ix(last.best)[name] for name in bid.column_names()))


@view
def q19(t: Tables) -> Any:
    """The ten highest bids of each auction, with their places."""
    bid = t["bid"].with_columns(order=pw.make_tuple(-pw.this.price, pw.this.id))
    lists = bid.groupby(bid.auction).reduce(ranked=pw.reducers.sorted_tuple(bid.order))
    first = lists.select(ranked=pw.apply_with_type(_first_ten, list[tuple[int, pw.Pointer]], lists.ranked))
    places = first.flatten(first.ranked).select(place=pw.this.ranked[0], bid=pw.this.ranked[1])
    found = t["bid"].ix(places.bid)
    return places.select(*(found[name] for name in t["bid"].column_names()), place=places.place)


@view
def q20(t: Tables) -> Any:
    """Each bid on an auction of category 10 with the auction."""
    bid, auction = t["bid"], t["auction"].filter(pw.this.category == 10)
    names = ("itemName", "description", "initialBid", "reserve", "expires", "seller", "category")
    own = {name: auction[name] for name in names}
    own["extra_of_auction"] = auction.extra
    front = {name: own.pop(name) for name in names[:4]}
    return bid.join(auction, bid.auction == auction.number).select(
        bid.auction,
        bid.bidder,
        bid.price,
        bid.channel,
        bid.url,
        bid_date_time=bid.date_time,
        bid_extra=bid.extra,
        **front,
        auction_date_time=auction.date_time,
        **own,
    )


@view
def q21(t: Tables) -> Any:
    """The channel's id, by name or from the url."""
    url, channel = pw.this.url, pw.this.channel.str.lower()
    start = url.str.find("channel_id=")
    after = url.str.slice(start + len("channel_id="), url.str.len())
    stop = after.str.find("&")
    chosen: Any = pw.if_else(stop < 0, after, after.str.slice(0, stop))
    known: Any = False
    for name, number in KNOWN_CHANNELS.items():
        chosen = pw.if_else(channel == name, number, chosen)
        known |= channel == name
    return (
        t["bid"]
        .filter((start >= 0) | known)
        .select(pw.this.auction, pw.this.bidder, pw.this.price, pw.this.channel, channel_id=chosen)
    )


@view
def q22(t: Tables) -> Any:
    """Three parts of the url between slashes."""
    rest = t["bid"].with_columns(rest=_behind_slash(_behind_slash(_behind_slash(pw.this.url))))
    first = rest.with_columns(dir1=_to_slash(pw.this.rest), rest=_behind_slash(pw.this.rest))
    second = first.with_columns(dir2=_to_slash(pw.this.rest), rest=_behind_slash(pw.this.rest))
    return second.select(
        pw.this.auction,
        pw.this.bidder,
        pw.this.price,
        pw.this.channel,
        pw.this.dir1,
        pw.this.dir2,
        dir3=_to_slash(pw.this.rest),
    )


def _valid(t: Tables, *own: str, **of_bid: Any) -> Any:
    """Join bids with the auctions in whose time they came."""
    auction, bid = t["auction"], t["bid"]
    return (
        auction.join(bid, auction.number == bid.auction)
        .filter((bid.date_time >= auction.date_time) & (bid.date_time <= auction.expires))
        .select(bid.auction, *(auction[name] for name in own), **of_bid)
    )


def _ranks() -> dict[str, Any]:
    price = pw.this.price
    low, high = price < 10000, price >= 1000000
    return {
        "total_bids": pw.reducers.count(),
        "rank1_bids": pw.reducers.sum(pw.if_else(low, 1, 0)),
        "rank2_bids": pw.reducers.sum(pw.if_else(low | high, 0, 1)),
        "rank3_bids": pw.reducers.sum(pw.if_else(high, 1, 0)),
    }


def _different(name: str) -> dict[str, Any]:
    """Count different values, all and of three ranks. A rank's other rows count as -1, which no id is."""
    column, price = pw.this[name], pw.this.price
    low, high = price < 10000, price >= 1000000
    figures = {f"total_{name}s": pw.reducers.count_distinct(column)}
    for number, (inside, outside) in enumerate([(low, ~low), (~(low | high), low | high), (high, ~high)], 1):
        of_rank = pw.reducers.count_distinct(pw.if_else(inside, column, -1))
        figures[f"rank{number}_{name}s"] = of_rank - pw.reducers.max(pw.if_else(outside, 1, 0))
    return figures


def _first_ten(ranked: tuple[tuple[int, Any], ...]) -> list[tuple[int, Any]]:
    return [(place, row) for place, (_, row) in enumerate(ranked[:10], 1)]


def _behind_slash(text: Any) -> Any:
    return text.str.slice(text.str.find("/") + 1, text.str.len())


def _to_slash(text: Any) -> Any:
    return text.str.slice(0, text.str.find("/"))
