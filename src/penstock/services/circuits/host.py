"""The process of one circuit: what the server asks of it, answered on an event loop beside the stepping thread.

    link ──> event loop (this module: requests, parsing, followers) <──jobs, queues──> stepping thread (stepper.py)

`run` never returns: the process ends when the server says so, when the server is gone, or when a step fails.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from typing import Any

import msgspec

from penstock.data.changes import Changes
from penstock.data.pool import Lease
from penstock.ports.format import Decoder, Format, FormatRefused, Parsed
from penstock.services.circuits.adhoc.session import AdHoc
from penstock.services.circuits.budget import Budget
from penstock.services.circuits.built import Built
from penstock.services.circuits.callee import Callee, Request
from penstock.services.circuits.compilation import compile_text
from penstock.services.circuits.connectors import Connectors
from penstock.services.circuits.durability.checkpoints import CheckpointUnusable
from penstock.services.circuits.durability.endpoints import put_back_requests
from penstock.services.circuits.durability.journal import JournalDamaged
from penstock.services.circuits.durability.keeping import Durability, Keeping
from penstock.services.circuits.durability.restart import NotCarriedOver, ProgramChanged
from penstock.services.circuits.durability.syncing import Syncing
from penstock.services.circuits.hub import Follower, Hub
from penstock.services.circuits.intake import Endpoint, Intake, error_record
from penstock.services.circuits.kit import Kit
from penstock.services.circuits.link import Channel, RemoteError
from penstock.services.circuits.outlets import OutputEndpoint
from penstock.services.circuits.references import References
from penstock.services.circuits.statistics import Statistics
from penstock.services.circuits.stepper import Stepper
from penstock.services.circuits.timer import Timer
from penstock.sql.diagnostics import SqlError
from penstock.sql.functions.registry import EvaluationError
from penstock.sql.plan.nodes import Program

MAX_LISTED_ERRORS = 1000
_LAST_DELIVERY_S = 1.0
_FIRST_LOOK_S = 0.001
"""After so long somebody who waits for input's completion looks again, and then after twice as long, and so on: a step
wakes him, what outputs deliver later does not."""


def run(end: socket.socket, kit: Kit, compile_program: Callable[[str], Program] = compile_text) -> None:
    """Serve one circuit over its link; the calling thread becomes the stepping thread."""
    host = Host(kit, compile_program)
    threading.Thread(target=host.serve, args=(end,), name="requests", daemon=True).start()
    host.built.wait()
    host.stepper.run()
    threading.Event().wait()  # a step failed: the other thread says so and ends the process


class Host:
    """Answers requests. `built` is set once there is a circuit to step."""

    def __init__(self, kit: Kit, compile_program: Callable[[str], Program]) -> None:
        self._kit = kit
        self._compile = compile_program
        self.built = threading.Event()
        self.stepper: Stepper
        self._circuit: Built
        self._intake: Intake
        self._hub = Hub()
        self._timer: Timer
        self._budget: Budget
        self._connectors: Connectors
        self._statistics: Statistics
        self._keeping: Keeping
        self._syncing: Syncing | None = None
        self._adhoc: AdHoc
        self._callee: Callee
        self._channel: Channel
        self._loop: asyncio.AbstractEventLoop
        self._changed = asyncio.Event()
        self._stepped = asyncio.Event()
        self._awaiting_steps = 0
        self._subscriptions = 0

    def serve(self, end: socket.socket) -> None:
        """Run the event loop until the server is gone."""
        try:
            asyncio.run(self._serve(end))
        finally:
            os._exit(0)

    async def _serve(self, end: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._channel = await Channel.open(end)
        self._callee = Callee(self._channel, self._handle)
        await self._callee.run()

    async def _handle(self, request: Request) -> Any:
        handler = _HANDLERS.get(request.method)
        if handler is None:
            raise RemoteError("InvalidParam", f"there is no request {request.method!r}")
        if request.method != "build" and not self.built.is_set():
            raise RemoteError("CircuitEnded", "the circuit is not built")
        return await handler(self, request)

    def _log(self, line: str) -> None:
        self._callee.event("log", line)

    # ------------------------------------------------------------------------------------------- life cycle

    async def build(self, request: Request) -> dict[str, Any]:
        """Compile the program, make its circuit as it was kept, open its connectors, take journalled steps again."""
        arguments = request.arguments
        settings: Mapping[str, Any] = arguments["settings"]
        durability = Durability.of(settings, arguments["directory"], arguments["carry_over"])
        references = References(settings.get("env") or {}, arguments.get("secrets") or {})
        self._syncing = Syncing.of(settings, arguments["directory"], self._kit.objects, references, self._log)
        if self._syncing is not None:
            await self._syncing.take_up()
        try:
            program = self._compile(arguments["program"])
            restarted = durability.restart(program, self._compile)
            self._timer = Timer(settings)
        except SqlError as error:
            raise RemoteError("ProgramRefused", error.message) from error
        except ProgramChanged as changed:
            raise RemoteError(changed.code, str(changed), changed.difference) from changed
        except (CheckpointUnusable, JournalDamaged, NotCarriedOver) as error:
            raise RemoteError("CheckpointUnusable", str(error)) from error
        except (EvaluationError, ValueError, MemoryError) as error:
            raise RemoteError("InvalidRuntimeConfig", str(error)) from error
        self._circuit = restarted.built
        self._intake = Intake(list(self._circuit.tables))
        self._intake.on_room = self._wake_soon
        self._budget = Budget.of(settings, durability.directory, self._log)
        self._circuit.circuit.relieve = self._budget.watch
        self.stepper = Stepper(self._circuit, self._intake, self._hub, self._timer, settings, self._on_failure)
        put_back_requests(self._intake, restarted.inputs.values(), self._circuit.tables)
        self._connectors = Connectors(
            self._circuit,
            self._kit,
            self._intake,
            self._hub,
            self.stepper,
            references,
            arguments["circuit"],
            restarted.inputs,
            restarted.outputs,
        )
        self._statistics = Statistics(
            self._intake, self._hub, self.stepper, self._budget, uses_clock=self._circuit.circuit.uses_clock
        )
        memory_mb = settings.get("query_memory_mb") or 2048
        self._adhoc = AdHoc(self._circuit, self.stepper, self._ingest_rows, int(memory_mb))
        self._keeping = durability.keeping(
            restarted, arguments["program"], self._intake, self._hub, self.stepper, self._connectors, self._log
        )
        self.stepper.on_step = self._step_taken
        self.stepper.restarted = restarted
        self.built.set()
        await asyncio.wrap_future(self.stepper.caught_up)
        await self._keeping.open(is_new=restarted.manifest is None, is_changed=restarted.contents is not None)
        if self._syncing is not None:
            self._syncing.open()
        self.stepper.set_running(not arguments["paused"])
        self._connectors.start()
        if self.stepper.running:
            # What needs no input is there from the beginning; a circuit opened paused has it with its first step.
            await asyncio.wrap_future(self.stepper.first_step)
        self._log(f"INFO circuit built: {len(self._circuit.tables)} tables, {len(self._circuit.views)} views")
        if restarted.manifest is not None:
            steps = self.stepper.published_steps
            self._log(f"INFO gone on from checkpoint {restarted.manifest.id}, now at step {steps}")
        return {"pid": os.getpid()}

    async def checkpoint(self, request: Request) -> dict[str, Any]:
        """Keep the circuit as it is now; reply when it is on disk."""
        return await self._keeping.checkpoint()

    async def suspend(self, request: Request) -> dict[str, Any]:
        """Take in what requests have queued, take no more steps, and keep the circuit as it is then."""
        return await self._keeping.suspend()

    def _synced(self) -> Syncing:
        if self._syncing is None:
            raise RemoteError("NotSupported", "the circuit's settings name no object store for checkpoints")
        return self._syncing

    async def copy_checkpoint(self, request: Request) -> str:
        """Begin to copy the newest checkpoint to the store of objects."""
        return self._synced().begin()

    async def copying(self, request: Request) -> dict[str, Any]:
        """Say what came of copies."""
        return self._synced().report()

    async def copies(self, request: Request) -> list[str]:
        """List the checkpoints in the store."""
        return await self._synced().list()

    async def pause(self, request: Request) -> None:
        """Take no more steps."""
        self.stepper.set_running(False)

    async def resume(self, request: Request) -> None:
        """Take steps again."""
        self.stepper.set_running(True)

    async def stop(self, request: Request) -> None:
        """End the process as soon as the answer is out."""
        self._loop.call_later(0, lambda: asyncio.ensure_future(self._leave(0)))

    async def _leave(self, status: int) -> None:
        await asyncio.to_thread(self._hub.wait_idle, _LAST_DELIVERY_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._channel.flush()
        os._exit(status)

    def _on_failure(self, code: str, message: str, trace: str) -> None:
        async def tell() -> None:
            for line in trace.splitlines():
                self._log(f"ERROR {line}")
            self._log(f"ERROR the circuit stops: {message}")
            self._callee.event("failure", [code, message, None])
            await self._leave(1)

        asyncio.run_coroutine_threadsafe(tell(), self._loop)

    # ------------------------------------------------------------------------------------------------ input

    async def push(self, request: Request) -> dict[str, Any]:
        """Parse and queue a body."""
        arguments = request.arguments
        table, name, options = arguments["table"], arguments["format"], arguments["options"]
        if table not in self._circuit.tables:
            raise RemoteError("UnknownInputStream", f"the program has no table {table!r}", {"stream_name": table})
        decoder = self._decoder(table, name, options)
        endpoint = self._request_endpoint(table, name, options)
        errors: list[Any] = []
        found = 0
        forced = bool(arguments["force"])

        async def take(read: Callable[[], Parsed], size_bytes: int) -> None:
            nonlocal found
            lease = self._circuit.pool.lease()
            parsed = read()
            found += len(parsed.errors)
            errors.extend(map(error_record, parsed.errors[: MAX_LISTED_ERRORS - len(errors)]))
            with self._intake.lock:
                endpoint.report(parsed.errors)
            self._intake.put(endpoint, parsed.batches, size_bytes, lease=lease, forced=forced)

        endpoint.active += 1
        try:
            await self._may_put(table, forced)
            async for chunk in request.chunks():
                await self._may_put(table, forced)
                await take(partial(decoder.feed, chunk), len(chunk))
            await self._may_put(table, forced)
            await take(decoder.finish, 0)
        finally:
            endpoint.active -= 1
        return {"endpoint": endpoint.name, "position": endpoint.position, "error_count": found, "errors": errors}

    def _decoder(self, table: str, name: str, options: Mapping[str, Any]) -> Decoder:
        format = self._format(name, "UnknownInputFormat")
        try:
            return format.decoder(options, self._circuit.layouts[table], self._circuit.pool)
        except FormatRefused as error:
            raise RemoteError("ParserConfigParseError", error.message, {"option": error.option}) from error

    def _format(self, name: str, code: str) -> Format:
        format = self._kit.formats.get(name)
        if format is None:
            known = ", ".join(self._kit.formats)
            raise RemoteError(code, f"there is no format {name!r}; there are {known}", {"format_name": name})
        return format

    def _request_endpoint(self, table: str, name: str, options: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint of all requests with this table and format."""
        form = {"name": name, "config": dict(options)}
        digest = hashlib.sha256(table.encode() + b"\0" + msgspec.json.encode(form, order="sorted")).hexdigest()[:16]
        config = {"stream": table, "transport": {"name": "http_input", "config": {}}, "format": form}
        return self._intake.endpoint(f"{table}.api-ingress-{digest}", table, config)

    async def _may_put(self, table: str, forced: bool) -> None:
        """Wait until the circuit runs and the table's queue has room."""
        while True:
            changed = self._changed
            with self._intake.lock:
                if forced or (self.stepper.running and self._intake.has_room(table)):
                    return
            await changed.wait()

    def _wake_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _ingest_rows(self, table: str, changes: Changes, size_bytes: int, lease: Lease) -> None:
        """Queue rows that an ad-hoc statement inserts."""
        config = {"stream": table, "transport": {"name": "adhoc_input", "config": {}}}
        endpoint = self._intake.endpoint(f"{table}.adhoc", table, config)
        await self._may_put(table, forced=False)
        self._intake.put(endpoint, [changes], size_bytes, lease=lease)

    async def completed(self, request: Request) -> tuple[bool, int | None]:
        """Say whether input up to a position was processed and delivered, or wait a while for that."""
        name, position = request.arguments["endpoint"], request.arguments["position"]
        endpoint = self._intake.endpoints.get(name)
        if endpoint is None:
            message = f"the circuit has no input endpoint {name!r}"
            raise RemoteError("UnknownEndpointInCompletionToken", message, {"endpoint_name": name})
        deadline_s = self._loop.time() + request.arguments["wait_s"]
        pause_s = _FIRST_LOOK_S
        self._awaiting_steps += 1  # before the look: a step after it is noticed
        try:
            while True:
                stepped = self._stepped
                with self._intake.lock:
                    step = endpoint.step_of(position)
                is_complete = step is not None and step <= self.stepper.completed_steps
                left_s = deadline_s - self._loop.time()
                if is_complete or left_s <= 0:
                    return is_complete, step
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(pause_s, left_s)):
                        await stepped.wait()
                pause_s *= 2
        finally:
            self._awaiting_steps -= 1

    def _step_taken(self) -> None:
        """Wake those who wait for a step; on the stepping thread."""
        if self._awaiting_steps:
            self._loop.call_soon_threadsafe(self._wake_awaiting)

    def _wake_awaiting(self) -> None:
        self._stepped.set()
        self._stepped = asyncio.Event()

    async def connector_position(self, request: Request) -> tuple[str, int]:
        """Say how far a declared connector has come."""
        endpoint = self._connector(request)
        with self._intake.lock:
            return endpoint.name, endpoint.position

    async def connector(self, request: Request) -> None:
        """Pause a declared connector, input or output, or let it go on."""
        arguments = request.arguments
        is_paused = arguments["action"] == "pause"
        output = self._connectors.find_output(arguments["table"], arguments["connector"])
        if output is None:
            self._connectors.set_paused(self._connector(request), is_paused)
        else:
            output.set_paused(is_paused)

    def _connector(self, request: Request) -> Endpoint:
        table, name = request.arguments["table"], request.arguments["connector"]
        endpoint = self._connectors.find(table, name)
        if endpoint is None:
            wanted = f"{table}.{name}"
            message = f"there is no input connector {wanted!r}"
            raise RemoteError("UnknownInputEndpoint", message, {"endpoint_name": wanted})
        return endpoint

    # ----------------------------------------------------------------------------------------------- output

    async def subscribe(self, request: Request) -> None:
        """Send a relation's changes until the reader goes."""
        arguments = request.arguments
        relation, name, options = arguments["relation"], arguments["format"], arguments["options"]
        if relation not in self._circuit.layouts:
            message = f"the program has no table or view {relation!r}"
            raise RemoteError("UnknownOutputStream", message, {"stream_name": relation})
        format = self._format(name, "UnknownOutputFormat")
        layout = self._circuit.layouts[relation]
        try:
            encoder = format.encoder(options, layout, self._circuit.pool)
        except FormatRefused as error:
            raise RemoteError("EncoderConfigParseError", error.message, {"option": error.option}) from error
        with_snapshot = bool(arguments["snapshot"])
        if with_snapshot and not self._circuit.materialized(relation):
            raise RemoteError("InvalidParam", f"{relation!r} is not materialized: there is no snapshot of it to send")
        form = {"name": name, "config": dict(options)}
        self._subscriptions += 1
        endpoint = OutputEndpoint(
            f"{relation}.api-egress-{self._subscriptions}",
            relation,
            {"stream": relation, "transport": {"name": "http_output", "config": {}}, "format": form},
        )
        key = (relation, msgspec.json.encode(form, order="sorted").decode())
        follower = Follower(endpoint, key, bool(arguments["backpressure"]))
        stepper, hub, circuit = self.stepper, self._hub, self._circuit.circuit

        def join() -> None:
            if with_snapshot:
                follower.snapshot = encoder.encode(circuit.contents(relation))
                follower.hold = circuit.pool.hold()
            hub.add(follower, encoder, stepper.published_steps)

        try:
            if with_snapshot:
                await asyncio.wrap_future(stepper.do(join))
            else:
                join()  # a step is published as a whole: the stream begins with one boundary or the next
            async for item in follower.items(self._intake.room):
                missed = item.missed and astuple(item.missed)
                description = [item.snapshot, item.step, missed, item.payload is None]
                await request.send(description, item.payload or b"")
        finally:
            hub.remove(follower)
            with self._intake.lock:
                self._intake.room.notify_all()

    async def query(self, request: Request) -> None:
        """Run ad-hoc statements and send what they give."""
        async for piece in self._adhoc.run(request.arguments["sql"], request.arguments["format"]):
            await request.send(None, piece)

    # ------------------------------------------------------------------------------------ transactions, clock

    async def begin_transaction(self, request: Request) -> int:
        """Begin a transaction."""
        number = self.stepper.begin()
        if number is None:
            raise RemoteError("TransactionInProgress", "a transaction is in progress; commit it first")
        return number

    async def commit_transaction(self, request: Request) -> None:
        """Have the open transaction committed."""
        if not self.stepper.commit():
            raise RemoteError("NoTransactionInProgress", "there is no transaction to commit")

    async def advance_clock(self, request: Request) -> int:
        """Move a driven clock."""
        try:
            now_ms = self._timer.advance(request.arguments["delta_ms"])
        except ValueError as error:
            raise RemoteError("InvalidParam", str(error)) from error
        self.stepper.wake()
        return now_ms

    # ------------------------------------------------------------------------------------------- observation

    async def stats(self, request: Request) -> dict[str, Any]:
        """Collect the counters."""
        checkpoints = self._keeping.report()
        collected = self._statistics.collect(self._circuit.circuit.size_bytes, checkpoints["storage_bytes"])
        return {**collected, "checkpoints": checkpoints}

    async def profile(self, request: Request) -> dict[str, Any]:
        """Describe the operators, and what else takes memory."""
        operators = []
        circuit = self._circuit.circuit
        for index, (wired, held) in enumerate(zip(circuit.operators, circuit.parts(), strict=True)):
            operators.append(
                {
                    "id": index,
                    "operator": wired.operator.title,
                    "inputs": list(wired.inputs),
                    "rows_in": wired.rows_in,
                    "rows_out": wired.rows_out,
                    "time_ns": wired.time_ns,
                    "state_rows": {name: len(part) for name, part in held.items()},
                    "state_bytes": sum(part.size_bytes for part in held.values()),
                }
            )
        return {
            "steps": self.stepper.published_steps,
            "memory_bytes": self._budget.look(),
            "spilled_bytes": self._budget.spilled_bytes,
            "pool_bytes": circuit.pool.size_bytes,
            "pool_values": len(circuit.pool),
            "operators": operators,
        }


_HANDLERS: Mapping[str, Callable[[Host, Request], Any]] = {
    handler.__name__: handler
    for handler in (
        Host.build,
        Host.checkpoint,
        Host.suspend,
        Host.copy_checkpoint,
        Host.copying,
        Host.copies,
        Host.pause,
        Host.resume,
        Host.stop,
        Host.push,
        Host.completed,
        Host.connector_position,
        Host.connector,
        Host.subscribe,
        Host.query,
        Host.begin_transaction,
        Host.commit_transaction,
        Host.advance_clock,
        Host.stats,
        Host.profile,
    )
}
