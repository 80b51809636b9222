"""The peer Pathway: every query is told or its lack is explained, and its files hold what the others read."""

import ast
import re
from pathlib import Path

import pytest
from bench.cache import VARIABLE
from bench.nexmark import pathway
from bench.nexmark.dataset import open_dataset
from bench.nexmark.layout import STREAMS
from bench.nexmark.pathway import LACKING, describe_job, files_of
from bench.nexmark.queries import QUERIES, Query

from penstock.connect.nexmark.generator import SCHEMAS

JOB = Path(pathway.__file__).with_name("pathway_job")


def test_each_query_has_a_view_or_a_reason_why_not() -> None:
    module = ast.parse((JOB / "views.py").read_text())
    views = [f.name for f in module.body if isinstance(f, ast.FunctionDef) and f.decorator_list]

    assert sorted(QUERIES) == sorted([*views, *LACKING])


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_job_names_files_and_typed_columns_of_what_the_query_reads(query: Query) -> None:
    files = {name: [f"/x/{name}.csv"] for name in [*SCHEMAS, "side_input"]}
    job = describe_job(query, files, None)
    tables = job["tables"]

    assert isinstance(tables, dict)
    assert {*query.reads, *(["side_input"] if query.side else [])} == set(tables)
    for name, table in tables.items():
        assert files[name] == table["files"]
        assert "id" not in table["columns"]
        assert set(table["columns"].values()) <= {"integer", "text", "moment"}


def test_its_files_have_a_line_of_names_and_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    dataset = open_dataset(2_000)
    files = files_of(dataset)

    assert files == files_of(dataset)
    for name, stream in STREAMS.items():
        names = ",".join("number" if column == "id" else column for column in SCHEMAS[name].names)
        for part, path in enumerate(files[name]):
            plain = dataset.file(stream, part).read_text().splitlines()
            assert [names, *map(with_marks, plain)] == Path(path).read_text().splitlines()


def with_marks(row: str) -> str:
    """Put a T between date and time."""
    return re.sub(r"(,\d{4}-\d\d-\d\d) (\d\d:)", r"\1T\2", row)
