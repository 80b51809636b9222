"""Moves circuits where their owners want them: compiles, starts, pauses, resumes, stops; notes what happens by itself.

One driver task per circuit does one step after another (`kernel.circuits.next_step`) until there is none; `nudge`
wakes it after every change of aim or program. Nothing here waits by polling.
"""

import asyncio
import os
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from penstock.kernel.circuits import Aim, CircuitState, ProgramState, Step, StorageState, next_step
from penstock.kernel.errors import PenstockError
from penstock.kernel.events import LogEvent
from penstock.ports.clock import Clock
from penstock.services.circuits.live import Asked, Live, Sample, moved
from penstock.services.circuits.process import CircuitProcess, Compiled, Engine, Failure, Message, RequestFailed
from penstock.services.circuits.record import CircuitRecord, Diagnostic, Fault
from penstock.services.circuits.references import secret_names
from penstock.services.documents import Documents
from penstock.services.secrets import Secrets

__all__ = ["Lifecycle", "recovered"]

_log = structlog.get_logger("penstock.circuits")

SAMPLE_INTERVAL_S = 1.0
STREAM_GRACE_S = 2.0
RETRY_DELAY_S = 0.5

_BETWEEN = (CircuitState.STARTING, CircuitState.OPENING)


class Lifecycle:
    """Drives circuits. One for all of a server's circuits."""

    def __init__(
        self, documents: Documents, clock: Clock, engine: Engine, directory: Path | None, secrets: Secrets | None
    ) -> None:
        self._directory = directory
        self._secrets = secrets
        self._documents = documents
        self._clock = clock
        self._engine = engine
        self._compilers = asyncio.Semaphore(max(2, os.cpu_count() or 1))

    async def compile(self, program: str) -> Compiled:
        """Compile a program; not more at a time than there are processors, since each takes one and much memory."""
        async with self._compilers:
            return await self._engine.compile(program)

    def nudge(self, live: Live) -> None:
        """Have the circuit's driver look at its record again; returns at once."""
        if live.driver is None or live.driver.done():
            live.driver = asyncio.create_task(self._drive(live), name=f"circuit {live.document.id}")
        if live.record.aim is Aim.STOPPED and live.opening is not None:
            live.opening.cancel()

    async def halt(self, live: Live) -> None:
        """End all that goes on for a circuit without a word in its record: the server stops, or the circuit is gone."""
        tasks: list[asyncio.Task[None]] = [*live.attendants]
        if live.driver is not None:
            tasks.append(live.driver)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        process, live.process = live.process, None
        if process is not None:
            await process.stop()

    async def _drive(self, live: Live) -> None:
        while not live.is_deleted:
            record = live.record
            step = _after_approval(live) or next_step(record.program_state, record.state, record.aim)
            is_adrift = record.state in _BETWEEN and live.process is not None
            if step is None and not is_adrift:
                return
            try:
                if is_adrift:
                    await self._give_up(live)
                elif step is not None:
                    await self._take(step, live)
            except Exception as error:
                if isinstance(error, PenstockError | RequestFailed):
                    live.logbook.write(f"could not {step or 'give up'}: {error}")
                _log.error(LogEvent.CIRCUIT_FAILED, circuit=live.document.id, step=str(step), exc_info=error)
                await asyncio.sleep(RETRY_DELAY_S)

    async def _take(self, step: Step, live: Live) -> None:
        match step:
            case Step.COMPILE:
                await self._compile(live)
            case Step.START:
                await self._start(live)
            case Step.ABANDON:
                await self._abandon(live)
            case Step.PAUSE | Step.RESUME:
                await self._hold(live, step)
            case Step.STOP:
                await self._stop(live)

    async def _give_up(self, live: Live) -> None:
        """End a start that broke off half-way because its outcome could not be stored."""
        process, live.process = live.process, None
        if process is not None:
            await process.stop()
        await self._end(
            live, Fault("InternalError", "the start broke off because the server could not store its outcome")
        )

    async def _compile(self, live: Live) -> None:
        async with live.lock:
            record = live.record
            if record.program_state is ProgramState.PENDING:
                await self._commit(live, moved(record, self._now(), program=ProgramState.COMPILING))
        failure: str | None = None
        compiled = Compiled((), None)
        try:
            compiled = await self.compile(record.program)
        except Exception as error:
            failure = str(error) or type(error).__name__
            _log.error(LogEvent.CIRCUIT_FAILED, circuit=live.document.id, step="compile", exc_info=error)
        async with live.lock:
            if live.record.program_revision != record.program_revision or live.is_deleted:
                return
            await self._commit(live, *_verdicts(live.record, compiled, failure, self._now()))

    async def _start(self, live: Live) -> None:
        async with live.lock:
            record = live.record
            if record.aim is Aim.STOPPED or record.deployment is None:
                return
            at = self._now()
            deployment = msgspec.structs.replace(record.deployment, id=self._clock.new_id(), started_at=at)
            starting = moved(
                record, at, state=CircuitState.STARTING, storage=StorageState.IN_USE, deployment=deployment
            )
            await self._commit(live, starting)
            if deployment.stands_by:
                await self._commit(live, moved(starting, at, state=CircuitState.OPENING))
                live.standing = asyncio.create_task(self._stand_by(live), name=f"standby {live.document.id}")
                live.attend(live.standing)
                return
        await _stand_down(live)
        paused = starting.aim is Aim.PAUSED
        live.opening = asyncio.ensure_future(self._open(live, starting, paused, deployment.carry_over))
        try:
            process = await live.opening
        except asyncio.CancelledError:
            if live.record.aim is not Aim.STOPPED:
                raise
            await self._end(live, None)
            return
        except RequestFailed as error:
            if error.code == "ApprovalNeeded":
                await self._await_approval(live, error)
            else:
                await self._end(live, Fault(error.code, error.message, error.details))
            return
        except Exception as error:
            _log.error(LogEvent.CIRCUIT_FAILED, circuit=live.document.id, step="start", exc_info=error)
            await self._end(live, Fault("RunnerProvisionError", f"the circuit could not be started: {error}"))
            return
        finally:
            live.opening = None
        await self._opened(live, process, paused)

    async def _open(self, live: Live, record: CircuitRecord, paused: bool, carry_over: str) -> CircuitProcess:
        """Open a circuit with the secrets that it refers to; one that is not there is the circuit's error.

        Raises: RequestFailed.
        """
        schema, sync = record.schema or {}, record.settings.get("sync")
        referring = [schema.get("input_connectors"), schema.get("output_connectors"), sync]
        secrets = await self._secrets_of(live, referring)
        return await self._engine.open(
            live.document.id,
            record.program,
            record.settings,
            paused=paused,
            directory=self.directory_of(live),
            carry_over=carry_over,
            secrets=secrets,
        )

    async def _secrets_of(self, live: Live, referring: object) -> dict[str, str]:
        """Return the secrets that settings refer to, as far as they are there."""
        secrets: dict[str, str] = {}
        for name in secret_names(referring):
            text = None if self._secrets is None else await self._secrets.read(live.document.scope, name)
            if text is not None:
                secrets[name] = text
        return secrets

    async def _stand_by(self, live: Live) -> None:
        """Have the newest checkpoint of the object store at hand until somebody activates the circuit."""
        settings, directory = live.record.settings, self.directory_of(live)
        sync = settings.get("sync")
        interval_s = float((sync or {}).get("pull_interval_s") or 10.0)
        said: str | None = None
        while directory is not None and live.record.is_standing_by:
            try:
                id = await self._engine.fetch(settings, directory, await self._secrets_of(live, sync))
                line = None if id is None else f"standing by with checkpoint {id}"
            except RequestFailed as error:
                line = f"WARNING standing by without a newer checkpoint: {error.message}"
            if line is not None and line != said:
                live.logbook.write(line)
                said = line
            await live.wait_until(lambda record: not record.is_standing_by, interval_s)

    async def _await_approval(self, live: Live, error: RequestFailed) -> None:
        async with live.lock:
            live.logbook.write(f"{error.message}: {error.details}")
            opening = moved(live.record, self._now(), state=CircuitState.OPENING, awaits=dict(error.details))
            await self._commit(live, opening)

    async def _opened(self, live: Live, process: CircuitProcess, paused: bool) -> None:
        async with live.lock:
            live.process = process
            live.asked = Asked()
            live.samples.clear()
            live.attend(asyncio.create_task(self._watch(live, process)))
            live.attend(asyncio.create_task(self._sample(live, process)))
            live.attend(asyncio.create_task(_transcribe(live, process)))
            at = self._now()
            opening = moved(live.record, at, state=CircuitState.OPENING)
            up = moved(opening, at, state=CircuitState.PAUSED if paused else CircuitState.RUNNING, has_run=True)
            await self._commit(live, opening, up)
        _log.info(LogEvent.CIRCUIT_STARTED, circuit=live.document.id, pid=process.pid)

    async def _abandon(self, live: Live) -> None:
        async with live.lock:
            fault = Fault(
                "StartFailedDueToFailedCompilation", "the circuit was not started: its program does not compile"
            )
            if live.record.aim is not Aim.STOPPED:
                await self._commit(live, moved(live.record, self._now(), aim=Aim.STOPPED, deployment=None, fault=fault))

    async def _hold(self, live: Live, step: Step) -> None:
        process = live.process
        if process is None:
            # It has just ended by itself; `_watch` is about to say so.
            await live.wait_until(lambda record: not record.state.is_up, RETRY_DELAY_S)
            return
        await (process.pause() if step is Step.PAUSE else process.resume())
        async with live.lock:
            if live.process is process and live.record.state.is_up:
                state = CircuitState.PAUSED if step is Step.PAUSE else CircuitState.RUNNING
                await self._commit(live, moved(live.record, self._now(), state=state))

    def directory_of(self, live: Live) -> Path | None:
        """Return where a circuit's state is kept; None for nowhere."""
        if self._directory is None or not live.record.settings.get("keeps_state", True):
            return None
        return self._directory / live.document.id

    async def _suspend(self, live: Live) -> bool:
        """Have the state kept before a stop that asks for it; tell whether the circuit may be stopped now."""
        process = live.process
        if process is None or not live.record.suspends:
            return True
        try:
            if not await _suspended(live, process):
                return True  # whoever wanted a checkpoint has given it up
        except RequestFailed as error:
            if live.process is not process:
                return True  # it has ended; `_watch` is about to say so
            async with live.lock:
                if live.record.suspends and live.record.aim is Aim.STOPPED and live.record.state.is_up:
                    aim = Aim.PAUSED if live.record.state is CircuitState.PAUSED else Aim.RUNNING
                    await self._commit(live, moved(live.record, self._now(), aim=aim, suspends=False))
                    live.logbook.write(f"ERROR not stopped, since no checkpoint could be made: {error.message}")
                    return False
        return True

    async def _stop(self, live: Live) -> None:
        await _stand_down(live)
        if not await self._suspend(live):
            return
        async with live.lock:
            process, live.process = live.process, None
            if process is None:
                await self._end_locked(live, None)
                return
            await self._commit(live, moved(live.record, self._now(), state=CircuitState.STOPPING, deployment=None))
        try:
            await process.stop()
        finally:
            await live.streams_ended(STREAM_GRACE_S)
            await self._end(live, None)
        _log.info(LogEvent.CIRCUIT_STOPPED, circuit=live.document.id)

    async def _watch(self, live: Live, process: CircuitProcess) -> None:
        failure = await process.ended()
        async with live.lock:
            if live.process is not process:
                return
            live.process = None
            fault = _fault(failure, process.pid)
            _log.error(LogEvent.CIRCUIT_FAILED, circuit=live.document.id, code=fault.code, message=fault.message)
            at = self._now()
            stopping = moved(
                live.record, at, state=CircuitState.STOPPING, aim=Aim.STOPPED, deployment=None, fault=fault
            )
            await self._commit(live, stopping)
        await live.streams_ended(STREAM_GRACE_S)
        await self._end(live, fault)

    async def _sample(self, live: Live, process: CircuitProcess) -> None:
        while live.process is process:
            try:
                stats = await process.stats()
            except Exception:
                # The process is ending, or too busy to answer; the next round will tell.
                stats = None
            if stats is not None and live.process is process:
                live.samples.append(Sample(self._now(), stats))
                sampled, live.sampled = live.sampled, asyncio.Event()
                sampled.set()
            await asyncio.sleep(SAMPLE_INTERVAL_S)

    async def _end(self, live: Live, fault: Fault | None) -> None:
        async with live.lock:
            await self._end_locked(live, fault)

    async def _end_locked(self, live: Live, fault: Fault | None) -> None:
        at = self._now()
        stopping = moved(live.record, at, state=CircuitState.STOPPING, deployment=None)
        shown = live.record.fault if fault is None else fault
        stopped = moved(
            stopping, at, state=CircuitState.STOPPED, aim=Aim.STOPPED, fault=shown, suspends=False, awaits=None
        )
        await self._commit(live, stopping, stopped)

    async def _commit(self, live: Live, *records: CircuitRecord) -> None:
        await live.commit(self._documents, self._clock, *records)

    def _now(self) -> datetime:
        return self._clock.now()


