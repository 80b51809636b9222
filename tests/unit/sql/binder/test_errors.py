"""What is refused, with the words and places that clients look for."""

import pytest
from tests.unit.sql.binder.programs import TABLES, error, program_error

from penstock.sql.compile import CompileFailed, compile_program


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM blah", "From line 6, column 15 to line 6, column 18: Object 'blah' not found"),
        ("SELECT q FROM t", "At line 6, column 8: Column 'q' not found in any table"),
        ("SELECT t.foo FROM t", "Column 'foo' not found in table 't'"),
        ("SELECT z.foo FROM t", "Table 'z' not found"),
        ("SELECT id FROM t, s", "Column 'id' is ambiguous"),
        ("SELECT t.id FROM t, t", "Duplicate relation name 't' in FROM clause"),
        ("SELECT a, COUNT(*) FROM t", "Expression 'a' is not being grouped"),
        ("SELECT a + id, COUNT(*) FROM t GROUP BY a", "Expression 'id' is not being grouped"),
        ("SELECT id FROM t WHERE SUM(a) > 1", "Aggregate expression is illegal in this clause: 'SUM'"),
        ("SELECT SUM(MAX(a)) FROM t", "Aggregate expressions cannot be nested"),
        ("SELECT ROW_NUMBER() FROM t", "OVER clause is necessary for window functions: 'ROW_NUMBER'"),
        ("SELECT GROUPING(a) FROM t GROUP BY b", "Argument to GROUPING operator must be a grouped expression"),
        ("SELECT frob(b, 1) FROM t", "No match found for function signature frob(<CHARACTER>, <INTEGER>)"),
        ("SELECT ts + ts FROM t", "Cannot apply '+' to arguments of type '<TIMESTAMP> + <TIMESTAMP>'"),
        ("SELECT id FROM t WHERE a", "WHERE clause must be a condition"),
        ("SELECT id, a FROM t UNION SELECT id FROM s", "Column count mismatch in UNION"),
        ("SELECT ts FROM t EXCEPT SELECT id FROM s", "Type mismatch in column 1 of EXCEPT"),
        ("SELECT CAST(ts AS BOOLEAN) FROM t", "Cast function cannot convert value of type TIMESTAMP to type BOOLEAN"),
        ("SELECT * FROM (VALUES (1), (1, 2)) AS v(q)", "Values passed to VALUES operator must have compatible types"),
        ("SELECT * FROM t AS z(i, j)", "List of column aliases must have same degree as table"),
        ("SELECT id FROM t GROUP BY 7", "Ordinal out of range"),
        ("SELECT DISTINCT a FROM t ORDER BY id LIMIT 1", "Expression of ORDER BY is not in the select clause"),
        ("SELECT (SELECT id, y FROM s) FROM t", "Cannot apply '$SCALAR_QUERY' to arguments of type"),
        ("SELECT id FROM t WHERE (id, a) IN (SELECT id FROM s)", "Unequal number of entries in IN expression"),
        ("SELECT * FROM s, UNNEST(x) AS q(e)", "Cannot apply 'UNNEST' to arguments of type 'UNNEST(<INTEGER>)'"),
        ("SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(id), INTERVAL '1' DAY))", "Cannot apply 'TUMBLE'"),
        ("SELECT SUM(a) IGNORE NULLS FROM t", "Cannot specify IGNORE NULLS or RESPECT NULLS following 'SUM'"),
    ],
)
def test_a_wrong_query_is_refused_with_its_reason(query: str, expected: str) -> None:
    message = error(query)

    assert message.startswith("Compilation error: ")
    assert expected in message


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM t WHERE (id, a) > ALL (SELECT x, id FROM s)",
        "SELECT id FROM t LIMIT 1 + 1.5",
        "SELECT SUM(a) OVER (ORDER BY id RANGE BETWEEN a PRECEDING AND CURRENT ROW) FROM t",
        "WITH RECURSIVE q AS (SELECT id FROM t UNION ALL SELECT id + 1 FROM q) SELECT * FROM q",
        "SELECT id FROM t WHERE EXISTS (SELECT SUM(t.a) FROM s)",
    ],
)
def test_what_is_not_supported_is_refused_by_name_and_place(query: str) -> None:
    assert error(query).startswith("Not yet implemented: Not yet implemented: ")


