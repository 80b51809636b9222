"""Metrics of runs: numbers by name, kept with the run. The first report of a name wins; observed ones grow first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from penstock.kernel.errors import Invalid
from penstock.kernel.instants import unix_us
from penstock.kernel.records import Append
from penstock.ports.clock import Clock
from penstock.ports.metadata import MetadataStore

__all__ = ["Metric", "Metrics", "Reported", "metrics_stream"]

MAX_NAME = 256
_PAGE = 1000


class Metric(msgspec.Struct, frozen=True, omit_defaults=True):
    """A number. source: the step or node it is about. format: how to show it, in the reporter's words."""

    name: str
    value: float
    source: str = ""
    format: str = ""
    at_us: int = 0


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of one reported metric. is_new: False if one of that name and source was there already."""

    metric: Metric
    is_new: bool


_decoder = msgspec.json.Decoder(Metric)


class Metrics:
    """Metrics of runs, in a stream beside each run's events."""

    def __init__(self, store: MetadataStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._observed: dict[str, dict[tuple[str, str], Metric]] = {}

    def observe(self, run: str, metrics: list[Metric]) -> None:
        """Take in where numbers stand that still grow; seen by `list` at once, and stored by `settle`."""
        observed = self._observed.setdefault(run, {})
        for metric in metrics:
            observed[metric.name, metric.source] = metric

    async def settle(self, run: str) -> None:
        """Store what was observed of a run, for good."""
        observed = self._observed.get(run)
        if observed:
            await self.report(run, list(observed.values()))
        self._observed.pop(run, None)

    async def report(self, run: str, metrics: list[Metric]) -> list[Reported]:
        """Keep metrics that are not there yet. Raises: Invalid for a bad name or a number that is none."""
        for metric in metrics:
            if not metric.name or len(metric.name) > MAX_NAME:
                raise Invalid(f"a metric is called {metric.name[:80]!r}; a name has 1 to {MAX_NAME} characters")
            if not math.isfinite(metric.value):
                raise Invalid(f"metric {metric.name!r} is {metric.value}; it must be a finite number")
        known = {(metric.name, metric.source) for metric in await self._stored(run)}
        at = self._clock.now()
        results: list[Reported] = []
        writes = []
        for metric in metrics:
            is_new = (metric.name, metric.source) not in known
            results.append(Reported(metric, is_new))
            if is_new:
                known.add((metric.name, metric.source))
                kept = msgspec.structs.replace(metric, at_us=unix_us(at))
                writes.append(Append(metrics_stream(run), at, metric.name, msgspec.json.encode(kept)))
        if writes:
            await self._store.commit(*writes)
        return results

    async def _stored(self, run: str) -> list[Metric]:
        found: list[Metric] = []
        position = 0
        while facts := await self._store.facts(metrics_stream(run), after=position, limit=_PAGE):
            found.extend(_decoder.decode(fact.body) for fact in facts)
            position = facts[-1].position
        return found

    async def list(self, run: str) -> list[Metric]:
        """Return a run's metrics in the order of their coming; then those that still grow."""
        found = await self._stored(run)
        known = {(metric.name, metric.source) for metric in found}
        found.extend(metric for key, metric in self._observed.get(run, {}).items() if key not in known)
        return found


def metrics_stream(run: str) -> str:
    """Return the name of the stream of a run's metrics."""
    return f"run/{run}/metrics"
