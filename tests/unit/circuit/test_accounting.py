"""What a circuit says that it keeps is all that it keeps."""

from __future__ import annotations

import gc

import numpy as np

from penstock.circuit.lower import lower
from penstock.data.batch import Batch, Column
from penstock.data.memory import holders
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.slots import Slots
from penstock.sql.compile import compile_program

PROGRAM = """
CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, k BIGINT NOT NULL, v BIGINT NOT NULL, s VARCHAR);
CREATE TABLE edge (a BIGINT NOT NULL, b BIGINT NOT NULL);
CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(v) AS total, MAX(v) AS most, ARRAY_AGG(v) AS everything,
  COUNT(DISTINCT v) AS kinds FROM t GROUP BY k;
CREATE VIEW pairs AS SELECT t.id, u.id AS other FROM t JOIN t AS u ON t.v = u.k;
CREATE VIEW maybe AS SELECT t.id, u.id AS other FROM t LEFT JOIN t AS u ON t.v = u.k;
CREATE VIEW without AS SELECT id FROM t WHERE v NOT IN (SELECT k FROM t WHERE id > 5);
CREATE VIEW best AS SELECT * FROM (SELECT id, k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS nth FROM t) AS r
  WHERE nth <= 2;
CREATE VIEW ranked AS SELECT id, RANK() OVER (PARTITION BY k ORDER BY v) AS place FROM t;
CREATE VIEW running AS SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY id) AS so_far, LAG(v) OVER
  (PARTITION BY k ORDER BY id) AS before FROM t;
CREATE VIEW first_ten AS SELECT id FROM t ORDER BY v LIMIT 10;
CREATE MATERIALIZED VIEW kinds AS SELECT DISTINCT k, v FROM t;
CREATE VIEW both AS SELECT k FROM t INTERSECT SELECT v FROM t;
DECLARE RECURSIVE VIEW reach (a BIGINT NOT NULL, b BIGINT NOT NULL);
CREATE MATERIALIZED VIEW reach AS SELECT a, b FROM edge UNION SELECT reach.a, edge.b FROM reach JOIN edge
  ON reach.b = edge.a;
"""


def test_all_rows_that_are_held_anywhere_are_reported_by_some_operator() -> None:
    gc.collect()
    others = set(holders)
    pool = Pool()
    circuit = lower(compile_program(PROGRAM), pool)
    n = np.arange(200)
    words = pool.intern_many(str(i).encode() for i in n.tolist())
    fact = Batch([Column(n), Column(n % 13), Column(n * 7 % 17), Column(words)], np.ones(len(n), np.int64))
    edges = Batch([Column(n[:30]), Column(n[:30] + 1)], np.ones(30, np.int64))

    circuit.step({"t": fact, "edge": edges})

    reported = sum(len(part) for held in circuit.parts() for part in held.values())
    bytes_reported = sum(part.size_bytes for held in circuit.parts() for part in held.values())
    kept = [holder for holder in holders if holder not in others and isinstance(holder, Records | Slots)]
    assert sum(part.size_bytes for part in kept) == bytes_reported
    assert reported > 200
    assert circuit.size_bytes == bytes_reported + pool.size_bytes
    held_by = [wired.operator.title for wired, held in zip(circuit.operators, circuit.parts(), strict=True) if held]
    assert len(held_by) > 12
