"""MIN and MAX of large groups whose extremes leave: lists of the best values say what a whole group says."""

from __future__ import annotations

import decimal
import random
from typing import Any

import pytest

from penstock.circuit.aggregates.shortlists import Shortlists
from penstock.sql.compile import compile_program
from tests.properties.law import Feed, Row, Run, check_history

PROGRAM = """
CREATE TABLE t (g INT, v BIGINT, s VARCHAR, f DOUBLE, u BIGINT UNSIGNED NOT NULL,
  w DECIMAL(38, 0));
CREATE VIEW x AS SELECT g, MIN(v) AS least, MAX(v) AS most, MIN(s) AS head, MAX(s) AS tail, MAX(f) AS height,
  MIN(u) AS low, MAX(w) AS top, MIN(w) AS bottom, MAX(DISTINCT v) AS other,
  MAX(v) FILTER (WHERE u > 4) AS part, COUNT(*) AS n FROM t GROUP BY g;
"""


def row(rng: random.Random, spread: int) -> Row:
    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.05 else value

    return (
        rng.randrange(3),
        maybe(rng.randrange(-spread, spread)),
        maybe("a" * rng.randrange(4) + str(rng.randrange(spread))),
        maybe(rng.choice((rng.random() - 0.5, float("inf"), float("nan"), -0.0))),
        rng.randrange(spread) + 2**63 - spread // 2,
        maybe(decimal.Decimal(rng.randrange(-spread, spread) * 10 ** rng.choice((3, 25)))),
    )


@pytest.mark.parametrize("seed", range(10))
def test_lists_do_not_depend_on_the_history(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shortlists, "least", 3)
    rng = random.Random(seed)

    def other(name: str = "t") -> Row:
        return row(rng, 30)

    check_history(compile_program(PROGRAM), {"t": [other() for _ in range(60)]}, {"t": Feed()}, other, seed)


def test_a_group_whose_extremes_leave_is_read_once_for_many_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    whole = Shortlists.fill

    def spy(self: Shortlists, *more: Any) -> None:
        read.append(len(more[1]))
        whole(self, *more)

    monkeypatch.setattr(Shortlists, "fill", spy)
    run = Run("CREATE TABLE t (v BIGINT NOT NULL); CREATE VIEW x AS SELECT MIN(v) AS a, MAX(v) AS b FROM t;")
    rng = random.Random(1)
    there = set(range(0, 200_000, 10))
    run.step([("t", (v,), 1) for v in there])
    for step in range(200):
        leaving = [min(there), max(there)]
        coming = {rng.randrange(200_000) for _ in range(2)} - there
        run.step([("t", (v,), -1) for v in leaving] + [("t", (v,), 1) for v in coming])
        there = (there - set(leaving)) | coming
        if step == 90:
            run.save_and_load()
            # What the list holds now is what was read before.

        assert list(run.view("x")) == [(min(there), max(there))]

    assert 1 <= len(read) <= 4


def test_a_list_that_grows_too_large_is_given_up() -> None:
    run = Run("CREATE TABLE t (v BIGINT NOT NULL); CREATE VIEW x AS SELECT MAX(v) AS b FROM t;")
    run.step([("t", (v,), 1) for v in range(1000)])
    run.step([("t", (999,), -1)])
    before = run.state_rows()
    run.step([("t", (v,), 1) for v in range(1000, 1010)])
    listed = run.state_rows()
    run.step([("t", (v,), 1) for v in range(1010, 2000)])
    given_up = run.state_rows()
    run.step([("t", (v,), -1) for v in range(500, 2000)])

    assert (listed - before, given_up) == (20, 1 + 1999)
    assert list(run.view("x")) == [(499,)]
