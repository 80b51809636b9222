"""Codes that no state holds are freed, codes that anybody holds are not."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.circuit.circuit import Circuit
from penstock.circuit.lower import lower
from penstock.data.batch import Batch, Column
from penstock.data.collecting import freed_codes
from penstock.data.pool import Pool
from penstock.data.values import decode_column, encode_values
from penstock.sql.compile import compile_program

PROGRAM = """
CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, label VARCHAR NOT NULL);
CREATE MATERIALIZED VIEW loud AS SELECT id, UPPER(label) || '!' AS label FROM t;
CREATE MATERIALIZED VIEW many AS SELECT SUBSTRING(label FROM 1 FOR 8) AS head, COUNT(DISTINCT label) AS n,
       MAX(label) AS most, ARRAY_AGG(label) AS labels FROM t GROUP BY SUBSTRING(label FROM 1 FOR 8);
CREATE VIEW first AS SELECT label FROM t ORDER BY label LIMIT 5;
CREATE VIEW twice AS SELECT a.label, b.id FROM t a JOIN t b ON LOWER(a.label) = LOWER(b.label);
"""


def circuit_of(program: str = PROGRAM) -> Circuit:
    return lower(compile_program(program), Pool())


def labels(ids: range, wide: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return bytes and offsets of one label for each id, none like another."""
    made = [f"label {i} {'x' * (wide and i % wide)}".encode() for i in ids]
    offsets = np.zeros(len(made) + 1, np.int64)
    np.cumsum([len(m) for m in made], out=offsets[1:])
    return np.frombuffer(b"".join(made), np.uint8), offsets


def rows(circuit: Circuit, ids: range, weight: int = 1, wide: int = 0) -> Batch:
    codes = circuit.pool.intern_buffers(*labels(ids, wide))
    return Batch([Column(np.array(ids, np.int64)), Column(codes)], np.full(len(ids), weight, np.int64))


def churn(circuit: Circuit, size: int, rounds: int, wide: int = 0) -> list[tuple[int, int]]:
    """Keep `size` rows, each round replacing all of them; returns codes and bytes of the pool after each round."""
    seen = []
    for number in range(rounds):
        for start in range(number * size, (number + 1) * size, 500):
            circuit.step({"t": rows(circuit, range(start, start + 500), wide=wide)})
            if number:
                circuit.step({"t": rows(circuit, range(start - size, start - size + 500), -1, wide)})
        seen.append((circuit.pool.bound, circuit.pool.size_bytes))
    return seen


def test_a_pool_stays_as_large_as_the_state_however_long_rows_come_and_go() -> None:
    circuit = circuit_of(
        "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, label VARCHAR NOT NULL);"
        "CREATE VIEW v AS SELECT label, COUNT(*) AS n FROM t GROUP BY label;"
    )

    seen = churn(circuit, 20_000, 40, wide=200)

    settled = max(size for _, size in seen[12:26])
    assert circuit.collector.cycles > 3
    assert max(size for _, size in seen[26:]) <= settled * 1.1, seen
    assert seen[-1][0] < 8 * 20_000 + 2 * (1 << 16)


def test_values_move_together_when_most_of_them_are_gone() -> None:
    circuit = circuit_of()
    circuit.collector.eager = True
    circuit.step({"t": rows(circuit, range(20_000), wide=400)})
    before = circuit.pool.size_bytes
    kept = [i for i in range(20_000) if i % 50 == 0]
    circuit.step(
        {
            "t": Batch(
                [Column(np.array(gone := [i for i in range(20_000) if i % 50])), Column(np.zeros(len(gone), np.int64))],
                np.full(len(gone), -1, np.int64),
            )
        }
    )
    circuit.step({})
    circuit.step({})

    assert circuit.pool.size_bytes < before / 2
    contents = circuit.contents("loud")
    shown = decode_column(contents.columns[1], circuit.outputs["loud"].schema[1].type, circuit.pool)
    assert sorted(shown) == sorted(f"LABEL {i} {'X' * (i % 400)}!" for i in kept)


