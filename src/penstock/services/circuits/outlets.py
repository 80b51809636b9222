"""Declared outputs: each step's changes, encoded on the stepping thread, delivered by a thread of their own.

    publish ──> encoder ──> queue of parcels ──> sink          one thread for each outlet that has something to deliver

A parcel stays in the queue until the sink has said that it has arrived. What a sink refuses is written again, after a
pause that grows, to a sink opened anew where the last one had come: nothing is lost, the circuit goes on, and it waits
only when the queue is full. A checkpoint has the queue, so that a crash changes nothing of this.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from penstock.data.batch import Batch, concat
from penstock.data.fate import Fate
from penstock.data.pool import Pool
from penstock.data.portable import decode_changes, encode_changes
from penstock.data.rows import RowLayout
from penstock.data.zset import consolidate
from penstock.ports.format import Encoded, Encoder, Layout, MessageEncoder
from penstock.ports.sink import MessageSink, ResumableSink, ResumableSinkKind, Sink, SinkKind
from penstock.ports.source import TransportRefused
from penstock.services.circuits.durability.manifest import OutputState, Parcel
from penstock.services.circuits.intake import MAX_QUEUED_RECORDS
from penstock.services.circuits.troubles import trouble

__all__ = ["BufferBounds", "Outlet", "OutputEndpoint", "Way", "encoded"]

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 30.0
_PARCELS_AT_ONCE = 64
_NEVER_S = 3600.0


@dataclass(slots=True)
class OutputEndpoint:
    """One way out of one relation, with its counters. failing: what its sink says while it takes nothing."""

    name: str
    relation: str
    config: Mapping[str, Any]
    transmitted_records: int = 0
    transmitted_bytes: int = 0
    queued_records: int = 0
    queued_batches: int = 0
    buffered_records: int = 0
    buffered_batches: int = 0
    encode_error_count: int = 0
    transport_error_count: int = 0
    fatal_error: str | None = None
    failing: str | None = None
    paused: bool = False
    transport_errors: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=100))
    encode_errors: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=100))

    def count(self, piece: Encoded) -> None:
        """Count a piece that was handed over."""
        self.transmitted_records += piece.record_count
        self.transmitted_bytes += len(piece.payload)

    def report_encoding(self, message: str) -> None:
        """Count changes that the format has no form for."""
        self.encode_error_count += 1
        self.encode_errors.append(trouble(self.encode_error_count, message))

    def report_transport(self, message: str) -> None:
        """Count a refusal of the sink."""
        self.transport_error_count += 1
        self.transport_errors.append(trouble(self.transport_error_count, message))


@dataclass(frozen=True, slots=True)
class BufferBounds:
    """How much and for how long changes are held back to be joined with those that follow."""

    records: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Way:
    """How an outlet opens its sink. cleaned: takes secrets out of what the sink says."""

    kind: SinkKind
    config: Mapping[str, Any]
    cleaned: Callable[[str], str] = str

    def open(self, state: OutputState | None) -> tuple[Sink, int]:
        """Return a sink, and how many pieces it has from before a crash. Raises: TransportRefused."""
        if state is None or not isinstance(self.kind, ResumableSinkKind):
            return self.kind.open(self.config), 0
        return self.kind.reopen(self.config, state.place)


class Outlet:
    """One declared output. encoder None: the sink wants no bytes. taken: the step up to which it has been given all.
    wants_contents: if it is new to a circuit that goes on, it is to have first what its relation holds.

    Args:
        state: how far it had come, where a circuit goes on.
        ask: has a function run on the stepping thread, between steps.
        limit: so many records wait at most before the circuit waits.
    Raises: TransportRefused.
    """

    def __init__(
        self,
        endpoint: OutputEndpoint,
        way: Way,
        encoder: Encoder | None,
        layout: Layout,
        pool: Pool,
        ask: Callable[[Callable[[], None]], object],
        state: OutputState | None = None,
        bounds: BufferBounds | None = None,
        limit: int = MAX_QUEUED_RECORDS,
    ) -> None:
        self.endpoint = endpoint
        self.taken = 0
        self.place: Any = None
        self.wants_contents = False
        self._way = way
        self._encoder = encoder
        self._pool = pool
        self._types = [column.type for column in layout.columns]
        self._rows = RowLayout([column.type for column in layout.columns])
        self._ask = ask
        self._bounds = bounds
        self._limit = limit
        self._queue: deque[Parcel] = deque()
        self._buffer: list[tuple[int, bytes]] = []
        self._due_at = 0.0
        self._asked = False
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        sink, skip = way.open(state)
        self._sink: Sink | None = sink
        if isinstance(encoder, MessageEncoder) and encoder.needs_messages and not isinstance(sink, MessageSink):
            raise TransportRefused("the format has messages with keys, which this transport has no place for")
        # What a buffer joined before a crash it joins otherwise afterwards: what is there cannot be counted off.
        self._skip = skip if bounds is None else 0
        if state is not None:
            self._put_back(state)
        elif isinstance(sink, ResumableSink):
            self.place = sink.place()

    def _put_back(self, state: OutputState) -> None:
        self.taken, self.place = max(state.taken, state.step), state.place
        endpoint = self.endpoint
        endpoint.transmitted_records, endpoint.transmitted_bytes = state.records, state.size_bytes
        endpoint.paused = state.paused
        with self._changed:
            self._queue.extend(state.queue)
            self._tell()
            self._wake()

    # ---- on the stepping thread

    def take(self, step: int, batch: Batch | None) -> None:
        """Take a step's changes, None for none; once. While it is paused they are gone for good, as clients expect."""
        if step <= self.taken:
            return
        self.taken = step
        if batch is None or not len(batch) or self.endpoint.paused:
            return
        if self._encoder is None:
            self.endpoint.transmitted_records += len(batch)
        elif self._bounds is None:
            self._put(step, batch)
        else:
            self._hold_back(step, batch, self._bounds)

    def take_contents(self, contents: Batch) -> None:
        """Take what the relation holds, for an output that has had nothing of it."""
        if len(contents) and self._encoder is not None:
            self._put(self.taken, contents)

    def flush_buffer(self) -> None:
        """Have delivered what is held back, joined: changes that cancel are never seen."""
        pieces: list[Encoded] = []
        if self._buffer:
            lease = self._pool.lease()
            fates = [Fate.COMPARED] * len(self._types)
            parts = [decode_changes(changes, self._types, fates, self._pool) for _, changes in self._buffer]
            pieces = encoded(self._encoder, consolidate(concat(parts), self._rows), self.endpoint)
            del lease
        with self._changed:
            self._enqueue(self.taken, pieces)
            self._buffer, self._asked = [], False
            self.endpoint.buffered_batches = self.endpoint.buffered_records = 0

    def _hold_back(self, step: int, batch: Batch, bounds: BufferBounds) -> None:
        changes = encode_changes(batch, self._types, self._pool)
        with self._changed:
            if not self._buffer:
                self._due_at = time.monotonic() + bounds.duration_s
            self._buffer.append((step, changes))
            self.endpoint.buffered_batches += 1
            self.endpoint.buffered_records += len(batch)
            self._wake()
        if self.endpoint.buffered_records >= bounds.records:
            self.flush_buffer()

    def _put(self, step: int, batch: Batch) -> None:
        pieces = encoded(self._encoder, batch, self.endpoint)
        with self._changed:
            self._enqueue(step, pieces)

    # ---- anywhere

    @property
    def full(self) -> bool:
        """Whether the circuit has to wait for it."""
        return self.endpoint.queued_records >= self._limit

    @property
    def done(self) -> int:
        """The step up to which everything was delivered."""
        with self._changed:
            return self._done()

    def state(self, *, with_queue: bool) -> OutputState:
        """Return how far it has come; with_queue: and what it has yet to deliver."""
        endpoint = self.endpoint
        with self._changed:
            return OutputState(
                name=endpoint.name,
                step=self._done(),
                taken=self.taken if with_queue else 0,
                place=self.place,
                records=endpoint.transmitted_records,
                size_bytes=endpoint.transmitted_bytes,
                paused=endpoint.paused,
                queue=tuple(self._queue) if with_queue else (),
            )

    def set_paused(self, paused: bool) -> None:
        """Deliver nothing and take nothing, or go on with what was queued before and what comes from now on."""
        with self._changed:
            self.endpoint.paused = paused
            self._wake()

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until nothing waits that could be delivered now."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._queue or self.endpoint.paused or self.endpoint.failing is not None, timeout_s
            )

    # ---- with the lock

    def _done(self) -> int:
        waiting = [self._queue[0].step] if self._queue else [step for step, _ in self._buffer[:1]]
        return min([step - 1 for step in waiting], default=self.taken)

    def _enqueue(self, step: int, pieces: Sequence[Encoded]) -> None:
        if pieces:
            self._queue.append(Parcel(step, tuple(pieces)))
            self._tell()
            self._wake()

    def _tell(self) -> None:
        self.endpoint.queued_batches = len(self._queue)
        self.endpoint.queued_records = sum(piece.record_count for parcel in self._queue for piece in parcel.pieces)

    def _wake(self) -> None:
        if self._thread is None and (self._queue or self._buffer):
            self._thread = threading.Thread(target=self._run, name=self.endpoint.name, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    # ---- on the outlet's thread

    def _run(self) -> None:
        while True:
            self._deliver(self._next())

    def _next(self) -> list[Parcel]:
        """Wait until there is something to deliver; meanwhile have the buffer flushed when it is due."""
        while True:
            with self._changed:
                if self._queue and not self.endpoint.paused:
                    return [*self._queue][:_PARCELS_AT_ONCE]
                due_s = self._due_at - time.monotonic() if self._buffer and not self._asked else _NEVER_S
                if due_s > 0:
                    self._changed.wait(min(due_s, _NEVER_S))
                    continue
                self._asked = True
            self._ask(self.flush_buffer)  # without the lock: the stepping thread's is taken before ours elsewhere

    def _deliver(self, parcels: Sequence[Parcel]) -> None:
        """Deliver parcels, however often it takes."""
        pieces = [piece for parcel in parcels for piece in parcel.pieces]
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                place = self._write(pieces)
                break
            except Exception as error:  # an adapter's own, whatever it is
                message = self._way.cleaned(str(error) or type(error).__name__)
                with self._changed:
                    self.endpoint.failing = message
                    self.endpoint.report_transport(message)
                    self._changed.notify_all()
                self._let_go()
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        with self._changed:
            for piece in pieces:
                self.endpoint.count(piece)
            for _ in parcels:
                self._queue.popleft()
            self.place = place
            self.endpoint.failing = None
            self._tell()
            self._changed.notify_all()

    def _write(self, pieces: Sequence[Encoded]) -> Any:
        """Write pieces, without those that are there already, and return where the sink is then."""
        if self._sink is None:
            state = OutputState(name=self.endpoint.name, step=0, place=self.place)
            self._sink, self._skip = self._way.open(state)
        skipped = min(self._skip, len(pieces))
        for piece in pieces[skipped:]:
            if isinstance(self._sink, MessageSink):
                self._sink.write_message(piece)
            else:
                self._sink.write(piece.payload)
        self._sink.flush()
        self._skip -= skipped
        return self._sink.place() if isinstance(self._sink, ResumableSink) else None

    def _let_go(self) -> None:
        """Close a sink that can be opened again where it was; one that cannot is written to again as it is."""
        if self._sink is not None and isinstance(self._way.kind, ResumableSinkKind):
            sink, self._sink = self._sink, None
            with suppress(Exception):
                sink.close()


def encoded(encoder: Encoder | None, batch: Batch, endpoint: OutputEndpoint) -> list[Encoded]:
    """Encode a step's changes; a value that the format has no form for costs this output its step, not the circuit."""
    if encoder is None:
        return []
    try:
        return [*encoder.encode(batch)]
    except (ValueError, TypeError, OverflowError) as error:
        endpoint.report_encoding(str(error))
        return []
