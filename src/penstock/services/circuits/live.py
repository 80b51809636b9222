"""The part of a circuit that lives in the server's memory: its present document, its process, its lines and samples."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from penstock.kernel.circuits import Aim, CircuitState, ProgramState
from penstock.kernel.records import Append
from penstock.ports.clock import Clock
from penstock.services.circuits.logbook import Logbook
from penstock.services.circuits.process import CircuitProcess
from penstock.services.circuits.record import CircuitRecord, StatusChange
from penstock.services.documents import Document, Documents

__all__ = ["Asked", "Live", "Sample", "first_entry", "moved", "stream_of"]

MAX_SAMPLES = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """The circuit's counters at an instant, see `CircuitProcess.stats`."""

    at: datetime
    stats: dict[str, Any]


class Asked:
    """What has come of the checkpoints that were asked for, numbered from 1."""

    def __init__(self) -> None:
        self.last = 0
        self.success: int | None = None
        self.id: str | None = None
        self.failure: tuple[int, str, datetime] | None = None

    def begin(self) -> int:
        """Number another one."""
        self.last += 1
        return self.last

    def succeeded(self, number: int, made: Mapping[str, Any]) -> None:
        """Note one that was made."""
        self.success, self.id = max(number, self.success or 0), str(made["id"])

    def failed(self, number: int, message: str, at: datetime) -> None:
        """Note one that was not."""
        self.failure = (number, message, at)


class Live:
    """One circuit in memory.

    `lock` is held by whoever replaces the document. `process` is set exactly while the process can be talked to.
    """

    def __init__(self, document: Document[CircuitRecord], logbook: Logbook) -> None:
        self.document = document
        self.lock = asyncio.Lock()
        self.logbook = logbook
        self.samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self.sampled = asyncio.Event()
        self.process: CircuitProcess | None = None
        self.opening: asyncio.Task[CircuitProcess] | None = None
        self.standing: asyncio.Task[None] | None = None
        self.driver: asyncio.Task[None] | None = None
        self.attendants: set[asyncio.Task[None]] = set()
        self.is_deleted = False
        self.asked = Asked()
        self._streams = 0
        self._changed = asyncio.Event()

    @property
    def record(self) -> CircuitRecord:
        """The circuit as stored."""
        return self.document.body

    async def commit(
        self, documents: Documents, clock: Clock, *records: CircuitRecord, name: str | None = None
    ) -> Document[CircuitRecord]:
        """Store the last of the records, with an entry in the history for each change of status on the way.

        The caller holds `lock`.
        """
        appends: list[Append] = []
        sentences: list[str] = []
        previous = self.record
        for record in records:
            if _status(record) != _status(previous):
                appends.append(_entry(self.document.id, record, clock))
                sentences.append(_sentence(previous, record))
            previous = record
        self.document = await documents.replace(self.document, records[-1], name=name, also=tuple(appends))
        for sentence in sentences:
            self.logbook.write(sentence)
        self.announce()
        return self.document

    def announce(self) -> None:
        """Wake those who wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_until(self, holds: Callable[[CircuitRecord], bool], timeout_s: float | None) -> bool:
        """Wait until the record satisfies a condition, None: however long; tell whether it does."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds(self.record) and not self.is_deleted:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def stream_opened(self) -> None:
        """Count a stream that will end with the process."""
        self._streams += 1

    def stream_closed(self) -> None:
        """Count a stream that has ended."""
        self._streams -= 1
        self.announce()

    async def streams_ended(self, timeout_s: float) -> None:
        """Wait until all streams have ended, but not for ever: a client that takes nothing cannot hold a stop back."""
        await self.wait_until(lambda _: self._streams == 0, timeout_s)

    def attend(self, task: asyncio.Task[None]) -> None:
        """Keep a background task alive until it ends."""
        self.attendants.add(task)
        task.add_done_callback(self.attendants.discard)


def stream_of(circuit: str) -> str:
    """Return the name of the stream of a circuit's history."""
    return f"circuit/{circuit}"


def first_entry(circuit: str, record: CircuitRecord, clock: Clock) -> Append:
    """Return the write that opens a circuit's history."""
    return _entry(circuit, record, clock)


def moved(
    record: CircuitRecord,
    at: datetime,
    *,
    state: CircuitState | None = None,
    aim: Aim | None = None,
    program: ProgramState | None = None,
    **others: Any,
) -> CircuitRecord:
    """Return the record with new states and their instants; `others` are set as given."""
    changes: dict[str, Any] = dict(others)
    if state is not None and state is not record.state:
        changes |= {"state": state, "state_since": at}
        if _place(state) != _place(record.state):
            changes["placed_since"] = at
    if aim is not None and aim is not record.aim:
        changes |= {"aim": aim, "aim_since": at}
        if (aim is Aim.STOPPED) != (record.aim is Aim.STOPPED):
            changes["wanted_since"] = at
    if program is not None and program is not record.program_state:
        changes |= {"program_state": program, "program_since": at}
        if program.is_milestone:
            changes["milestones"] = record.milestones + 1
    return msgspec.structs.replace(record, **changes) if changes else record


def _place(state: CircuitState) -> CircuitState:
    placed = state.is_up or state is CircuitState.OPENING
    return CircuitState.RUNNING if placed else state


def _status(record: CircuitRecord) -> tuple[object, ...]:
    return record.program_state, record.state, record.aim, record.storage, record.fault


def _entry(circuit: str, record: CircuitRecord, clock: Clock) -> Append:
    at = clock.now()
    change = StatusChange(
        clock.new_id(), at, record.program_state, record.state, record.aim, record.storage, record.fault
    )
    return Append(stream_of(circuit), at, "changed", msgspec.json.encode(change))


def _sentence(before: CircuitRecord, after: CircuitRecord) -> str:
    parts = []
    if before.program_state is not after.program_state:
        parts.append(f"program is {after.program_state}")
    if before.state is not after.state:
        parts.append(f"circuit is {after.state}")
    if before.aim is not after.aim:
        parts.append(f"circuit is to be {after.aim}")
    if before.storage is not after.storage:
        parts.append(f"stored state is {after.storage}")
    if before.fault != after.fault:
        parts.append(f"{after.fault.code}: {after.fault.message}" if after.fault else "error dismissed")
    return "; ".join(parts)