def test_views_are_right_while_codes_are_freed_and_used_again() -> None:
    circuit = circuit_of()
    circuit.collector.eager = True
    for start in range(0, 3000, 100):
        circuit.step({"t": rows(circuit, range(start, start + 100))})
        if start:
            circuit.step({"t": rows(circuit, range(start - 100, start), -1)})

    assert len(freed_codes(circuit.pool)) > 0
    assert circuit.pool.bound < 3000
    contents = circuit.contents("loud")
    shown = decode_column(contents.columns[1], circuit.outputs["loud"].schema[1].type, circuit.pool)
    assert sorted(shown) == sorted(f"LABEL {i} !" for i in range(2900, 3000))
    counts = circuit.contents("many")
    assert counts.columns[1].words.tolist() == [100]


@pytest.mark.parametrize("keep", ["lease", "hold"])
def test_codes_outside_of_state_last_as_long_as_they_are_held(keep: str) -> None:
    circuit = circuit_of()
    circuit.collector.eager = True
    held = circuit.pool.lease() if keep == "lease" else None
    code = circuit.pool.intern(b"in a queue")
    if keep == "hold":
        held = circuit.pool.hold()
    for start in range(0, 500, 100):
        circuit.step({"t": rows(circuit, range(start, start + 100))})
    assert circuit.pool.value(code) == b"in a queue"

    del held
    for start in range(500, 800, 100):
        circuit.step({"t": rows(circuit, range(start, start + 100))})
    assert code in freed_codes(circuit.pool) or circuit.pool.value(code) != b"in a queue"


def test_constants_of_a_program_are_never_freed() -> None:
    circuit = circuit_of(
        "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, label VARCHAR NOT NULL);"
        "CREATE MATERIALIZED VIEW v AS SELECT id, 'never in a row before' AS c FROM t;"
    )
    circuit.collector.eager = True
    for _ in range(5):
        circuit.step({})
    circuit.step({"t": rows(circuit, range(1))})

    contents = circuit.contents("v")
    assert circuit.pool.values(contents.columns[1].words) == [b"never in a row before"]


def test_large_decimals_are_freed_and_those_in_words_are_never_taken_for_codes() -> None:
    circuit = circuit_of(
        "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, v DECIMAL(38, 0));"
        "CREATE MATERIALIZED VIEW best AS SELECT MAX(v) AS most, MIN(v) AS least FROM t;"
        "CREATE MATERIALIZED VIEW twice AS SELECT id, v + v AS w FROM t;"
    )
    circuit.collector.eager = True
    wide = circuit.outputs["twice"].schema[1].type

    def step(ids: range, weight: int, large: bool) -> None:
        values = [None if i % 7 == 0 else (10**30 + i if large else i) * (-1) ** i for i in ids]
        batch = Batch([Column(np.array(ids, np.int64)), encode_values(values, wide, circuit.pool)], np.ones(len(ids)))
        circuit.step({"t": Batch(batch.columns, np.full(len(ids), weight, np.int64))})

    step(range(1000), 1, large=True)
    held = len(circuit.pool)
    step(range(1000, 2000), 1, large=False)
    step(range(10, 1000), -1, large=True)
    for _ in range(3):
        circuit.step({})

    assert held > 1500
    assert len(circuit.pool) < 60
    best = circuit.contents("best").columns
    assert [decode_column(c, wide, circuit.pool)[0] for c in best] == [10**30 + 8, -(10**30) - 9]
    twice = circuit.contents("twice")
    shown = dict(zip(twice.columns[0].words.tolist(), decode_column(twice.columns[1], wide, circuit.pool), strict=True))
    assert shown[8] == 2 * (10**30 + 8)
    assert shown[1999] == -2 * 1999
    assert shown[1001] is None
