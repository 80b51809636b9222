"""Recursive views against a plain computation, under edges that come and go."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from penstock.circuit.operators import fixpoint
from penstock.sql.functions.registry import EvaluationError
from tests.properties.law import Run

CLOSURE = """
CREATE TABLE edge (a INT NOT NULL, b INT NOT NULL);
DECLARE RECURSIVE VIEW path (x INT NOT NULL, y INT NOT NULL);
CREATE VIEW path AS SELECT a AS x, b AS y FROM edge UNION SELECT p.x, e.b FROM path p JOIN edge e ON p.y = e.a;
"""


def closure(edges: set[tuple[int, int]]) -> set[tuple[int, int]]:
    following = defaultdict(set)
    for a, b in edges:
        following[a].add(b)
    found = set()
    for start in list(following):
        todo = list(following[start])
        seen = set()
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                todo += following[at]
        found |= {(start, at) for at in seen}
    return found


@pytest.mark.parametrize("seed", range(6))
def test_a_closure_follows_edges_that_come_and_go(seed: int) -> None:
    rng = random.Random(seed)
    run = Run(CLOSURE)
    edges: set[tuple[int, int]] = set()
    for _ in range(60):
        events = []
        for _ in range(rng.choice((1, 1, 2, 6))):
            edge = (rng.randrange(9), rng.randrange(9))
            gone = edge in edges
            edges ^= {edge}
            events.append(("edge", edge, -1 if gone else 1))
        run.step(events)
        assert set(run.view("path")) == closure(edges)
        assert set(run.view("path").values()) <= {1}


def test_a_change_costs_what_it_touches() -> None:
    run = Run(CLOSURE)
    run.step([("edge", (i, i + 1), 1) for i in range(0, 2000, 2)])
    operator = next(w.operator for w in run.circuit.operators if isinstance(w.operator, fixpoint.Fixpoint))

    def rows() -> int:
        return sum(wired.rows_in for wired in operator.round.operators)

    before = rows()
    run.step([("edge", (1, 2), 1)])
    run.step([("edge", (1, 2), -1)])

    assert len(run.view("path")) == 1000
    assert rows() - before < 100


def test_a_recursion_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixpoint, "MOST_ROUNDS", 50)
    run = Run("""
        CREATE TABLE start (n INT NOT NULL);
        DECLARE RECURSIVE VIEW up (n INT NOT NULL);
        CREATE VIEW up AS SELECT n FROM start UNION SELECT n + 1 AS n FROM up;
    """)
    with pytest.raises(EvaluationError, match="the recursion of 'up' has not come to an end after 50 rounds"):
        run.step([("start", (1,), 1)])


SHAPES = """
CREATE TABLE edge (a INT NOT NULL, b INT);
CREATE TABLE node (n INT NOT NULL, kind INT NOT NULL);
DECLARE RECURSIVE VIEW near (n INT);
DECLARE RECURSIVE VIEW far (n INT, k INT);
CREATE VIEW near AS SELECT n FROM node WHERE kind = 0
    UNION SELECT e.b FROM edge e WHERE e.a IN (SELECT n FROM near) AND NOT EXISTS (SELECT 1 FROM node x
                                                                                WHERE x.n = e.b AND x.kind = 1)
    UNION SELECT b FROM edge WHERE EXISTS (SELECT 1 FROM far WHERE far.n = edge.a AND far.k = 2);
CREATE VIEW both_ways AS SELECT e.a FROM edge e JOIN near ON e.b = near.n INTERSECT SELECT n FROM near;
CREATE VIEW far AS SELECT x.n, o.kind AS k FROM both_ways y JOIN near x ON x.n >= y.a LEFT JOIN node o ON o.n = x.n
    EXCEPT SELECT n, kind FROM node WHERE kind = 3;
"""


@pytest.mark.parametrize("seed", range(4))
def test_mutual_recursion_of_many_shapes_is_as_computed_from_scratch(seed: int) -> None:
    rng = random.Random(seed)
    run = Run(SHAPES)
    there: set[tuple[str, tuple[int | None, ...]]] = set()
    for _ in range(40):
        events = []
        for _ in range(rng.choice((1, 1, 2, 6))):
            if rng.random() < 0.6:
                row: tuple[str, tuple[int | None, ...]] = (
                    "edge",
                    (rng.randrange(6), rng.choice((None, 0, 1, 2, 3, 4))),
                )
            else:
                row = ("node", (rng.randrange(6), rng.randrange(4)))
            events.append((*row, -1 if row in there else 1))
            there ^= {row}
        run.step(events)
        scratch = Run(SHAPES)
        scratch.step([(table, row, 1) for table, row in there])
        run.compare(scratch, f"seed {seed}")
    assert run.state_rows() == scratch.state_rows()
