"""The order of events: which event is which row of which stream, by arithmetic alone.

Events are numbered from 0 in time order. They come in epochs of 50: first one person, then three auctions, then 46
bids. So the number of an event says its stream and its row there, and no file has to hold the order; a step of N
events is one range of rows per stream.

Rows lie in two parts per stream, so that two readers can work side by side: a stripe of consecutive epochs goes to
part 0, the next to part 1, and so on. Two readers therefore move through event time together.

Source: the proportions 1 : 3 : 46 are those of the Nexmark reference generator (Beam, Flink).
"""

from dataclasses import dataclass

EPOCH_EVENTS = 50
PART_COUNT = 2


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


def stripe_epochs(event_count: int) -> int:
    """Choose how many epochs make a stripe: about twenty stripes, at most 1,000 epochs (50,000 events) each."""
    return min(max(event_count // EPOCH_EVENTS // 20, 1), 1_000)
