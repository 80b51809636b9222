"""What leaves a circuit: each step's changes, encoded once per relation and format, handed to whoever follows.

Publishing happens on the stepping thread, following on the event loop. A follower's queue is bounded: with backpressure
the stepping thread waits for it, without, whole steps are dropped, and the follower is told which as soon as it reads
again. Declared outputs are in `outlets.py`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from penstock.data.batch import Batch
from penstock.data.pool import Lease
from penstock.ports.format import Encoded, Encoder
from penstock.services.circuits.outlets import Outlet, OutputEndpoint, encoded
from penstock.services.circuits.process import Missed

MAX_QUEUED_CHUNKS = 100
MAX_QUEUED_BYTES = 32 << 20
"""The payloads that wait for one follower; a single chunk may be larger."""
KEEP_ALIVE_S = 2.5
"""Silence never lasts longer than this; clients give up after 3 s."""


@dataclass(frozen=True, slots=True)
class Item:
    """One chunk. step: all changes up to this step have been given; None in the middle of a step."""

    payload: bytes | None
    snapshot: bool
    step: int | None
    missed: Missed | None = None


class Awaited(Protocol):
    """Somebody who takes what leaves the circuit."""

    @property
    def full(self) -> bool:
        """Whether the circuit has to wait for it."""
        ...


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
        self._queued_bytes = 0
        self._missed: Missed | None = None
        self._lock = threading.Lock()
        self._wakes = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def full(self) -> bool:
        """Whether the stepping thread has to wait for it."""
        return self.backpressure and not self.gone and self._is_at_limit

    @property
    def _is_at_limit(self) -> bool:
        return len(self.queue) >= MAX_QUEUED_CHUNKS or self._queued_bytes >= MAX_QUEUED_BYTES

    def give(self, pieces: list[Encoded], step: int) -> None:
        """Hand over a step's changes, from the stepping thread."""
        with self._lock:
            if pieces and not self.backpressure and self._lacks_room(pieces):
                missed = self._missed
                self._missed = missed.more(len(pieces), step) if missed else Missed(len(pieces), step, step)
            else:
                for index, piece in enumerate(pieces):
                    last = index == len(pieces) - 1
                    self.queue.append(Item(piece.payload, False, step if last else None, self._taken_missed()))
                    self._queued_bytes += len(piece.payload)
                    self.endpoint.count(piece)
            self.progress = step
        self._loop.call_soon_threadsafe(self._wakes.set)

    def _lacks_room(self, pieces: list[Encoded]) -> bool:
        return self._is_at_limit or 0 < len(self.queue) > MAX_QUEUED_CHUNKS - len(pieces)

    def _taken_missed(self) -> Missed | None:
        missed, self._missed = self._missed, None
        return missed

    def _next(self, told: int) -> Item | None:
        """Take what is next: a chunk, or word of the steps up to which there is nothing else; None if that is known."""
        with self._lock:
            if self.queue:
                item = self.queue.popleft()
                self._queued_bytes -= len(item.payload or b"")
                return item
            if self.progress > told:
                return Item(None, False, self.progress, self._taken_missed())
            return None

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
            if item := self._next(told):
                if self.backpressure and not self.full:
                    with room:
                        room.notify_all()
                told = told if item.step is None else item.step
                yield item
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await self._wakes.wait()
            except TimeoutError:
                yield Item(None, False, told if told >= 0 else None)


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

    def publish(self, step: int, changes: Mapping[str, Batch]) -> list[Awaited]:
        """Hand a step's changes to everybody; return those who have to be waited for."""
        with self._lock:
            followers = list(self._followers)
            encoders = dict(self._encoders)
        made: dict[tuple[str, str], list[Encoded]] = {}
        for follower in followers:
            batch = changes.get(follower.endpoint.relation)
            if batch is not None and follower.key not in made:
                made[follower.key] = encoded(encoders.get(follower.key), batch, follower.endpoint)
            follower.give(made[follower.key] if batch is not None else [], step)
        self.deliver(step, changes)
        readers: list[Awaited] = [*followers, *self.outlets]
        return [reader for reader in readers if reader.full]

    def deliver(self, step: int, changes: Mapping[str, Batch]) -> None:
        """Hand a step's changes to the declared outputs that have not had them."""
        for outlet in self.outlets:
            outlet.take(step, changes.get(outlet.endpoint.relation))

    def done(self, step: int) -> int:
        """Return up to which step, `step` at most, declared outputs that are not paused have delivered everything."""
        return min([outlet.done for outlet in self.outlets if not outlet.endpoint.paused], default=step)

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until declared outputs have delivered what they can deliver now."""
        deadline = time.monotonic() + timeout_s
        for outlet in self.outlets:
            outlet.wait_idle(max(deadline - time.monotonic(), 0))

    def find(self, name: str) -> Outlet | None:
        """Return the declared output of that name."""
        return next((outlet for outlet in self.outlets if outlet.endpoint.name == name), None)
