"""The law of the engine: whatever the split of the input into steps and whatever noise of insertions and deletions, the
sum of the emitted changes is the view computed from scratch; and a snapshot restored at any step changes nothing.

`check_history` runs one program in these ways; oracles compare with what another engine says of the same rows.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from penstock.circuit.circuit import Circuit
from penstock.circuit.lower import lower
from penstock.data.batch import Batch
from penstock.data.changes import Changes
from penstock.data.fate import Fate
from penstock.data.passing import CODE_TAIL, CODES, FIRST_CODE
from penstock.data.pool import Pool
from penstock.data.types import Schema
from penstock.data.values import decode_column, encode_values
from penstock.sql.compile import compile_program
from penstock.sql.plan.nodes import Program

Row = tuple[Any, ...]
Event = tuple[str, Row, int]
"""A table, a row and how often it is added (negative: taken away)."""


def decoded(batch: Batch, schema: Schema, pool: Pool) -> list[tuple[Row, int]]:
    """Return the rows of a batch as Python values, with their weights."""
    columns = [decode_column(c, f.type, pool) for c, f in zip(batch.columns, schema, strict=True)]
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(batch)
    return list(zip(rows, batch.weights.tolist(), strict=True))


def plain(row: Row) -> Row:
    """Return a row that can be counted."""
    return tuple(repr(v) if isinstance(v, (list, dict)) else "NaN" if v != v else v for v in row)


def spoil(pool: Pool) -> None:
    """Have values that passed through a pool read as others as soon as they are free: who reads them is found out."""
    begin_step = pool.begin_step
    entries, ring = pool.arrays[1], pool.__dict__["_ring"].state
    with pool.keeping():
        gone = entries[pool.intern(b"gone")].copy()
    freed = [0]

    def begin_and_spoil() -> None:
        begin_step()
        entries[FIRST_CODE + np.arange(freed[0], ring[CODE_TAIL]) % CODES] = gone
        freed[0] = int(ring[CODE_TAIL])

    pool.__dict__["begin_step"] = begin_and_spoil


class Integral:
    """The running sum of a relation's changes."""

    def __init__(self) -> None:
        self.rows: Counter[Any] = Counter()

    def add(self, changes: Sequence[tuple[Row, int]]) -> None:
        for row, weight in changes:
            key = plain(row)
            self.rows[key] += weight
            if self.rows[key] == 0:
                del self.rows[key]


class Run:
    """One circuit of a program and the integrals of what it emitted."""

    def __init__(self, program: str | Program) -> None:
        self.program = compile_program(program) if isinstance(program, str) else program
        self.circuit: Circuit = lower(self.program, Pool())
        self.circuit.collector.eager = True
        spoil(self.circuit.pool)
        self.schemas = {r.name: r.schema for r in (*self.program.tables, *self.program.views)}
        self.sums = {v.name: Integral() for v in self.program.views if not v.local}

    def step(self, events: Sequence[Event]) -> None:
        """Feed events in one step."""
        by_table: dict[str, list[tuple[Row, int]]] = {}
        for table, row, weight in events:
            by_table.setdefault(table, []).append((row, weight))
        inputs: dict[str, Batch] = {}
        for table, rows in by_table.items():
            columns = [
                encode_values([row[i] for row, _ in rows], field.type, self.circuit.pool)
                for i, field in enumerate(self.schemas[table])
            ]
            for i, fate in self.circuit.fates.get(table, {}).items():
                # As an input does with strings that nobody compares: equal values under codes of their own.
                pool = self.circuit.pool
                take = pool.pass_buffers if fate is Fate.PASSED else pool.append_buffers
                columns[i].words = take(*pool.gather(columns[i].words))
            inputs[table] = Changes(columns, np.array([weight for _, weight in rows], np.int64))
        for name, batch in self.circuit.step(inputs).items():
            if name in self.sums:
                changes = decoded(batch, self.schemas[name], self.circuit.pool)
                signs: dict[Any, bool] = {}
                for row, weight in [] if any(self.circuit.fates.values()) else changes:
                    assert weight and signs.setdefault(plain(row), weight > 0) == (weight > 0), f"{name}: {changes}"
                self.sums[name].add(changes)

    def compare(self, other: Run, when: str) -> None:
        """Check that every view is as in another run, and that contents that are kept are what was emitted."""
        for name, rows in other.sums.items():
            assert rows.rows == self.view(name), f"view {name} differs {when}: {rows.rows} but {self.view(name)}"
            if self.circuit.kept(name):
                kept = Integral()
                kept.add(decoded(self.circuit.contents(name), self.schemas[name], self.circuit.pool))
                assert kept.rows == self.view(name), f"kept contents of {name} differ {when}"

    def save_and_load(self) -> None:
        """Put a restored copy of the circuit in the place of the circuit."""
        state = self.circuit.snapshot()
        pool = Pool.restored({k[5:]: a for k, a in state.items() if k.startswith("pool/")})
        self.circuit = lower(self.program, pool)
        self.circuit.collector.eager = True
        spoil(self.circuit.pool)
        self.circuit.restore(state)

    def view(self, name: str) -> Counter[Any]:
        """Return the sum of all changes of a view."""
        return self.sums[name].rows

    def state_rows(self) -> int:
        """Return how many rows all operators hold."""
        return sum(len(part) for wired in self.circuit.operators for part in wired.operator.parts().values())


def splits(events: Sequence[Event], rng: random.Random) -> list[list[Event]]:
    """Cut events into steps of random sizes."""
    steps: list[list[Event]] = []
    at = 0
    while at < len(events):
        size = rng.choice((1, 1, 2, 3, 5, 8, 13))
        steps.append(list(events[at : at + size]))
        at += size
    return steps


