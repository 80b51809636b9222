"""Standing circuits: make, edit, start, stop and delete them, feed them, follow them, ask them.

A circuit's record is stored before a call that changes it returns; the process is moved by `lifecycle` afterwards. One
server owns a data directory, so the records in memory are the truth between two writes. After a crash `open` finds
what was acknowledged and goes on from there.

An owner may bring rules of its own: a `Guard` sees the record under the circuit's lock, right before the change.
"""

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import structlog

from penstock.kernel.circuits import Aim, CircuitState, ProgramState, StorageState
from penstock.kernel.errors import AlreadyExists, NotFound, Unavailable, WrongState
from penstock.kernel.events import LogEvent
from penstock.kernel.ids import DocumentId
from penstock.kernel.query import Query
from penstock.kernel.records import DropStream, Insert
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.ports.clock import Clock
from penstock.ports.metadata import MetadataStore
from penstock.services.circuits.durability.checkpoints import Checkpoints, CheckpointUnusable
from penstock.services.circuits.durability.manifest import Manifest
from penstock.services.circuits.lifecycle import Lifecycle, recovered
from penstock.services.circuits.live import Asked, Live, Sample, first_entry, moved, stream_of
from penstock.services.circuits.logbook import Logbook
from penstock.services.circuits.process import (
    Chunk,
    CircuitProcess,
    Compiled,
    Engine,
    FormatSpec,
    Pushed,
    RequestFailed,
)
from penstock.services.circuits.record import CIRCUIT, CircuitRecord, Deployment, StatusChange, new_record
from penstock.services.documents import Document, Documents
from penstock.services.secrets import Secrets

__all__ = ["Circuit", "Circuits", "Guard", "NotDeployed"]

_log = structlog.get_logger("penstock.circuits")

_list = list  # the service has a method of that name

Circuit = Document[CircuitRecord]
"""A circuit as it was at the moment of asking."""

Guard = Callable[[CircuitRecord], None]
"""Refuses a change by raising; called under the circuit's lock."""

_SCOPE_KIND = "circuits.scope"
_PAGE = 1000


class NotDeployed(Unavailable):
    """The circuit has no process that could be asked; a refinement of Unavailable."""


