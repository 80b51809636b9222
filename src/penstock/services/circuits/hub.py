"""What leaves a circuit: each step's changes, encoded once per relation and format, handed to whoever follows.

Publishing happens on the stepping thread, following on the event loop. A follower's queue is bounded: with backpressure
the stepping thread waits for it, without, whole steps are dropped and counted.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.data.batch import Batch
from penstock.data.pool import Lease, Pool
from penstock.ports.format import Encoded, Encoder
from penstock.ports.sink import ResumableSink, Sink

MAX_QUEUED_CHUNKS = 100
KEEP_ALIVE_S = 2.5
"""Silence never lasts longer than this; clients give up after 3 s."""


@dataclass(frozen=True, slots=True)
class Item:
    """One chunk. step: all changes up to this step have been given; None in the middle of a step."""

    payload: bytes | None
    snapshot: bool
    step: int | None
    dropped: int = 0


@dataclass(slots=True)
class OutputEndpoint:
    """One way out of one relation, with its counters."""

    name: str
    relation: str
    config: Mapping[str, Any]
    transmitted_records: int = 0
    transmitted_bytes: int = 0
    encode_error_count: int = 0
    transport_error_count: int = 0
    fatal_error: str | None = None
    paused: bool = False
    transport_errors: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=100))
    encode_errors: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=100))

    def count(self, piece: Encoded) -> None:
        """Count a piece that was handed over."""
        self.transmitted_records += piece.record_count
        self.transmitted_bytes += len(piece.payload)


class Follower:
    """One subscription."""

    def __init__(self, endpoint: OutputEndpoint, key: tuple[str, str], backpressure: bool) -> None:
        self.endpoint = endpoint
        self.key = key
        self.backpressure = backpressure
        self.snapshot: Iterator[Encoded] | None = None
        self.hold: Lease | None = None
        self.queue: deque[Item] = deque()
        self.progress = -1
        self.gone = False
        self._dropped = 0
        self._wakes = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def full(self) -> bool:
        """Whether the stepping thread has to wait for it."""
        return self.backpressure and not self.gone and len(self.queue) >= MAX_QUEUED_CHUNKS

    def give(self, pieces: list[Encoded], step: int) -> None:
        """Hand over a step's changes, from the stepping thread."""
        if pieces:
            if not self.backpressure and len(self.queue) + len(pieces) > max(MAX_QUEUED_CHUNKS, len(pieces)):
                self._dropped += len(pieces)
                return
            for index, piece in enumerate(pieces):
                last = index == len(pieces) - 1
                dropped, self._dropped = self._dropped, 0
                self.queue.append(Item(piece.payload, False, step if last else None, dropped))
                self.endpoint.count(piece)
        self.progress = step
        self._loop.call_soon_threadsafe(self._wakes.set)

    async def items(self, room: threading.Condition) -> AsyncIterator[Item]:
        """Yield chunks: an empty one at once, the snapshot, then changes; something at least every KEEP_ALIVE_S."""
        told = self.progress
        yield Item(None, False, told if told >= 0 and self.snapshot is None else None)
        if self.snapshot is not None:
            for piece in self.snapshot:
                self.endpoint.count(piece)
                yield Item(piece.payload, True, None)
            self.snapshot = self.hold = None
            yield Item(None, False, told if told >= 0 else None)
        while True:
            self._wakes.clear()
            progress = self.progress  # read before the queue: what is queued belongs to this step or an earlier one
            if self.queue:
                item = self.queue.popleft()
                if len(self.queue) == MAX_QUEUED_CHUNKS - 1:
                    with room:
                        room.notify_all()
                told = told if item.step is None else item.step
                yield item
                continue
            if progress > told:
                told = progress
                yield Item(None, False, told)
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await self._wakes.wait()
            except TimeoutError:
                yield Item(None, False, told if told >= 0 else None)


@dataclass(slots=True)
class Outlet:
    """A declared output connector. encoder None: the sink wants no bytes. held: what came while it was paused.

    pool: the circuit's, None for relations without pooled values; hold: keeps the codes of what is held.
    delivered: the step up to which everything is delivered or held; skip: so many pieces are there from before a crash.
    place: where the sink is then, for one that can say so.
    """

    endpoint: OutputEndpoint
    sink: Sink
    encoder: Encoder | None
    held: list[Batch] = field(default_factory=list)
    pool: Pool | None = None
    hold: Lease | None = None
    delivered: int = 0
    skip: int = 0
    place: Any = None


