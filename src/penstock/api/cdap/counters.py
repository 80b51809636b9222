"""Metrics, made of what runs left behind when they are asked for; nothing is counted twice or kept apart.

A sample belongs to a run: its time is when the run ended, or now while it goes on. Tags choose runs; values of the
same metric are added up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.api.cdap.history import ACTIVE, NEWEST_FIRST, ORIGIN, face_of
from penstock.api.cdap.kinds import APP, NAMESPACE
from penstock.api.cdap.names import BATCH, PHASE, scope_of
from penstock.api.cdap.runids import outer_run, uuid1_of
from penstock.kernel.errors import NotFound
from penstock.kernel.instants import unix_us
from penstock.kernel.query import MAX_LIMIT, AllOf, Compare, Comparison, Predicate
from penstock.kernel.runs import RunState
from penstock.kernel.scope import Scope
from penstock.services.runs.record import Run
from penstock.services.services import Services

__all__ = ["Sample", "TagValues", "names_of", "samples_of", "tags_below"]

TOGETHER: Final = 64
"""How many runs are read at a time."""
ENDED: Final = {
    RunState.SUCCEEDED: "completed",
    RunState.FAILED: "failed",
    RunState.ERRORED: "failed",
    RunState.CANCELLED: "killed",
    RunState.REJECTED: "rejected",
}

TagValues = Mapping[str, str]
"""Tags and what each must be; `*` for anything."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of one run. tags: all that it belongs to."""

    name: str
    value: int
    at_s: int
    tags: TagValues


async def samples_of(services: Services, instance: Scope, tags: TagValues) -> list[Sample]:
    """Return the samples of all runs that the tags choose."""
    found: list[Sample] = []
    for namespace in await _namespaces(services, instance, tags):
        runs = await _runs(services, instance, namespace, tags)
        for begin in range(0, len(runs), TOGETHER):
            batch = runs[begin : begin + TOGETHER]
            for of_run in await asyncio.gather(*(_of_run(services, run) for run in batch)):
                found.extend(of_run)
        if not tags.keys() - {"namespace"}:
            found.extend(await _flow(services, instance, namespace))
    return [sample for sample in found if _fits(sample, tags)]


def tags_below(samples: Iterable[Sample], tags: TagValues) -> list[dict[str, str]]:
    """Return the tags by which samples can be told apart further."""
    found: dict[tuple[str, str], None] = {}
    for sample in samples:
        for name, value in sample.tags.items():
            if name not in tags:
                found[name, value] = None
    return [{"name": name, "value": value} for name, value in sorted(found)]


def _fits(sample: Sample, tags: TagValues) -> bool:
    for name, wanted in tags.items():
        if wanted == "*":
            if name not in sample.tags:
                return False
        elif name == "run":
            if uuid1_of(wanted) is None or outer_run(wanted)[0] != sample.tags.get("run"):
                return False
        elif sample.tags.get(name) != wanted:
            return False
    return True


async def _namespaces(services: Services, instance: Scope, tags: TagValues) -> list[str]:
    wanted = tags.get("namespace", "*")
    if wanted != "*":
        return [wanted]
    page = await services.documents.page(NAMESPACE, instance, limit=MAX_LIMIT)
    return ["default", *(document.name or "" for document in page.documents if document.name != "default")]


async def _runs(services: Services, instance: Scope, namespace: str, tags: TagValues) -> list[Run]:
    scope = scope_of(instance, namespace)
    wanted = tags.get("run", "*")
    if wanted != "*":
        return await _one_run(services, scope, wanted)
    where: list[Predicate] = [Compare("origin", Comparison.EQ, ORIGIN)]
    app = tags.get("app", "*")
    if app != "*":
        try:
            where.append(Compare("app_id", Comparison.EQ, (await services.documents.find(APP, scope, app)).id))
        except NotFound:
            return []
    found: list[Run] = []
    cursor = None
    while True:
        page = await services.runs.page(
            scope, where=AllOf(tuple(where)), order=NEWEST_FIRST, limit=MAX_LIMIT, after=cursor
        )
        found.extend(page.runs)
        if (cursor := page.next) is None:
            return found


async def _one_run(services: Services, scope: Scope, wanted: str) -> list[Run]:
    if uuid1_of(wanted) is None:
        return []
    try:
        run = await services.runs.get(outer_run(wanted)[0])
    except NotFound:
        return []
    return [run] if run.scope == scope and run.body.origin == ORIGIN else []


async def _of_run(services: Services, run: Run) -> list[Sample]:
    face = face_of(run)
    at_us = run.body.finished_at_us or unix_us(services.clock.now())
    at_s = at_us // 1_000_000
    tags = {"namespace": face.namespace, "app": face.app, "run": run.id}
    tags["workflow" if face.type == "WORKFLOW" else "spark"] = face.program
    if face.program == BATCH:
        tags["spark"] = f"{PHASE}1"
    found: list[Sample] = []
    if word := ENDED.get(run.state):
        found.append(Sample(f"system.program.{word}.runs", 1, at_s, tags))
    for metric in await services.metrics.list(run.id):
        found.append(Sample(f"user.{metric.source}.{metric.name}", round(metric.value), at_s, tags))
    return found


async def _flow(services: Services, instance: Scope, namespace: str) -> list[Sample]:
    """Count what is under way now."""
    now_s = unix_us(services.clock.now()) // 1_000_000
    scope, tags = scope_of(instance, namespace), {"namespace": namespace}
    own = Compare("origin", Comparison.EQ, ORIGIN)
    launching = Compare("state", Comparison.EQ, RunState.STARTING.value)
    active = await services.runs.count(scope, AllOf((own, ACTIVE)))
    starting = await services.runs.count(scope, AllOf((own, launching)))
    return [
        Sample("system.flowcontrol.launching.count", starting, now_s, tags),
        Sample("system.flowcontrol.running.count", active - starting, now_s, tags),
    ]


def names_of(samples: Sequence[Sample]) -> list[str]:
    """Return the names of metrics, each once."""
    return sorted({sample.name for sample in samples})