class Circuits:
    """All standing circuits of a server.

    Args:
        documents, store, clock: where records and histories are kept.
        engine: compiles programs and runs circuits; closed with this service.
        directory: what outlives the processes of circuits is kept below it; None for nothing.
        secrets: what connectors may refer to, each in the scope of its circuit; None for no secrets.
    """

    def __init__(
        self,
        documents: Documents,
        store: MetadataStore,
        clock: Clock,
        engine: Engine,
        directory: Path | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._documents = documents
        self._store = store
        self._clock = clock
        self._engine = engine
        self._lifecycle = Lifecycle(documents, clock, engine, directory, secrets)
        self._circuits: dict[str, Live] = {}
        self._names: dict[tuple[Scope, str], Live] = {}
        self._scopes: set[Scope] = {DEFAULT_SCOPE}

    # ---- the service itself

    async def open(self) -> None:
        """Take up every stored circuit: stopped if its process went with the server, compiled on if that was cut."""
        async for record in self._records(_SCOPE_KIND, DEFAULT_SCOPE):
            self._scopes.add(Scope.parse(record))
        for scope in sorted(self._scopes):
            await self._open_scope(scope)
        for live in self._circuits.values():
            self._lifecycle.nudge(live)

    async def close(self) -> None:
        """End all processes and the engine. Records stay as they are: `open` says what has become of them."""
        await asyncio.gather(*(self._lifecycle.halt(live) for live in self._circuits.values()), return_exceptions=True)
        for live in self._circuits.values():
            live.logbook.close()
        await self._engine.close()

    async def warm(self) -> None:
        """Have the engine load, if it has not yet; returns at once."""
        await self._engine.warm()

    # ---- records

    def list(self, scope: Scope) -> list[Circuit]:
        """Return a scope's circuits in the order of their making."""
        found = [live.document for live in self._circuits.values() if live.document.scope == scope]
        return sorted(found, key=lambda circuit: circuit.id)

    def find(self, scope: Scope, name: str) -> Circuit:
        """Return the circuit of that name.

        Raises: NotFound.
        """
        return self._named(scope, name).document

    async def create(
        self, scope: Scope, name: str, program: str, settings: Mapping[str, Any], face: msgspec.Raw
    ) -> Circuit:
        """Make a circuit and have its program compiled.

        Raises: AlreadyExists.
        """
        at = self._clock.now()
        record = new_record(program, dict(settings), face, at)
        id = DocumentId(self._clock.new_id())
        if (scope, name) in self._names:
            raise AlreadyExists(f"there is a circuit named {name!r} already")
        insert = Insert(CIRCUIT.name, id, scope, name, at, msgspec.json.encode(record), CIRCUIT.columns(record))
        await self._store.commit(insert, first_entry(id, record, self._clock), *self._new_scope(scope))
        self._scopes.add(scope)
        live = self._adopt(Document(CIRCUIT, id, scope, name, 1, at, at, record))
        self._lifecycle.nudge(live)
        return live.document

    async def edit(self, circuit: Circuit, change: Callable[[Circuit], tuple[str, CircuitRecord]]) -> Circuit:
        """Replace a circuit's name and record by what `change` makes of the present one, under its lock.

        A record with another `program_revision` is compiled again. `change` may refuse by raising.
        Raises: NotFound, AlreadyExists; WrongState for a new program or name of a circuit that is not stopped.
        """
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            before = live.document
            name, record = change(before)
            other = self._names.get((before.scope, name))
            if other is not None and other is not live:
                raise AlreadyExists(f"there is a circuit named {name!r} already")
            if record.program_revision != before.body.program_revision:
                self._check_stopped(live)
                record = moved(
                    record,
                    self._clock.now(),
                    program=ProgramState.PENDING,
                    messages=(),
                    schema=None,
                    failure=None,
                )
            if name != before.name or record != before.body:
                await live.commit(self._documents, self._clock, record, name=name)
                self._names.pop((before.scope, before.name or ""), None)
                self._names[before.scope, name] = live
        self._lifecycle.nudge(live)
        return live.document

    async def delete(self, circuit: Circuit, guard: Guard) -> None:
        """Remove a stopped circuit and its history.

        Raises: NotFound, WrongState, and what the guard raises.
        """
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            guard(live.record)
            self._check_stopped(live)
            await self._documents.delete(live.document, also=(DropStream(stream_of(circuit.id)),))
            live.is_deleted = True
            del self._circuits[live.document.id]
            self._names.pop((live.document.scope, live.document.name or ""), None)
        live.announce()
        live.logbook.close()
        await self._lifecycle.halt(live)
        await self._remove_kept(live)

    # ---- life cycle

    async def start(
        self,
        circuit: Circuit,
        initial: Aim,
        options: dict[str, Any],
        guard: Guard,
        *,
        carry_over: str = "allow",
        stands_by: bool = False,
    ) -> Circuit:
        """Ask for a process; it is made as soon as the program is ready. Nothing happens if one is wanted already.

        carry_over: whether a changed program may start from kept rows, see `Deployment`.
        stands_by: the process is made when the circuit is activated; at once if it has had one since its storage was
        last cleared.
        Raises: WrongState while stopping or with a program that does not compile, and what the guard raises.
        """
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            guard(live.record)
            record = live.record
            if record.aim is Aim.STOPPED:
                if record.state is not CircuitState.STOPPED:
                    raise WrongState("the circuit is stopping; start it when it has stopped")
                if record.program_state in (ProgramState.REJECTED, ProgramState.FAILED):
                    raise WrongState("the circuit's program does not compile; correct it before the start")
                waits = stands_by and not record.has_run
                deployment = Deployment(initial, options, carry_over, stands_by=waits)
                wanted = moved(record, self._clock.now(), aim=initial, deployment=deployment, fault=None)
                await live.commit(self._documents, self._clock, wanted)
        self._lifecycle.nudge(live)
        return live.document

    async def direct(self, circuit: Circuit, aim: Aim, guard: Guard, *, keep: bool = False) -> Circuit:
        """Have the circuit paused, resumed or stopped; stopping is always possible and drops what is not processed.

        keep: a stop processes what requests have queued, and makes a checkpoint that the next start goes on from.
        Raises: WrongState if there is no process to pause or resume, and what the guard raises.
        """
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            guard(live.record)
            record = live.record
            if aim is not Aim.STOPPED and record.aim is Aim.STOPPED:
                raise WrongState("the circuit is not running; start it first")
            suspends = keep and aim is Aim.STOPPED and record.state.is_up
            if aim is not record.aim or suspends != record.suspends:
                changes: dict[str, Any] = {"suspends": suspends}
                if aim is Aim.STOPPED and record.state is CircuitState.STOPPED:
                    changes["deployment"] = None
                await live.commit(self._documents, self._clock, moved(record, self._clock.now(), aim=aim, **changes))
        self._lifecycle.nudge(live)
        return live.document

    async def approve(self, circuit: Circuit) -> Circuit:
        """Let a changed program start from the rows of the one whose state is kept.

        Raises: WrongState if no start waits for that.
        """
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            record = live.record
            if record.awaits is None or record.deployment is None:
                raise WrongState("the circuit's start does not wait for an approval")
            allowed = msgspec.structs.replace(record.deployment, carry_over="allow")
            approved = moved(record, self._clock.now(), awaits=None, deployment=allowed)
            await live.commit(self._documents, self._clock, approved)
        self._lifecycle.nudge(live)
        return live.document

    async def activate(self, circuit: Circuit, aim: Aim) -> Circuit:
        """Have a circuit that stands by start from what it has at hand. Nothing happens if it is active already.

        Raises: WrongState if it is stopped.
        """
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            record = live.record
            if record.aim is Aim.STOPPED or record.deployment is None:
                raise WrongState("the circuit is not started; only one that stands by can be activated")
            if record.deployment.stands_by:
                active = msgspec.structs.replace(record.deployment, initial=aim, stands_by=False)
                await live.commit(
                    self._documents, self._clock, moved(record, self._clock.now(), aim=aim, deployment=active)
                )
        self._lifecycle.nudge(live)
        return live.document

    async def clear(self, circuit: Circuit, guard: Guard) -> Circuit:
        """Drop the stored state of a stopped circuit.

        Raises: WrongState, and what the guard raises.
        """
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            guard(live.record)
            self._check_stopped(live)
            if live.record.storage is not StorageState.EMPTY:
                clearing = moved(live.record, self._clock.now(), storage=StorageState.CLEARING)
                empty = moved(clearing, self._clock.now(), storage=StorageState.EMPTY, has_run=False)
                await live.commit(self._documents, self._clock, clearing)
                await self._remove_kept(live)
                await live.commit(self._documents, self._clock, empty)
        return live.document

    async def dismiss(self, circuit: Circuit, guard: Guard) -> Circuit:
        """Forget why the circuit stopped by itself."""
        live = self._live(circuit.id)
        async with live.lock:
            self._check_present(live)
            guard(live.record)
            if live.record.fault is not None:
                await live.commit(self._documents, self._clock, moved(live.record, self._clock.now(), fault=None))
        return live.document

    # ---- checkpoints

    async def checkpoint(self, circuit: Circuit) -> int:
        """Begin to make a checkpoint and return its number among those asked for since the circuit's process began.

        Raises: NotDeployed.
        """
        live = self._live(circuit.id)
        process = self._process(circuit)
        number = live.asked.begin()

        async def make() -> None:
            try:
                live.asked.succeeded(number, await process.checkpoint())
            except RequestFailed as error:
                live.asked.failed(number, error.message, self._clock.now())

        live.attend(asyncio.create_task(make(), name=f"checkpoint of {circuit.id}"))
        return number

    def asked(self, circuit: Circuit) -> Asked:
        """Return what has come of the checkpoints that were asked for."""
        return self._live(circuit.id).asked

    async def checkpoints(self, circuit: Circuit) -> _list[Manifest]:
        """Return the checkpoints that are kept, oldest first. Raises: Unavailable if one cannot be read."""
        directory = self._lifecycle.directory_of(self._live(circuit.id))
        if directory is None:
            return []
        try:
            return await asyncio.to_thread(Checkpoints(directory / "checkpoints").list)
        except CheckpointUnusable as error:
            raise Unavailable(str(error)) from error

    async def _remove_kept(self, live: Live) -> None:
        directory = self._lifecycle.directory_of(live)
        if directory is not None:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    async def settle(self, circuit: Circuit, timeout_s: float) -> Circuit:
        """Wait a while for the process to be where it is to be; return the circuit as it is then."""
        return await self._wait(circuit, _is_settled, timeout_s)

    async def compiled(self, circuit: Circuit, timeout_s: float) -> Circuit:
        """Wait a while for the compiler's verdict; return the circuit as it is then."""
        return await self._wait(circuit, lambda record: record.program_state.is_final, timeout_s)

    async def _wait(self, circuit: Circuit, holds: Callable[[CircuitRecord], bool], timeout_s: float) -> Circuit:
        live = self._circuits.get(circuit.id)
        if live is None:
            return circuit
        await live.wait_until(holds, timeout_s)
        return live.document

    # ---- history, lines and samples

    async def history(self, circuit: Circuit, limit: int = 1000) -> tuple[StatusChange, ...]:
        """Return the changes of status, newest first."""
        facts = await self._store.facts(stream_of(circuit.id), limit=limit, newest_first=True)
        return tuple(msgspec.json.decode(fact.body, type=StatusChange) for fact in facts)

    def logbook(self, circuit: Circuit) -> Logbook:
        """Return the circuit's log lines."""
        return self._live(circuit.id).logbook

    def samples(self, circuit: Circuit) -> tuple[Sample, ...]:
        """Return the counters of the last minute, one sample per second, oldest first; none when stopped."""
        return tuple(self._live(circuit.id).samples)

    async def follow_samples(self, circuit: Circuit) -> AsyncGenerator[Sample, None]:
        """Yield each new sample until the process ends."""
        live = self._live(circuit.id)
        process = self._process(circuit)
        while live.process is process:
            try:
                async with asyncio.timeout(5):
                    await live.sampled.wait()
            except TimeoutError:
                continue
            if live.samples and live.process is process:
                yield live.samples[-1]

    # ---- programs

    async def compile(self, program: str) -> Compiled:
        """Compile a text without making a circuit of it."""
        return await self._lifecycle.compile(program)

    # ---- the process

    async def push(
        self, circuit: Circuit, table: str, format: FormatSpec, chunks: AsyncIterator[bytes], *, force: bool
    ) -> Pushed:
        """Feed a body into a table; see `CircuitProcess.push`.

        Raises: NotDeployed, RequestFailed.
        """
        return await self._process(circuit).push(table, format, chunks, force=force)

    async def subscribe(
        self, circuit: Circuit, relation: str, format: FormatSpec, *, snapshot: bool, backpressure: bool
    ) -> AsyncGenerator[Chunk, None]:
        """Follow a relation; the circuit counts as stopped only after this has ended.

        Raises: NotDeployed, RequestFailed.
        """
        live = self._live(circuit.id)
        process = self._process(circuit)
        live.stream_opened()
        try:
            chunks = process.subscribe(relation, format, snapshot=snapshot, backpressure=backpressure)
            async with aclosing(_closing(chunks)) as items:
                async for chunk in items:
                    yield chunk
        finally:
            live.stream_closed()

    async def query(self, circuit: Circuit, sql: str, format: str) -> AsyncGenerator[bytes, None]:
        """Run ad-hoc SQL; see `CircuitProcess.query`.

        Raises: NotDeployed, RequestFailed.
        """
        async with aclosing(_closing(self._process(circuit).query(sql, format))) as pieces:
            async for piece in pieces:
                yield piece

    def process(self, circuit: Circuit) -> CircuitProcess:
        """Return the circuit's process, for all else that can be asked of it.

        Raises: NotDeployed.
        """
        return self._process(circuit)

    # ---- inside

    def _process(self, circuit: Circuit) -> CircuitProcess:
        process = self._live(circuit.id).process
        if process is None:
            raise NotDeployed("the circuit is not running; start it first")
        return process

    def _live(self, id: str) -> Live:
        live = self._circuits.get(id)
        if live is None:
            raise NotFound("the circuit was deleted")
        return live

    def _named(self, scope: Scope, name: str) -> Live:
        live = self._names.get((scope, name))
        if live is None:
            raise NotFound(f"there is no circuit named {name!r}")
        return live

    def _adopt(self, document: Circuit) -> Live:
        logbook = Logbook(self._clock.new_id())
        logbook.write("Fresh start of pipeline logs")
        live = Live(document, logbook)
        self._circuits[document.id] = live
        self._names[document.scope, document.name or ""] = live
        return live

    def _new_scope(self, scope: Scope) -> tuple[Insert, ...]:
        if scope in self._scopes:
            return ()
        body = msgspec.json.encode(str(scope))
        return (Insert(_SCOPE_KIND, self._clock.new_id(), DEFAULT_SCOPE, str(scope), self._clock.now(), body),)

    async def _open_scope(self, scope: Scope) -> None:
        query = Query(CIRCUIT.name, scope, limit=_PAGE)
        while True:
            page = await self._documents.page(CIRCUIT, scope, limit=_PAGE, after=query.after)
            for document in page.documents:
                live = self._adopt(document)
                back = recovered(document.body, self._clock.now())
                if back != document.body:
                    _log.info(LogEvent.CIRCUIT_RECOVERED, circuit=document.id, name=document.name)
                    await live.commit(self._documents, self._clock, back)
            if page.next is None:
                return
            query = Query(CIRCUIT.name, scope, limit=_PAGE, after=page.next)

    async def _records(self, kind: str, scope: Scope) -> AsyncIterator[str]:
        query = Query(kind, scope, limit=_PAGE)
        while True:
            page = await self._store.select(query)
            for record in page.records:
                yield msgspec.json.decode(record.body, type=str)
            if page.next is None:
                return
            query = Query(kind, scope, limit=_PAGE, after=page.next)

    @staticmethod
    def _check_present(live: Live) -> None:
        if live.is_deleted:
            raise NotFound("the circuit was deleted")

    @staticmethod
    def _check_stopped(live: Live) -> None:
        if live.record.state is not CircuitState.STOPPED or live.record.aim is not Aim.STOPPED:
            raise WrongState("the circuit is not stopped; stop it first")


def _is_settled(record: CircuitRecord) -> bool:
    at_rest = {
        Aim.STOPPED: CircuitState.STOPPED,
        Aim.PAUSED: CircuitState.PAUSED,
        Aim.RUNNING: CircuitState.RUNNING,
    }
    return record.state is at_rest[record.aim]


async def _closing(items: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Make an iterator one that can be closed; closing it closes the iterator where that is possible."""
    try:
        async for item in items:
            yield item
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
