"""The events as Arrow batches, step by step: two threads parse the two parts of the files beside the circuit's thread.

Each thread parses stripes of its part and puts them into a queue of at most three; a full queue makes it wait. The
caller cuts steps out of the stripes in event order, without copying where a step lies within one stripe.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv

from bench import engine
from bench.nexmark.dataset import Dataset, side_input
from bench.nexmark.layout import EPOCH_EVENTS, PART_COUNT, STREAMS, Stream
from penstock.connect.nexmark.generator import SCHEMAS

BLOCK_BYTES = 1 << 20
STRIPES_AHEAD = 3

Columns = Mapping[str, Sequence[str]]
"""For each stream that is read, the columns to parse; the rest of a line is skipped over."""


@dataclass(frozen=True, slots=True)
class Stripe:
    """Parsed rows of one stripe, a table of one chunk per stream; `start` is its first event."""

    start: int
    stop: int
    rows: dict[str, pa.Table]

    def cut(self, stream: Stream, start: int, stop: int) -> pa.Table:
        """Give the rows of the events [start, stop) that lie in this stripe."""
        first = stream.rows_before(self.start)
        low = stream.rows_before(max(start, self.start)) - first
        high = stream.rows_before(min(stop, self.stop)) - first
        return self.rows[stream.name].slice(low, high - low)


def steps(dataset: Dataset, columns: Columns, step: int) -> Generator[dict[str, pa.RecordBatch], None, None]:
    """Yield one batch per stream for each `step` events, in order; a stream without rows in a step is left out.

    Closing the generator ends the threads.
    """
    held: deque[Stripe] = deque()
    incoming = _stripes(dataset, columns)
    for start in range(0, dataset.event_count, step):
        stop = min(start + step, dataset.event_count)
        while not held or held[-1].stop < stop:
            held.append(next(incoming))
        batches = {}
        for name in columns:
            cuts = [stripe.cut(STREAMS[name], start, stop) for stripe in held]
            rows = cuts[0] if len(cuts) == 1 else pa.concat_tables(cuts).combine_chunks()
            if rows.num_rows:
                (batches[name],) = rows.to_batches()
        yield batches
        while held and held[0].stop <= stop:
            held.popleft()


def side_rows() -> pa.RecordBatch:
    """Read the side input."""
    options = pyarrow.csv.ReadOptions(column_names=["id", "label"])
    (batch,) = pyarrow.csv.read_csv(side_input() / "part-0.csv", options).combine_chunks().to_batches()
    return batch


def _stripes(dataset: Dataset, columns: Columns) -> Iterator[Stripe]:
    """Take parsed stripes from the two threads by turns, in event order; both have ended when this has."""
    parsers = [_Parser(dataset, columns, part) for part in range(PART_COUNT)]
    for parser in parsers:
        parser.start()
    try:
        stripe_count = -(-dataset.event_count // (dataset.epochs_per_stripe * EPOCH_EVENTS))
        for number in range(stripe_count):
            yield parsers[number % PART_COUNT].take()
    finally:
        for parser in parsers:
            parser.close()


class _Parser(threading.Thread):
    """Parses one part of every stream, stripe by stripe, into a bounded queue."""

    def __init__(self, dataset: Dataset, columns: Columns, part: int) -> None:
        super().__init__(name=f"parse-{part}")
        self._dataset = dataset
        self._columns = columns
        self._part = part
        self._parsed: queue.Queue[Stripe | BaseException] = queue.Queue(STRIPES_AHEAD)
        self._closing = False

    def take(self) -> Stripe:
        """Wait for the next stripe of this part; what went wrong in the thread is raised here."""
        stripe = self._parsed.get()
        if isinstance(stripe, BaseException):
            raise stripe
        return stripe

    def close(self) -> None:
        """End the thread, also if not everything was taken."""
        self._closing = True
        while self.is_alive():
            with contextlib.suppress(queue.Empty):
                self._parsed.get(timeout=0.01)

    def run(self) -> None:
        """Parse until the part ends or `close` was called."""
        try:
            self._parse()
        except BaseException as error:  # handed to the thread that waits for the stripes
            self._parsed.put(error)

    def _parse(self) -> None:
        total = self._dataset.event_count
        stripe_events = self._dataset.epochs_per_stripe * EPOCH_EVENTS
        readers = {
            name: _Reader(self._dataset, STREAMS[name], self._part, names) for name, names in self._columns.items()
        }
        try:
            for start in range(self._part * stripe_events, total, PART_COUNT * stripe_events):
                if self._closing:
                    return
                stop = min(start + stripe_events, total)
                rows = {
                    name: reader.take(STREAMS[name].rows_before(stop) - STREAMS[name].rows_before(start))
                    for name, reader in readers.items()
                }
                self._parsed.put(Stripe(start, stop, rows))
        finally:
            for reader in readers.values():
                reader.close()


class _Reader:
    """Reads one file in runs of a wanted number of rows."""

    def __init__(self, dataset: Dataset, stream: Stream, part: int, names: Sequence[str]) -> None:
        self._schema = SCHEMAS[stream.name]
        self._names = names
        self._pieces: list[pa.RecordBatch] = []
        self._block = bytearray(2 * BLOCK_BYTES)
        self._cut = 0
        self._file = dataset.file(stream, part).open("rb", buffering=0)

    def take(self, row_count: int) -> pa.Table:
        """Give the next `row_count` rows as a table of one chunk."""
        while sum(piece.num_rows for piece in self._pieces) < row_count:
            self._pieces.append(self._read_block())
        rows = pa.Table.from_batches(self._pieces)
        self._pieces = rows.slice(row_count).to_batches()
        return rows.slice(0, row_count).combine_chunks()

    def _read_block(self) -> pa.RecordBatch:
        """Read a block behind the line that the last one had cut off, into the same memory."""
        count = self._file.readinto(memoryview(self._block)[self._cut : self._cut + BLOCK_BYTES])
        assert count, "the file ends before the rows that the layout promises"
        filled = self._cut + count
        end = self._block.rfind(b"\n", 0, filled) + 1
        rows = engine.read_csv(memoryview(self._block)[:end], self._schema, self._names)
        self._cut = filled - end
        self._block[: self._cut] = self._block[end:filled]
        return rows

    def close(self) -> None:
        """Close the file."""
        self._file.close()