class Hub:
    """All followers and declared outputs of one circuit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followers: list[Follower] = []
        self._encoders: dict[tuple[str, str], Encoder] = {}
        self.outlets: list[Outlet] = []

    @property
    def endpoints(self) -> list[OutputEndpoint]:
        """All ways out, declared ones first."""
        with self._lock:
            return [outlet.endpoint for outlet in self.outlets] + [f.endpoint for f in self._followers]

    def queued_chunks(self, endpoint: OutputEndpoint) -> int:
        """Return how many chunks wait for an endpoint's reader."""
        with self._lock:
            return sum(len(f.queue) for f in self._followers if f.endpoint is endpoint)

    def add(self, follower: Follower, encoder: Encoder, step: int) -> None:
        """Let a follower have every change after `step`."""
        with self._lock:
            self._encoders.setdefault(follower.key, encoder)
            follower.progress = max(follower.progress, step)
            self._followers.append(follower)

    def remove(self, follower: Follower) -> None:
        """Forget a follower."""
        with self._lock:
            follower.gone = True
            if follower in self._followers:
                self._followers.remove(follower)
            if not any(f.key == follower.key for f in self._followers):
                self._encoders.pop(follower.key, None)

    def publish(self, step: int, changes: Mapping[str, Batch]) -> list[Follower]:
        """Hand a step's changes to everybody; return the followers that have to be waited for."""
        with self._lock:
            followers = list(self._followers)
            encoders = dict(self._encoders)
        made: dict[tuple[str, str], list[Encoded]] = {}
        for follower in followers:
            batch = changes.get(follower.endpoint.relation)
            if batch is not None and follower.key not in made:
                made[follower.key] = _encoded(encoders.get(follower.key), batch, follower.endpoint)
            follower.give(made[follower.key] if batch is not None else [], step)
        self.deliver(step, changes)
        return [follower for follower in followers if follower.full]

    def deliver(self, step: int, changes: Mapping[str, Batch]) -> None:
        """Hand a step's changes to the declared outputs that have not had them."""
        for outlet in self.outlets:
            if step <= outlet.delivered:
                continue
            batch = changes.get(outlet.endpoint.relation)
            if batch is not None:
                outlet.held.append(batch)
                if outlet.endpoint.paused and outlet.hold is None and outlet.pool is not None:
                    outlet.hold = outlet.pool.hold()
            outlet.delivered = step
            if not outlet.endpoint.paused:
                _release(outlet)

    def set_paused(self, endpoint: OutputEndpoint, paused: bool) -> None:
        """Pause a declared output, which then holds its changes back, or let it go on; on the stepping thread."""
        endpoint.paused = paused
        for outlet in self.outlets:
            if outlet.endpoint is endpoint and not paused:
                _release(outlet)


def _encoded(encoder: Encoder | None, batch: Batch, endpoint: OutputEndpoint) -> list[Encoded]:
    """Encode a step's changes; a value that the format has no form for costs this output its step, not the circuit."""
    if encoder is None:
        return []
    try:
        return [*encoder.encode(batch)]
    except (ValueError, TypeError, OverflowError) as error:
        endpoint.encode_error_count += 1
        endpoint.encode_errors.append({"index": endpoint.encode_error_count, "message": str(error), "tag": None})
        return []


def _release(outlet: Outlet) -> None:
    if not outlet.held:
        return
    for batch in outlet.held:
        _write(outlet, batch)
    outlet.held.clear()
    outlet.hold = None
    if isinstance(outlet.sink, ResumableSink):
        outlet.place = outlet.sink.place()


def _write(outlet: Outlet, batch: Batch) -> None:
    """Write to a declared output; its trouble is its own."""
    endpoint = outlet.endpoint
    if outlet.encoder is None:
        endpoint.transmitted_records += len(batch)
        return
    try:
        for piece in outlet.encoder.encode(batch):
            if outlet.skip:
                outlet.skip -= 1
            else:
                outlet.sink.write(piece.payload)
            endpoint.count(piece)
        outlet.sink.flush()
    except Exception as error:
        endpoint.transport_error_count += 1
        endpoint.transport_errors.append({"index": endpoint.transport_error_count, "message": str(error), "tag": None})
