"""What becomes of the columns of append-only tables, and which views are only handed out."""

from __future__ import annotations

import pytest

from penstock.data.fate import Fate
from penstock.sql.compile import compile_program
from penstock.sql.plan.carried import carried_views, fates

TABLE = "CREATE TABLE t (id INT NOT NULL, a VARCHAR, b VARCHAR NOT NULL) WITH ('append_only' = 'true');"


@pytest.mark.parametrize(
    "query,carried",
    [
        ("SELECT * FROM t", "ab"),
        ("SELECT id FROM t WHERE a = 'x'", "b"),
        ("SELECT a, b FROM t WHERE a IN ('x', 'y')", "b"),
        ("SELECT CHAR_LENGTH(a), REPLACE(b, 'x', '') FROM t WHERE a LIKE '%x%'", "ab"),
        ("SELECT a FROM t WHERE CHAR_LENGTH(REPLACE(a, 'x', '')) > 3", "ab"),
        ("SELECT REPLACE(a, b, 'x') FROM t", ""),
        ("SELECT SUBSTRING(a FROM id) FROM t", "b"),
        ("SELECT CONCAT(a, 'x') FROM t", "b"),
        ("SELECT SUBSTRING(a FROM 1 FOR 2), COUNT(*) FROM t GROUP BY SUBSTRING(a FROM 1 FOR 2)", "ab"),
        ("SELECT a, COUNT(*) FROM t GROUP BY a", "b"),
        ("SELECT MAX(a), SUM(CHAR_LENGTH(b)) FROM t", "b"),
        ("SELECT DISTINCT a FROM t", "b"),
        ("SELECT x.a FROM t x JOIN t y ON LEFT(x.b, 1) = LEFT(y.b, 1)", "ab"),
        ("SELECT CASE WHEN a LIKE 'x%' THEN a ELSE b END FROM t", ""),
    ],
)
def test_what_is_only_read_as_text_by_quick_functions_is_carried(query: str, carried: str) -> None:
    program = compile_program(f"{TABLE}CREATE VIEW v AS {query};")

    assert {"ab"[i - 1] for i in fates(program)["t"]} == set(carried)


TABLES = """
CREATE TABLE t (k BIGINT, a VARCHAR, b VARCHAR, at TIMESTAMP) WITH ('append_only' = 'true');
CREATE TABLE u (k BIGINT, c VARCHAR) WITH ('append_only' = 'true');
"""


def fates_of_t(views: str) -> str:
    """Return for the columns a and b of t: p(assed), c(arried) or - for compared."""
    found = fates(compile_program(TABLES + views))["t"]
    letters = {None: "-", Fate.CARRIED: "c", Fate.PASSED: "p"}
    return "".join(letters[found.get(i)] for i in (1, 2))


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        ("CREATE VIEW v AS SELECT b, a FROM t WHERE k > 1;", "pp"),
        ("CREATE VIEW v AS SELECT a, UPPER(b) AS x FROM t;", "p-"),
        ("CREATE VIEW v AS SELECT a FROM t WHERE b LIKE 'x%';", "pc"),
        ("CREATE VIEW v AS SELECT a, CHAR_LENGTH(a) AS n, b FROM t;", "cp"),
        ("CREATE VIEW v AS SELECT a FROM t UNION ALL SELECT b FROM t;", "pp"),
        ("CREATE VIEW v AS SELECT DISTINCT a FROM t;", "-p"),
        ("CREATE VIEW v AS SELECT t.a, u.c FROM t JOIN u ON t.k = u.k;", "cp"),
        ("CREATE VIEW v AS SELECT a, b FROM t ORDER BY k LIMIT 3;", "cc"),
        ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t;", "cp"),
        ("CREATE VIEW w AS SELECT a, b FROM t; CREATE VIEW v AS SELECT a FROM w;", "pp"),
        ("CREATE VIEW w AS SELECT a, b FROM t; CREATE MATERIALIZED VIEW v AS SELECT b FROM w;", "pc"),
        ("CREATE VIEW w AS SELECT k, a, b FROM t; CREATE VIEW v AS SELECT w.a FROM w JOIN u ON w.k = u.k;", "cp"),
        ("CREATE VIEW v AS SELECT a FROM t WHERE at > NOW() - INTERVAL '1' HOUR;", "cc"),
        ("CREATE VIEW v AS SELECT a, NOW() AS now FROM t;", "cc"),
        ("CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT b, COUNT(*) AS n FROM t GROUP BY b;", "c-"),
    ],
)
def test_a_column_passes_through_if_nothing_compares_or_keeps_it(views: str, expected: str) -> None:
    assert fates_of_t(views) == expected


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE t (k BIGINT, a VARCHAR, b VARCHAR) WITH ('append_only' = 'true', 'materialized' = 'true');",
        "CREATE TABLE t (k BIGINT WATERMARK 5, a VARCHAR, b VARCHAR) WITH ('append_only' = 'true');",
    ],
)
def test_a_table_that_keeps_rows_lets_nothing_pass(table: str) -> None:
    found = fates(compile_program(table + "CREATE VIEW v AS SELECT a FROM t;"))["t"]

    assert set(found.values()) == {Fate.CARRIED}


def test_tables_whose_rows_go_again_have_no_such_columns() -> None:
    program = compile_program("CREATE TABLE t (a VARCHAR); CREATE VIEW v AS SELECT a FROM t;")

    assert fates(program) == {}


def test_a_recursive_view_compares_what_it_reads() -> None:
    views = """
    DECLARE RECURSIVE VIEW r (a VARCHAR, b VARCHAR);
    CREATE VIEW r AS SELECT a, b FROM t UNION SELECT r.a, t.b FROM r JOIN t ON r.b = t.a;
    """
    assert fates_of_t(views) == "--"


def test_views_that_are_kept_or_read_are_not_only_handed_out() -> None:
    program = compile_program(
        TABLES
        + "CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT b FROM t; CREATE VIEW x AS SELECT b FROM w;"
        + "CREATE MATERIALIZED VIEW y AS SELECT a FROM t;"
    )

    assert carried_views(program) == {"v", "x"}
