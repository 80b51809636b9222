"""What waits to enter a circuit: one bounded queue per table, and for each endpoint what has come of its input.

Endpoints put batches in order; a step takes from the front of every queue. Everything here is guarded by one lock,
whose conditions wake the stepping thread (`work`) and those who wait for room or for the circuit to run (`room`).
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.data.changes import Changes, concat_changes
from penstock.data.pool import Lease
from penstock.ports.format import ParseError
from penstock.services.circuits.troubles import trouble

MAX_QUEUED_RECORDS = 1_000_000
MAX_STEP_RECORDS = 50_000
"""A step takes at most this many records of each table, unless one batch alone has more."""

_REMEMBERED_STEPS = 10_000
_KEPT_ERRORS = 100


Mark = tuple[Any, int]
"""Where a source can go on, in its own words, and how many operations after that place were given already."""


@dataclass(slots=True)
class Endpoint:
    """One way into one table, with its counters.

    position: how many batches it has put; taken: (position, step) for each step that took some, the latest ones.
    active: requests being served, for endpoints that live by requests. held_bytes: read, but of no batch yet.
    settled: how many batches steps have taken; settled_records, settled_bytes: what they held; mark: what follows them.
    is_kept: there is a checkpoint to go back to; kept: the place that it, or the journal on disk, has.
    max_step_records: a step takes at most so many, None: as many as of others. cleaned: takes secrets out of messages.
    """

    name: str
    table: str
    config: Mapping[str, Any]
    is_declared: bool = False
    position: int = 0
    taken: deque[tuple[int, int]] = field(default_factory=deque)
    total_bytes: int = 0
    total_records: int = 0
    buffered_records: int = 0
    buffered_bytes: int = 0
    parse_error_count: int = 0
    transport_error_count: int = 0
    active: int = 0
    held_bytes: int = 0
    settled: int = 0
    settled_records: int = 0
    settled_bytes: int = 0
    mark: Mark = (None, 0)
    is_kept: bool = False
    kept: Any = None
    end_of_input: bool = False
    paused: bool = False
    fatal_error: str | None = None
    max_step_records: int | None = None
    cleaned: Callable[[str], str] = str
    parse_errors: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT_ERRORS))
    transport_errors: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT_ERRORS))

    @property
    def finished(self) -> bool:
        """Whether nothing more comes unless somebody asks anew."""
        return self.end_of_input or self.fatal_error is not None or (not self.is_declared and self.active == 0)

    def step_of(self, position: int) -> int | None:
        """Return the step that took in everything up to position, None if it was not taken yet."""
        if position <= 0:
            return 0
        if not self.taken or self.taken[-1][0] < position:
            return None
        return self.taken[bisect_left(self.taken, (position, -1))][1]

    def report(self, errors: Sequence[ParseError]) -> None:
        """Count parse errors and keep the latest."""
        self.parse_error_count += len(errors)
        for error in errors[-_KEPT_ERRORS:]:
            self.parse_errors.append(trouble(self.parse_error_count, error.description, error.tag))

    def report_transport(self, message: str) -> None:
        """Count a transport error and keep it."""
        self.transport_error_count += 1
        self.transport_errors.append(trouble(self.transport_error_count, self.cleaned(message)))


@dataclass(slots=True)
class _Entry:
    endpoint: Endpoint
    position: int
    changes: Changes
    size_bytes: int
    forced: bool
    at: float
    lease: Lease | None
    mark: Mark | None


@dataclass(slots=True)
class Head:
    """Up to where a step takes an endpoint's batches, and what they hold in all."""

    endpoint: Endpoint
    position: int = 0
    mark: Mark | None = None
    records: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Taken:
    """What one step takes in. heads: the last batch of each endpoint; leases: what keeps the inputs' codes."""

    inputs: dict[str, Changes]
    heads: list[Head]
    records: int
    bytes: int
    leases: list[Lease | None] = field(default_factory=list)


