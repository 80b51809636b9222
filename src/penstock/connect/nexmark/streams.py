"""The order of events: which event is which row of which stream, by arithmetic alone.

Events are numbered from 0 in time order. They come in epochs of 50: first one person, then three auctions, then 46
bids. So the number of an event says its stream and its row there, and nothing has to hold the order; a step of N events
is one range of rows per stream.

Source: the proportions 1 : 3 : 46 are those of the Nexmark reference generator (Beam, Flink).
"""

from dataclasses import dataclass

EPOCH_EVENTS = 50


@dataclass(frozen=True, slots=True)
class Stream:
    """One of the three streams: `count` events of each epoch, the first at place `offset` in it."""

    name: str
    offset: int
    count: int

    def rows_before(self, event: int) -> int:
        """Count the rows of this stream among the first `event` events."""
        epochs, place = divmod(event, EPOCH_EVENTS)
        return epochs * self.count + min(max(place - self.offset, 0), self.count)

    def event_of(self, row: int) -> int:
        """Give the event number of a row (0-based)."""
        epoch, place = divmod(row, self.count)
        return epoch * EPOCH_EVENTS + self.offset + place


PERSON = Stream("person", 0, 1)
AUCTION = Stream("auction", 1, 3)
BID = Stream("bid", 4, 46)
STREAMS = {stream.name: stream for stream in (PERSON, AUCTION, BID)}