@pytest.mark.parametrize(
    ("condition", "match", "expected"),
    [
        ("t.id <> s.id", "t.a >= s.x", "ASOF JOIN condition must be a conjunction of equality comparisons"),
        ("t.id = s.id", "t.a = s.x", "ASOF JOIN MATCH_CONDITION must be a comparison between columns from the two"),
        ("t.id = s.id", "t.a <= s.x", "the only MATCH_CONDITION comparison supported by ASOF joins is 'leftCol >= "),
        ("t.id = s.id", "s.x >= t.a", "the only MATCH_CONDITION comparison supported by ASOF joins is 'leftCol >= "),
    ],
)
def test_asof_joins_take_only_left_not_before_right(condition: str, match: str, expected: str) -> None:
    assert expected in error(f"SELECT t.id FROM t LEFT ASOF JOIN s MATCH_CONDITION ({match}) ON {condition}")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE TABLE q(a INT PRIMARY KEY)", "PRIMARY KEY column 'a' has type INTEGER, which is nullable"),
        ("CREATE TABLE q(a INT, PRIMARY KEY (z))", "Key field 'z' does not correspond to a column"),
        ("CREATE TABLE q(a INT, a INT)", "Duplicate declaration: Column with name 'a' already defined"),
        ("CREATE TABLE t(a INT)", "Duplicate declaration: 't' is already defined"),
        ("CREATE TABLE q(a INT DEFAULT a)", "Column 'a' not found in any table"),
        ("CREATE TABLE q(a INT LATENESS INTERVAL '1' DAY)", "Type mismatch: Cannot subtract LATENESS"),
        ("CREATE TABLE q(a INT) WITH ('frob' = 'x')", "Unknown property 'frob' of a table"),
        ("CREATE TABLE q(a INT) WITH ('materialized' = 'maybe')", "Expected a boolean value"),
        ("CREATE TABLE q(a INT) WITH ('connectors' = 'x')", "ConnectorGenerationError: "),
        (
            """CREATE TABLE q(a INT) WITH ('connectors' = '[{"transport": {"name": "file_output"}}]')""",
            "ConnectorGenerationError: output transport 'file_output'",
        ),
        (
            """CREATE VIEW q WITH ('connectors' = '[{"transport": {"name": "file_input"}}]') AS SELECT 1 AS a""",
            "ConnectorGenerationError: input transport 'file_input'",
        ),
        ("CREATE VIEW q(a, b) AS SELECT id FROM t", "View 'q' specifies 2 columns but its query has 1"),
        ("CREATE VIEW q WITH ('emit_final' = 'z') AS SELECT id FROM t", "Column 'z' of 'emit_final' not found"),
        ("CREATE TYPE point AS (z INT)", "Duplicate declaration: Type 'point' is already defined"),
        ("CREATE TABLE q(a nosuch)", "Unknown identifier 'nosuch'"),
        ("CREATE FUNCTION f(i INT) RETURNS INT AS f(i)", "No match found for function signature f(<INTEGER>)"),
        ("DECLARE RECURSIVE VIEW q(a INT)", "View 'q' was declared recursive but not defined"),
        ("LATENESS t.id 5", "'t' is not a view"),
    ],
)
def test_a_wrong_statement_is_refused_with_its_reason(statement: str, expected: str) -> None:
    assert expected in program_error(f"{TABLES}{statement};")


def test_every_failing_statement_has_its_message_but_none_that_only_follows() -> None:
    text = """CREATE TABLE t(id INT);
CREATE VIEW v AS SELECT z FROM t;
CREATE VIEW w AS SELECT * FROM v;
CREATE VIEW x AS SELECT * FROM nowhere;
CREATE VIEW y AS SELECT * FROM w, x;"""

    with pytest.raises(CompileFailed) as failed:
        compile_program(text)

    assert [
        (d.span.start_line, d.message.split(": ")[1][: 20 if d.span.start_line == 2 else 26])
        for d in failed.value.diagnostics
    ] == [(2, "Column 'z' not found"), (4, "Object 'nowhere' not found")]


def test_a_message_shows_the_line_before_and_carets_below() -> None:
    with pytest.raises(CompileFailed) as failed:
        compile_program("CREATE TABLE t(id INT);\nCREATE VIEW v AS SELECT * FROM blah;")

    (found,) = failed.value.diagnostics
    assert found.message == "From line 2, column 32 to line 2, column 35: Object 'blah' not found"
    assert found.snippet == (
        "    1|CREATE TABLE t(id INT);\n"
        "    2|CREATE VIEW v AS SELECT * FROM blah;\n"
        "                                     ^^^^\n"
    )
