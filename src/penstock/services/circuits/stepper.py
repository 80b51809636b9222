"""The thread that owns a circuit: it takes what is queued, steps, publishes, and says how far it has come.

    queued input, clock, commit ──> step ──> publish ──> completed
                    ^ jobs of other threads run between steps, also while a slow follower holds a step up

Only this thread touches the circuit. Others hand it jobs.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from penstock.data.batch import Batch
from penstock.data.changes import Changes, concat_changes
from penstock.data.spilling import SpillFailed
from penstock.services.circuits.built import Built
from penstock.services.circuits.durability.endpoints import put_back
from penstock.services.circuits.durability.journal import StepTaken
from penstock.services.circuits.durability.keeper import Keeper
from penstock.services.circuits.durability.manifest import Manifest
from penstock.services.circuits.durability.restart import Restart, changes_of
from penstock.services.circuits.hub import Awaited, Hub
from penstock.services.circuits.intake import Intake, Taken
from penstock.services.circuits.timer import Timer
from penstock.sql.functions.registry import EvaluationError

_Result = TypeVar("_Result")

WORKER_PANIC = "RuntimeError.WorkerPanic"


class Transaction:
    """What came in since a transaction began; one step takes it all at the commit."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.began_s = time.monotonic()
        self.inputs: dict[str, list[Changes]] = {}
        self.taken: list[Taken] = []
        self.records = 0
        self.committing = False

    def add(self, taken: Taken) -> None:
        """Keep input for the commit."""
        for table, changes in taken.inputs.items():
            self.inputs.setdefault(table, []).append(changes)
        self.taken.append(taken)
        self.records += taken.records

    def joined(self) -> dict[str, Batch]:
        """Return everything as one step's input."""
        return {table: concat_changes(parts) for table, parts in self.inputs.items()}


