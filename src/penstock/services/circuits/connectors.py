"""Declared connectors: sources that run in threads of their own, sinks that take what is published.

Source.run ──data──> decoder ──> queue of the table      one thread per source; it waits while its connector or the
                                                         circuit is paused, or the queue is full
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.data.changes import Changes, without_first
from penstock.data.pool import Lease, Pool
from penstock.ports.format import Decoder, Format, FormatRefused, Layout, Parsed
from penstock.ports.sink import ResumableSink, ResumableSinkKind, ShapedSinkKind, Sink
from penstock.ports.source import ResumableSource, Source, SourceEnded, TransportRefused
from penstock.services.circuits.built import Built
from penstock.services.circuits.durability.endpoints import put_back, put_back_output
from penstock.services.circuits.durability.manifest import InputState, OutputState
from penstock.services.circuits.hub import Hub, Outlet, OutputEndpoint
from penstock.services.circuits.intake import MAX_QUEUED_RECORDS, Endpoint, Intake, Mark
from penstock.services.circuits.kit import Kit
from penstock.services.circuits.link import RemoteError
from penstock.services.circuits.stepper import Stepper

_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}\Z")
_SECRET = re.compile(r"\$\{secret:")


class Inlet:
    """A declared input connector: the `Feed` of its source, and the thread that runs it."""

    def __init__(
        self,
        endpoint: Endpoint,
        declared: Mapping[str, Any],
        source: Source,
        form: tuple[Format, Mapping[str, Any], Layout, Pool] | None,
        pool: Pool,
        intake: Intake,
        stepper: Stepper,
    ) -> None:
        self.endpoint = endpoint
        self.labels = tuple(str(label) for label in declared.get("labels") or ())
        self.waits_for = _names(declared.get("start_after"))
        self.halted = False
        self._source = source
        self._form = form
        self._pool = pool
        self._lease: Lease | None = None
        self._decoder: Decoder | None = None
        self._intake = intake
        self._stepper = stepper
        self._limit = int(declared.get("max_queued_records") or MAX_QUEUED_RECORDS)
        self._place: Any = None
        self._given = 0
        self._skip = 0
        self._thread = threading.Thread(target=self._run, name=endpoint.name, daemon=True)

    @property
    def is_resumable(self) -> bool:
        """Whether its source can go on from where it was."""
        return isinstance(self._source, ResumableSource)

    def start(self) -> None:
        """Begin to run the source, where the endpoint's mark says; one that had come to its end is not run again."""
        if self.endpoint.end_of_input:
            return
        place, self._skip = self.endpoint.mark
        if (place is not None or self._skip) and isinstance(self._source, ResumableSource):
            self._source.resume(place)
            self._place = place
        self._thread.start()

    def begins(self, place: Any) -> None:
        """Note where what is given next begins."""
        if self._given or place != self._place:
            self._place, self._given = place, 0

    def data(self, data: bytes) -> None:
        """Parse and queue a piece of a body."""
        self._wait_for_room()
        assert self._form is not None
        if self._decoder is None:
            format, options, table, pool = self._form
            self._decoder = format.decoder(options, table, pool)
        self._lease = self._pool.lease()
        self._take(self._decoder.feed(data), len(data))

    def end_of_body(self) -> None:
        """Parse and queue what was held back."""
        if self._decoder is not None:
            self._wait_for_room()
            decoder, self._decoder = self._decoder, None
            self._lease = self._pool.lease()
            self._take(decoder.finish(), 0)

    def bodies(self, bodies: Sequence[bytes]) -> None:
        """Parse and queue whole bodies, at once where the format reads them as one."""
        self._wait_for_room()
        assert self._form is not None
        format, options, table, pool = self._form
        separator = format.separator(options)
        whole = [separator.join(bodies)] if separator is not None else bodies
        self._lease = self._pool.lease()
        for body in whole:
            decoder = format.decoder(options, table, pool)
            self._take(decoder.feed(body), len(body), keep_lease=True)
            self._take(decoder.finish(), 0, keep_lease=True)
        self._lease = None

    def changes(self, changes: Changes, size_bytes: int) -> None:
        """Queue rows."""
        self._wait_for_room()
        self._put([changes], size_bytes)
        self._lease = self._pool.lease()  # what the source makes next is made from here on

    def wait_s(self, duration_s: float) -> None:
        """Sleep."""
        time.sleep(duration_s)
        self._lease = self._pool.lease()

    def error(self, message: str) -> None:
        """Count a transport error."""
        with self._intake.lock:
            self.endpoint.report_transport(message)

    def _take(self, parsed: Parsed, size_bytes: int, *, keep_lease: bool = False) -> None:
        if not self._skip:
            with self._intake.lock:
                self.endpoint.report(parsed.errors)
        self._put(parsed.batches, size_bytes)
        if not keep_lease:
            self._lease = None

    def _put(self, batches: Sequence[Changes], size_bytes: int) -> None:
        """Queue batches without the operations that were taken before a restart, each with what follows it."""
        fresh: list[Changes] = []
        marks: list[Mark] = []
        for changes in batches:
            self._given += len(changes)
            known = min(self._skip, len(changes))
            self._skip -= known
            if known < len(changes):
                fresh.append(without_first(changes, known) if known else changes)
                marks.append((self._place, self._given))
        if fresh or not batches:
            self._intake.put(self.endpoint, fresh, 0 if self._skip else size_bytes, lease=self._lease, marks=marks)

    def _wait_for_room(self) -> None:
        with self._intake.lock:
            while not self._may_go():
                self._intake.room.wait()

    def _may_go(self) -> bool:
        return (
            self._stepper.running
            and not self.endpoint.paused
            and not self.halted
            and not self.waits_for
            and self._intake.has_room(self.endpoint.table, self._limit)
        )

    def _run(self) -> None:
        try:
            self._wait_for_room()
            self._lease = self._pool.lease()
            self._source.run(self)
            self.end_of_body()
        except SourceEnded:
            pass
        except Exception as error:
            with self._intake.lock:
                self.endpoint.fatal_error = f"{type(error).__name__}: {error}"
        self._lease = None
        with self._intake.lock:
            self.endpoint.end_of_input = True
            self._intake.work.notify_all()
            self._intake.room.notify_all()


