"""Texts that are refused: the message, the kind, and the place it points at."""

from __future__ import annotations

import pytest
from tests.unit.sql.parser import render

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import parse_program, parse_query

KEYWORD = "Incorrect syntax near the keyword"
WRONG = [
    ("SELECT a AS FROM t", f"{KEYWORD} 'AS' at line 1, column 10.", "AS"),
    ("SELECT\n  FROM t", f"{KEYWORD} 'FROM' at line 2, column 3.", "FROM"),
    ("SELECT a FROM t WHERE", 'Encountered "<EOF>" at line 1, column 21.', "E"),
    ("SELECT a,, b", 'Encountered "," at line 1, column 10.', ","),
    ("SELECT f(a,)", 'Encountered ")" at line 1, column 12.', ")"),
    ("SELECT a b c FROM t", 'Encountered "c" at line 1, column 12.', "c"),
    ("SELECT a BETWEEN 1 2", 'Encountered "2" at line 1, column 20.', "2"),
    ("SELECT CASE a WHEN 1 2 END", 'Encountered "2" at line 1, column 22.', "2"),
    ("SELECT a IN ()", 'Encountered ")": IN needs at least one value', ")"),
    ("SELECT ()", 'Encountered ")": an expression is missing', ")"),
    ("SELECT a FROM t GROUP BY ROLLUP (ROLLUP(a))", f"{KEYWORD} 'ROLLUP'", "ROLLUP"),
    ("SELECT a FROM t ORDER BY a ASC b DESC", 'Encountered "b"', "b"),
    ("SELECT a FROM t ORDER BY NULLS FIRST, a", 'Encountered "FIRST"', "FIRST"),
    ("SELECT a FROM t, LATERAL(1 + 2)", "a query is expected in these parentheses", "(1 + 2)"),
    ("SELECT a FROM t RIGHT ASOF JOIN u ON a", 'Encountered "ASOF"', "ASOF"),
    ("SELECT a LIMIT 1 LIMIT 2", f"{KEYWORD} 'LIMIT' at line 1, column 18.", "LIMIT"),
    ("SELECT 1x", 'Encountered "x"', "x"),
    ("SELECT 1e", "'1e' is not a number", "1e"),
    ("SELECT x'0'", "a binary literal is an even number of hexadecimal digits", "x'0'"),
    ("SELECT 'a' 'b'", "Encountered \"'b'\"", "'b'"),
    ("SELECT 'abc", "Lexical error at line 1, column 8: the quoted text", "'"),
    ('SELECT "abc', "Lexical error at line 1, column 8: the quoted text", '"'),
    ("SELECT 1 /* abc", "Lexical error at line 1, column 10: the comment", "/"),
    ('SELECT ""', "a name cannot be empty", '""'),
    ("SELECT a ? b", 'Encountered "?"', "?"),
    ("SELECT \x00", "Lexical error", "\x00"),
    ("SELECT INTERVAL '1' FORTNIGHT", 'Encountered "FORTNIGHT"', "FORTNIGHT"),
    ("SELECT MAP['a', 1, 'b']", "a MAP needs a value for each key", "MAP['a', 1, 'b']"),
    ("SELECT CAST(a AS DECIMAL(1, 2, 3))", "at most 2 sizes here, not 3", ")"),
    ("SELECT a; SELECT b", f"{KEYWORD} 'SELECT'", "SELECT"),
]