async def _suspended(live: Live, process: CircuitProcess) -> bool:
    """Wait for a circuit's suspension; False if it is to be stopped at once meanwhile. Raises: RequestFailed."""
    suspending = asyncio.ensure_future(process.suspend())
    given_up = asyncio.ensure_future(live.wait_until(lambda record: not record.suspends, None))
    try:
        await asyncio.wait({suspending, given_up}, return_when=asyncio.FIRST_COMPLETED)
        if suspending.done():
            suspending.result()
            return True
        return False
    finally:
        given_up.cancel()
        suspending.cancel()


def _after_approval(live: Live) -> Step | None:
    """Return what comes after a start that waited: the start if it is approved, the end if it is given up."""
    record = live.record
    if record.state is not CircuitState.OPENING or live.process is not None or live.opening is not None:
        return None
    if record.aim is Aim.STOPPED:
        return Step.STOP
    return Step.START if record.awaits is None and not record.is_standing_by else None


async def _stand_down(live: Live) -> None:
    """Look for newer checkpoints no more; returns when nothing is fetched any more."""
    standing, live.standing = live.standing, None
    if standing is not None:
        standing.cancel()
        await asyncio.gather(standing, return_exceptions=True)


async def _transcribe(live: Live, process: CircuitProcess) -> None:
    async for line in process.logs():
        live.logbook.write(line)


