"""A circuit whose state goes to disk again and again does what one does whose state stays in memory."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from penstock.circuit.circuit import Circuit
from penstock.circuit.lower import lower
from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.data.spilling import Spill
from penstock.sql.compile import compile_program

PROGRAM = """
CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, k BIGINT NOT NULL, s VARCHAR NOT NULL);
CREATE MATERIALIZED VIEW groups AS SELECT k, COUNT(*) AS n, MAX(s) AS last FROM t GROUP BY k;
CREATE MATERIALIZED VIEW texts AS SELECT DISTINCT UPPER(s) AS s FROM t;
CREATE MATERIALIZED VIEW pairs AS SELECT t.id, u.s FROM t JOIN t AS u ON t.k = u.id;
"""
STEPS, ADDED, KEPT_STEPS = 12, 3000, 3


def step(circuit: Circuit, number: int) -> None:
    """Add rows with strings that never were, and take those away that came some steps ago."""
    columns, weights = [], []
    for first, weight in ((number * ADDED, 1), ((number - KEPT_STEPS) * ADDED, -1)):
        if first >= 0:
            ids = np.arange(first, first + ADDED)
            texts = [f"the text of row {i}, of some length: {'.' * 200}".encode() for i in ids.tolist()]
            columns.append((ids, ids % 701, circuit.pool.intern_many(texts)))
            weights.append(np.full(ADDED, weight, np.int64))
    joined = [Column(np.concatenate(parts)) for parts in zip(*columns, strict=True)]
    circuit.step({"t": Batch(joined, np.concatenate(weights))})


def contents(circuit: Circuit, view: str) -> list[tuple[object, ...]]:
    batch = circuit.contents(view)
    pooled = [column.type.pooled for column in circuit.outputs[view].schema]
    values = [
        circuit.pool.values(column.words) if is_pooled else column.words.tolist()
        for column, is_pooled in zip(batch.columns, pooled, strict=True)
    ]
    return sorted(zip(*values, batch.weights.tolist(), strict=True))


def test_values_are_freed_and_moved_while_state_lies_on_disk(tmp_path: Path) -> None:
    spilled, plain = (lower(compile_program(PROGRAM), Pool()) for _ in range(2))
    spill = Spill(tmp_path)
    calls = itertools.count()

    def relieve() -> None:
        if next(calls) % 5 == 0:
            spill.free(1 << 40)

    spilled.relieve = relieve
    for circuit in (spilled, plain):
        circuit.collector.eager = True
        for number in range(STEPS):
            step(circuit, number)

    assert spilled.collector.cycles > 0
    assert spill.written_bytes > 10 << 20
    for view in ("groups", "texts", "pairs"):
        assert contents(spilled, view) == contents(plain, view)
    assert len(spilled.pool) == len(plain.pool)