@pytest.mark.parametrize(("text", "message", "place"), WRONG, ids=[text for text, _, _ in WRONG])
def test_a_wrong_query_is_refused_with_its_place(text: str, message: str, place: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_query(text)

    assert message in caught.value.message
    assert caught.value.kind == "Error parsing SQL"
    assert place == render.covered(text, caught.value.span)


STATEMENTS = [
    ("CREATE TABLE t ()", 'Encountered ")"', "Error parsing SQL"),
    ("CREATE TABLE t (a)", 'Encountered ")"', "Error parsing SQL"),
    ("CREATE TABLE t (a INT, )", 'Encountered ")"', "Error parsing SQL"),
    ("CREATE TABLE t (a INT NOT NULL NULL)", "NULL is given twice for column 'a'", "Compilation error"),
    ("CREATE TABLE t (a INT, PRIMARY KEY (a), PRIMARY KEY (a))", "PRIMARY KEY is declared twice", "Compilation error"),
    ("CREATE TABLE t (a INT) WITH (x = 'y')", "the key of a property is a string", "Error parsing SQL"),
    ("CREATE TABLE t (a INT) WITH ('x' = 'y', 'x' = 'z')", "Duplicate property 'x'", "Compilation error"),
    ("CREATE TABLE t (a INT) CREATE TABLE u (a INT)", f"{KEYWORD} 'CREATE'", "Error parsing SQL"),
    ("CREATE VIEW v SELECT 1", f"{KEYWORD} 'SELECT'", "Error parsing SQL"),
    ("CREATE VIEW v AS", 'Encountered "<EOF>"', "Error parsing SQL"),
    ("SELECT 1", "a query by itself is not a statement", "Compilation error"),
    ("DROP TABLE t", "DROP statements cannot be part of a program", "Compilation error"),
    ("INSERT INTO t VALUES (1)", "INSERT statements cannot be part of a program", "Compilation error"),
    ("hello world", 'Encountered "hello" at line 1, column 1.', "Error parsing SQL"),
    ("CREATE VIEW v AS SELECT a OVER w FROM t", "Encountered", "Error parsing SQL"),
    ("CREATE VIEW v AS SELECT f(a) OVER w FROM t", "Window 'w' not found", "Compilation error"),
    ("CREATE VIEW v AS SELECT * FROM a JOIN b", "INNER join requires a condition", "Compilation error"),
    ("CREATE VIEW v AS SELECT * FROM s.t", "Object 's.t' not found", "Compilation error"),
    ("DECLARE RECURSIVE VIEW v (a INT, PRIMARY KEY (a))", "a recursive view has no keys", "Compilation error"),
]


@pytest.mark.parametrize(("text", "message", "kind"), STATEMENTS, ids=[text for text, _, _ in STATEMENTS])
def test_a_wrong_statement_is_refused(text: str, message: str, kind: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_program(text)

    assert message in caught.value.message
    assert kind == caught.value.kind
    assert caught.value.span is not None


REFUSED = [
    ("CREATE LINEAR AGGREGATE f(a INT) RETURNS INT", "user-defined aggregates (CREATE AGGREGATE)"),
    ("CREATE TABLE IF NOT EXISTS t (a INT)", "IF NOT EXISTS"),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE OR"),
    ("CREATE TABLE t (a INT UNIQUE)", "UNIQUE in a column"),
    ("CREATE TABLE t (a INT, CHECK (a > 0))", "CHECK constraints"),
    ("CREATE VIEW v AS SELECT a AT LOCAL", "AT LOCAL"),
    ("CREATE VIEW v AS SELECT (a).* FROM t", "the fields of a value as columns (.*)"),
    ("CREATE VIEW v AS SELECT * FROM t TABLESAMPLE BERNOULLI(1)", "TABLESAMPLE"),
    ("CREATE VIEW v AS SELECT * FROM t MATCH_RECOGNIZE (x)", "MATCH_RECOGNIZE"),
    ("CREATE VIEW v AS SELECT SUM(a) OVER (ORDER BY b GROUPS 1 PRECEDING)", "GROUPS frames"),
    ("CREATE VIEW v AS SELECT SUM(a) OVER (ORDER BY b ROWS 1 PRECEDING EXCLUDE TIES)", "EXCLUDE in window frames"),
    ("CREATE VIEW v AS SELECT a = ANY (1, 2)", "= ANY over a list of values"),
    ("CREATE VIEW v AS SELECT MULTISET[1]", "MULTISET"),
    ("CREATE VIEW v AS SELECT a FROM t FETCH FIRST 1 ROWS WITH TIES", "WITH TIES"),
]


@pytest.mark.parametrize(("text", "feature"), REFUSED, ids=[text for text, _ in REFUSED])
def test_what_the_engine_does_not_run_is_refused_by_name(text: str, feature: str) -> None:
    with pytest.raises(NotSupported) as caught:
        parse_program(text)

    assert feature == caught.value.feature
    assert caught.value.span is not None
