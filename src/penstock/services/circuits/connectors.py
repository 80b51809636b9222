"""Declared connectors: opened as they are declared, started in their order, paused and let go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.ports.format import Encoder, FormatRefused, Layout, TransportAwareFormat
from penstock.ports.sink import RelationSinkKind, ShapedSinkKind, SinkKind
from penstock.ports.source import NamedSource, TransportRefused
from penstock.services.circuits.built import Built
from penstock.services.circuits.durability.endpoints import put_back
from penstock.services.circuits.durability.manifest import InputState, OutputState
from penstock.services.circuits.hub import Hub
from penstock.services.circuits.inlet import Inlet, Limits
from penstock.services.circuits.intake import MAX_QUEUED_RECORDS, Endpoint, Intake
from penstock.services.circuits.kit import Kit
from penstock.services.circuits.link import RemoteError
from penstock.services.circuits.outlets import BufferBounds, Outlet, OutputEndpoint, Way
from penstock.services.circuits.references import References
from penstock.services.circuits.stepper import Stepper

__all__ = ["Connectors"]

_NOWHERE = ("preprocessor", "postprocessor", "soft_delete")
_OUTPUTS_ONLY = ("index", "send_snapshot")
_NEVER_MS = 1 << 53
_MAX_BUFFERED_RECORDS = 10_000_000


@dataclass(frozen=True, slots=True)
class _Declared:
    """A connector as it was declared, for all to see, and with what its references stand for, for nobody to see."""

    shown: Mapping[str, Any]
    real: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.shown["name"])


class Connectors:
    """All declared connectors of one circuit."""

    def __init__(
        self,
        built: Built,
        kit: Kit,
        intake: Intake,
        hub: Hub,
        stepper: Stepper,
        references: References,
        circuit: str,
        inputs: Mapping[str, InputState],
        outputs: Mapping[str, OutputState],
    ) -> None:
        """Open them all. circuit: its id; inputs, outputs: how far they had come, by name, where it goes on.

        Raises: RemoteError when one cannot be used as declared.
        """
        self._intake = intake
        self._hub = hub
        self._circuit = circuit
        self._built, self._kit, self._stepper, self._references = built, kit, stepper, references
        self.inlets: list[Inlet] = []
        for table in built.tables.values():
            for declared in self._declared(table.connectors):
                inlet = self._inlet(table.name, declared)
                if state := inputs.get(inlet.endpoint.name):
                    put_back(inlet.endpoint, state)
                self.inlets.append(inlet)
        for view in built.views.values():
            for declared in self._declared(view.connectors):
                hub.outlets.append(self._outlet(view.name, declared, outputs))
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

    def find_output(self, view: str, name: str) -> Outlet | None:
        """Return a declared output connector."""
        return self._hub.find(f"{view}.{name}")

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until outputs have delivered what they can deliver now."""
        self._hub.wait_idle(timeout_s)

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

    # ---- opening

    def _declared(self, connectors: Sequence[Mapping[str, object]]) -> Iterator[_Declared]:
        for number, connector in enumerate(connectors):
            shown = dict(connector)
            shown.setdefault("name", f"unnamed-{number}")
            _check_attributes(shown, _NOWHERE, "is not supported")
            yield _Declared(shown, self._references.resolved(shown))

    def _refusal(self, code: str, declared: _Declared, relation: str, error: Exception) -> RemoteError:
        message = self._references.cleaned(str(error))
        return RemoteError(code, f"connector {declared.name!r} of {relation!r}: {message}")

    def _inlet(self, table: str, declared: _Declared) -> Inlet:
        built, kit = self._built, self._kit
        _check_attributes(declared.shown, _OUTPUTS_ONLY, "is of outputs only")
        _bounds(declared)
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
                    raise RemoteError("InvalidParserConfig", f"connector {declared.name!r} of {table!r} {said}")
                form = (kit.formats[part[0]], part[1], layout, built.pool)
                form[0].decoder(part[1], layout, built.pool)
            source = kind.open(config, layout, built.pool)
        except TransportRefused as error:
            raise self._refusal("InvalidTransportConfig", declared, table, error) from None
        except FormatRefused as error:
            raise self._refusal("InvalidParserConfig", declared, table, error) from None
        if isinstance(source, NamedSource):
            source.named(f"{self._circuit}.{table}.{declared.name}")
        shown = {"stream": table, **declared.shown}
        endpoint = self._intake.endpoint(f"{table}.{declared.name}", table, shown, is_declared=True)
        endpoint.paused = bool(declared.shown.get("paused", False))
        endpoint.cleaned = self._references.cleaned
        records = _number(declared.shown, "max_queued_records", MAX_QUEUED_RECORDS)
        size = _number(declared.shown, "max_queued_bytes", 1000 * records)
        limits = Limits(records, size, _number(declared.shown, "max_batch_size", 0) or None)
        endpoint.max_step_records = limits.batch_records
        return Inlet(
            endpoint,
            source,
            form,
            built.pool,
            self._intake,
            self._stepper,
            labels=tuple(str(label) for label in declared.shown.get("labels") or ()),
            waits_for=_names(declared.shown.get("start_after")),
            limits=limits,
        )

    def _outlet(self, view: str, declared: _Declared, states: Mapping[str, OutputState]) -> Outlet:
        built = self._built
        name, config = _transport(declared)
        kind = self._kit.sinks.get(name)
        if kind is None:
            known = ", ".join(self._kit.sinks)
            raise RemoteError("InvalidTransportConfig", f"there is no output transport {name!r}; there are {known}")
        layout = self._keyed(view, declared)
        endpoint = OutputEndpoint(f"{view}.{declared.name}", view, {"stream": view, **declared.shown})
        endpoint.paused = bool(declared.shown.get("paused", False))
        state = states.get(endpoint.name)
        try:
            kind, encoder = self._encoding(kind, config, layout, declared)
            outlet = Outlet(
                endpoint,
                Way(kind, config, self._references.cleaned),
                encoder,
                layout,
                built.pool,
                self._stepper.do,
                state,
                _bounds(declared),
                _number(declared.shown, "max_queued_records", MAX_QUEUED_RECORDS),
            )
        except TransportRefused as error:
            raise self._refusal("InvalidTransportConfig", declared, view, error) from None
        except FormatRefused as error:
            raise self._refusal("EncoderConfigParseError", declared, view, error) from None
        if declared.shown.get("send_snapshot"):
            if not built.materialized(view):
                message = f"connector {declared.name!r} of {view!r}: send_snapshot needs a materialized view"
                raise RemoteError("InvalidTransportConfig", message)
            outlet.wants_contents = state is None
        return outlet

    def _encoding(
        self, kind: SinkKind, config: Mapping[str, Any], layout: Layout, declared: _Declared
    ) -> tuple[SinkKind, Encoder | None]:
        """Return a transport that knows what it is given, and what makes payloads for it; None: it wants none."""
        if isinstance(kind, RelationSinkKind):
            return kind.bound(config, layout, self._built.pool)
        if not kind.needs_format:
            return kind, None
        part = _part(declared, "format")
        if part is None or part[0] not in self._kit.formats:
            said = "names no format" if part is None else f"names an unknown format {part[0]!r}"
            raise RemoteError("EncoderConfigParseError", f"connector {declared.name!r} of {layout.name!r} {said}")
        options = {**kind.format_options, **part[1]} if isinstance(kind, ShapedSinkKind) else part[1]
        format = self._kit.formats[part[0]]
        if isinstance(format, TransportAwareFormat):
            options = {**options, **{name: config[name] for name in format.transport_settings if name in config}}
        return kind, format.encoder(options, layout, self._built.pool)

    def _keyed(self, view: str, declared: _Declared) -> Layout:
        """Return a view's layout, with the columns of the index that the connector names."""
        layout, wanted = self._built.layouts[view], declared.shown.get("index")
        if wanted is None:
            return layout
        indexes = [index for index in self._built.program.indexes if index.relation == view]
        for index in indexes:
            if str(wanted) in (index.name, f"{view}.{index.name}") or str(wanted).lower() == index.name:
                return replace(layout, index=index.columns)
        known = ", ".join(repr(index.name) for index in indexes) or "none"
        message = f"connector {declared.name!r}: there is no index {wanted!r} on view {view!r}; there are: {known}"
        raise RemoteError("InvalidTransportConfig", message)


