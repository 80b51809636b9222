"""Recursive views: the least fixpoint of a circuit that is fed with its own output, kept up to date.

With X the rows of the variables and F one round, the state is X and the bag C = F(E, X); at the end of a step X is the
set of the rows of C. A step takes what can only take rows away first: whoever loses a derivation goes out of X, whether
it has others or not, since those may lean on itself; so do those that lose one by that. Then what can only add rows is
fed, and whoever has a derivation and is not in X comes in, round by round. The cost follows the rows that lose or gain
a derivation. A round's circuit is incremental itself: each round costs what it changes.
Source: delete and rederive (Gupta, Mumick, Subrahmanian: Maintaining Views Incrementally, SIGMOD 1993).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.circuit.circuit import Circuit
from penstock.circuit.operator import Delta, Operator, State, Stateful, batch_of
from penstock.data.batch import Batch
from penstock.data.collecting import Coded, coded
from penstock.data.records import Records
from penstock.data.rows import RowLayout, Rows
from penstock.data.zset import Contents, consolidate_rows
from penstock.sql.functions.registry import EvaluationError

MOST_ROUNDS = 100_000
"""A recursion that goes on for longer is taken for endless."""

_COUNT, _IN = 0, 1
"""Payload of a row: how often the last round derives it, and whether it is in the variable."""


class Variable:
    """The rows of one variable. changes: those of this step."""

    def __init__(self, layout: RowLayout) -> None:
        self.layout = layout
        self.records = Records(layout.width, 2)
        self._at = 1 + layout.width
        self._seen: list[Rows] = []
        self._changes: list[tuple[Rows, int]] = []

    def absorb(self, batch: Batch) -> Rows:
        """Take in a change of the derivations; returns the distinct rows in it."""
        rows, weights = self.layout.pack(batch.columns, len(batch)), np.ascontiguousarray(batch.weights)
        first, sums = consolidate_rows(rows, weights)
        rows = np.ascontiguousarray(rows[first])
        ids = self.records.find_or_add(rows)
        self.records.records[ids, self._at + _COUNT] += sums
        self._seen.append(rows)
        return rows

    def losers(self, batch: Batch) -> Rows:
        """Take in a change; returns the rows of the variable that lost a derivation."""
        self.absorb(batch)
        lost = self.layout.pack(batch.columns, len(batch))[batch.weights < 0]
        first, _ = consolidate_rows(lost, np.ones(len(lost), np.int64))
        lost = np.ascontiguousarray(lost[first])
        inside = self.records.records[self.records.find(lost), self._at + _IN] != 0
        return np.ascontiguousarray(lost[inside])

    def entitled(self, rows: Rows) -> Rows:
        """Return those of some distinct rows that are derived and not in the variable."""
        ids = self.records.find(rows)
        state = self.records.records[ids, self._at : self._at + 2]
        return np.ascontiguousarray(rows[(ids >= 0) & (state[:, _COUNT] > 0) & (state[:, _IN] == 0)])

    def put(self, rows: Rows, sign: int) -> Batch:
        """Take rows into the variable (sign 1) or out of it (-1); returns the change."""
        self.records.records[self.records.find(rows), self._at + _IN] = int(sign > 0)
        self._changes.append((rows, sign))
        return Batch(self.layout.unpack(rows), np.full(len(rows), sign, np.int64))

    def touched(self) -> Rows:
        """Return the distinct rows that this step has met."""
        rows = np.concatenate(self._seen) if self._seen else np.empty((0, self.layout.width), np.int64)
        first, _ = consolidate_rows(rows, np.ones(len(rows), np.int64))
        return np.ascontiguousarray(rows[first])

    def settle(self) -> Batch | None:
        """End the step: forget rows that are neither derived nor there; returns the variable's change."""
        rows = self.touched()
        ids = self.records.find(rows)
        gone = ids[(ids >= 0) & ~self.records.records[ids, self._at : self._at + 2].any(axis=1)]
        self.records.remove(gone)
        changes, self._changes, self._seen = self._changes, [], []
        if not changes:
            return None
        rows = np.concatenate([r for r, _ in changes])
        weights = np.concatenate([np.full(len(r), sign, np.int64) for r, sign in changes])
        first, sums = consolidate_rows(rows, weights)
        return Batch(self.layout.unpack(rows[first]), sums) if len(first) else None


