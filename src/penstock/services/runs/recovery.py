"""Open runs after a restart: which they are, and what became of them, from their events alone.

Attempts that were in flight are then taken up by their executors (`Pump.take_up`): those that go on are watched again,
those that ended meanwhile are reported, those nobody knows the end of are lost, which the run's policies answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from penstock.flow.machine import RunMachine
from penstock.kernel.graph import Graph
from penstock.kernel.query import Order, Query
from penstock.kernel.runs import decode_event
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.ports.metadata import MetadataStore
from penstock.services.runs.record import OPEN_KIND, stream_of

__all__ = ["open_runs", "replay"]

_PAGE: Final = 1000


async def open_runs(store: MetadataStore) -> AsyncIterator[str]:
    """Yield the ids of all runs that have not ended, oldest first."""
    cursor = None
    while True:
        page = await store.select(Query(OPEN_KIND, DEFAULT_SCOPE, order=Order("id"), limit=_PAGE, after=cursor))
        for record in page.records:
            yield record.id
        if (cursor := page.next) is None:
            return


async def replay(store: MetadataStore, run_id: str, graph: Graph) -> RunMachine:
    """Rebuild a run's machine; what its events ask for has been asked for already, and is dropped."""
    machine = RunMachine(graph)
    position = 0
    while facts := await store.facts(stream_of(run_id), after=position, limit=_PAGE):
        for fact in facts:
            machine.handle(decode_event(fact.body))
        position = facts[-1].position
    return machine
