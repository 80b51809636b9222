"""The benchmark of TPC-H at a small size: its story is kept as it was made, and both sides go through it alike."""

import random
from pathlib import Path

import pytest
from bench.cache import VARIABLE
from bench.tpch import sides
from bench.tpch.__main__ import ratios
from bench.tpch.data import Maker
from bench.tpch.story import open_story, read_story, schemas, story, to_changes

SCALE, STEPS = 0.0005, 12


def test_a_story_reads_back_as_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    home = open_story(SCALE, STEPS, 1)
    columns = schemas()
    made = [to_changes(step, columns) for step in story(Maker(SCALE, 1), random.Random(1), STEPS)]
    read = list(read_story(home))

    assert home == open_story(SCALE, STEPS, 1)
    assert [set(step) for step in made] == [set(step) for step in read]
    for wanted, given in zip(made, read, strict=True):
        for table, (rows, weights) in wanted.items():
            assert rows.equals(given[table][0])
            assert weights.equals(given[table][1])


def test_rows_come_before_they_go() -> None:
    there: dict[tuple[object, ...], int] = {}
    for step in story(Maker(SCALE, 1), random.Random(1), STEPS):
        for table, row, weight in step:
            there[table, *row] = there.get((table, *row), 0) + weight

            assert there[table, *row] in (0, 1)


def test_ratios_are_of_total_times() -> None:
    runs = {"penstock": [{"seconds": 1.0}, {"seconds": 2.0}], "duckdb": [{"seconds": 6.0}, {"seconds": 9.0}]}

    assert ratios(runs) == {"of_medians": 5.0, "worst": 3.0}
    assert ratios({"penstock": [], "duckdb": []}) == {}


def test_duckdb_goes_through_a_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    figures = sides.duckdb(open_story(SCALE, STEPS, 1))

    assert figures["steps"] >= STEPS
    assert len(figures["seconds_by_query"]) == 23
