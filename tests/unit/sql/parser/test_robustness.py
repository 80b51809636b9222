"""Whatever the text, parsing ends in a tree or a SqlError, soon."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.sql.diagnostics import SqlError, snippet
from penstock.sql.parser import parse_program, parse_query

PROGRAM = """
CREATE TYPE address AS (street VARCHAR(20) NOT NULL, "No" INT ARRAY);
CREATE TABLE t (a INT NOT NULL PRIMARY KEY, b DECIMAL(10, 2) DEFAULT 1.5, c TIMESTAMP LATENESS INTERVAL '1' HOUR,
  d MAP<VARCHAR, ROW(x INT, y VARIANT)>, FOREIGN KEY (b) REFERENCES u (b)) WITH ('connectors' = '[{"x": 1}]');
DECLARE RECURSIVE VIEW r (a INT);
CREATE LOCAL VIEW v (x, y) AS WITH w AS (SELECT * FROM t) SELECT DISTINCT a + 1 * -b, CAST(c AS DATE) d
  FROM w LEFT JOIN u ON w.a = u.a, UNNEST(w.e) WITH ORDINALITY AS z (p, q)
  WHERE a BETWEEN 1 AND 2 AND NOT b IN (SELECT 1) OR c IS NOT NULL AND s LIKE 'x%' ESCAPE '!'
  GROUP BY ROLLUP (a, b), c HAVING COUNT(*) FILTER (WHERE a > 0) > 1 ORDER BY 1 DESC NULLS LAST LIMIT 3 OFFSET 1;
CREATE MATERIALIZED VIEW m WITH ('emit_final' = 'a') AS SELECT CASE a WHEN 1 THEN 'x' ELSE NULL END, d['k'].x[1]::INT,
  SUM(a) OVER (PARTITION BY b ORDER BY c RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW), f(x -> x + 1),
  EXTRACT(YEAR FROM c), TRIM(BOTH ' ' FROM s), ARRAY[1, 2], MAP['k', x'0a'], (a, b), TIMESTAMP '2020-01-01 00:00:00'
  FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' DAY)) UNION ALL VALUES (1, 2) /* end */;
CREATE FUNCTION f(x INT) RETURNS INT AS x + 1; CREATE INDEX i ON v (x); LATENESS v.x 3; SET o = 'p' -- last
"""
TOKENS = PROGRAM.split()
PIECES = [*"()[]{}<>,;.'\"`*+-/%=|&:?#\\\n\t é\u0130\U0001f40d\x00", "/*", "--", "::", "->", "=>", "U&'", "x'", *TOKENS]


def _survives(text: str) -> None:
    for parse in (parse_program, parse_query):
        try:
            parse(text)
        except SqlError as error:
            assert error.span is not None
            assert 1 <= error.span.start_line <= error.span.end_line <= text.count("\n") + 1
            assert snippet(text, error.span)


def test_the_program_that_is_changed_below_parses() -> None:
    assert len(parse_program(PROGRAM)) == 9


@given(st.integers(0, len(PROGRAM)), st.integers(0, 40), st.lists(st.sampled_from(PIECES), max_size=4))
@settings(max_examples=400, deadline=None)
def test_a_program_with_one_place_changed_raises_nothing_but_sql_errors(at: int, cut: int, put: list[str]) -> None:
    _survives(PROGRAM[:at] + " ".join(put) + PROGRAM[at + cut :])


@given(st.permutations(TOKENS), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_its_words_in_any_order_raise_nothing_but_sql_errors(tokens: list[str], count: int) -> None:
    _survives(" ".join(tokens[:count]))
    _survives("SELECT " + " ".join(tokens[:count]))


@given(st.text(max_size=60))
@example("\x00")
@example("'")
@example("U&'\\D800'")
@example("\r\n'\r\n")
@settings(max_examples=300, deadline=None)
def test_any_text_raises_nothing_but_sql_errors(text: str) -> None:
    _survives(text)
    _survives("SELECT " + text)


NESTED = ["(", "f(", "NOT ", "- ", "CASE WHEN ", "a IN (", "CAST(", "ARRAY[", "(SELECT ", "INTERVAL ", "a[", "x -> "]


@pytest.mark.parametrize("piece", [*NESTED, "EXISTS (SELECT * FROM (", "f() OVER (PARTITION BY ", "MAP {"])
def test_a_text_nested_ten_thousand_deep_is_refused(piece: str) -> None:
    with pytest.raises(SqlError):
        parse_query("SELECT " + piece * 10_000)


@pytest.mark.parametrize("piece", ["+ a ", "|| a ", "IS NULL ", "[1]", ", t", "JOIN t ON a ", "EXCEPT SELECT 1 "])
def test_a_chain_that_nests_ten_thousand_deep_is_refused(piece: str) -> None:
    start = "SELECT 1 " if "EXCEPT" in piece else "SELECT * FROM t " if "t" in piece else "SELECT a "
    with pytest.raises(SqlError, match="follow each other"):
        parse_query(start + piece * 10_000)


def test_sixty_levels_of_parentheses_calls_and_cases_are_fine() -> None:
    parse_query("SELECT " + "(" * 60 + "1" + ")" * 60)
    parse_query("SELECT " + "f(1, " * 60 + "1" + ")" * 60)
    parse_query("SELECT " + "CASE WHEN a THEN " * 60 + "1" + " END" * 60)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '" + "x" * 5_000_000 + "'",
        "(" * 5_000_000,
        "SELECT /*" + "*" * 5_000_000,
        " " * 5_000_000,
        "'" * 4_999_999,
    ],
    ids=["string", "parentheses", "comment", "spaces", "quotes"],
)
def test_five_megabytes_end_in_a_tree_or_an_error(text: str) -> None:
    with contextlib.suppress(SqlError):
        parse_query(text)


def test_twenty_views_parse_in_a_moment() -> None:
    parse_program(PROGRAM)
    text = "\n".join(
        f"CREATE VIEW v{i} AS SELECT a, SUM(b * 2) AS s, MAX(CASE WHEN c > 3 THEN d END) FROM t JOIN u ON t.id = u.id "
        f"WHERE a > {i} AND b IN (1, 2, 3) GROUP BY a HAVING COUNT(*) > 1;"
        for i in range(20)
    )
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        parse_program(text)
        best = min(best, time.perf_counter() - start)

    assert best < 0.1  # 10 ms on an idle core