class Connectors:
    """All declared connectors of one circuit."""

    def __init__(
        self,
        built: Built,
        kit: Kit,
        intake: Intake,
        hub: Hub,
        stepper: Stepper,
        env: Mapping[str, Any],
        inputs: Mapping[str, InputState],
        outputs: Mapping[str, OutputState],
    ) -> None:
        """Open them all. inputs, outputs: how far they had come, by name, where a circuit goes on.

        Raises: RemoteError when one cannot be used as declared.
        """
        self._intake = intake
        self._hub = hub
        self.inlets: list[Inlet] = []
        for table in built.tables.values():
            for declared in _declared(table.connectors, env):
                inlet = _inlet(built, kit, intake, stepper, table.name, declared)
                if state := inputs.get(inlet.endpoint.name):
                    put_back(inlet.endpoint, state)
                self.inlets.append(inlet)
        for view in built.views.values():
            for declared in _declared(view.connectors, env):
                hub.outlets.append(_outlet(built, kit, view.name, declared, outputs))
        _check_order(self.inlets)

    @property
    def not_resumable(self) -> tuple[str, ...]:
        """Names of the inputs that cannot go on from where they were."""
        return tuple(inlet.endpoint.name for inlet in self.inlets if not inlet.is_resumable)

    def start(self) -> None:
        """Begin to run all sources; those that wait for others begin when these have finished."""
        for inlet in self.inlets:
            inlet.start()
        if any(inlet.waits_for for inlet in self.inlets):
            threading.Thread(target=self._release, name="start_after", daemon=True).start()

    def halt(self) -> None:
        """Have no source give anything any more; what is queued is still to be taken."""
        self._set_halted(True)

    def go_on(self) -> None:
        """Have the sources go on after a halt."""
        self._set_halted(False)

    def _set_halted(self, halted: bool) -> None:
        with self._intake.lock:
            for inlet in self.inlets:
                inlet.halted = halted
            self._intake.room.notify_all()

    def find(self, table: str, name: str) -> Endpoint | None:
        """Return the endpoint of a declared input connector."""
        wanted = f"{table}.{name}"
        return next((inlet.endpoint for inlet in self.inlets if inlet.endpoint.name == wanted), None)

    def find_output(self, view: str, name: str) -> OutputEndpoint | None:
        """Return the endpoint of a declared output connector."""
        wanted = f"{view}.{name}"
        return next((o.endpoint for o in self._hub.outlets if o.endpoint.name == wanted), None)

    def set_paused(self, endpoint: Endpoint, paused: bool) -> None:
        """Pause a connector or let it go on."""
        with self._intake.lock:
            endpoint.paused = paused
            self._intake.room.notify_all()

    def _release(self) -> None:
        """Let connectors start once no unfinished one carries a label that they wait for."""
        with self._intake.lock:
            while any(inlet.waits_for for inlet in self.inlets):
                busy = {label for inlet in self.inlets if not inlet.endpoint.finished for label in inlet.labels}
                for inlet in self.inlets:
                    if inlet.waits_for and busy.isdisjoint(inlet.waits_for):
                        inlet.waits_for = ()
                        self._intake.room.notify_all()
                if any(inlet.waits_for for inlet in self.inlets):
                    self._intake.work.wait(1.0)


