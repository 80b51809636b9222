"""A circuit: operators in the order they are run, what goes in and what comes out.

One step takes the changes of some tables and returns the changes of every relation that changed. The circuit is a
sequential function of its inputs: no clock, no randomness, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.operator import Delta, Operator, State, Stateful, batch_of
from penstock.circuit.operators.table import Table
from penstock.circuit.retention import Retention
from penstock.data.batch import Batch, Column
from penstock.data.collecting import Coded, Collector
from penstock.data.fate import Fate
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.data.types import Schema
from penstock.data.zset import Contents, consolidate

CLOCK = "now"
"""The input of the circuit's clock: one row with the present time, where the program asks for it."""


@dataclass(slots=True)
class Wired:
    """An operator, where its inputs come from, and what it has done so far (rows, nanoseconds).

    pooled: columns of its output that hold codes of pooled values.
    """

    operator: Operator
    inputs: tuple[int, ...]
    pooled: tuple[int, ...] = ()
    rows_in: int = 0
    rows_out: int = 0
    time_ns: int = 0


@dataclass(slots=True)
class Output:
    """A relation that is shown: the operator that gives it, its schema, and its contents if they are kept."""

    at: int
    schema: Schema
    layout: RowLayout
    contents: Contents | None = None


@dataclass(slots=True)
class Circuit:
    """Built by `lower`; inputs and outputs by the relations' canonical names.

    fates: for each table what it does with its columns, by position, where it is not to compare them.
    retentions: what of the state may be forgotten as time passes, by the operators' places.
    relieve: called after each piece of a step; it may put state on disk.
    """

    pool: Pool
    fates: Mapping[str, Mapping[int, Fate]] = field(default_factory=dict)
    operators: list[Wired] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    steps: int = 0
    retentions: list[tuple[int, Retention]] = field(default_factory=list)
    relieve: Callable[[], None] = lambda: None
    _now: int | None = None
    collector: Collector = field(init=False)

    def __post_init__(self) -> None:
        self.collector = Collector(self.pool, self.coded)

    @property
    def uses_clock(self) -> bool:
        """Whether the program reads NOW(), so that the passing of time is a change."""
        return CLOCK in self.inputs

    def step(self, inputs: Mapping[str, Batch], now_micros: int | None = None) -> dict[str, Batch]:
        """Take in changes of tables and return the change of each table and view that changed.

        The codes of a change mean something until the next step, or as long as a lease of the pool is held that was
        taken before this one.

        A change holds no row both added and taken away (strings that are only carried count by their codes); a row
        that is added twice may stand in it twice.

        now_micros: the clock's new time (epoch microseconds), where the program uses it; one that lies before the last
        is not followed, since time that has passed is forgotten.
        Raises: EvaluationError if an expression has no value; the circuit is of no use afterwards.
        """
        self.pool.begin_step()
        self.collector.advance()
        changes = self.run(inputs, now_micros)
        self.pool.end_step()
        return changes

    def run(self, inputs: Mapping[str, Batch], now_micros: int | None = None) -> dict[str, Batch]:
        """Do the same without freeing what nobody holds: as a part of another circuit's step."""
        deltas: list[Delta | None] = [None] * len(self.operators)
        given: dict[int, Batch] = {self.inputs[name]: batch for name, batch in inputs.items() if name != CLOCK}
        if now_micros is not None and self.uses_clock and (self._now is None or now_micros > self._now):
            given[self.inputs[CLOCK]] = self._clock_change(now_micros)
        first = self.steps == 0
        ran: list[Wired] = []
        for i, wired in enumerate(self.operators):
            operator = wired.operator
            if i in given:
                incoming: Sequence[Delta | None] = [given[i]]
            else:
                incoming = [deltas[j] for j in wired.inputs]
                if all(d is None for d in incoming) and not (first and operator.runs_first):
                    continue
            if self.collector.marking and i in given:
                self.collector.meet(given[i].columns, wired.pooled)
            began = perf_counter_ns()
            delta = operator.step(incoming)
            ran.append(wired)
            wired.time_ns += perf_counter_ns() - began
            wired.rows_in += sum(len(d) for d in incoming if d is not None)
            if delta is not None and len(delta):
                deltas[i] = delta
                wired.rows_out += len(delta)
                if self.collector.marking and (passed := batch_of(delta)) is not None:
                    self.collector.meet(passed.columns, wired.pooled)
            self.relieve()
        for wired in ran:
            began = perf_counter_ns()
            wired.operator.commit()
            wired.time_ns += perf_counter_ns() - began
            self.relieve()
        for at, retention in self.retentions:
            began = perf_counter_ns()
            retention.advance(sum(len(d) for j in self.operators[at].inputs if (d := deltas[j]) is not None))
            self.operators[at].time_ns += perf_counter_ns() - began
        self.steps += 1
        return self._collect(deltas)

    def coded(self) -> list[Coded]:
        """Return all places in the state where codes of pooled values stand."""
        places = [c for wired in self.operators for c in wired.operator.coded()]
        for output in self.outputs.values():
            places += output.contents.coded() if output.contents is not None else []
        return places

    def _clock_change(self, now: int) -> Batch:
        times = [now] if self._now is None else [self._now, now]
        self._now = now
        return Batch([Column(np.array(times))], np.array([1] if len(times) == 1 else [-1, 1]))

    def _collect(self, deltas: Sequence[Delta | None]) -> dict[str, Batch]:
        result = {}
        for name, output in self.outputs.items():
            batch = batch_of(deltas[output.at])
            if batch is None:
                continue
            if (batch.weights < 0).any():
                batch = consolidate(batch, output.layout)
            if len(batch):
                result[name] = batch
                if output.contents is not None:
                    output.contents.add(batch)
                    self.relieve()
        return result

    def kept(self, name: str) -> bool:
        """Whether the contents of a relation are kept and can be read."""
        output = self.outputs.get(name)
        if output is None:
            return False
        operator = self.operators[output.at].operator
        return output.contents is not None or (isinstance(operator, Table) and operator.kept)

    def contents(self, name: str) -> Batch:
        """Return all rows of a kept relation."""
        output = self.outputs[name]
        if output.contents is not None:
            return output.contents.batch()
        operator = self.operators[output.at].operator
        assert isinstance(operator, Table)
        return operator.contents()

    def parts(self) -> list[dict[str, Stateful]]:
        """Return for each operator what holds state: its own structures, and the contents of views that it gives."""
        found = [dict(wired.operator.parts()) for wired in self.operators]
        for name, output in self.outputs.items():
            if output.contents is not None:
                found[output.at][f"view {name}"] = output.contents
        return found

    @property
    def size_bytes(self) -> int:
        """Bytes of all state in use, the pool's values included."""
        return self.pool.size_bytes + sum(part.size_bytes for held in self.parts() for part in held.values())

    @property
    def late_count(self) -> int:
        """Rows dropped because they were late."""
        return sum(w.operator.late_count for w in self.operators)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return a copy of the whole state as arrays by name, for `restore` into a circuit of the same program."""
        return {name: array.copy() for name, array in self.snapshot_parts()}

    def snapshot_parts(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Yield the state array by array; the arrays are the state itself and change as it does."""
        for k, a in self.pool.snapshot().items():
            yield f"pool/{k}", a
        yield from self.state()

    def state(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Yield the state without the pool."""
        yield "steps", np.array([self.steps])
        yield "now", np.array([self._now is not None, self._now or 0])
        for i, wired in enumerate(self.operators):
            for k, a in wired.operator.snapshot().items():
                yield f"{i}/{k}", a
        for name, output in self.outputs.items():
            if output.contents is not None:
                for k, a in output.contents.snapshot().items():
                    yield f"view/{name}/{k}", a

    def restore(self, state: State) -> None:
        """Take up a snapshot. The pool must have been restored from it before the circuit was built."""
        self.set_state(state)

    def set_state(self, state: State) -> None:
        """Take up what `state` returned."""
        self.steps = int(state["steps"][0])
        known, now = state["now"].tolist()
        self._now = now if known else None
        for i, wired in enumerate(self.operators):
            wired.operator.restore(_under(f"{i}/", state))
        for name, output in self.outputs.items():
            if output.contents is not None:
                output.contents.restore(_under(f"view/{name}/", state))


def _under(prefix: str, state: State) -> dict[str, npt.NDArray[Any]]:
    return {k[len(prefix) :]: a for k, a in state.items() if k.startswith(prefix)}
