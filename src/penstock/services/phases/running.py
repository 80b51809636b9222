"""A planned flow at work: sources are read one after the other, each batch is pushed through to the sinks at once.

Nothing queues up between stages: a batch is with one stage at a time, so memory is bounded by a batch for each level
of the graph, and by what regions of stages over whole inputs keep. Readers and writers of files work beside, each with
a short queue. Sinks are committed when everything has ended well, and not before.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from penstock.kernel.flows import Carries, Edge, Flow, StageRole, StageSpec
from penstock.ports.records import RecordSink, RecordSourceKind, Sized, WriteFailed
from penstock.ports.transform import MAIN, Emitted, Rejected, Surroundings, Transform, TransformFailed
from penstock.services.phases.counting import Counting
from penstock.services.phases.errors import collect_errors
from penstock.services.phases.kit import PhaseKit
from penstock.services.phases.planning import Planned, PlannedStage
from penstock.services.phases.regions import Region, find_regions
from penstock.services.phases.spool import Spool
from penstock.services.phases.tracing import Tracers

__all__ = ["PhaseFailed", "run_flow"]

READ_AHEAD = 3
WRITE_BEHIND = 3


class PhaseFailed(Exception):
    """A stage failed, and with it the phase. stage: which."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage


@dataclass(slots=True)
class _Link:
    """An edge as its beginning sees it: which stage it leads to, and what it carries."""

    to: str
    edge: Edge


@dataclass(slots=True)
class _Running:
    """A phase under way."""

    flow: Flow
    planned: Planned
    kit: PhaseKit
    surroundings: Callable[[str], Surroundings]
    counting: Counting
    spool: Spool
    tracers: Tracers | None
    links: dict[str, list[_Link]] = field(default_factory=dict)
    transforms: dict[str, Transform] = field(default_factory=dict)
    sinks: dict[str, RecordSink] = field(default_factory=dict)
    regions: dict[str, Region] = field(default_factory=dict)
    open_inputs: dict[str, int] = field(default_factory=dict)
    alerts: list[tuple[str, dict[str, str]]] = field(default_factory=list)


def run_flow(
    flow: Flow,
    planned: Planned,
    kit: PhaseKit,
    surroundings: Callable[[str], Surroundings],
    counting: Counting,
    spool: Spool,
    tracers: Tracers | None = None,
) -> None:
    """Let all records flow, and commit the sinks. Raises: PhaseFailed; nothing that was written is visible then."""
    running = _Running(flow, planned, kit, surroundings, counting, spool, tracers)
    try:
        _open(running)
        for stage in _sources_in_order(running):
            _drain_source(running, stage)
        for name, sink in list(running.sinks.items()):
            _guarded(name, sink.commit)
            del running.sinks[name]
        spool.commit()
    finally:
        for sink in running.sinks.values():
            with suppress(Exception):
                sink.abort()
        for transform in running.transforms.values():
            with suppress(Exception):
                transform.close()


def _open(running: _Running) -> None:
    stages = running.planned.stages
    for name, stage in stages.items():
        for edge in stage.spec.inputs:
            if edge.stage in stages:
                running.links.setdefault(edge.stage, []).append(_Link(name, edge))
        running.open_inputs[name] = sum(edge.stage in stages for edge in stage.spec.inputs)
    for region in _regions(running):
        for name in region.stages:
            running.regions[name] = region
    for name, stage in stages.items():
        _guarded(name, partial(_open_stage, running, name, stage))
    for region in {id(region): region for region in running.regions.values()}.values():
        _guarded(region.stages[0], region.open)


def _regions(running: _Running) -> list[Region]:
    flow = running.flow
    return find_regions(running.planned, running.kit, flow.memory_bytes, shows_all=flow.preview_rows is not None)


def _open_stage(running: _Running, name: str, stage: PlannedStage) -> None:
    spec, kit = stage.spec, running.kit
    surroundings = running.surroundings(name)
    match spec.role:
        case StageRole.TRANSFORM:
            assert stage.input is not None, f"the input of {name!r} is known"
            running.transforms[name] = kit.transforms[spec.type].open(spec.properties, stage.input, surroundings)
        case StageRole.SINK if running.flow.preview_rows is None:
            assert stage.input is not None, f"the input of {name!r} is known"
            running.sinks[name] = _Behind(kit.sinks[spec.type].open(spec.properties, stage.input, surroundings))
        case StageRole.STORE:
            assert stage.input is not None, f"the input of {name!r} is known"
            running.spool.begin(spec.type, stage.input)
        case StageRole.REFUSED:
            raise PhaseFailed(name, spec.type)
        case _:
            pass


