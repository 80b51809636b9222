"""How rows lie in files.

Rows lie in two parts per stream, so that two readers can work side by side: a stripe of consecutive epochs goes to
part 0, the next to part 1, and so on. Two readers therefore move through event time together.
"""

from penstock.connect.nexmark.streams import AUCTION, BID, EPOCH_EVENTS, PERSON, STREAMS, Stream

__all__ = ["AUCTION", "BID", "EPOCH_EVENTS", "PART_COUNT", "PERSON", "STREAMS", "Stream", "stripe_epochs"]

PART_COUNT = 2


def stripe_epochs(event_count: int) -> int:
    """Choose how many epochs make a stripe: about twenty stripes, at most 1,000 epochs (50,000 events) each."""
    return min(max(event_count // EPOCH_EVENTS // 20, 1), 1_000)
