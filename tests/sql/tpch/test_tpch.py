"""The 22 queries of TPC-H as views of one program, loaded in steps with updates and deletes, against DuckDB.

PENSTOCK_TPCH_SCALE sets the scale; `python -m bench.tpch` tells the time of both sides.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from bench.tpch.data import Maker
from bench.tpch.duck import Recomputing, comparable
from bench.tpch.program import program, queries
from bench.tpch.story import schemas, story, to_changes

from tests.properties.law import Run

SCALE = float(os.environ.get("PENSTOCK_TPCH_SCALE", "0.001"))
STEPS = 60


@pytest.mark.parametrize("seed", [1])
def test_all_queries_are_as_in_the_oracle_after_every_tenth_step(seed: int) -> None:
    texts, columns = queries(), schemas()
    assert len(texts) == 22
    run, oracle = Run(program()), Recomputing()
    filled: Counter[str] = Counter()
    steps = list(story(Maker(SCALE, seed), random.Random(seed), STEPS))
    for number, step in enumerate(steps, 1):
        run.step(step)
        oracle.apply(to_changes(step, columns))
        if number % 10 and number != len(steps):
            continue
        for name, text in texts.items():
            expected = oracle.database.execute(text).fetchall()
            found = [row for row, n in run.view(name).items() for _ in range(n)]
            filled[name] += bool(expected) and any(v is not None for v in expected[0])
            assert comparable(expected) == comparable(found), f"{name} after step {number}"
    assert len([name for name in texts if not filled[name]]) <= 4
