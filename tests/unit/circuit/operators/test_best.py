"""Rows that tie for the first place: near the top, behind the bound, and read again from where they are."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.operators import best
from penstock.circuit.operators.aggregate import Aggregate
from penstock.circuit.operators.best import Best
from penstock.data.pool import Pool
from penstock.sql.compile import compile_program
from penstock.sql.plan import nodes
from tests.properties.law import Row, Run, check_history
from tests.unit.circuit.operators.following import Delta, Wiring, deltas, follow, ints, texts
from tests.unit.circuit.operators.test_topk import NODES, ROW, node, ranked

TIED = st.builds(lambda of: replace(of, rank="rank", limit=1, offset=0), NODES)
BOUNDS = [(1, 1), (1, 2), (2, 4)]


@pytest.mark.parametrize("bounds", BOUNDS)
@given(of=TIED, steps=deltas(st.sampled_from([None, 1]), ints, texts))
@settings(max_examples=80, deadline=None)
def test_the_first_rows_with_those_that_tie(bounds: tuple[int, int], of: nodes.TopK, steps: list[Delta]) -> None:
    assert Best.serves(of)

    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], of.schema, pool)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(best, "LEAST", bounds[0])
            patch.setattr(best, "SPREAD", bounds[1])
            wiring.add(Best(of, False, None, pool), 0)
        return wiring

    follow(build, [[s] for s in steps], ranked(of))


@given(of=TIED, steps=deltas(st.sampled_from([None, 1]), ints, texts, grows=True))
@settings(deadline=None)
def test_rows_that_are_only_added(of: nodes.TopK, steps: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], of.schema, pool)
        wiring.add(Best(of, True, None, pool), 0)
        return wiring

    follow(build, [[s] for s in steps], ranked(of), grows=True)


def test_of_rows_that_are_only_added_those_behind_are_forgotten() -> None:
    of = node(1, 0, "rank", False, True, False)
    wiring = Wiring([ROW], of.schema, Pool())
    wiring.add(Best(of, True, None, wiring.circuit.pool), 0)
    for i in range(10):
        wiring.step([[((1, 10 * i + j, "a"), 1) for j in range(10)]])

    # The bound of the group beside its one row.
    assert wiring.state_rows() == 2


@pytest.mark.parametrize(("offset", "limit", "rank"), [(1, 1, "rank"), (0, 2, "dense_rank"), (0, 1, "row_number")])
def test_other_ranks_are_for_others(offset: int, limit: int, rank: str) -> None:
    assert not Best.serves(node(limit, offset, rank, False, False, False))  # type: ignore[arg-type]


PROGRAM = """
CREATE TABLE t(k INT, g VARCHAR, v INT);
CREATE VIEW groups AS SELECT k, g, COUNT(*) AS n, SUM(v) AS total FROM t GROUP BY k, g;
CREATE VIEW most AS SELECT g, k, n FROM (SELECT k, g, n, RANK() OVER (PARTITION BY g ORDER BY n DESC) AS nth
  FROM groups) AS r WHERE nth = 1;
CREATE VIEW least AS SELECT k, g, total FROM (SELECT k, g, total, DENSE_RANK() OVER (PARTITION BY k ORDER BY total)
  AS nth FROM groups WHERE n > 1) AS r WHERE nth = 1;
CREATE VIEW peaks AS SELECT a.k, a.g, a.total FROM groups AS a JOIN
  (SELECT g, MAX(total) AS top FROM groups GROUP BY g) AS p ON a.g = p.g AND a.total >= p.top;
CREATE VIEW all_in_all AS SELECT * FROM groups WHERE n = (SELECT MAX(n) FROM groups);
CREATE VIEW rows AS SELECT t.* FROM t JOIN (SELECT k, MIN(v) AS low FROM t GROUP BY k) AS p ON t.k = p.k AND v = low;
"""


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("seed", range(6))
def test_the_first_groups_of_an_aggregation_are_found_among_its_own_records(
    monkeypatch: pytest.MonkeyPatch, bounds: tuple[int, int], seed: int
) -> None:
    monkeypatch.setattr(best, "LEAST", bounds[0])
    monkeypatch.setattr(best, "SPREAD", bounds[1])
    rng = random.Random(seed)

    def row(_: str) -> Row:
        pick = rng.randrange
        return (pick(6) or None, rng.choice("pq") if pick(5) else None, pick(4) if pick(5) else None)

    program = compile_program(PROGRAM)
    check_history(program, {"t": [row("t") for _ in range(60)]}, {}, row, seed)
    circuit = Run(program).circuit
    found = [w.operator for w in circuit.operators if isinstance(w.operator, Best)]
    assert len(found) == 5
    assert sum("rows" in operator.parts() for operator in found) == 1
    [groups] = [w.operator for w in circuit.operators if isinstance(w.operator, Aggregate)]
    assert sum("listing" in part for part in groups.parts()) == 4


def test_a_change_behind_the_bound_changes_nothing_that_is_near() -> None:
    run = Run("CREATE TABLE t(g INT NOT NULL, v INT NOT NULL);\n" + VIEW)
    run.step([("t", (1, v), 1) for v in range(100)])
    [operator] = [w.operator for w in run.circuit.operators if isinstance(w.operator, Best)]
    near = len(operator.parts()["near"])
    run.step([("t", (1, v), -1) for v in range(50)])

    assert len(operator.parts()["near"]) == near < 40
    assert dict(run.view("v")) == {(1, 99): 1}
    for v in range(99, 50, -1):
        run.step([("t", (1, v), -1)])
        assert dict(run.view("v")) == {(1, v - 1): 1}


VIEW = """
CREATE VIEW v AS SELECT g, v FROM (SELECT g, v, RANK() OVER (PARTITION BY g ORDER BY v DESC) AS nth FROM t) AS r
WHERE nth <= 1;
"""


def test_a_group_that_was_read_again_has_more_near() -> None:
    run = Run("CREATE TABLE t(g INT NOT NULL, v INT NOT NULL);\n" + VIEW)
    run.step([("t", (1, v), 1) for v in range(10_000)])
    [operator] = [w.operator for w in run.circuit.operators if isinstance(w.operator, Best)]
    before = len(operator.parts()["near"])
    run.step([("t", (1, v), -1) for v in range(9_900, 10_000)])

    assert before == best.LEAST
    assert len(operator.parts()["near"]) == 99
    assert dict(run.view("v")) == {(1, 9_899): 1}


def test_rows_that_go_before_they_come_are_not_shown() -> None:
    run = Run("CREATE TABLE t(g INT NOT NULL, v INT NOT NULL);\n" + VIEW)
    steps: list[list[tuple[int, int]]] = [[(9, -1)], [(5, 1)], [(9, 1), (7, -1)], [(5, -1)], [(7, 2)]]
    shown = [Counter(), Counter({(1, 5): 1}), Counter({(1, 5): 1}), Counter(), Counter({(1, 7): 1})]
    for step, wanted in zip(steps, shown, strict=True):
        run.step([("t", (1, v), w) for v, w in step])
        assert run.view("v") == wanted
