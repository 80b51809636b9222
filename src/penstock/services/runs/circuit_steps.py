"""The bridge between the two engines: steps of kind `circuit`, each carried out in a fork of the warm engine.

Such a step is a bounded data phase, or an action or a condition between two of them. Its spec is an object:

- `do`: `flow`, `action` or `condition`; `flow`, or `stage`, `type`, `properties`, `plain`, `raw`: the work
- `arguments`: the run's; `set`: list of objects, what earlier steps set, later ones win
- `logical_start_ms`, `namespace`, `pipeline`, `connections`; `statistics`: list of objects, of earlier phases
- `secret_prefix`: before the names of secrets

Macros are expanded here, when the step begins. Outputs: `statistics` and, of previews, `tracers`; `arguments` of
actions; `result` of conditions. Counts are shown while they grow, and stored before the step ends. A fork that dies
leaves nothing: what it was making is noted before it is made, and removed by this executor, or by the next server's.
"""

from __future__ import annotations

import asyncio
import shutil
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.kernel.expr import evaluate
from penstock.kernel.functions import ExprFailed
from penstock.kernel.graph import Job
from penstock.kernel.policies import Cause
from penstock.kernel.runs import Failure, Result, RunState
from penstock.kernel.values import Absent, Value
from penstock.ports.executor import Observer, ReadSecret, Task
from penstock.ports.logbook import LogBook, LogLine
from penstock.services.circuits.errand import Errand, ErrandFailed
from penstock.services.circuits.process import RequestFailed
from penstock.services.metrics import Metric, Metrics
from penstock.services.phases.expansion import Expansion, ExpansionFailed
from penstock.services.phases.service import Errands
from penstock.services.runs.step_values import StepValues

__all__ = ["MAKING", "CircuitSteps", "begin", "failure_of", "remove_made"]

MAKING = "making"
"""Where it is noted what a step is making: it goes if the step does not end well."""
_METHODS = {"flow": "run", "action": "act", "condition": "decide"}


@dataclass(slots=True)
class _Attempt:
    task: Task
    runner: asyncio.Task[None] | None = None
    reason: str | None = None