class Stepper:
    """Runs one circuit. on_failure: called once, with code, message and traceback, when a step cannot be taken."""

    def __init__(
        self,
        built: Built,
        intake: Intake,
        hub: Hub,
        timer: Timer,
        settings: Mapping[str, Any],
        on_failure: Callable[[str, str, str], None],
    ) -> None:
        self._built = built
        self._intake = intake
        self._hub = hub
        self._timer = timer
        self._min_records = int(settings.get("min_batch_size_records") or 0)
        self._max_delay_s = int(settings.get("max_buffering_delay_usecs") or 0) / 1_000_000
        self._on_failure = on_failure
        self._jobs: deque[Callable[[], None]] = deque()
        self._quiet_jobs: deque[Callable[[], None]] = deque()
        self._transactions = 0
        self._has_stepped = False
        self.first_step: Future[None] = Future()
        self.caught_up: Future[None] = Future()
        self.restarted: Restart | None = None
        self.keeper: Keeper | None = None
        self.on_step: Callable[[], None] = lambda: None
        self.running = False
        self.waits_for_followers = True
        self.transaction: Transaction | None = None
        self.initiated_steps = 0
        self.published_steps = 0
        self._handed: deque[tuple[int, int]] = deque()
        self._completed = (0, 0)
        self._completing = threading.Lock()
        self.clock_us: int | None = None
        self.processed_records = 0
        self.processed_bytes = 0
        self.stall_s = 0.0
        self.stalled_since: float | None = None

    @property
    def completed_steps(self) -> int:
        """The step up to which everything was delivered."""
        return self.completion()[0]

    @property
    def completed_records(self) -> int:
        """How many records were processed by then."""
        return self.completion()[1]

    def completion(self) -> tuple[int, int]:
        """Return `completed_steps` and `completed_records` of one moment."""
        done = self._hub.done(self.published_steps)
        with self._completing:
            while self._handed and self._handed[0][0] <= done:
                self._completed = self._handed.popleft()
            return self._completed

    # ------------------------------------------------------------------------------- called from other threads

    def do(self, job: Callable[[], _Result]) -> Future[_Result]:
        """Have a job run on the stepping thread, between steps."""
        return self._queue(job, self._jobs)

    def do_between_transactions(self, job: Callable[[], _Result]) -> Future[_Result]:
        """Have a job run on the stepping thread, between steps, when no transaction is open."""
        return self._queue(job, self._quiet_jobs)

    def _queue(self, job: Callable[[], _Result], jobs: deque[Callable[[], None]]) -> Future[_Result]:
        future: Future[_Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)

        with self._intake.lock:
            jobs.append(run)
            self._intake.work.notify_all()
        return future

    def set_running(self, running: bool) -> None:
        """Begin or cease to take steps; a step under way is finished."""
        with self._intake.lock:
            self.running = running
            self._intake.work.notify_all()
            self._intake.room.notify_all()
            self._intake.on_room()

    def hurry(self, hurried: bool) -> None:
        """Wait for no full queue, so that what is queued is taken in before a stop; or wait again."""
        with self._intake.lock:
            self.waits_for_followers = not hurried
            self._intake.room.notify_all()

    def wake(self) -> None:
        """Look again at what is to be done."""
        with self._intake.lock:
            self._intake.work.notify_all()

    def begin(self) -> int | None:
        """Begin a transaction and return its number; None if one is open."""
        with self._intake.lock:
            if self.transaction is not None:
                return None
            self._transactions += 1
            self.transaction = Transaction(self._transactions)
            return self._transactions

    def commit(self) -> bool:
        """Have the open transaction committed; False if there is none."""
        with self._intake.lock:
            if self.transaction is None or self.transaction.committing:
                return False
            self.transaction.committing = True
            self._intake.work.notify_all()
            return True

    # ------------------------------------------------------------------------------------- the stepping thread

    def run(self) -> None:
        """Run until the process ends or a step fails; first take the steps again that are in the journal."""
        try:
            self._catch_up()
            while True:
                self._wait()
                self._run_jobs()
                self._run_quiet_jobs()
                self._advance()
        except (EvaluationError, SpillFailed) as error:
            self._on_failure(WORKER_PANIC, str(error), "")
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            self._on_failure(WORKER_PANIC, message, traceback.format_exc())

    def _wait(self) -> None:
        with self._intake.lock:
            while not self._jobs and not self._may_be_quiet() and (timeout_s := self._due_s()) != 0:
                self._intake.work.wait(timeout_s)

    def _due_s(self) -> float | None:
        """Return in how many seconds there is something to step for: 0 now, None not before something happens."""
        transaction = self.transaction
        if self._intake.forced or (transaction is not None and transaction.committing):
            return 0
        if not self.running:
            return None
        if transaction is not None:
            return 0 if self._intake.waiting else None
        if not self._has_stepped:
            return 0
        clock_s = self._timer.due_s() if self._built.circuit.uses_clock else None
        if not self._intake.waiting:
            return clock_s
        if self._intake.buffered_records >= self._min_records:
            return 0
        buffer_s = max(self._max_delay_s - self._intake.oldest_s(), 0)
        return buffer_s if clock_s is None else min(buffer_s, clock_s)

    def _run_jobs(self) -> None:
        while True:
            with self._intake.lock:
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            job()

    def _may_be_quiet(self) -> bool:
        return bool(self._quiet_jobs) and self.transaction is None

    def _run_quiet_jobs(self) -> None:
        while True:
            with self._intake.lock:
                if not self._may_be_quiet():
                    return
                job = self._quiet_jobs.popleft()
            job()

    def _catch_up(self) -> None:
        """Go on from a checkpoint: count from where it stood, take the journal's steps, or what a program is given."""
        restart, self.restarted = self.restarted, None
        try:
            if restart is not None and restart.manifest is not None:
                self._take_up(restart.manifest)
                for entry in restart.steps:
                    self._step_again(entry)
                if restart.contents is not None:
                    self._bootstrap(restart.contents, restart.unchanged)
                self._hand_contents(None if restart.contents is None else restart.unchanged)
        except BaseException as error:
            self.caught_up.set_exception(error)
            raise
        if self._has_stepped:
            self.first_step.set_result(None)
        self.caught_up.set_result(None)

    def _hand_contents(self, unchanged: frozenset[str] | None) -> None:
        """Hand what a view holds to new outputs that want it; what has just been made anew was handed to them already.

        unchanged: views that are as they were; None for all.
        """
        for outlet in self._hub.outlets:
            relation = outlet.endpoint.relation
            if outlet.wants_contents and (unchanged is None or relation in unchanged):
                outlet.taken = max(outlet.taken, self.published_steps)
                outlet.take_contents(self._built.circuit.contents(relation))

    def _take_up(self, manifest: Manifest) -> None:
        self.initiated_steps = manifest.steps
        self.processed_records = manifest.records
        self._published(manifest.steps)
        self.processed_bytes = manifest.input_bytes
        with self._intake.lock:
            self._intake.total_records, self._intake.total_bytes = manifest.records, manifest.input_bytes
        self._has_stepped = manifest.steps > 0
        self._set_clock(manifest.clock_us)

    def _set_clock(self, clock_us: int | None) -> None:
        self.clock_us = clock_us
        if clock_us is not None:
            self._timer.go_on(clock_us)

    def _step_again(self, entry: StepTaken) -> None:
        changes = self._built.circuit.step(changes_of(entry, self._built), entry.clock_us)
        with self._intake.lock:
            for state in entry.inputs:
                put_back(self._intake.endpoint(state.name, state.table, state.config), state)
            self._intake.total_records += entry.records
            self._intake.total_bytes += entry.size_bytes
        self._hub.deliver(entry.step, changes)
        self.initiated_steps = entry.step
        self.processed_records += entry.records
        self._published(entry.step)
        self.processed_bytes += entry.size_bytes
        self._has_stepped = True
        self._set_clock(entry.clock_us)

    def _bootstrap(self, contents: Mapping[str, Batch], unchanged: frozenset[str]) -> None:
        step = self.initiated_steps + 1
        circuit = self._built.circuit
        changes = circuit.step(contents, self._timer.now() if circuit.uses_clock else None)
        known = {*contents, *unchanged}
        self._hub.deliver(step, {name: batch for name, batch in changes.items() if name not in known})
        self.initiated_steps = step
        self._published(step)
        self._has_stepped = True

    def _advance(self) -> None:
        """Take one step, or keep input for the open transaction."""
        with self._intake.lock:
            if self._due_s() != 0:
                return
            transaction = self.transaction
            if transaction is not None and not transaction.committing:
                transaction.add(self._intake.take(only_forced=not self.running, limit=None))
                return
            taken = self._intake.take(only_forced=not self.running)
        if transaction is not None:
            transaction.add(taken)
            self._step(transaction.joined(), transaction.taken)
            with self._intake.lock:
                self.transaction = None
        else:
            self._step(dict(taken.inputs), [taken])

    def _step(self, inputs: Mapping[str, Batch], taken: list[Taken]) -> None:
        step = self.initiated_steps + 1
        self.initiated_steps = step
        circuit = self._built.circuit
        clock_us = self._timer.now() if circuit.uses_clock else None
        changes = circuit.step(inputs, clock_us)
        self._has_stepped = True
        self.clock_us = clock_us
        self.processed_records += sum(part.records for part in taken)
        self.processed_bytes += sum(part.bytes for part in taken)
        for part in taken:
            self._intake.took(part, step)
        if self.keeper is not None:
            self.keeper.took(step, clock_us, inputs, taken)
        self._wait_for(self._hub.publish(step, changes))
        if self.keeper is not None:
            self.keeper.delivered()
        self._published(step)
        if not self.first_step.done():
            self.first_step.set_result(None)

    def _published(self, step: int) -> None:
        """Note that a step's changes were handed out; it is completed when the last output has delivered them."""
        with self._completing:
            self._handed.append((step, self.processed_records))
            self.published_steps = step
        self.completion()
        self.on_step()

    def _wait_for(self, followers: list[Awaited]) -> None:
        """Wait until none of these followers' queues is full; jobs are done meanwhile, the circuit is between steps."""
        if not followers:
            return
        self.stalled_since = time.monotonic()
        while self.waits_for_followers and any(follower.full for follower in followers):
            self._run_jobs()
            self._run_quiet_jobs()  # what cannot be delivered must not keep a checkpoint from being made of it
            with self._intake.lock:
                if self.waits_for_followers and not self._jobs and any(follower.full for follower in followers):
                    self._intake.room.wait(0.1)
        self.stall_s += time.monotonic() - self.stalled_since
        self.stalled_since = None
