"""An engine in memory: tables of JSON rows, views that copy tables. Knows no more SQL than the tests write."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from penstock.services.circuits.process import Chunk, Compiled, Failure, FormatSpec, Message, Pushed, RequestFailed

_TABLE = re.compile(r"CREATE TABLE (\w+)\s*\(", re.IGNORECASE)
_VIEW = re.compile(r"CREATE (?:MATERIALIZED )?VIEW (\w+) AS SELECT \* FROM (\w+)", re.IGNORECASE)


class FakeCircuit:
    """One circuit; `kill` ends it as a signal would."""

    def __init__(self, tables: list[str], views: dict[str, str], paused: bool) -> None:
        self.pid = 4711
        self.tables: dict[str, list[Any]] = {table: [] for table in tables}
        self.views = views
        self.paused = paused
        self.moved = asyncio.Event()
        self.steps = 0
        self.transaction = 0
        self.subscribers: dict[asyncio.Queue[Chunk | None], str] = {}
        self.may_suspend = asyncio.Event()
        self.may_suspend.set()
        self._end: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()

    def kill(self) -> None:
        """End without being asked to."""
        self._finish(Failure("RuntimeError.ProcessKilled", "the circuit's process was ended by SIGKILL"))

    def _finish(self, failure: Failure | None) -> None:
        if not self._end.done():
            self._end.set_result(failure)
            for queue in self.subscribers:
                queue.put_nowait(None)

    async def push(
        self, table: str, format: FormatSpec, chunks: AsyncIterator[bytes], *, force: bool = False
    ) -> Pushed:
        rows = self._rows(table)
        if format.name not in ("json", "csv"):
            raise RequestFailed("UnknownInputFormat", f"unknown format {format.name}")
        while self.paused and not force:
            self.moved.clear()
            await self.moved.wait()
        body = b"".join([chunk async for chunk in chunks])
        added = []
        errors = []
        for number, line in enumerate(body.splitlines(), 1):
            try:
                added.append(json.loads(line))
            except ValueError:
                errors.append({"description": f"row {number} is no JSON", "event_number": number})
        rows += added
        self.steps += 1
        payload = json.dumps([{"insert": row} for row in added]).encode()
        for queue, relation in self.subscribers.items():
            if self.views.get(relation, relation) == table.lower():
                queue.put_nowait(Chunk(payload, False, self.steps))
        return Pushed(f"{table.lower()}.api-ingress-0", len(rows), len(errors), errors)

    def _rows(self, table: str) -> list[Any]:
        if table.lower() not in self.tables:
            raise RequestFailed("UnknownInputStream", f"unknown table {table!r}")
        return self.tables[table.lower()]

    async def completed(self, endpoint: str, position: int, *, wait_s: float = 0.0) -> tuple[bool, int | None]:
        if self.paused or self.transaction:
            return False, None
        return True, self.steps

    async def connector_position(self, table: str, connector: str) -> tuple[str, int]:
        raise RequestFailed("UnknownInputEndpoint", f"there is no connector {table}.{connector}")

    async def subscribe(
        self, relation: str, format: FormatSpec, *, snapshot: bool = False, backpressure: bool = False
    ) -> AsyncIterator[Chunk]:
        if relation not in self.views and relation not in self.tables:
            raise RequestFailed("UnknownOutputStream", f"unknown relation {relation!r}")
        queue: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self.subscribers[queue] = relation
        try:
            yield Chunk(None, False, self.steps)
            if snapshot:
                rows = self.tables[self.views.get(relation, relation)]
                yield Chunk(json.dumps([{"insert": row} for row in rows]).encode(), True, None)
            while (chunk := await queue.get()) is not None:
                yield chunk
        finally:
            del self.subscribers[queue]

    async def query(self, sql: str, format: str) -> AsyncIterator[bytes]:
        relation = sql.rstrip("; ").rpartition(" ")[2].lower()
        if relation not in self.views:
            raise RequestFailed("AdHocQueryError", f"{relation!r} is not materialized")
        for row in self.tables[self.views[relation]]:
            yield json.dumps(row).encode() + b"\n"

    async def pause(self) -> None:
        self.paused = True

    async def resume(self) -> None:
        self.paused = False
        self.moved.set()

    async def stats(self) -> dict[str, Any]:
        total = sum(map(len, self.tables.values()))
        endpoint = {"endpoint_name": "t.c", "config": {"stream": "t"}, "metrics": {"num_parse_errors": 2}}
        return {
            "global": {"total_input_records": total, "total_processed_records": total, "pipeline_complete": True},
            "inputs": [endpoint],
            "outputs": [],
        }

    async def connector(self, table: str, connector: str, action: str) -> None:
        if (table, connector) != ("t", "c"):
            raise RequestFailed("UnknownInputEndpoint", f"there is no connector {table}.{connector}")

    async def begin_transaction(self) -> int:
        if self.transaction:
            raise RequestFailed("TransactionInProgress", "a transaction is open")
        self.transaction = 1
        return self.transaction

    async def commit_transaction(self) -> None:
        if not self.transaction:
            raise RequestFailed("NoTransactionInProgress", "no transaction is open")
        self.transaction = 0

    async def advance_clock(self, delta_ms: int | None) -> int:
        return min(1_000_000 + (1000 if delta_ms is None else delta_ms), 253_402_300_799_999)

    async def checkpoint(self) -> Mapping[str, Any]:
        return {"id": "01", "steps": self.steps, "records": 0, "bytes": 0}

    async def suspend(self) -> Mapping[str, Any]:
        await self.may_suspend.wait()
        return await self.checkpoint()

    async def logs(self) -> AsyncIterator[str]:
        yield "circuit says hello"

    async def profile(self) -> dict[str, Any]:
        operator = {"id": "map1", "operator": "map", "state_rows": {"rows": 3}, "state_bytes": 120}
        sizes = {"memory_bytes": 5000, "spilled_bytes": 0, "pool_bytes": 700, "pool_values": 9}
        return {"steps": 1, **sizes, "operators": [operator]}

    async def stop(self) -> None:
        self._finish(None)

    async def ended(self) -> Failure | None:
        return await asyncio.shield(self._end)


class FakeEngine:
    """Compiles at once, or as soon as `gate` is set; opens likewise after `door`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.door = asyncio.Event()
        self.door.set()
        self.circuits: list[FakeCircuit] = []
        self.settings: list[Mapping[str, Any]] = []
        self.warmed = 0
        self.compiled = 0

    async def warm(self) -> None:
        self.warmed += 1

    async def compile(self, program: str) -> Compiled:
        await self.gate.wait()
        self.compiled += 1
        if "CRASH" in program:
            raise RequestFailed("CompilerCrashed", "the compiler was ended by SIGSEGV")
        if "blah" in program:
            text = "From line 1, column 1 to line 1, column 4: Object 'blah' not found"
            return Compiled((Message(1, 1, 1, 4, False, "Compilation error", text, "    1|blah"),), None)
        tables = [_relation(name) for name in _TABLE.findall(program)]
        views = [_relation(name) for name, _ in _VIEW.findall(program)]
        return Compiled((), {"inputs": tables, "outputs": views, "input_connectors": {}, "output_connectors": {}})

    async def open(
        self,
        circuit: str,
        program: str,
        settings: Mapping[str, Any],
        *,
        paused: bool,
        directory: Path | None = None,
        carry_over: str = "allow",
        secrets: Mapping[str, str] | None = None,
    ) -> FakeCircuit:
        await self.door.wait()
        if "BADCONNECTOR" in program:
            raise RequestFailed("InvalidTransportConfig", "the connector has no path")
        views = {view.lower(): table.lower() for view, table in _VIEW.findall(program)}
        opened = FakeCircuit([name.lower() for name in _TABLE.findall(program)], views, paused)
        self.circuits.append(opened)
        self.settings.append(settings)
        return opened

    async def close(self) -> None:
        pass


def _relation(name: str) -> dict[str, Any]:
    return {
        "name": name.lower(),
        "case_sensitive": False,
        "fields": [],
        "materialized": True,
        "properties": {},
        "primary_key": None,
        "foreign_keys": [],
    }
