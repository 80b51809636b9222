"""Circuits whose inputs end: batch as the special case of standing circuits.

The plan is the same, and so are most operators. Those that would take back what they said say it at the end instead,
so nothing that leaves the circuit is ever taken back; and what a join keeps of one side only for rows that come on the
other is not kept when the other side has ended: a large input streams past small ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

from penstock.circuit.circuit import Circuit, Wired
from penstock.circuit.lower import Lowering
from penstock.circuit.operator import Delta, batch_of
from penstock.circuit.operators.arrange import Arrange
from penstock.circuit.operators.join import Join
from penstock.circuit.operators.late import Late, LateAggregate, LateAntiJoin
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import Schema
from penstock.data.zset import Contents
from penstock.sql.plan import nodes

__all__ = ["BoundedCircuit", "lower_bounded"]


def lower_bounded(program: nodes.Program, pool: Pool | None = None) -> BoundedCircuit:
    """Build the circuit of a program whose tables are only added to, and end.

    Raises: NotSupported for what no operator maintains.
    """
    pool = Pool() if pool is None else pool
    with pool.keeping():
        lowering = _Bounded(program, pool)
    held = {
        view.name: Contents(lowering.circuit.outputs[view.name].layout)
        for view in program.views
        if not view.local and view.plan is not None and not lowering.append_only(view.plan)
    }
    return BoundedCircuit(lowering.circuit, held)


class _Bounded(Lowering):
    """Lowers aggregates and outer joins to operators that wait for the end."""

    def _aggregate(self, node: nodes.Aggregate) -> int:
        if not node.keys or not self.append_only(node.input):
            return super()._aggregate(node)
        operator = LateAggregate(node.input.schema, node.keys, node.calls, node.schema, self._pool)
        return self._add(node.schema, operator, self.node(node.input))

    def _semi(self, schema: Schema, left: int, right: int, anti: bool) -> int:
        if not anti:
            return super()._semi(schema, left, right, anti)
        return self._add(schema, LateAntiJoin(self._trace(left), self._trace(right)), left, right)

    def _only_grows(self, node: nodes.Node) -> bool:
        match node:
            case nodes.Aggregate() if node.keys:
                return self.append_only(node.input)
            case nodes.Join() if node.kind in ("left", "right", "full", "anti"):
                return self.append_only(node.left) and self.append_only(node.right)
        return super()._only_grows(node)


@dataclass(slots=True)
class BoundedCircuit:
    """A circuit that is fed and then ended, input by input.

    held: contents of views that may take back rows; they are given when all has ended.
    """

    circuit: Circuit
    held: Mapping[str, Contents]
    _ended_inputs: set[str] = field(default_factory=set)
    _closed: set[int] = field(default_factory=set)
    _noted: set[tuple[int, int]] = field(default_factory=set)
    _idle: set[int] = field(default_factory=set)
    _given: bool = False

    def step(self, inputs: Mapping[str, Batch]) -> dict[str, Batch]:
        """Take in rows of tables and return the rows that views gained. Raises: EvaluationError."""
        wired = {self.circuit.inputs[name]: batch for name, batch in inputs.items()}
        return self._run(wired, {})

    def end(self, names: Collection[str]) -> Iterator[dict[str, Batch]]:
        """Take the end of tables; yield the rows that views gain by it."""
        self._ended_inputs.update(names)
        operators = self.circuit.operators
        ends = {self.circuit.inputs[name] for name in self._ended_inputs}
        for i, wired in enumerate(operators):
            if i in self._closed:
                continue
            for k, before in enumerate(wired.inputs):
                if before not in self._closed or (i, k) in self._noted:
                    continue
                self._noted.add((i, k))
                if isinstance(wired.operator, Late):
                    for batch in wired.operator.closed(k):
                        yield self._run({}, {i: batch})
            if (wired.inputs and all(before in self._closed for before in wired.inputs)) or i in ends:
                self._closed.add(i)
        self._idle = {i for i, wired in enumerate(operators) if self._is_idle(i, wired)}
        if not self._given and all(name in self._ended_inputs for name in self.circuit.inputs):
            self._given = True
            for name, contents in self.held.items():
                yield {name: contents.batch()}

    def _is_idle(self, at: int, wired: Wired) -> bool:
        """Tell whether nobody will look up what an arrangement takes in from now on."""
        if not isinstance(wired.operator, Arrange):
            return False
        for user in self.circuit.operators:
            for k, before in enumerate(user.inputs):
                if before != at:
                    continue
                others = [other for j, other in enumerate(user.inputs) if j != k]
                if isinstance(user.operator, Join) and all(other in self._closed for other in others):
                    continue
                if isinstance(user.operator, LateAntiJoin) and k == 0 and user.inputs[1] in self._closed:
                    continue
                return False
        return True

    def _run(self, inputs: Mapping[int, Batch], given: Mapping[int, Delta]) -> dict[str, Batch]:
        """Let changes run through all operators. inputs: of operators; given: what operators gave by themselves."""
        circuit = self.circuit
        collector = circuit.collector
        circuit.pool.begin_step()
        collector.advance()
        deltas: list[Delta | None] = [None] * len(circuit.operators)
        ran: list[tuple[int, Wired]] = []
        for i, wired in enumerate(circuit.operators):
            began = perf_counter_ns()
            if i in given:
                delta: Delta | None = given[i]
            else:
                incoming: Sequence[Delta | None]
                incoming = [inputs[i]] if i in inputs else [deltas[j] for j in wired.inputs]
                if all(d is None for d in incoming):
                    continue
                if collector.marking and i in inputs:
                    collector.meet(inputs[i].columns, wired.pooled)
                delta = wired.operator.step(incoming)
                wired.rows_in += sum(len(d) for d in incoming if d is not None)
                ran.append((i, wired))
            if delta is not None and len(delta):
                deltas[i] = delta
                wired.rows_out += len(delta)
                if collector.marking and (passed := batch_of(delta)) is not None:
                    collector.meet(passed.columns, wired.pooled)
            wired.time_ns += perf_counter_ns() - began
        for i, wired in ran:
            if i in self._idle and isinstance(wired.operator, Arrange):
                wired.operator.discard()
            else:
                wired.operator.commit()
        circuit.steps += 1
        circuit.pool.end_step()
        return self._shown(deltas)

    def _shown(self, deltas: Sequence[Delta | None]) -> dict[str, Batch]:
        shown: dict[str, Batch] = {}
        for name, output in self.circuit.outputs.items():
            batch = batch_of(deltas[output.at])
            if batch is None or name in self.circuit.inputs:
                continue
            if name in self.held:
                self.held[name].add(batch)
            else:
                shown[name] = batch
        return shown
