"""Serving: pools of warm workers as a service. What dialects use to make code answer requests, and to look after it.

A pool's spec is kept in the store, so that a restarted server has its pools before the first request comes. Steps
reach a pool as jobs of kind `serve`. What workers write is kept per pool and read back through `services.worker_logs`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

import msgspec

from penstock.kernel.errors import AlreadyExists, NotFound
from penstock.kernel.query import Order, Query
from penstock.kernel.records import Delete, Insert, Replace
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.signature import ANYTHING, Signature
from penstock.kernel.values import Value
from penstock.ports.clock import Clock
from penstock.ports.executor import ReadSecret
from penstock.ports.logbook import LogBook
from penstock.ports.metadata import MetadataStore
from penstock.ports.workers import FilePlace, Inspection, Line, PoolSpec, PoolStatus, WorkerPools
from penstock.services.worker_logs import WorkerLogs

__all__ = ["Serving"]

POOL_KIND: Final = "serving.pool"
UPDATES_KEPT: Final = 10_000
"""Partial results that wait for a slow listener; older ones are dropped."""
_PAGE: Final = 500


class Serving:
    """Pools by id. Opened after the executors of runs, since the pools are one of them.

    Attributes:
        logs: what workers wrote.
    """

    def __init__(
        self,
        store: MetadataStore,
        clock: Clock,
        pools: WorkerPools,
        book: LogBook,
        read_secret: ReadSecret | None = None,
    ) -> None:
        self._read_secret = read_secret
        self._store = store
        self._clock = clock
        self._pools = pools
        self.logs = WorkerLogs(store, clock, book)
        self._listeners: dict[str, list[Updates]] = {}

    async def open(self) -> None:
        """Make the pools that were configured before."""
        self._pools.attend(self._logged, self._updated)
        cursor = None
        while True:
            query = Query(POOL_KIND, DEFAULT_SCOPE, order=Order("id"), limit=_PAGE, after=cursor)
            page = await self._store.select(query)
            for record in page.records:
                self._pools.configure(await self._with_secrets(_decode_spec(record.body)))
            if (cursor := page.next) is None:
                return

    async def close(self) -> None:
        """Finish writing what workers wrote."""
        await self.logs.close()

    def set_files(self, place: FilePlace) -> None:
        """Say where the files are that requests name."""
        self._pools.set_files(place)

    # Pools.

    async def inspect(self, spec: PoolSpec) -> Inspection:
        """Unpack the code, make its environment, start one worker and say what it found.

        Raises: Invalid with what is wrong: the archive, the requirements, or the user's traceback; TimedOut.
        """
        return await self._pools.inspect(await self._with_secrets(spec))

    async def configure(self, spec: PoolSpec) -> None:
        """Make a pool or replace its spec, for good: it is there after a restart too."""
        at, body = self._clock.now(), _encode_spec(spec)
        try:
            await self._store.commit(Insert(POOL_KIND, spec.id, DEFAULT_SCOPE, None, at, body))
        except AlreadyExists:
            await self._store.commit(Replace(POOL_KIND, spec.id, None, at, body))
        self._pools.configure(await self._with_secrets(spec))

    async def remove(self, pool: str) -> None:
        """End a pool and forget its log; nothing happens if there is none."""
        try:
            await self._store.commit(Delete(POOL_KIND, pool))
        except NotFound:
            return
        await self._pools.remove(pool)
        await self.logs.forget(pool)

    async def find(self, pool: str) -> PoolSpec | None:
        """Return the spec of a pool; None if there is none."""
        record = await self._store.get(POOL_KIND, pool)
        return _decode_spec(record.body) if record else None

    def waiting(self, pool: str) -> int:
        """Return how many requests wait in a pool; 0 if there is none."""
        return self._pools.waiting(pool)

    def status(self, pool: str) -> PoolStatus | None:
        """Return how a pool is; None if there is none."""
        return self._pools.status(pool)

    async def _with_secrets(self, spec: PoolSpec) -> PoolSpec:
        """Return a spec whose variables hold the secrets' texts: what starts workers, and is never kept."""
        variables = dict(spec.variables)
        for variable, name in spec.secrets.items():
            text = await self._read_secret(spec.scope, name) if self._read_secret else None
            if text is not None:
                variables[variable] = text
        return replace(spec, variables=variables, secrets={}) if spec.secrets else spec

    # Partial results.

    def updates(self, run: str) -> Updates:
        """Return the partial results of a run from now on; to be closed."""
        updates = Updates(lambda: self._leave(run, updates))
        self._listeners.setdefault(run, []).append(updates)
        return updates

    def _leave(self, run: str, updates: Updates) -> None:
        listeners = self._listeners.get(run, [])
        if updates in listeners:
            listeners.remove(updates)
        if not listeners:
            self._listeners.pop(run, None)

    def _updated(self, run: str, request: str, text: str) -> None:
        for updates in self._listeners.get(run, ()):
            updates.add(text)

    def _logged(self, spec: PoolSpec, lines: list[Line]) -> None:
        self.logs.write(spec.id, lines)


class Updates:
    """Partial results as they come, in order. When nobody takes them, the oldest are dropped."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._waiting: deque[str] = deque(maxlen=UPDATES_KEPT)
        self._moved = asyncio.Event()
        self._is_ended = False

    def add(self, text: str) -> None:
        """Take one in."""
        self._waiting.append(text)
        self._moved.set()

    def end(self) -> None:
        """Nothing more comes: the iteration stops when all is taken."""
        self._is_ended = True
        self._moved.set()

    def close(self) -> None:
        """Listen no more."""
        self._leave()

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._is_ended:
                return
            self._moved.clear()
            await self._moved.wait()


class _StoredSpec(msgspec.Struct, omit_defaults=True):
    """A `PoolSpec` as it is stored."""

    id: str
    package: str
    scope: str
    root: str
    module: str
    class_name: str
    requirements: tuple[str, ...] = ()
    requirements_options: tuple[str, ...] = ()
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    context: dict[str, Value] = msgspec.field(default_factory=dict)
    takes: Signature = ANYTHING
    gives: Signature = ANYTHING
    min_instances: int = 0
    max_instances: int = 5
    processes: int = 1
    idle_s: float = 300.0
    queue_limit: int = 100_000
    memory_bytes: int | None = None
    start_timeout_s: float = 300.0


_spec_decoder = msgspec.json.Decoder(_StoredSpec)


def _encode_spec(spec: PoolSpec) -> bytes:
    values = {name: getattr(spec, name) for name in _StoredSpec.__struct_fields__}
    return msgspec.json.encode(_StoredSpec(**{**values, "scope": str(spec.scope)}))


def _decode_spec(body: bytes) -> PoolSpec:
    stored = _spec_decoder.decode(body)
    values = {name: getattr(stored, name) for name in _StoredSpec.__struct_fields__}
    return PoolSpec(**{**values, "scope": Scope.parse(stored.scope)})
