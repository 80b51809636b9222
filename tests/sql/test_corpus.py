"""The runner of the public corpus: what it reads and compares, and that it tells wrong answers from right ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sql.corpus.__main__ import run_file, sample
from tests.sql.corpus.answers import check_answer, ordering, printed
from tests.sql.corpus.dialect import QUERIES, rewritten, unlike_by_design, without_plus
from tests.sql.corpus.records import Other, Query, Statement, read_records

FILE = """hash-threshold 8

statement ok
CREATE TABLE t(pk INTEGER PRIMARY KEY, a INTEGER, b FLOAT, c TEXT)

statement ok
INSERT INTO t VALUES(1, 10, 1.5, 'x')

statement ok
INSERT INTO t VALUES(2, 20, 2.5, 'y')

onlyif mysql
query I rowsort
SELECT a DIV 3 FROM t
----
3
6

skipif mysql # not compatible
query I rowsort label-1
SELECT a / 3 FROM t
----
3
6

query IT nosort
SELECT a, + c FROM t ORDER BY 1 DESC
----
20
y
10
x

query R nosort
SELECT AVG ( a ) / 4 FROM t
----
3.750

statement ok
DELETE FROM t WHERE a > 15

query I rowsort
SELECT COUNT(*) FROM t
----
1

statement ok
DROP TABLE t

statement ok
CREATE TABLE t(pk INTEGER PRIMARY KEY, a INTEGER)

query I rowsort
SELECT COUNT(*) FROM t
----
0

query I rowsort
SELECT 1 / 0 FROM t AS u CROSS JOIN (SELECT 1) AS v
----

query I rowsort
SELECT 1 / 0
----
NULL

halt

query I rowsort
SELECT never
----
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.test"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_file_is_run_in_batch_and_stepwise(file: Path) -> None:
    _, report, _ = run_file(file, None, 0)

    assert report.failures == []
    assert (report.passed, report.elsewhere) == (6, 1)
    assert report.skipped == {"division by zero is NULL in SQLite and an error here": 1}


@pytest.mark.parametrize(
    ("right", "wrong"), [("----\n3\n6\n\nquery IT", "----\n3\n7\n\nquery IT"), ("20\ny\n10\nx", "10\nx\n20\ny")]
)
def test_a_wrong_answer_is_a_mismatch(file: Path, right: str, wrong: str) -> None:
    file.write_text(FILE.replace(right, wrong), encoding="utf-8")

    _, report, _ = run_file(file, None, 0)

    assert report.mismatched == 1
    assert "MISMATCH batch" in report.failures[0]


def test_a_refusal_without_a_reason_is_a_failure(file: Path) -> None:
    file.write_text(FILE.replace("SELECT a / 3 FROM t", "SELECT nothing FROM t"), encoding="utf-8")

    _, report, _ = run_file(file, None, 0)

    assert report.refused == 1


def test_a_sample_is_the_same_for_the_same_seed(file: Path) -> None:
    assert sample([file], 3, 5) == sample([file], 3, 5)
    assert len(sample([file], 3, 5)[file]) == 3


def test_records_stand_for_the_engines_they_name(file: Path) -> None:
    kinds = [type(r) for r in read_records(file)]

    assert (kinds.count(Statement), kinds.count(Query), kinds.count(Other)) == (6, 7, 1)


def test_values_are_printed_as_sqlite_prints_them() -> None:
    assert [printed(v, "I") for v in (None, 2.9, -2.9, True, "a")] == ["NULL", "2", "-2", "1", "0"]
    assert [printed(v, "R") for v in (1, 0.12345, -9223372036854775808.0)] == [
        "1.000",
        "0.123",
        "-9223372036854776000.000",
    ]
    assert [printed(v, "T") for v in ("", "a\n", 5)] == ["(empty)", "a@", "5"]


def test_the_order_of_a_result_is_told_by_column_numbers() -> None:
    assert ordering("SELECT a FROM t ORDER BY 2 DESC,1") == [(1, True), (0, False)]
    assert ordering("SELECT a FROM t ORDER BY a") is None
    assert ordering("SELECT a FROM (SELECT a FROM t ORDER BY 1) q") is None


def test_rows_without_a_told_order_compare_as_bags() -> None:
    query = Query("SELECT a FROM t", "I", "nosort", ("1", "2"), 1)

    assert check_answer(query, [(2,), (1,)]) is None
    assert check_answer(query, [(2,), (2,)]) is not None


def test_rules_rewrite_only_what_they_name() -> None:
    assert rewritten("SELECT AVG ( DISTINCT + a ) FROM t", QUERIES) == (
        "SELECT AVG ( DISTINCT CAST(+ a  AS DOUBLE)) FROM t"
    )
    assert rewritten("SELECT 'CAST(AVG(1) AS INTEGER)', CAST(x AS INTEGER)", QUERIES) == (
        "SELECT 'CAST(AVG(1) AS INTEGER)', CAST(x AS BIGINT)"
    )
    assert without_plus("SELECT a + c, + ( + t.c ), + a, - c", {"c"}).split() == (
        ["SELECT", "a", "+", "c,", "t.c,", "+", "a,", "-", "c"]
    )


def test_what_depends_on_types_of_values_is_told_by_its_words() -> None:
    assert unlike_by_design("SELECT COALESCE ( 1, AVG ( a ) ) / 2 FROM t", False) is not None
    assert unlike_by_design("SELECT AVG ( a ) / COALESCE ( 1, 2 ) FROM t", False) is None
