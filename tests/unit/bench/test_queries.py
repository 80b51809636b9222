"""The Nexmark queries: each exists in three dialects, and what it reads is what the streams have."""

import pytest
from bench.nexmark.flink import describe_job
from bench.nexmark.queries import QUERIES, Query, tables

from penstock.connect.nexmark.generator import SCHEMAS

DIALECTS = ["feldera", "flink", "duckdb"]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_is_told_in_three_dialects_and_reads_known_columns(query: Query) -> None:
    texts = {dialect: query.text(dialect) for dialect in DIALECTS}

    assert all(text.startswith("-- ") for text in texts.values())
    assert f"CREATE VIEW {query.name} AS" in texts["feldera"]
    for stream, columns in query.reads.items():
        assert set(columns) <= set(SCHEMAS[stream].names)
        assert all(stream in text for text in texts.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_tables_have_all_columns_in_the_order_of_the_files(dialect: str) -> None:
    text = tables(dialect)
    places = [
        text.index(f"    {name} ", text.index(f"CREATE TABLE {s} ")) for s in SCHEMAS for name in SCHEMAS[s].names
    ]

    assert sorted(places) == places


def test_a_flink_job_names_the_folders_of_the_streams() -> None:
    folders = [*SCHEMAS, "side_input"]
    job = describe_job(QUERIES["q4"], {name: f"file:///x/{name}" for name in folders})
    statements = job["tables"]

    assert isinstance(statements, list)
    assert len(statements) == 5
    assert all(f"'path' = 'file:///x/{name}'" in " ".join(statements) for name in folders)