class CircuitSteps:
    """Executor of kind `circuit`.

    directory: for what phases leave to later ones of their run. max_forks: most that run at once.
    """

    name = "circuit"
    kinds = frozenset({"circuit"})

    def __init__(
        self,
        directory: Path,
        engine: Errands,
        log_book: LogBook,
        metrics: Metrics,
        read_secret: ReadSecret,
        *,
        memory_bytes: int | None = None,
        max_forks: int = 16,
    ) -> None:
        self._directory = directory.absolute()
        self._engine = engine
        self._log_book = log_book
        self._metrics = metrics
        self._read_secret = read_secret
        self._memory_bytes = memory_bytes
        self._room = asyncio.Semaphore(max_forks)
        self._attempts: dict[tuple[str, str], _Attempt] = {}
        self._observer: Observer | None = None
        self._sweeping: set[asyncio.Task[None]] = set()

    async def open(self, observer: Observer) -> None:
        """Get ready; the warm process is started with the first step."""
        self._observer = observer

    def launch(self, task: Task) -> None:
        """Begin a step, once."""
        key = (task.run, task.attempt)
        if key not in self._attempts:
            attempt = self._attempts[key] = _Attempt(task)
            attempt.runner = asyncio.create_task(self._run(attempt))

    async def attach(self, task: Task) -> bool:
        """Say that what was under way is lost: its process ended with the server."""
        folder = self._folder(task)
        if not await asyncio.to_thread((folder / MAKING).exists):
            return False
        await asyncio.to_thread(remove_made, folder)
        message = "the step was lost: the server went down while it ran; nothing that it wrote is visible"
        self._log(task, "ERROR", "-", message)
        if self._observer:
            self._observer.finished(task, Failure(Cause.FAILED, message))
        return True

    def cancel(self, run: str, attempt: str, reason: str, grace_s: float) -> None:
        """Kill a step's process."""
        found = self._attempts.get((run, attempt))
        if found is not None and found.runner is not None and found.reason is None:
            found.reason = reason
            self._log(found.task, "WARN", "-", f"cancelled: {reason}")
            found.runner.cancel()

    def release(self, run: str, attempt: str) -> None:
        """Forget an attempt whose end is stored."""
        self._attempts.pop((run, attempt), None)

    def run_ended(self, run: str, state: RunState) -> None:
        """Remove what phases of a run left for each other: it has ended, and nobody reads it any more."""
        sweeping = asyncio.create_task(self._sweep(run))
        self._sweeping.add(sweeping)
        sweeping.add_done_callback(self._sweeping.discard)

    async def _sweep(self, run: str) -> None:
        """Wait until the forks of a run are gone, and have removed what they were making; then remove the rest."""
        own = {key: attempt for key, attempt in self._attempts.items() if key[0] == run}
        await asyncio.gather(*(a.runner for a in own.values() if a.runner), return_exceptions=True)
        for key in own:
            self._attempts.pop(key, None)
        await asyncio.to_thread(shutil.rmtree, self._directory / run, True)

    async def forget(self, run: str) -> None:
        """Remove what is left of a run."""
        if not any(key[0] == run for key in self._attempts):
            await asyncio.to_thread(shutil.rmtree, self._directory / run, ignore_errors=True)

    async def close(self) -> None:
        """Kill what runs; the next server reports it as lost."""
        self._observer = None
        runners = [attempt.runner for attempt in self._attempts.values() if attempt.runner]
        for runner in runners:
            runner.cancel()
        await asyncio.gather(*runners, *self._sweeping, return_exceptions=True)

    # One attempt.

    async def _run(self, attempt: _Attempt) -> None:
        task = attempt.task
        try:
            async with self._room:
                outcome = await self._carry_out(task)
        except asyncio.CancelledError:
            # Nobody waits for the outcome of what was cancelled; what it was making goes all the same. If it is the
            # server that closes, the note stays, and tells the next one that the step was begun.
            if attempt.reason is not None:
                await asyncio.shield(asyncio.to_thread(remove_made, self._folder(task)))
            raise
        if isinstance(outcome, Failure):
            self._log(task, "ERROR", "-", outcome.message)
        if self._observer:
            self._observer.finished(task, outcome)

    async def _carry_out(self, task: Task) -> Result | Failure:
        folder = self._folder(task)
        try:
            await asyncio.to_thread(begin, folder)
            spec = self._spec(task)
            request = await self._request(task, spec, folder)
        except (ExprFailed, ExpansionFailed) as error:
            return Failure(Cause.FAILED, str(error))
        except OSError as error:
            return Failure(Cause.ERRORED, f"the step's directory cannot be made: {error}")
        method = _METHODS[str(spec["do"])]
        try:
            errand = await self._engine.errand("phase", lambda name, value: self._heard(task, folder, name, value))
        except RequestFailed as error:
            return Failure(Cause.ERRORED, error.message)
        try:
            return await self._follow(task, errand, method, request, folder)
        finally:
            await errand.close()

    async def _follow(
        self, task: Task, errand: Errand, method: str, request: Mapping[str, Any], folder: Path
    ) -> Result | Failure:
        if self._observer:
            self._observer.started(task, None)
        try:
            answer = await errand.call(method, request)
        except ErrandFailed as error:
            await asyncio.to_thread(remove_made, folder)
            await self._metrics.settle(task.run)
            return failure_of(error)
        if method == "run":
            self._metrics.observe(task.run, _metrics(answer["counts"]))
            await self._metrics.settle(task.run)
        await asyncio.to_thread((folder / MAKING).unlink, True)
        return Result(_outputs(method, answer))

    def _spec(self, task: Task) -> dict[str, Any]:
        if not isinstance(task.work, Job):
            raise ExprFailed("only jobs can be carried out by circuits")
        spec = evaluate(task.work.spec, StepValues(task))
        if isinstance(spec, Absent) or not isinstance(spec, dict) or spec.get("do") not in _METHODS:
            raise ExprFailed("the spec of a circuit's step is an object that says what to do")
        return spec

    async def _request(self, task: Task, spec: dict[str, Any], folder: Path) -> dict[str, Any]:
        arguments = dict(spec.get("arguments") or {})
        for earlier in spec.get("set") or ():
            arguments.update(earlier)
        started_ms = int(spec.get("logical_start_ms") or time.time() * 1000)
        prefix = str(spec.get("secret_prefix") or "")
        expansion = Expansion(
            arguments, started_ms, spec.get("connections") or {}, self._read_secret, task.scope, prefix
        )
        request: dict[str, Any] = {
            "arguments": {name: str(value) for name, value in arguments.items()},
            "logical_start_ms": started_ms,
            "namespace": spec.get("namespace"),
            "pipeline": spec.get("pipeline"),
            "token": f"{task.run}-{zlib.crc32(task.attempt.encode()):08x}",
            "datasets": str(self._directory.parent / "datasets" / str(spec.get("namespace") or "default")),
        }
        if spec["do"] == "flow":
            flow = dict(spec["flow"])
            flow["stages"] = [await expansion.stage(stage) for stage in flow["stages"]]
            flow["memory_bytes"] = flow.get("memory_bytes") or self._memory_bytes
            return {**request, "flow": flow, "spool": str(folder.parent / "spool")}
        stage = await expansion.stage({"name": spec["stage"], **spec})
        statistics: dict[str, Any] = {}
        for earlier in spec.get("statistics") or ():
            statistics.update(earlier)
        return {
            **request,
            "stage": spec["stage"],
            "type": spec["type"],
            "properties": stage["properties"],
            "statistics": statistics,
        }

    # What the fork tells.

    def _heard(self, task: Task, folder: Path, name: str, value: Any) -> None:
        if name == "counts":
            self._metrics.observe(task.run, _metrics(value))
        elif name == "log":
            level, stage, message = value
            self._log(task, level, stage, message)
        elif name == MAKING:
            with (folder / MAKING).open("a") as noted:
                noted.write(f"{value}\n")

    def _log(self, task: Task, level: str, stage: str, message: str) -> None:
        now_us = time.time_ns() // 1000
        lines = [LogLine(now_us, "out", f"{level}\t{stage}\t{line}") for line in message.splitlines() or [""]]
        self._log_book.append(task.run, task.attempt, lines)
        if self._observer:
            self._observer.logged(task.run, task.attempt)

    def _folder(self, task: Task) -> Path:
        return self._directory / task.run / task.attempt.replace("/", "%2F")


