"""An operator followed through steps: after each, the sum of what it emitted is what a naive definition says.

`follow` builds the operator anew from its snapshot after every step, and in the end takes everything away again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from penstock.circuit.circuit import Circuit, Output, Wired
from penstock.circuit.operator import Operator
from penstock.circuit.operators.arrange import Arrange
from penstock.circuit.operators.union import Union
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.data.types import BIGINT, DOUBLE, VARCHAR, Field, Schema, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.plan.expr import ColumnRef

Row = tuple[Any, ...]
Bag = Counter[Row]
Delta = Sequence[tuple[Row, int]]
Naive = Callable[..., Bag]

INT = BIGINT.with_nullable(True)
TEXT = VARCHAR.with_nullable(True)
REAL = DOUBLE.with_nullable(True)

ints = st.one_of(st.none(), st.integers(-1, 3))
texts = st.sampled_from([None, "", "a", "b", "é"])
floats = st.sampled_from([None, 0.0, 0.5, -1.25, 3.0])


def schema(*types: SqlType) -> Schema:
    return tuple(Field(f"c{i}", t) for i, t in enumerate(types))


def column(at: int, of: Schema) -> ColumnRef:
    return ColumnRef(at, of[at].type)


def deltas(*values: st.SearchStrategy[Any], grows: bool = False) -> st.SearchStrategy[list[Delta]]:
    """Some steps of changes of rows; grows: rows are only added."""
    weights = st.integers(1, 2) if grows else st.sampled_from([1, 1, 2, -1, -1])
    return st.lists(st.lists(st.tuples(st.tuples(*values), weights), max_size=6), min_size=1, max_size=5)


def batch(rows: Delta, of: Schema, pool: Pool) -> Batch:
    columns = [encode_values([row[i] for row, _ in rows], field.type, pool) for i, field in enumerate(of)]
    weights = encode_values([weight for _, weight in rows], BIGINT, pool).words
    return Batch(columns, weights)


def bag_of(changes: Batch, of: Schema, pool: Pool) -> Bag:
    columns = [decode_column(c, f.type, pool) for c, f in zip(changes.columns, of, strict=True)]
    result: Bag = Counter()
    for row, weight in zip(zip(*columns, strict=True), changes.weights.tolist(), strict=True):
        result[tuple(map(comparable, row))] += weight
    return result


def comparable(value: Any) -> Any:
    """Return a value that can be counted; of floats 13 digits, as the last ones depend on how they are computed."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else float(f"{value:.13g}")
    return value


def possible(rows: Delta, there: Bag) -> Delta:
    """Return the changes without those that take away what is not there; `there` is brought up to date."""
    kept = []
    for row, weight in rows:
        if there[row] + weight >= 0:
            there[row] += weight
            kept.append((row, weight))
    return kept


class Wiring:
    """A circuit put together by hand: inputs, then operators, the last of which is shown."""

    def __init__(self, inputs: Sequence[Schema], output: Schema, pool: Pool) -> None:
        self.schemas = tuple(inputs)
        self.output = output
        self.circuit = Circuit(pool)
        for i in range(len(inputs)):
            self.circuit.inputs[f"in{i}"] = self.add(Union())

    def add(self, operator: Operator, *inputs: int) -> int:
        self.circuit.operators.append(Wired(operator, inputs))
        at = len(self.circuit.operators) - 1
        self.circuit.outputs["out"] = Output(at, self.output, RowLayout([f.type for f in self.output]))
        return at

    def arrange(self, input: int, keys: Sequence[int], *, drop_null: bool, keys_only: bool = False) -> Arrange:
        """Arrange an input by some of its columns, of which NULL matches nothing."""
        of = self.schemas[input]
        refs = [column(k, of) for k in keys]
        key_layout = RowLayout([r.type for r in refs])
        layout = RowLayout([f.type for f in of])
        pool = self.circuit.pool
        made = Arrange(layout, refs, key_layout, range(len(keys)), drop_null, keys_only, False, pool)
        self.add(made, input)
        return made

    def step(self, rows: Sequence[Delta]) -> Bag:
        pool = self.circuit.pool
        given = {f"in{i}": batch(r, of, pool) for i, (r, of) in enumerate(zip(rows, self.schemas, strict=True)) if r}
        out = self.circuit.step(given).get("out")
        return Counter() if out is None else bag_of(out, self.output, pool)

    def state_rows(self) -> int:
        return sum(len(part) for w in self.circuit.operators for part in w.operator.parts().values())


def follow(
    build: Callable[[Pool], Wiring], steps: Sequence[Sequence[Delta]], naive: Naive, *, grows: bool = False
) -> None:
    """Feed steps (for each the changes of each input), and compare with `naive` of the inputs' contents."""
    pool = Pool()
    wiring = build(pool)
    width = len(wiring.schemas)
    there: list[Bag] = [Counter() for _ in range(width)]
    shown: Bag = Counter()
    shown.update(wiring.step([[]] * width))
    held = wiring.state_rows()

    def check(when: str) -> None:
        expected = {tuple(map(comparable, r)): w for r, w in naive(*there).items() if w}
        assert expected == {r: w for r, w in shown.items() if w}, when

    check("over nothing")
    for i, step in enumerate(steps):
        shown.update(wiring.step([possible(rows, bag) for rows, bag in zip(step, there, strict=True)]))
        check(f"after step {i}")
        again = build(pool)
        again.circuit.restore(wiring.circuit.snapshot())
        wiring = again
    if not grows:
        gone = [[(row, -weight) for row, weight in bag.items() if weight] for bag in there]
        there[:] = [Counter() for _ in range(width)]
        shown.update(wiring.step(gone))
        check("after everything was taken away")
        assert held == wiring.state_rows()


def in_order(value: Any, descending: bool = False, nulls_first: bool = False) -> tuple[int, Any]:
    """Return a key by which Python sorts numbers as SQL does."""
    if value is None:
        return (-1 if nulls_first else 1, 0)
    return (0, -value if descending else value)


def elements(bag: Bag) -> list[Row]:
    """Return the rows of a bag, each as often as it is there."""
    return [row for row, weight in bag.items() for _ in range(weight)]
