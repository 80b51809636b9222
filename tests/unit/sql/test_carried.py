"""Columns of append-only tables whose codes nobody compares."""

from __future__ import annotations

import pytest

from penstock.sql.compile import compile_program
from penstock.sql.plan.carried import carried_columns

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

    assert {"ab"[i - 1] for i in carried_columns(program)["t"]} == set(carried)