def _guarded(stage: str, work: Callable[[], None]) -> None:
    """Have whatever a stage raises say which stage it was."""
    try:
        work()
    except PhaseFailed:
        raise
    except MemoryError as error:
        raise PhaseFailed(stage, f"stage '{stage}' needs more memory than there is: {error}") from error
    except Exception as error:
        raise PhaseFailed(stage, str(error) or type(error).__name__) from error


# Sources.


def _sources_in_order(running: _Running) -> list[str]:
    """Return the sources, small ones first: what joins look up is complete when the large input streams past it."""
    names = [name for name, s in running.planned.stages.items() if s.spec.role in (StageRole.SOURCE, StageRole.LOAD)]
    sizes = {name: _size(running, running.planned.stages[name].spec) for name in names}
    return sorted(names, key=lambda name: sizes[name])


def _size(running: _Running, spec: StageSpec) -> int:
    if spec.role is StageRole.LOAD:
        return running.spool.size_bytes(spec.type)
    kind = running.kit.sources[spec.type]
    return kind.size_bytes(spec.properties) if isinstance(kind, Sized) else -1


def _drain_source(running: _Running, name: str) -> None:
    stage = running.planned.stages[name]
    spec, schema = stage.spec, stage.outputs.get(MAIN)
    if schema is None:
        raise PhaseFailed(name, f"the schema of '{name}' is not known")
    if spec.role is StageRole.LOAD:
        batches: Iterator[pa.RecordBatch] = running.spool.load(spec.type)
    else:
        kind: RecordSourceKind = running.kit.sources[spec.type]
        batches = kind.read(spec.properties, schema, running.surroundings(name))
    left = running.flow.preview_rows
    reader = _Ahead(batches)
    try:
        while (batch := _next(name, reader)) is not None:
            if left is not None:
                batch = batch.slice(0, left)
                left -= batch.num_rows
            _emit(running, name, MAIN, batch)
            running.counting.tell()
            if left == 0:
                break
    finally:
        reader.close()
    _end(running, name)


def _next(stage: str, reader: _Ahead) -> pa.RecordBatch | None:
    try:
        return reader.next()
    except Exception as error:
        raise PhaseFailed(stage, str(error) or type(error).__name__) from error