def recovered(record: CircuitRecord, at: datetime) -> CircuitRecord:
    """Say what a circuit is after its server ended: its process is gone, a compilation that was cut starts again."""
    was_cut = record.program_state is not ProgramState.PENDING and not record.program_state.is_final
    # A failure of the compiler may have been one of the server's end, or of a version that is mended by now.
    if was_cut or record.program_state is ProgramState.FAILED:
        record = moved(record, at, program=ProgramState.PENDING, milestones=record.milestones + 1, failure=None)
    if record.storage is StorageState.CLEARING:
        record = moved(record, at, storage=StorageState.EMPTY)
    if record.state is CircuitState.STOPPED:
        return record
    fault = record.fault
    if record.aim is not Aim.STOPPED and record.is_fault_tolerant and record.deployment is not None:
        return moved(
            record, at, state=CircuitState.STOPPED, awaits=None
        )  # the driver starts it again, from what is kept
    if record.aim is not Aim.STOPPED:
        fault = Fault(
            "ServerEnded",
            "the server ended while the circuit was running, and took it down with its state; start it again",
        )
    return moved(record, at, state=CircuitState.STOPPED, aim=Aim.STOPPED, deployment=None, fault=fault)


def _verdicts(
    record: CircuitRecord, compiled: Compiled, failure: str | None, at: datetime
) -> tuple[CircuitRecord, ...]:
    """Return the states that the compiler's answer leads through, in order."""
    if failure is not None:
        return (moved(record, at, program=ProgramState.FAILED, failure=failure),)
    messages = tuple(_diagnostic(message) for message in compiled.messages)
    if compiled.schema is None:
        return (moved(record, at, program=ProgramState.REJECTED, messages=messages),)
    checked = moved(record, at, program=ProgramState.CHECKED, messages=messages, schema=compiled.schema)
    building = moved(checked, at, program=ProgramState.BUILDING)
    return checked, building, moved(building, at, program=ProgramState.READY)


def _diagnostic(message: Message) -> Diagnostic:
    return Diagnostic(
        message.start_line,
        message.start_column,
        message.end_line,
        message.end_column,
        message.warning,
        message.kind,
        message.message,
        message.snippet,
    )


def _fault(failure: Failure | None, pid: int) -> Fault:
    if failure is None:
        return Fault("RuntimeError.WorkerPanic", f"the circuit's process {pid} ended without giving a reason")
    return Fault(failure.code, failure.message, failure.details)
