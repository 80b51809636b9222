"""Steps of kind `stream`: a data phase again and again, each time over what has arrived since the time before.

Such a step ends only when it is stopped, or when one of its phases fails. Its spec is that of a step of kind `circuit`
that does a `flow`, and `every_s`, the seconds between two phases. Sources learn what is theirs by the properties
`afterMs` and `untilMs`; a phase for which nothing has arrived is not begun. Counts add up over all phases.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from penstock.kernel.functions import ExprFailed
from penstock.kernel.policies import Cause
from penstock.kernel.runs import Failure, Result
from penstock.ports.executor import Task
from penstock.services.circuits.errand import ErrandFailed
from penstock.services.circuits.process import RequestFailed
from penstock.services.metrics import Metric
from penstock.services.phases.expansion import ExpansionFailed
from penstock.services.runs.circuit_steps import MAKING, CircuitSteps, begin, failure_of, remove_made

__all__ = ["StreamSteps"]

BEFORE_MS: Final = 60_000
"""What arrived this long before the step began is taken too, unless a source says otherwise (`ignoreThreshold`, s)."""
LEAST_S: Final = 0.1


class StreamSteps(CircuitSteps):
    """Executor of kind `stream`."""

    name = "stream"
    kinds = frozenset({"stream"})

    async def _carry_out(self, task: Task) -> Result | Failure:
        try:
            every_s = max(LEAST_S, float(str(self._spec(task)["every_s"])))
        except (ExprFailed, KeyError, ValueError) as error:
            return Failure(Cause.FAILED, f"the stream's interval cannot be read: {error}")
        if self._observer:
            self._observer.started(task, None)
        totals: dict[str, Counter[str]] = {}
        after_ms: int | None = None
        while True:
            began, until_ms = time.monotonic(), round(time.time() * 1000)
            failure = await self._once(task, after_ms, until_ms, totals)
            if failure is not None:
                await self._metrics.settle(task.run)
                return failure
            after_ms = until_ms
            await asyncio.sleep(max(LEAST_S, every_s - (time.monotonic() - began)))

    async def _once(
        self, task: Task, after_ms: int | None, until_ms: int, totals: dict[str, Counter[str]]
    ) -> Failure | None:
        """Run one phase; add its counts to the totals."""
        folder = self._folder(task)
        try:
            await asyncio.to_thread(begin, folder)
            spec = {**self._spec(task), "logical_start_ms": until_ms}
            request = await self._request(task, spec, folder)
            for stage in request["flow"]["stages"]:
                if stage["role"] == "source":
                    stage["properties"] |= _window(stage["properties"], after_ms, until_ms)
            errand = await self._engine.errand("phase", lambda name, value: self._told(task, name, value, totals))
        except (ExprFailed, ExpansionFailed, OSError) as error:
            return Failure(Cause.FAILED, str(error))
        except RequestFailed as error:
            return Failure(Cause.ERRORED, error.message)
        try:
            answer = await errand.call("run", {**request, "skips_empty": True})
        except ErrandFailed as error:
            await asyncio.to_thread(remove_made, folder)
            return failure_of(error)
        finally:
            await errand.close()
        # What this phase made is visible for good; the note itself stays, and says that the step was begun.
        await asyncio.to_thread((folder / MAKING).write_text, "")
        for stage, counts in answer["counts"].items():
            totals.setdefault(stage, Counter()).update(counts)
        return None

    def _told(self, task: Task, name: str, value: Any, totals: Mapping[str, Counter[str]]) -> None:
        if name == "counts":
            self._metrics.observe(task.run, _added(value, totals))
        else:
            self._heard(task, self._folder(task), name, value)


def _window(properties: Mapping[str, str], after_ms: int | None, until_ms: int) -> dict[str, str]:
    if after_ms is None:
        threshold = properties.get("ignoreThreshold", "")
        after_ms = until_ms - (int(threshold) * 1000 if threshold.isdecimal() else BEFORE_MS)
    return {"afterMs": str(after_ms), "untilMs": str(until_ms)}


def _added(counts: Mapping[str, Mapping[str, int]], totals: Mapping[str, Counter[str]]) -> list[Metric]:
    return [
        Metric(name, float(value + totals.get(stage, Counter())[name]), stage)
        for stage, of_stage in counts.items()
        for name, value in of_stage.items()
    ]
