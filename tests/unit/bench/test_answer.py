"""The judge of our answers: it must pass right ones and find wrong ones."""

from pathlib import Path

import pyarrow as pa
import pytest
from bench.cache import VARIABLE
from bench.nexmark.answer import Answer
from bench.nexmark.dataset import Dataset, open_dataset
from bench.nexmark.duck import append, open_tables, stage
from bench.nexmark.layout import STREAMS
from bench.nexmark.queries import QUERIES, Query


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("cache")))
        return open_dataset(5_000)


def right_answer(query: Query, dataset: Dataset) -> pa.Table:
    connection = open_tables()
    for name, columns in query.reads.items():
        stage(connection, dataset, STREAMS[name], columns)
        append(connection, STREAMS[name], 0, dataset.event_count)
    return connection.sql(query.text("duckdb")).to_arrow_table()


def ones(rows: pa.Table, weight: int = 1) -> pa.Array:
    return pa.array([weight] * rows.num_rows, pa.int64())


@pytest.mark.parametrize("name", QUERIES)
def test_the_right_answer_passes_also_after_noise(name: str, dataset: Dataset, tmp_path: Path) -> None:
    query = QUERIES[name]
    rows = right_answer(query, dataset)
    answer = Answer(query, dataset)
    for weight in (1, -1, 1):
        answer.add(rows, ones(rows, weight))
    verdict = answer.compare()

    assert rows.num_rows > 0
    assert verdict.holds(), verdict
    assert verdict.given == verdict.wanted == rows.num_rows


@pytest.mark.parametrize("name", QUERIES)
def test_a_missing_and_a_doubled_row_are_found(name: str, dataset: Dataset) -> None:
    query = QUERIES[name]
    rows = right_answer(query, dataset)
    short, double = Answer(query, dataset), Answer(query, dataset)
    short.add(rows.slice(1), ones(rows.slice(1)))
    double.add(rows, ones(rows))
    double.add(rows.slice(0, 1), ones(rows.slice(0, 1)))

    assert short.compare().missing == 1
    assert double.compare().surplus == 1


def test_a_row_taken_away_too_often_is_found(dataset: Dataset) -> None:
    query = QUERIES["q3"]
    rows = right_answer(query, dataset)
    answer = Answer(query, dataset)
    answer.add(rows.slice(0, 1), ones(rows.slice(0, 1), -1))

    assert answer.compare().negative == 1


def test_a_loose_column_that_no_bid_explains_is_found(dataset: Dataset) -> None:
    query = QUERIES["q18"]
    rows = right_answer(query, dataset)
    forged = rows.set_column(2, "price", pa.array([-1] * rows.num_rows, pa.int64()))
    answer = Answer(query, dataset)
    answer.add(forged, ones(forged))
    verdict = answer.compare()

    assert verdict.missing == 0
    assert verdict.strange == rows.num_rows
