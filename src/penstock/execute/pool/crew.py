"""One pool: its queue, its instances, and which worker answers what.

Requests of people who wait go before those of batches. A worker answers one request at a time. When requests wait
longer than a moment, another instance is started, up to the limit; one that is idle for long is ended, down to the
minimum. A worker that dies takes its own request with it, with the reason, and is replaced when it is needed.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from penstock.execute.pool.start import Start, Starter
from penstock.execute.pool.worker_link import Reply, WorkerLink, encode
from penstock.kernel.errors import Invalid, PenstockError, TimedOut, Unavailable
from penstock.kernel.events import LogEvent
from penstock.kernel.policies import Cause
from penstock.kernel.runs import Failure
from penstock.kernel.signature import Misfit, fit
from penstock.kernel.values import Value
from penstock.ports.workers import Inspection, Instance, InstanceState, Line, PoolSpec, PoolStatus

__all__ = ["Crew", "Request"]

GROW_S: Final = 0.05
"""How long requests wait before another instance is started for them."""
_RETRY_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Waits between starts that fail, where a minimum of instances is kept."""
_REMEMBERED: Final = 1024

_log = structlog.get_logger("penstock.execute")


@dataclass(slots=True, eq=False)
class Request:
    """A request in a pool. done: told once, with its result or its failure, unless it was cancelled.

    id: what the log and the user's code know it by. is_urgent: somebody waits for it.
    """

    number: int
    id: str
    run: str
    data: Value
    context: dict[str, Value]
    is_urgent: bool
    started: Callable[[str], None]
    done: Callable[[Value | Failure], None]
    queued_at: float = field(default_factory=time.monotonic)
    link: WorkerLink | None = None
    is_over: bool = False