class Intake:
    """The queues of all tables of one circuit."""

    def __init__(self, tables: Sequence[str]) -> None:
        self.lock = threading.RLock()
        self.work = threading.Condition(self.lock)
        self.room = threading.Condition(self.lock)
        self.on_room: Callable[[], None] = lambda: None
        self.endpoints: dict[str, Endpoint] = {}
        self._queues: dict[str, deque[_Entry]] = {name: deque() for name in tables}
        self._queued: dict[str, int] = dict.fromkeys(tables, 0)
        self._forced = 0
        self.total_records = 0
        self.total_bytes = 0
        self.buffered_records = 0
        self.buffered_bytes = 0

    def endpoint(self, name: str, table: str, config: Mapping[str, Any], *, is_declared: bool = False) -> Endpoint:
        """Return the endpoint of that name, made if it is new."""
        with self.lock:
            if name not in self.endpoints:
                self.endpoints[name] = Endpoint(name, table, config, is_declared)
            return self.endpoints[name]

    def has_room(self, table: str, limit: int = MAX_QUEUED_RECORDS) -> bool:
        """Whether the table's queue takes another batch."""
        return self._queued[table] < limit

    def put(
        self,
        endpoint: Endpoint,
        batches: Sequence[Changes],
        size_bytes: int,
        *,
        lease: Lease | None,
        forced: bool = False,
        marks: Sequence[Mark] | None = None,
    ) -> None:
        """Queue batches. The caller has seen that there is room; one call may go beyond the limit.

        lease: of the circuit's pool, taken before the batches were made; None for batches without pooled values.
        marks: for each batch what follows it, for endpoints whose source can go on from a place.
        """
        with self.lock:
            endpoint.total_bytes += size_bytes
            self.total_bytes += size_bytes
            size_bytes += endpoint.held_bytes
            endpoint.held_bytes = 0
            if not batches:
                endpoint.held_bytes = size_bytes  # the beginning of a record that comes with the next piece
                return
            rest = size_bytes
            for index, changes in enumerate(batches):
                share = rest if index == len(batches) - 1 else size_bytes // len(batches)
                rest -= share
                endpoint.position += 1
                mark = None if marks is None else marks[index]
                entry = _Entry(endpoint, endpoint.position, changes, share, forced, time.monotonic(), lease, mark)
                self._queues[endpoint.table].append(entry)
                self._forced += forced
                self._count(entry, 1)
                endpoint.total_records += len(changes)
                self.total_records += len(changes)
            self.work.notify_all()

    def _count(self, entry: _Entry, sign: int) -> None:
        records, size = sign * len(entry.changes), sign * entry.size_bytes
        self._queued[entry.endpoint.table] += records
        entry.endpoint.buffered_records += records
        entry.endpoint.buffered_bytes += size
        self.buffered_records += records
        self.buffered_bytes += size

    @property
    def waiting(self) -> bool:
        """Whether anything is queued."""
        return any(self._queues.values())

    def drain(self, is_running: Callable[[], bool]) -> None:
        """Wait until nothing is queued or the circuit does not run; on a thread that has nothing else to do."""
        with self.lock:
            self.room.wait_for(lambda: not (is_running() and self.waiting))

    @property
    def forced(self) -> bool:
        """Whether something is queued that does not wait for a paused circuit to run."""
        return self._forced > 0

    def oldest_s(self) -> float:
        """Return for how long the oldest batch has waited."""
        heads = [queue[0].at for queue in self._queues.values() if queue]
        return time.monotonic() - min(heads) if heads else 0.0

    def take(self, *, only_forced: bool = False, limit: int | None = MAX_STEP_RECORDS) -> Taken:
        """Take what the next step takes in. limit None: everything."""
        with self.lock:
            inputs: dict[str, Changes] = {}
            heads: dict[str, Head] = {}
            leases: list[Lease | None] = []
            records = size = 0
            for table, queue in self._queues.items():
                parts: list[Changes] = []
                count = 0
                while queue and (limit is None or not count or count + len(queue[0].changes) <= limit):
                    if only_forced and not any(entry.forced for entry in queue):
                        break  # what is before a forced batch goes with it: the order of a table's changes is kept
                    if limit is not None and _has_enough(queue[0], heads):
                        break
                    entry = queue.popleft()
                    self._forced -= entry.forced
                    self._count(entry, -1)
                    parts.append(entry.changes)
                    leases.append(entry.lease)
                    head = heads.setdefault(entry.endpoint.name, Head(entry.endpoint))
                    head.position, head.mark = entry.position, entry.mark
                    head.records += len(entry.changes)
                    head.bytes += entry.size_bytes
                    count += len(entry.changes)
                    size += entry.size_bytes
                if parts:
                    inputs[table] = concat_changes(parts)
                    records += count
            if heads:
                self.room.notify_all()
                self.on_room()
            return Taken(inputs, [*heads.values()], records, size, leases)

    def took(self, taken: Taken, step: int) -> None:
        """Note that a step took in what `take` returned."""
        with self.lock:
            for head in taken.heads:
                endpoint = head.endpoint
                endpoint.taken.append((head.position, step))
                if len(endpoint.taken) > _REMEMBERED_STEPS:
                    endpoint.taken.popleft()
                endpoint.settled = head.position
                endpoint.settled_records += head.records
                endpoint.settled_bytes += head.bytes
                if head.mark is not None:
                    endpoint.mark = head.mark


def _has_enough(entry: _Entry, heads: Mapping[str, Head]) -> bool:
    """Whether a step has taken as much of a batch's endpoint as it may; the batch waits, and with it what follows."""
    most, head = entry.endpoint.max_step_records, heads.get(entry.endpoint.name)
    return most is not None and head is not None and head.records + len(entry.changes) > most


def error_record(error: ParseError) -> dict[str, Any]:
    """Return a parse error as plain values."""
    return {name: getattr(error, name) for name in _ERROR_FIELDS}


_ERROR_FIELDS = ("description", "event_number", "field", "invalid_bytes", "invalid_text", "suggestion", "tag")