# ------------------------------------------------------------------------------------- histories of operations


class Feed(NamedTuple):
    """What the law must know of a table: positions of its primary key, and whether rows are only added."""

    key: tuple[int, ...] = ()
    append_only: bool = False


OtherRow = Callable[[str], Row]
"""Makes some row of a table, for rows that come and go."""


def history(
    tables: Mapping[str, Sequence[Row]], feeds: Mapping[str, Feed], other: OtherRow, rng: random.Random, tidy: bool
) -> list[Event]:
    """Return events that end with the given rows, with others that come and go, rows replaced and added again.

    tidy: no row is taken away before it is there. Tables with a key are always told in order.
    """
    lines: list[list[Event]] = []
    loose: list[Event] = []
    for table, rows in tables.items():
        feed = feeds.get(table, Feed())
        if feed.key:
            lines += _keyed_lines(table, rows, feed.key, other, rng)
            continue
        for row in rows:
            loose.append((table, row, 1))
        if not feed.append_only:
            passing = [other(table) for _ in range(rng.randrange(1 + len(rows)))]
            passing += [row for row in rows if rng.random() < 0.3]
            lines += [[(table, row, 1), (table, row, -1)] for row in passing]
    if not tidy:
        open_lines = [line for line in lines if not feeds.get(line[0][0], Feed()).key]
        lines = [line for line in lines if feeds.get(line[0][0], Feed()).key]
        loose += [event for line in open_lines for event in line]
    lines += [[event] for event in loose]
    turns = [i for i, line in enumerate(lines) for _ in line]
    rng.shuffle(turns)
    at = [iter(line) for line in lines]
    return [next(at[i]) for i in turns]


def _keyed_lines(
    table: str, rows: Sequence[Row], key: tuple[int, ...], other: OtherRow, rng: random.Random
) -> list[list[Event]]:
    """Return for each key the operations that end with its row, or with none for keys of rows that only pass."""

    def key_of(row: Row) -> Row:
        return plain(tuple(row[i] for i in key))

    def under(row: Row, target: Row) -> Row:
        return tuple(target[i] if i in key else value for i, value in enumerate(row))

    wanted = {key_of(row): row for row in rows}
    lines: dict[Row, list[Event]] = {k: [] for k in wanted}
    for _ in range(rng.randrange(3 + len(rows))):
        row = other(table)
        if wanted and rng.random() < 0.6:
            row = under(row, rng.choice(list(wanted.values())))
        weight = -1 if rng.random() < 0.3 else 1
        lines.setdefault(key_of(row), []).append((table, row, weight))
    for target, line in lines.items():
        if target in wanted:
            line.append((table, wanted[target], 1))
        else:
            line.append((table, line[-1][1], -1))
    return list(lines.values())


def contents_after(events: Sequence[Event], feeds: Mapping[str, Feed]) -> dict[str, list[Row]]:
    """Return the rows of each table after events that never take away what is not there."""
    bags: dict[str, Counter[Row]] = {}
    whole: dict[Row, Row] = {}
    keyed: dict[str, dict[Row, Row]] = {}
    for table, row, weight in events:
        key = feeds.get(table, Feed()).key
        if not key:
            whole[plain(row)] = row
            bags.setdefault(table, Counter())[plain(row)] += weight
        elif weight > 0:
            keyed.setdefault(table, {})[plain(tuple(row[i] for i in key))] = row
        else:
            keyed.setdefault(table, {}).pop(plain(tuple(row[i] for i in key)), None)
    result = {table: [whole[row] for row in bag.elements()] for table, bag in bags.items()}
    result.update({table: list(rows.values()) for table, rows in keyed.items()})
    return result


def check_history(
    program: Program,
    tables: Mapping[str, Sequence[Row]],
    feeds: Mapping[str, Feed],
    other: OtherRow,
    seed: int,
) -> Run:
    """Hold a program to the law over a random history that ends with the given rows.

    In the middle the circuit is replaced by a restored copy, and its views are compared with those of one step from
    nothing; so they are at the end, and when all that can be deleted has been, where also no more state may be held
    than by a circuit that never saw it. Returns the run of one step.
    """
    rng = random.Random(seed)
    once = _at_once(program, tables)
    tidy = rng.random() < 0.6
    events = history(tables, feeds, other, rng, tidy)
    steps = splits(events, rng)
    if not steps or rng.random() < 0.3:
        steps.append([])
    middle = rng.randrange(len(steps)) if steps else -1
    run = Run(program)
    seen: list[Event] = []
    for i, step in enumerate(steps):
        run.step(step)
        seen += step
        if i == middle:
            run.save_and_load()
            if tidy:
                run.compare(_at_once(program, contents_after(seen, feeds)), f"after {len(seen)} events")
    run.compare(once, "at the end")
    kept = {table: rows for table, rows in tables.items() if feeds.get(table, Feed()).append_only}
    gone = [(table, row, -1) for table, rows in tables.items() if table not in kept for row in rows]
    rng.shuffle(gone)
    for step in splits(gone, rng):
        run.step(step)
    # Rows that are only added are not looked for among those that are there, so what came in one step takes less.
    rest = Run(program)
    for step in steps:
        rest.step([event for event in step if event[0] in kept])
    run.compare(rest, "after everything was deleted")
    assert run.state_rows() == rest.state_rows(), f"{run.state_rows() - rest.state_rows()} rows of state are left"
    return once


def _at_once(program: Program, tables: Mapping[str, Sequence[Row]]) -> Run:
    run = Run(program)
    run.step([(table, row, 1) for table, rows in tables.items() for row in rows])
    return run