@dataclass(slots=True, eq=False)
class _Instance:
    id: str
    made_at_us: int
    changed_at_us: int
    links: list[WorkerLink] = field(default_factory=list)
    start: asyncio.Task[None] | None = None
    is_stopping: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all pools share. after: what is done with the answer before it is told (files), if anything."""

    starter: Starter
    logged: Callable[[PoolSpec, list[Line]], None]
    updated: Callable[[str, str, str], None]
    may_start: Callable[[Crew], bool]
    keep_files: Callable[[PoolSpec, Request, Value, Path], asyncio.Future[Value]]


class Crew:
    """The workers of one spec.

    Attributes:
        waiting_count: requests that wait.
        spec: what they are made of. inspection: what a worker found in the code, once one has started.
    """

    def __init__(self, spec: PoolSpec, around: Surroundings) -> None:
        self.spec = spec
        self.inspection: Inspection | None = None
        self._around = around
        self._waiting: tuple[deque[Request], deque[Request]] = (deque(), deque())
        self.waiting_count = 0
        self._running: dict[int, Request] = {}
        self._instances: list[_Instance] = []
        self._idle: list[WorkerLink] = []
        self._directories: dict[WorkerLink, Path] = {}
        self._runs: dict[str, str] = {}
        self._message: str | None = None
        self._counts = {"completed": 0, "failed": 0, "restarts": 0}
        self._failed_starts = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_retired = False
        self._tasks: set[asyncio.Task[None]] = set()

    # Requests.

    def submit(self, request: Request) -> None:
        """Take a request in; a full queue fails it at once."""
        if self.waiting_count >= self.spec.queue_limit and not self._idle:
            limit = self.spec.queue_limit
            self._settle(request, Failure(Cause.FAILED, f"The queue is full: {limit} requests wait already"))
            return
        if self._idle and not self.waiting_count:
            self._hand(self._idle.pop(), request)
            return
        self._waiting[0 if request.is_urgent else 1].append(request)
        self.waiting_count += 1
        self._dispatch()
        if self.waiting_count:
            self._staff()

    def cancel(self, request: Request, reason: str) -> None:
        """Forget a request; if a worker is busy with it, the worker is killed."""
        if request.is_over:
            return
        request.is_over = True
        if request.link is None:
            self.waiting_count -= 1
        else:
            self._running.pop(request.number, None)
            self._kill(request.link, f"the request was ended: {reason}")

    @property
    def worker_count(self) -> int:
        """How many workers there are, starting ones included."""
        return sum(max(len(instance.links), 1) for instance in self._instances)

    @property
    def is_empty(self) -> bool:
        """Whether no worker and no request is left."""
        return not (self._instances or self._running or self.waiting_count)

    def status(self) -> PoolStatus:
        """Return how the pool is."""
        instances = tuple(self._shown(instance) for instance in self._instances)
        waiting, running = self.waiting_count, len(self._running)
        counts = self._counts
        return PoolStatus(
            instances, waiting, running, counts["completed"], counts["failed"], counts["restarts"], self._message
        )

    # Instances.

    def staff(self) -> None:
        """Have the minimum of instances."""
        self._staff()

    async def inspect(self) -> Inspection:
        """Start one instance and return what its worker found. Raises: Invalid, TimedOut."""
        instance = self._new_instance()
        await self._start(instance)
        assert self.inspection is not None, "a worker that is ready has said what it found"
        self._message = None
        return self.inspection

    def retire(self) -> list[Request]:
        """Take no more requests: idle workers end, busy ones when they have answered. Returns what waits."""
        self._is_retired = True
        waiting = [request for queue in self._waiting for request in queue if not request.is_over]
        for queue in self._waiting:
            queue.clear()
        self.waiting_count = 0
        for instance in list(self._instances):
            self._end_if_idle(instance)
        return waiting

    def end(self, reason: str) -> None:
        """Kill all workers; all requests fail."""
        for request in [*self.retire(), *self._running.values()]:
            self._settle(request, Failure(Cause.FAILED, reason))
        for instance in list(self._instances):
            self._stop(instance, reason)

    def sweep(self, now: float) -> None:
        """End instances that were idle for long, down to the minimum; start what is missing."""
        surplus = len(self._instances) - (0 if self._is_retired else self.spec.min_instances)
        for instance in self._instances[::-1]:
            if surplus <= 0:
                break
            if self._idle_for(instance, now) >= self.spec.idle_s or (
                self._is_retired and self._idle_for(instance, now) > 0
            ):
                self._stop(instance, "idle")
                surplus -= 1
        if len(self._instances) < self.spec.min_instances and not self._is_retired and self._timer is None:
            self._staff()

    def idle_for(self, now: float) -> float:
        """Return how long the instance has been idle that is idle longest and not needed; 0 if there is none."""
        if len(self._instances) <= self.spec.min_instances:
            return 0.0
        return max((self._idle_for(instance, now) for instance in self._instances), default=0.0)

    def give_up_one(self, now: float) -> None:
        """End the instance that has been idle longest."""
        instance = max(self._instances, key=lambda instance: self._idle_for(instance, now))
        self._stop(instance, "idle; another pool needs the room")

    async def close(self) -> None:
        """Stop starting workers. The nest ends those that are there."""
        self._is_retired = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = [instance.start for instance in self._instances if instance.start is not None]
        for task in [*tasks, *self._tasks]:
            task.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)

    # Inside: who answers what.

    def _dispatch(self) -> None:
        while self._idle and self.waiting_count:
            queue = self._waiting[0] or self._waiting[1]
            request = queue.popleft()
            if request.is_over:
                continue
            self.waiting_count -= 1
            self._hand(self._idle.pop(), request)

    def _hand(self, link: WorkerLink, request: Request) -> None:
        try:
            message = encode({"n": request.number, "id": request.id, "data": request.data, "context": request.context})
        except (TypeError, ValueError) as error:
            self._idle.append(link)
            self._settle(request, Failure(Cause.FAILED, f"Invalid message format: {error}"))
            return
        link.busy_with, request.link = request.number, link
        self._running[request.number] = request
        if len(self._runs) > _REMEMBERED:
            self._runs.clear()
        self._runs[request.id] = request.run
        request.started(str(link.pid))
        link.send(message)

    def _heard(self, link: WorkerLink, reply: Reply) -> None:
        if reply.t == "update":
            request = self._running.get(reply.n)
            if request is not None:
                self._around.updated(request.run, request.id, reply.text)
            return
        if link.busy_with != reply.n or reply.t not in ("done", "failed"):
            return
        request = self._running.pop(reply.n, None)
        if request is None:
            return  # it was cancelled; the worker is being killed
        if reply.t == "failed":
            self._release(link)
            self._settle(request, Failure(Cause.FAILED, reply.message))
        elif self.spec.gives.has_files:
            self._later(self._keep_files(link, request, reply.data))
        else:
            self._release(link)
            self._settle(request, self._checked(reply.data))

    async def _keep_files(self, link: WorkerLink, request: Request, data: Value) -> None:
        # The worker stays busy meanwhile: its next request might write to the same paths.
        outcome = self._checked(data)
        try:
            if not isinstance(outcome, Failure):
                outcome = await self._around.keep_files(self.spec, request, outcome, self._directories[link])
        except (PenstockError, OSError) as error:
            outcome = Failure(Cause.FAILED, error.message if isinstance(error, PenstockError) else str(error))
        self._release(link)
        self._settle(request, outcome)

    def _checked(self, data: Value) -> Value | Failure:
        """Return a result in its declared form; `requests` may give a list of results or one for all."""
        gives = self.spec.gives
        if gives.is_plain:
            return data
        try:
            return [fit(gives, item) for item in data] if isinstance(data, list) else fit(gives, data)
        except Misfit as error:
            return Failure(Cause.FAILED, f"The result does not have the declared output: {error}")

    def _settle(self, request: Request, outcome: Value | Failure) -> None:
        if request.is_over:
            return
        request.is_over = True
        self._running.pop(request.number, None)
        self._counts["failed" if isinstance(outcome, Failure) else "completed"] += 1
        request.done(outcome)

    def _release(self, link: WorkerLink) -> None:
        """A worker has nothing to do."""
        link.busy_with, link.idle_since = None, time.monotonic()
        if link.is_gone or link.is_retired:
            return
        if self._is_retired:
            for instance in list(self._instances):
                if link in instance.links:
                    self._end_if_idle(instance)
            return
        self._idle.append(link)
        if self.waiting_count:
            self._dispatch()

    # Inside: how many there are.

    def _staff(self) -> None:
        if self._is_retired:
            return
        starting = sum(instance.start is not None for instance in self._instances)
        wanted = self.spec.min_instances - len(self._instances)
        if self.waiting_count:
            waited = time.monotonic() - self._oldest()
            if not self._instances:
                wanted = max(wanted, 1)
            elif waited >= GROW_S:
                needed = -(-self.waiting_count // self.spec.processes) - starting
                wanted = max(wanted, min(needed, self.spec.max_instances - len(self._instances)))
            if wanted <= 0 and len(self._instances) < self.spec.max_instances:
                self._look_again(max(GROW_S - waited, 0.01) if waited < GROW_S else GROW_S)
        for _ in range(min(wanted, max(self.spec.max_instances, 1) - len(self._instances))):
            if not self._around.may_start(self):
                self._look_again(0.25)
                return
            instance = self._new_instance()
            instance.start = asyncio.create_task(self._start_alone(instance))

    def _oldest(self) -> float:
        for queue in self._waiting:
            while queue and queue[0].is_over:
                queue.popleft()
        return min(queue[0].queued_at for queue in self._waiting if queue) if any(self._waiting) else time.monotonic()

    def _look_again(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._looked)

    def _looked(self) -> None:
        self._timer = None
        self._staff()

    def _new_instance(self) -> _Instance:
        now_us = _now_us()
        instance = _Instance(secrets.token_hex(16), now_us, now_us)
        self._instances.append(instance)
        return instance

    async def _start_alone(self, instance: _Instance) -> None:
        """Start an instance for those who wait; if that fails, they fail."""
        try:
            await self._start(instance)
            self._failed_starts = 0
        except PenstockError as error:
            self._message = error.message
            self._failed_starts += 1
            self._fail_waiting(error)
            if self.spec.min_instances:
                self._look_again(_RETRY_S[min(self._failed_starts, len(_RETRY_S)) - 1])

    def _fail_waiting(self, error: PenstockError) -> None:
        if any(link.is_ready for instance in self._instances for link in instance.links):
            return
        if any(instance.start is not None for instance in self._instances):
            return
        waiting = [request for queue in self._waiting for request in queue if not request.is_over]
        for queue in self._waiting:
            queue.clear()
        self.waiting_count = 0
        cause = Cause.FAILED if isinstance(error, Invalid | TimedOut) else Cause.ERRORED
        for request in waiting:
            self._settle(request, Failure(cause, f"The deployment cannot be started: {error.message.splitlines()[0]}"))

    async def _start(self, instance: _Instance) -> None:
        """Start all workers of an instance. Raises: Invalid, TimedOut, Unavailable."""
        try:
            starts = [self._start_worker(instance, number) for number in range(self.spec.processes)]
            results = await asyncio.gather(*starts, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        except BaseException as error:
            self._stop(instance, "its start failed")
            if isinstance(error, OSError):
                raise Unavailable(f"no worker can be started: {error}") from error
            raise
        finally:
            instance.start = None
            instance.changed_at_us = _now_us()
        self._dispatch()

    async def _start_worker(self, instance: _Instance, number: int) -> None:
        link = WorkerLink(self._heard, self._lost)
        instance.links.append(link)
        start = Start(self.spec, link, number, self._ended, self._lines)
        ready = await self._around.starter.start(
            start, lambda directory: self._directories.__setitem__(link, directory)
        )
        self.inspection = Inspection(ready.request, ready.requests)
        link.is_ready = True
        _log.debug(LogEvent.WORKER_STARTED, pool=self.spec.id, pid=link.pid)
        if not instance.is_stopping:
            self._release(link)

    def _lines(self, link: WorkerLink, lines: Sequence[tuple[int, str, str, str | None]]) -> None:
        self._around.logged(
            self.spec,
            [Line(at, stream, text, request, self._runs.get(request or "")) for at, stream, text, request in lines],
        )

    def _lost(self, link: WorkerLink) -> None:
        """Its socket was closed: if it should live, it is dying, or of no use."""
        if not link.is_gone and not link.is_retired:
            self._around.starter.kill(link, None)

    def _ended(self, link: WorkerLink, code: int | None, reason: str | None) -> None:
        """A worker is gone."""
        link.is_gone = True
        if link in self._idle:
            self._idle.remove(link)
        self._directories.pop(link, None)
        for instance in list(self._instances):
            if link in instance.links:
                instance.links.remove(link)
                if not instance.links and instance.start is None:
                    self._instances.remove(instance)
        why = link.reason or reason or _described(code)
        if not link.is_retired and link.is_ready:
            self._counts["restarts"] += 1
            self._message = why
            self._around.logged(self.spec, [Line(_now_us(), "sys", f"the worker ended: {why}", self._busy_id(link))])
            _log.warning(LogEvent.WORKER_ENDED, pool=self.spec.id, pid=link.pid, reason=why)
        if link.busy_with is not None and (request := self._running.pop(link.busy_with, None)) is not None:
            self._settle(request, Failure(Cause.FAILED, f"The worker of this request ended: {why}", code))
        if self.waiting_count:
            self._staff()

    def _busy_id(self, link: WorkerLink) -> str | None:
        request = self._running.get(link.busy_with) if link.busy_with is not None else None
        return request.id if request else None

    def _kill(self, link: WorkerLink, reason: str) -> None:
        link.reason = link.reason or reason
        self._around.starter.kill(link, reason)

    def _stop(self, instance: _Instance, reason: str) -> None:
        instance.is_stopping = True
        if instance.start is not None and instance.start is not asyncio.current_task():
            instance.start.cancel()
        for link in instance.links:
            link.is_retired = True
            if link in self._idle:
                self._idle.remove(link)
            self._around.starter.kill(link, reason)
        if instance in self._instances:
            self._instances.remove(instance)

    def _end_if_idle(self, instance: _Instance) -> None:
        if all(link.busy_with is None for link in instance.links):
            self._stop(instance, "replaced")

    def _idle_for(self, instance: _Instance, now: float) -> float:
        if instance.start is not None or any(
            link.busy_with is not None or not link.is_ready for link in instance.links
        ):
            return 0.0
        return now - max((link.idle_since for link in instance.links), default=now)

    def _shown(self, instance: _Instance) -> Instance:
        if instance.is_stopping:
            state = InstanceState.STOPPING
        elif instance.start is not None:
            state = InstanceState.STARTING
        else:
            is_busy = any(link.busy_with is not None for link in instance.links)
            state = InstanceState.BUSY if is_busy else InstanceState.READY
        pids = tuple(link.pid for link in instance.links if link.pid is not None)
        return Instance(instance.id, state, instance.made_at_us, instance.changed_at_us, pids)

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _described(code: int | None) -> str:
    if code is None:
        return "it is gone"
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        return f"its process was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"its process was killed by signal {-code}"


def _now_us() -> int:
    return time.time_ns() // 1000