def _part(declared: _Declared, name: str) -> tuple[str, Mapping[str, Any]] | None:
    part = declared.real.get(name)
    if part is None:
        return None
    if not isinstance(part, dict) or not isinstance(part.get("name"), str):
        raise RemoteError("InvalidTransportConfig", f"connector {declared.name!r}: {name} has no name")
    config = part.get("config")
    return part["name"], config if isinstance(config, dict) else {}


def _transport(declared: _Declared) -> tuple[str, Mapping[str, Any]]:
    transport = _part(declared, "transport")
    if transport is None:
        raise RemoteError("InvalidTransportConfig", f"connector {declared.name!r} has no transport")
    return transport


def _number(declared: Mapping[str, Any], name: str, default: int) -> int:
    value = declared.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"connector {declared['name']!r}: {name} is a positive integer, not {value!r}"
        raise RemoteError("InvalidTransportConfig", message)
    return value


def _bounds(declared: _Declared) -> BufferBounds | None:
    """Return the bounds of a connector's output buffer; None if it has none. Raises: RemoteError."""
    shown, names = declared.shown, ("max_output_buffer_time_millis", "max_output_buffer_size_records")
    if not shown.get("enable_output_buffer"):
        if given := [name for name in names if shown.get(name) is not None]:
            message = f"connector {declared.name!r}: {given[0]} means nothing without 'enable_output_buffer': true"
            raise RemoteError("InvalidOutputBufferConfig", message)
        return None
    if all(shown.get(name) is None for name in names):
        message = f"connector {declared.name!r}: an output buffer needs one of the bounds {', '.join(names)}"
        raise RemoteError("InvalidOutputBufferConfig", message)
    duration_ms = _number(shown, names[0], _NEVER_MS)
    return BufferBounds(_number(shown, names[1], _MAX_BUFFERED_RECORDS), duration_ms / 1000)


def _check_attributes(declared: Mapping[str, Any], names: Sequence[str], why: str) -> None:
    """Refuse attributes that would change what comes in or goes out and that nothing here follows."""
    for name in names:
        if declared.get(name):
            raise RemoteError("NotSupported", f"connector {declared['name']!r}: the attribute {name!r} {why}")


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