def _declared(connectors: Sequence[Mapping[str, object]], env: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for number, connector in enumerate(connectors):
        declared: dict[str, Any] = _resolved(dict(connector), env)
        declared.setdefault("name", f"unnamed-{number}")
        _check_attributes(declared)
        yield declared


def _resolved(value: Any, env: Mapping[str, Any]) -> Any:
    """Put in what references to the environment stand for. Raises: RemoteError for one that leads nowhere."""
    if isinstance(value, dict):
        return {name: _resolved(item, env) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, env) for item in value]
    if isinstance(value, str):
        if match := _ENV.match(value):
            found = env.get(match[1], os.environ.get(match[1]))
            if found is None:
                raise RemoteError("InvalidTransportConfig", f"the environment has no variable {match[1]!r}")
            return str(found)
        if _SECRET.match(value):
            raise RemoteError("InvalidTransportConfig", f"there is no secret store to take {value!r} from")
    return value


def _part(declared: Mapping[str, Any], name: str) -> tuple[str, Mapping[str, Any]] | None:
    part = declared.get(name)
    if part is None:
        return None
    if not isinstance(part, dict) or not isinstance(part.get("name"), str):
        raise RemoteError("InvalidTransportConfig", f"connector {declared['name']!r}: {name} has no name")
    config = part.get("config")
    return part["name"], config if isinstance(config, dict) else {}