def begin(folder: Path) -> None:
    """Note that a step was begun, and nothing yet of what it makes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MAKING).touch()


def remove_made(folder: Path) -> None:
    """Remove what a process that is gone was making."""
    noted = folder / MAKING
    if not noted.exists():
        return
    for line in noted.read_text().splitlines():
        path = Path(line)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    noted.unlink(missing_ok=True)


def failure_of(error: ErrandFailed) -> Failure:
    """Return how a step failed whose fork refused, or ended."""
    if error.code == "Ended":
        return Failure(Cause.ERRORED, f"{error.message}; nothing that it wrote is visible")
    stage = error.details.get("stage") if isinstance(error.details, dict) else None
    message = f"Stage '{stage}': {error.message}" if stage and f"'{stage}'" not in error.message else error.message
    return Failure(Cause.ERRORED if error.code == "InternalError" else Cause.FAILED, message)


def _metrics(counts: Mapping[str, Mapping[str, int]]) -> list[Metric]:
    return [Metric(name, float(value), stage) for stage, named in counts.items() for name, value in named.items()]


def _outputs(method: str, answer: Mapping[str, Any]) -> dict[str, Value]:
    if method == "act":
        return {"arguments": answer["arguments"]}
    if method == "decide":
        return {"result": answer["result"]}
    statistics: dict[str, Value] = {}
    for stage, counts in answer["counts"].items():
        statistics[stage] = {
            "input": counts.get("records.in", 0),
            "output": counts.get("records.out", 0),
            "error": counts.get("records.error", 0),
        }
    outputs: dict[str, Value] = {"statistics": statistics}
    if answer.get("tracers") is not None:
        outputs["tracers"] = answer["tracers"]
    return outputs