class Fixpoint(Operator):
    """One component of recursive views.

    round: its inputs are the variables (`variables`: name of the input to its rows) and what is given, in the order of
    this operator's inputs: name, layout, and whether more rows only add rows. Its outputs are the variables' names.
    The change is a token; `Variables` hand out what changed.
    """

    def __init__(
        self,
        round: Circuit,
        variables: Mapping[str, RowLayout],
        given: Sequence[tuple[str, RowLayout, bool]],
        names: Mapping[str, str],
    ) -> None:
        self.title = f"fixpoint of {', '.join(names.values())}"
        self.round = round
        self.changed: dict[str, Batch] = {}
        self._variables = {name: Variable(layout) for name, layout in variables.items()}
        # Rows taken away before they are there would count as derivations twice: only positive parts are given on.
        self._given = [(name, Contents(layout), adds) for name, layout, adds in given]
        self._names = names
        self._rounds = 0

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        taking, adding = self._split(deltas)
        self._rounds = 0
        self._take_out(self._run(taking) if taking else {})
        self._take_in(self._run(adding) if adding else {})
        self.changed = {}
        for name, variable in self._variables.items():
            change = variable.settle()
            if change is not None:
                self.changed[self._names[name]] = change
        return Batch([], np.ones(1, np.int64)) if self.changed else None

    def _split(self, deltas: Sequence[Delta | None]) -> tuple[dict[str, Batch], dict[str, Batch]]:
        """Return what can only take rows away, and what can only add some."""
        taking: dict[str, Batch] = {}
        adding: dict[str, Batch] = {}
        for (name, contents, adds), delta in zip(self._given, deltas, strict=True):
            batch = batch_of(delta)
            if batch is None:
                continue
            rows = contents.layout.pack(batch.columns, len(batch))
            first, sums = consolidate_rows(rows, np.ascontiguousarray(batch.weights))
            before, after = contents.add_rows(np.ascontiguousarray(rows[first]), sums)
            weights = np.maximum(after, 0) - np.maximum(before, 0)
            columns = [c.take(first) for c in batch.columns]
            for part, chosen in ((taking, (weights < 0) == adds), (adding, (weights > 0) == adds)):
                at = np.flatnonzero(chosen & (weights != 0))
                if len(at):
                    part[name] = Batch([c.take(at) for c in columns], weights[at])
        return taking, adding

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, Batch]:
        self._rounds += 1
        if self._rounds > MOST_ROUNDS:
            views = ", ".join(repr(n) for n in self._names.values())
            raise EvaluationError(f"the recursion of {views} has not come to an end after {MOST_ROUNDS} rounds")
        made = self.round.run(inputs)
        return {name: made[name] for name in self._variables if name in made}

    def _take_out(self, made: dict[str, Batch]) -> None:
        """Take rows that lost a derivation out of the variables, until none is left that did."""
        while made:
            inputs: dict[str, Batch] = {}
            for name, batch in made.items():
                rows = self._variables[name].losers(batch)
                if len(rows):
                    inputs[name] = self._variables[name].put(rows, -1)
            made = self._run(inputs) if inputs else {}

    def _take_in(self, made: dict[str, Batch]) -> None:
        """Take rows that are derived into the variables, until all of them are there."""
        for name, batch in made.items():
            self._variables[name].absorb(batch)
        met = {name: variable.touched() for name, variable in self._variables.items()}
        while met:
            inputs: dict[str, Batch] = {}
            for name, rows in met.items():
                wanted = self._variables[name].entitled(rows)
                if len(wanted):
                    inputs[name] = self._variables[name].put(wanted, 1)
            made = self._run(inputs) if inputs else {}
            met = {name: self._variables[name].absorb(batch) for name, batch in made.items()}

    def coded(self) -> list[Coded]:
        places = [*self.round.coded()]
        for variable in self._variables.values():
            places += coded(variable.records, [1 + i for i in variable.layout.pooled])
        for _, contents, _ in self._given:
            places += contents.coded()
        return places

    def parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {**self._own()}
        for i, wired in enumerate(self.round.operators):
            parts.update({f"round{i}.{name}": part for name, part in wired.operator.parts().items()})
        return parts

    def _own(self) -> dict[str, Records | Contents]:
        own: dict[str, Records | Contents] = {name: v.records for name, v in self._variables.items()}
        own.update({name: contents for name, contents, _ in self._given})
        return own

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        state = {f"round/{name}": a for name, a in self.round.state()}
        state.update({f"{name}/{key}": a for name, part in self._own().items() for key, a in part.snapshot().items()})
        return state

    def restore(self, state: State) -> None:
        self.round.set_state({k[6:]: a for k, a in state.items() if k.startswith("round/")})
        for name, part in self._own().items():
            part.restore({k[len(name) + 1 :]: a for k, a in state.items() if k.startswith(f"{name}/")})


class VariableRows(Operator):
    """The rows of one variable of a fixpoint, which is its input."""

    def __init__(self, fixpoint: Fixpoint, view: str) -> None:
        self.title = f"recursive view {view}"
        self._fixpoint = fixpoint
        self._view = view

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        return self._fixpoint.changed.get(self._view)