def _transport(declared: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    transport = _part(declared, "transport")
    if transport is None:
        raise RemoteError("InvalidTransportConfig", f"connector {declared['name']!r} has no transport")
    return transport


def _inlet(built: Built, kit: Kit, intake: Intake, stepper: Stepper, table: str, declared: Mapping[str, Any]) -> Inlet:
    name, config = _transport(declared)
    kind = kit.sources.get(name)
    if kind is None:
        known = ", ".join(kit.sources)
        raise RemoteError("InvalidTransportConfig", f"there is no input transport {name!r}; there are {known}")
    layout = built.layouts[table]
    form = None
    try:
        if kind.needs_format:
            part = _part(declared, "format")
            if part is None or part[0] not in kit.formats:
                said = "names no format" if part is None else f"names an unknown format {part[0]!r}"
                raise RemoteError("InvalidParserConfig", f"connector {declared['name']!r} of {table!r} {said}")
            form = (kit.formats[part[0]], part[1], layout, built.pool)
            form[0].decoder(part[1], layout, built.pool)
        source = kind.open(config, layout, built.pool)
    except TransportRefused as error:
        raise RemoteError("InvalidTransportConfig", f"connector {declared['name']!r} of {table!r}: {error}") from error
    except FormatRefused as error:
        raise RemoteError("InvalidParserConfig", f"connector {declared['name']!r} of {table!r}: {error}") from error
    endpoint = intake.endpoint(f"{table}.{declared['name']}", table, {"stream": table, **declared}, is_declared=True)
    endpoint.paused = bool(declared.get("paused", False))
    return Inlet(endpoint, declared, source, form, built.pool, intake, stepper)


def _outlet(
    built: Built, kit: Kit, view: str, declared: Mapping[str, Any], states: Mapping[str, OutputState]
) -> Outlet:
    name, config = _transport(declared)
    kind = kit.sinks.get(name)
    if kind is None:
        known = ", ".join(kit.sinks)
        raise RemoteError("InvalidTransportConfig", f"there is no output transport {name!r}; there are {known}")
    encoder = None
    try:
        if kind.needs_format:
            part = _part(declared, "format")
            if part is None or part[0] not in kit.formats:
                said = "names no format" if part is None else f"names an unknown format {part[0]!r}"
                raise RemoteError("EncoderConfigParseError", f"connector {declared['name']!r} of {view!r} {said}")
            options = {**kind.format_options, **part[1]} if isinstance(kind, ShapedSinkKind) else part[1]
            encoder = kit.formats[part[0]].encoder(options, built.layouts[view], built.pool)
        state = states.get(f"{view}.{declared['name']}")
        skip = 0
        if state is not None and isinstance(kind, ResumableSinkKind):
            sink: Sink
            sink, skip = kind.reopen(config, state.place)
        else:
            sink = kind.open(config)
    except TransportRefused as error:
        raise RemoteError("InvalidTransportConfig", f"connector {declared['name']!r} of {view!r}: {error}") from error
    except FormatRefused as error:
        raise RemoteError("EncoderConfigParseError", f"connector {declared['name']!r} of {view!r}: {error}") from error
    endpoint = OutputEndpoint(f"{view}.{declared['name']}", view, {"stream": view, **declared})
    endpoint.paused = bool(declared.get("paused", False))
    outlet = Outlet(endpoint, sink, encoder, pool=built.pool, skip=skip)
    if state is not None:
        put_back_output(outlet, state, built)
    elif isinstance(sink, ResumableSink):
        outlet.place = sink.place()
    return outlet


def _check_attributes(declared: Mapping[str, Any]) -> None:
    """Refuse attributes that would change what comes in or goes out and that nothing here follows."""
    for name in ("index", "preprocessor", "postprocessor", "soft_delete"):
        if declared.get(name):
            raise RemoteError(
                "NotSupported", f"connector {declared['name']!r}: the attribute {name!r} is not supported"
            )
    # A buffer's bounds say how long changes may be held back at most; they are never held back.
    bounds = ("max_output_buffer_time_millis", "max_output_buffer_size_records")
    if declared.get("enable_output_buffer") and not any(declared.get(name) for name in bounds):
        message = f"connector {declared['name']!r}: an output buffer needs one of the bounds {', '.join(bounds)}"
        raise RemoteError("InvalidOutputBufferConfig", message)


def _names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    names = tuple(str(name) for name in ([value] if isinstance(value, str) else value))
    if not names:
        raise RemoteError("EmptyStartAfter", "start_after is empty; leave it out or name a label")
    return names


def _check_order(inlets: Sequence[Inlet]) -> None:
    """Raise RemoteError if connectors wait for each other in a circle."""
    waiting = list(inlets)
    while waiting:
        free = [i for i in waiting if not any(set(i.waits_for) & set(other.labels) for other in waiting)]
        if not free:
            names = ", ".join(sorted(inlet.endpoint.name for inlet in waiting))
            raise RemoteError("CyclicDependency", f"the start_after of these connectors form a circle: {names}")
        waiting = [inlet for inlet in waiting if inlet not in free]