class _Ahead:
    """An iterator that runs in a thread of its own, a few batches ahead."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._queue: queue.Queue[tuple[pa.RecordBatch | None, BaseException | None]] = queue.Queue(READ_AHEAD)
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def next(self) -> pa.RecordBatch | None:
        """Return the next batch; None at the end. Raises: what reading raised."""
        batch, error = self._queue.get()
        if error is not None:
            raise error
        return batch

    def close(self) -> None:
        """Have the thread end."""
        self._is_closed.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(0.005)

    def _run(self) -> None:
        try:
            for batch in self._batches:
                self._queue.put((batch, None))
                if self._is_closed.is_set():
                    break
            else:
                self._queue.put((None, None))
        except BaseException as error:
            self._queue.put((None, error))
        finally:
            close = getattr(self._batches, "close", None)
            if close is not None:
                with suppress(Exception):
                    close()


class _Behind:
    """A sink that writes in a thread of its own; what fails there is raised at the next call."""

    def __init__(self, sink: RecordSink) -> None:
        self._sink = sink
        self._queue: queue.Queue[pa.RecordBatch | None] = queue.Queue(WRITE_BEHIND)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._raise()
        self._queue.put(batch)

    def commit(self) -> None:
        self._stop()
        self._raise()
        self._sink.commit()

    def abort(self) -> None:
        self._error = self._error or WriteFailed("given up")
        self._stop()
        self._sink.abort()

    def _stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._sink.write(batch)
                except BaseException as error:
                    self._error = error


# Batches on their way.


def _emit(running: _Running, name: str, port: str, batch: pa.RecordBatch) -> None:
    """Count a batch that a stage gave, and hand it to all that take it."""
    if batch.num_rows == 0:
        return
    running.counting.add(name, "records.out", batch.num_rows)
    if port != MAIN:
        running.counting.add(name, f"records.out.{port}", batch.num_rows)
    if running.tracers is not None:
        running.tracers.keep(name, "records.out" if port == MAIN else f"records.out.{port}", batch)
    for link in running.links.get(name, ()):
        if link.edge.carries is Carries.RECORDS and link.edge.port == port:
            _deliver(running, link.to, name, batch)


def _deliver(running: _Running, name: str, sender: str, batch: pa.RecordBatch) -> None:
    running.counting.add(name, "records.in", batch.num_rows)
    stage = running.planned.stages[name]
    began = time.perf_counter_ns()
    if name in running.regions:
        region = running.regions[name]
        given = _collected(name, lambda: region.push(name, sender, batch))
        _timed(running, name, began)
        _give(running, region, given)
        return
    match stage.spec.role:
        case StageRole.TRANSFORM:
            emitted = _applied(running, name, lambda: running.transforms[name].apply(batch))
            _timed(running, name, began)
            _pass_on(running, name, emitted)
        case StageRole.SINK:
            if name in running.sinks:
                _guarded(name, lambda: running.sinks[name].write(batch))
            _timed(running, name, began)
        case StageRole.STORE:
            _guarded(name, lambda: running.spool.store(stage.spec.type, batch))
        case _:
            pass


def _applied(running: _Running, name: str, work: Callable[[], Emitted]) -> Emitted:
    try:
        return work()
    except TransformFailed as error:
        raise PhaseFailed(name, str(error)) from error
    except Exception as error:
        raise PhaseFailed(name, f"{type(error).__name__}: {error}") from error


def _pass_on(running: _Running, name: str, emitted: Emitted) -> None:
    for rejected in emitted.rejected:
        _reject(running, name, rejected)
    for alert in emitted.alerts:
        running.counting.add(name, "records.alert", 1)
        for link in running.links.get(name, ()):
            if link.edge.carries is Carries.ALERTS:
                running.alerts.append((link.to, alert))
    for port, batch in emitted.batches:
        _emit(running, name, port, batch)


def _reject(running: _Running, name: str, rejected: Rejected) -> None:
    count = rejected.records.num_rows
    if count == 0:
        return
    running.counting.add(name, "records.error", count)
    for link in running.links.get(name, ()):
        if link.edge.carries is not Carries.ERRORS:
            continue
        target = running.planned.stages[link.to]
        schema = target.outputs[MAIN]
        assert schema is not None, "the schema of refused records is known"
        running.counting.add(link.to, "records.in", count)
        _emit(running, link.to, MAIN, collect_errors(target.spec.properties, rejected, name, schema))


def _collected(name: str, work: Callable[[], list[tuple[str, pa.RecordBatch]]]) -> list[tuple[str, pa.RecordBatch]]:
    result: list[tuple[str, pa.RecordBatch]] = []
    _guarded(name, lambda: result.extend(work()))
    return result


def _give(running: _Running, region: Region, given: list[tuple[str, pa.RecordBatch]]) -> None:
    """Hand on what left a region, and count what went from stage to stage within it."""
    for stage, counts in region.take_counts().items():
        for name, count in counts.items():
            running.counting.add(stage, name, count)
    for stage, batch in given:
        if running.tracers is not None:
            running.tracers.keep(stage, "records.out", batch)
        for link in running.links.get(stage, ()):
            if link.edge.carries is Carries.RECORDS and running.regions.get(link.to) is not region:
                _deliver(running, link.to, stage, batch)


def _timed(running: _Running, name: str, began_ns: int) -> None:
    running.counting.add(name, "process.time.total", (time.perf_counter_ns() - began_ns) // 1000)


# Ends.


def _end(running: _Running, name: str) -> None:
    """A stage gives nothing more: tell those that took from it."""
    for link in running.links.get(name, ()):
        region = running.regions.get(link.to)
        if region is not None and running.regions.get(name) is region:
            continue
        running.open_inputs[link.to] -= 1
        if region is not None:
            given = _collected(link.to, partial(region.end, link.to, name))
            _give(running, region, given)
            for stage in region.take_ended():
                _end(running, stage)
        elif running.open_inputs[link.to] == 0:
            _finish(running, link.to)


def _finish(running: _Running, name: str) -> None:
    if name in running.transforms:
        _pass_on(running, name, _applied(running, name, running.transforms[name].finish))
    _end(running, name)
