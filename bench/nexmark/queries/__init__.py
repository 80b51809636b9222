"""The queries: which columns each one reads, how its answers are compared, and its text in three dialects.

Definitions: the public Nexmark suite (q0-q8 of the original; q9-q22 of its Flink edition), told in our
own words in `feldera/`, `flink/` and `duckdb/`. Where the dialects' semantics differ, the file says so; `note`
repeats it for the report.
"""

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Query:
    """One standing query, whose view has the query's name.

    reads: the streams, and of each the columns which the query needs; the others are not parsed, neither by us nor by
    Flink, whose planner pushes the projection into its CSV source.
    linear: maps each row for itself, so recomputing it means computing the new rows only.
    side: also reads the side input, a table that is whole before the first event.
    loose: columns that the query text leaves open, as any of several equal rows may be kept (two bids of one
    millisecond, two at one price). They are left out when answers are compared; `within` is then a query in DuckDB
    whose rows must contain every row of the answer, `unplaced` aside.
    """

    name: str
    reads: dict[str, tuple[str, ...]]
    linear: bool = False
    side: bool = False
    loose: tuple[str, ...] = ()
    within: str = ""
    unplaced: tuple[str, ...] = ()
    note: str = ""

    def text(self, dialect: str) -> str:
        """Read the query in a dialect: `feldera`, `flink` or `duckdb`."""
        return (_HERE / dialect / f"{self.name}.sql").read_text()


def tables(dialect: str) -> str:
    """Read the definitions of the three streams in a dialect."""
    return (_HERE / dialect / "tables.sql").read_text()


_BID = ("auction", "bidder", "price", "channel", "url", "date_time", "extra")
_PLAIN_BID = ("auction", "bidder", "price", "date_time", "extra")
_AUCTION = (
    *("id", "itemName", "description", "initialBid", "reserve"),
    *("date_time", "expires", "seller", "category", "extra"),
)
_CANDIDATES = f"""
SELECT {", ".join(f"a.{name}" for name in _AUCTION)}, b.auction, b.bidder, b.price, b.date_time, b.extra
FROM auction AS a
JOIN bid AS b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
"""
_AT_WATERMARK = "Flink answers a window once, at its watermark; the others keep open windows current"
_WHOLE_AVERAGE = "the average is cut to a whole number; DuckDB's text spells that out"

_ALL = (
    Query("q0", {"bid": _PLAIN_BID}, linear=True),
    Query("q1", {"bid": _PLAIN_BID}, linear=True),
    Query("q2", {"bid": ("auction", "price")}, linear=True),
    Query("q3", {"auction": ("id", "seller", "category"), "person": ("id", "name", "city", "state")}),
    Query(
        "q4",
        {"auction": ("id", "date_time", "expires", "category"), "bid": ("auction", "price", "date_time")},
        note=_WHOLE_AVERAGE,
    ),
    Query("q5", {"bid": ("auction", "date_time")}, note=_AT_WATERMARK),
    Query(
        "q6",
        {"auction": ("id", "date_time", "expires", "seller"), "bid": ("auction", "price", "date_time")},
        note=f"Flink has no OVER over rows that change; {_WHOLE_AVERAGE}",
    ),
    Query("q7", {"bid": _PLAIN_BID}, note=_AT_WATERMARK),
    Query("q8", {"person": ("id", "name", "date_time"), "auction": ("date_time", "seller")}, note=_AT_WATERMARK),
    Query(
        "q9",
        {"auction": _AUCTION, "bid": _PLAIN_BID},
        loose=("bidder", "bid_extra"),
        within=_CANDIDATES,
        note="of equal highest bids in one millisecond any may win",
    ),
    Query("q10", {"bid": _PLAIN_BID}, linear=True),
    Query("q11", {"bid": ("bidder", "date_time")}, note=_AT_WATERMARK),
    Query(
        "q12",
        {"bid": ("bidder", "date_time")},
        note="Flink's windows are of processing time, the others' of the bids' time",
    ),
    Query("q13", {"bid": ("auction", "bidder", "price", "date_time")}, linear=True, side=True),
    Query("q14", {"bid": _PLAIN_BID}, linear=True),
    Query("q15", {"bid": ("auction", "bidder", "price", "date_time")}),
    Query("q16", {"bid": ("auction", "bidder", "price", "channel", "date_time")}),
    Query("q17", {"bid": ("auction", "price", "date_time")}, note=_WHOLE_AVERAGE),
    Query(
        "q18",
        {"bid": _BID},
        loose=("price", "channel", "url", "extra"),
        within="SELECT * FROM bid",
        note="of several last bids in one millisecond any may stay",
    ),
    Query(
        "q19",
        {"bid": _BID},
        loose=("bidder", "channel", "url", "date_time", "extra"),
        within="SELECT * FROM bid",
        unplaced=("place",),
        note="bids at one price may stand in any order",
    ),
    Query("q20", {"auction": _AUCTION, "bid": _BID}),
    Query("q21", {"bid": ("auction", "bidder", "price", "channel", "url")}, linear=True),
    Query("q22", {"bid": ("auction", "bidder", "price", "channel", "url")}, linear=True),
)
QUERIES = {query.name: query for query in _ALL}
